"""rule inspect_run: what a trained system hears in time: its attention, and frames in random order."""

from pathlib import Path

from emofactors.config import ComputeSettings, RunSettings
from emofactors.corpora.splits import read_fold
from emofactors.features.archive import FeatureArchive
from emofactors.runlog import log_to
from emofactors.systems import build_system
from emofactors.training.device import lease_device
from emofactors.training.inspection import attention_maps, shuffle_columns
from emofactors.training.run import describe_training_data, load_roles, start_from
from emofactors.training.seeding import seed_everything

log_to(snakemake.log[0])
seed, params = int(snakemake.wildcards.seed), snakemake.params
run, compute = RunSettings(**params.run), ComputeSettings(**params.compute)
seed_everything(seed, compute.threads)
device = lease_device(compute.device, snakemake.resources.slots_per_gpu)
fold = read_fold(Path(snakemake.input.folds), int(snakemake.wildcards.fold))
archive, stream = FeatureArchive(*map(Path, snakemake.input.features)), bool(snakemake.resources.stream)
roles = load_roles(fold, archive, params.classes, run, device, stream=stream)
system = build_system(
    snakemake.wildcards.system, params.arguments, describe_training_data(roles["train"], params.classes, run)
).to(device)
start_from(system, snakemake.input.model)
system.eval()

attention = attention_maps(system, roles["test"], params.classes)
shuffle = shuffle_columns(system, roles["test"], run.batch_size, seed)

attention.save(snakemake.output.attention)
shuffle.save(snakemake.output.shuffle)
