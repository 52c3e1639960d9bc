"""rule extract_attention: what a trained system hears in time: its attention, and frames in random order."""

from pathlib import Path

from emofactors.config.training import ComputeSettings, RunSettings
from emofactors.corpora.splits import read_fold
from emofactors.features.archive import FeatureArchive
from emofactors.inference.attention import attention_maps, shuffle_columns
from emofactors.jobs.device import lease_device
from emofactors.jobs.log import log_to
from emofactors.jobs.seeding import seed_everything
from emofactors.systems import build_system
from emofactors.training.data_of_fold import load_splits, training_data
from emofactors.training.weights import load_weights

log_to(snakemake.log[0])
seed, params = int(snakemake.wildcards.seed), snakemake.params
run, compute = RunSettings(**params.run), ComputeSettings(**params.compute)
seed_everything(seed, compute.threads)
device = lease_device(compute.device, snakemake.resources.slots_per_gpu)
fold = read_fold(Path(snakemake.input.folds), int(snakemake.wildcards.fold))
archive, stream = FeatureArchive(*map(Path, snakemake.input.features)), bool(snakemake.resources.stream)
splits = load_splits(fold, archive, params.classes, run, device, stream=stream)
system = build_system(
    snakemake.wildcards.system, params.arguments, training_data(splits["train"], params.classes, run)
).to(device)
load_weights(system, snakemake.input.model)
system.eval()

attention = attention_maps(system, splits["test"], params.classes)
shuffle = shuffle_columns(system, splits["test"], run.batch_size, seed)

attention.save(snakemake.output.attention)
shuffle.save(snakemake.output.shuffle)
