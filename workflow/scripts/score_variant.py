"""rule score_variant: the test predictions of all folds and seeds, counted and scored."""

from emofactors.evaluation.scores import as_models, read_predictions, score_runs
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
predictions = read_predictions(snakemake.input.predictions)
if not snakemake.params.same_task:
    predictions = as_models(predictions)

scores = score_runs(predictions, snakemake.params.classes)

scores.write(**dict(snakemake.output.items()))
