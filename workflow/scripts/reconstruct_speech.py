"""rule reconstruct_speech: reconstruct the utterances of a task with a decomposer, under every condition."""

from pathlib import Path

from emofactors.inference.decomposer import open_decomposer
from emofactors.inference.reconstruction import reconstruct
from emofactors.systems import build_system

decomposer = open_decomposer(
    build_system,
    snakemake.wildcards,
    snakemake.params,
    log=snakemake.log[0],
    slots_per_gpu=snakemake.resources.slots_per_gpu,
    weights=snakemake.input.model,
    folds=snakemake.input.folds,
    target_folds=snakemake.input.target_folds,
    features=snakemake.input.features,
    pitch=snakemake.input.pitch,
)

reconstruct(decomposer, Path(snakemake.output.reconstructed), same_corpus=snakemake.params.same_corpus)
