"""rule score_variant: score the test predictions of all folds and seeds."""

from emofactors.evaluation.runs import read_runs
from emofactors.evaluation.scores import read_predictions, score_runs, treat_runs_as_seeds
from emofactors.jobs.log import log_to

log_to(snakemake.log[0])
predictions = read_runs(snakemake.input.predictions, read_predictions)
if not snakemake.params.same_task:
    predictions = treat_runs_as_seeds(predictions)

scores = score_runs(predictions, snakemake.params.classes)

scores.write(**dict(snakemake.output.items()))
