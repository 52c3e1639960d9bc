"""rule train_decomposer: fit a system that takes speech apart on one fold, take apart what it has not heard."""

from pathlib import Path

from emofactors.config.training import ComputeSettings, RunSettings
from emofactors.corpora.splits import read_fold
from emofactors.features.archive import FeatureArchive
from emofactors.features.speech_factors import FactorArchive
from emofactors.inference.reconstruction import held_out_codes
from emofactors.io.atomic import write_text_atomically
from emofactors.jobs.device import keep_freed_memory, lease_device
from emofactors.jobs.log import log_to
from emofactors.jobs.seeding import seed_everything
from emofactors.systems import build_system
from emofactors.training.data_of_fold import load_splits
from emofactors.training.decomposition import decomposer_data
from emofactors.training.metadata import run_metadata
from emofactors.training.resume import fit_resumably

log_to(snakemake.log[0])
keep_freed_memory()
seed, params = int(snakemake.wildcards.seed), snakemake.params
run, compute = RunSettings(**params.run), ComputeSettings(**params.compute)
seed_everything(seed, compute.threads)
device = lease_device(compute.device, snakemake.resources.slots_per_gpu)
fold = read_fold(Path(snakemake.input.folds), int(snakemake.wildcards.fold))
archive = FactorArchive.of_fold(
    FeatureArchive(Path(snakemake.input.features)), FeatureArchive(Path(snakemake.input.pitch)), fold
)
splits = load_splits(fold, archive, params.classes, run, device, stream=bool(snakemake.resources.stream))
system = build_system(
    snakemake.wildcards.system, params.arguments, decomposer_data(fold, params.classes, archive.n_bins, run)
).to(device)

trained, checkpoint = fit_resumably(
    system, splits, run, compute, arguments=params.arguments, seed=seed, code=params.code
)

held_out = held_out_codes(trained.system, fold, archive, compute.precision)
trained.save(Path(snakemake.output.model), Path(snakemake.output.history))
held_out.save(Path(snakemake.output.codes))
write_text_atomically(
    Path(snakemake.output.run),
    run_metadata(
        trained,
        splits["train"],
        run=run,
        arguments=params.arguments,
        compute=compute,
        code=params.code,
        reconstruction=held_out.reconstruction,
    ),
)
checkpoint.remove()
