"""rule render_audio_examples: some utterances of fold 0, and what a decomposer makes of them, as sound."""

from pathlib import Path

from emofactors.config.features import FeatureSettings
from emofactors.config.training import ComputeSettings, RunSettings
from emofactors.corpora.splits import read_fold
from emofactors.features.archive import FeatureArchive
from emofactors.features.speech_factors import FactorArchive
from emofactors.inference.audio_examples import render_audio_examples, write_audio_examples
from emofactors.jobs.device import lease_device
from emofactors.jobs.log import log_to
from emofactors.jobs.seeding import seed_everything
from emofactors.systems import build_system
from emofactors.training.decomposition import decomposer_data
from emofactors.training.weights import load_weights

log_to(snakemake.log[0])
params = snakemake.params
run, compute = RunSettings(**params.run), ComputeSettings(**params.compute)
seed_everything(0, compute.threads)
device = lease_device(compute.device, snakemake.resources.slots_per_gpu)
fold = read_fold(Path(snakemake.input.folds), 0)
trained_on = read_fold(Path(snakemake.input.decomposer_folds), 0)
archive = FactorArchive.of_fold(
    FeatureArchive(Path(snakemake.input.mel)),
    FeatureArchive(Path(snakemake.input.f0)),
    fold,
    own_training=snakemake.input.decomposer_folds == snakemake.input.folds,
)
system = build_system(
    snakemake.wildcards.system, params.arguments, decomposer_data(trained_on, params.classes, archive.n_bins, run)
).to(device)
load_weights(system, snakemake.input.model)
system.eval()

sounds = render_audio_examples(system, archive, fold)

write_audio_examples(sounds, FeatureSettings(**params.mel_settings), Path(snakemake.output.sounds))
