"""rule reconstruct_speech: the utterances of a task, reconstructed by a decomposer from all factors, some and none."""

from pathlib import Path

from emofactors.config.training import ComputeSettings, RunSettings
from emofactors.corpora.splits import read_fold
from emofactors.features.archive import FeatureArchive
from emofactors.features.speech_factors import FactorArchive
from emofactors.inference.reconstruction import reconstruct
from emofactors.jobs.device import lease_device
from emofactors.jobs.log import log_to
from emofactors.jobs.seeding import seed_everything
from emofactors.systems import build_system
from emofactors.training.decomposition import decomposer_data, training_speakers
from emofactors.training.weights import load_weights

log_to(snakemake.log[0])
params = snakemake.params
run, compute = RunSettings(**params.run), ComputeSettings(**params.compute)
seed_everything(int(snakemake.wildcards.seed), compute.threads)
device = lease_device(compute.device, snakemake.resources.slots_per_gpu)
own = read_fold(Path(snakemake.input.folds), int(snakemake.wildcards.fold))
# Of another task only who speaks matters: none of its utterances trained this decomposer.
heard = (
    own
    if snakemake.wildcards.on_task == snakemake.wildcards.task
    else read_fold(Path(snakemake.input.heard_folds), 0)
)
mel, f0 = FeatureArchive(Path(snakemake.input.features)), FeatureArchive(Path(snakemake.input.pitch))
archive = FactorArchive.of_fold(mel, f0, heard, own_training=heard is own)
system = build_system(
    snakemake.wildcards.system, params.arguments, decomposer_data(own, params.classes, archive.n_bins, run)
).to(device)
load_weights(system, snakemake.input.model)

reconstruct(
    system,
    archive,
    heard.utterances,
    training_speakers(own) if params.same_corpus else (),
    Path(snakemake.output.reconstructed),
    compute.precision,
)
