"""rule train: train a system on one fold, and predict the utterances of all splits."""

from pathlib import Path

from emofactors.inference.predict import predict
from emofactors.io.atomic import write_text_atomically
from emofactors.jobs.device import keep_freed_memory
from emofactors.systems import build_system
from emofactors.training.input_spec import InputSpec
from emofactors.training.metadata import run_metadata
from emofactors.training.resume import fit_resumably
from emofactors.training.run import open_run

keep_freed_memory()
params = snakemake.params
run = open_run(
    build_system,
    snakemake.wildcards,
    params,
    log=snakemake.log[0],
    slots_per_gpu=snakemake.resources.slots_per_gpu,
    stream=bool(snakemake.resources.stream),
    folds=snakemake.input.folds,
    features=snakemake.input.features,
    weights=snakemake.input.get("initial"),
    teacher=snakemake.input.get("teacher"),
)

trained, checkpoint = fit_resumably(run, code=params.code)

predictions = predict(run, run.splits)
trained.save(Path(snakemake.output.model), Path(snakemake.output.history), run.splits["train"].standardisation)
predictions.save(Path(snakemake.output.predictions), Path(snakemake.output.embeddings))
write_text_atomically(
    Path(snakemake.output.run),
    run_metadata(
        trained,
        run,
        code=params.code,
        inference_utterances_per_s=predictions.utterances_per_s,
        input_spec=InputSpec.of_run(params.input_spec, snakemake.input.get("manifest")),
    ),
)
checkpoint.remove()
