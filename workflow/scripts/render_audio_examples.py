"""rule render_audio_examples: render audio examples of a decomposer, from utterances of fold 0."""

from pathlib import Path

from emofactors.config.features import FeatureSettings
from emofactors.inference.audio_examples import render_audio_examples, write_audio_examples
from emofactors.inference.decomposer import open_decomposer
from emofactors.systems import build_system

decomposer = open_decomposer(
    build_system,
    {"system": snakemake.wildcards.system, "fold": 0, "seed": 0},
    snakemake.params,
    log=snakemake.log[0],
    slots_per_gpu=snakemake.resources.slots_per_gpu,
    weights=snakemake.input.model,
    folds=snakemake.input.decomposer_folds,
    target_folds=snakemake.input.folds,
    features=snakemake.input.features,
    pitch=snakemake.input.pitch,
)

examples = render_audio_examples(decomposer)

write_audio_examples(examples, FeatureSettings(**snakemake.params.features), Path(snakemake.output.examples))
