"""rule evaluate_cross_corpus: predict another corpus, or reconstructed speech, with a trained system."""

from pathlib import Path

from emofactors.inference.predict import load_test_split, predict
from emofactors.systems import build_system
from emofactors.training.run import open_run

params = snakemake.params
run = open_run(
    build_system,
    snakemake.wildcards,
    params,
    log=snakemake.log[0],
    slots_per_gpu=snakemake.resources.slots_per_gpu,
    stream=True,  # only statistics and sizes of the training rows are needed
    folds=snakemake.input.folds,
    features=snakemake.input.features,
    weights=snakemake.input.model,
)
test = load_test_split(
    run,
    snakemake.input.test_features,
    snakemake.input.test_folds,
    condition=params.test_condition,
    same_task=params.same_task,
    stream=bool(snakemake.resources.stream),
)

predictions = predict(run, {"test": test})

predictions.save(Path(snakemake.output.predictions))
