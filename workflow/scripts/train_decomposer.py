"""rule train_decomposer: train a decomposer on one fold, and encode the utterances that did not train it."""

from pathlib import Path

from emofactors.inference.codes import held_out_codes
from emofactors.io.atomic import write_text_atomically
from emofactors.jobs.device import keep_freed_memory
from emofactors.systems import build_system
from emofactors.training.decomposition import open_decomposer_training
from emofactors.training.metadata import run_metadata
from emofactors.training.resume import fit_resumably

keep_freed_memory()
params = snakemake.params
run = open_decomposer_training(
    build_system,
    snakemake.wildcards,
    params,
    log=snakemake.log[0],
    slots_per_gpu=snakemake.resources.slots_per_gpu,
    stream=bool(snakemake.resources.stream),
    folds=snakemake.input.folds,
    features=snakemake.input.features,
    pitch=snakemake.input.pitch,
)

trained, checkpoint = fit_resumably(run, code=params.code)

held_out = held_out_codes(trained.system, run.fold, run.archive, run.compute.precision)
trained.save(Path(snakemake.output.model), Path(snakemake.output.history))
held_out.save(Path(snakemake.output.codes))
write_text_atomically(
    Path(snakemake.output.run),
    run_metadata(trained, run, code=params.code, reconstruction=held_out.reconstruction),
)
checkpoint.remove()
