"""What tables of scores share: reading evaluations, rows of scores, and columns of published values."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import TypeVar

import pandas as pd

from emofactors.config.tables.scores import PublishedScores, ScoreTable
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.scores import POOLED, read_confusion, read_probes
from emofactors.evaluation.statistics.estimates import Interval
from emofactors.io.csv import read_csv
from emofactors.report.formatting import counted, interval_cell
from emofactors.report.tables.base import TableInputs
from emofactors.report.tables.intervals import INTERVAL_REMARK, with_interval
from emofactors.report.tables.metrics import METRICS, SCORES, MetricEstimate, RowEvaluation
from emofactors.report.tables.tidy import TidyRow

S = TypeVar("S", bound=ScoreTable)

_SCORE_COLUMNS = {"fold": str, "seed": int, "ua": float, "wa": float, "n": int}
_SCATTER_COLUMNS = {"split": str, "fold": int, "seed": int, "speaker": str, "n": int, "share": float}
_INFORMATION_COLUMNS = {"label": str, "seed": int, "n": int, "above_null": float}


@dataclass(frozen=True)
class TaskScores:
    """Scores of all rows on one task.

    Attributes:
        rows: tidy rows of the metrics, and of means over folds.
        estimates: row -> metric -> estimate.
        n_runs: row -> number of trainings.
    """

    rows: list[TidyRow]
    estimates: dict[str, dict[str, MetricEstimate]]
    n_runs: dict[str, int]


def collect_scores(inputs: TableInputs[S], task: str, metrics: Sequence[str]) -> TaskScores:
    """Return the metrics of all rows on one task.

    UA and WA are computed from the pooled test predictions of all folds of a seed and
    averaged over seeds. If there are several folds that all test every class, their
    means over folds (``ua_fold_mean``) are added. A published value is added to
    numbers of the whole corpus under the same protocol only.

    Raises:
        InputError: if a file is damaged.
        ValueError: if a row was not evaluated.
    """
    found = TaskScores([], {}, {})
    corpus = inputs.corpora[inputs.tasks[task].corpus]
    published = None if corpus["whole"] is False else inputs.table.published_for(task)
    for row in inputs.table.rows:
        evaluation = _read_evaluation(inputs, task, row)
        path = inputs.evaluation_file("scores.csv", task, row)
        scores = read_csv(path, "the scores of a variant", _SCORE_COLUMNS, others=float)
        folds = scores[scores["fold"] != POOLED]
        has_fold_means = folds["fold"].nunique() > 1 and folds["ua"].notna().all()
        found.n_runs[row] = len(folds)
        found.estimates[row] = {}
        is_seeded = inputs.systems[inputs.table.runs[row][0]].method != "svm"
        for metric in metrics:
            estimate = METRICS[metric].estimate(evaluation, inputs.tasks[task].classes)
            found.estimates[row][metric] = estimate if is_seeded else estimate.without_seeds()
        for metric, estimate in found.estimates[row].items():
            number = replace(
                inputs.task_row(task),
                row=inputs.table.label(row),
                variant=row,
                metric=metric,
                n_runs=len(folds),
                n_seeds=estimate.n_seeds,
                published=published.value(row, metric) if published else nan,
                n_utterances=estimate.n_utterances,
                n_speakers=estimate.n_speakers,
            )
            chance = METRICS[metric].scale * estimate.chance
            found.rows.append(replace(score_row(number, metric, estimate.interval()), chance=chance))
            if has_fold_means and metric in SCORES:
                mean = 100 * float(folds[metric].mean())
                found.rows.append(replace(number, metric=f"{metric}_fold_mean", value=mean))
    return found


def score_row(row: TidyRow, metric: str, score: Interval) -> TidyRow:
    """Return a row with a number, its interval and standard errors in the unit of the metric, and its p-value."""
    return with_interval(row, score, scale=METRICS[metric].scale)


def _read_evaluation(inputs: TableInputs[S], task: str, row: str) -> RowEvaluation:
    """Read the files of a row that the metrics of the table need."""

    def path(file: str) -> str | None:
        return inputs.evaluation_file(file, task, row) if file in inputs.table.evaluation_files else None

    held_out, probes, information, scatter = map(
        path, ("held_out_confusion.csv", "probes.csv", "mutual_information.csv", "scatter.csv")
    )
    return RowEvaluation(
        confusion=read_confusion(inputs.evaluation_file("confusion.csv", task, row)),
        held_out=read_confusion(held_out) if held_out else pd.DataFrame(),
        probes=read_probes(probes) if probes else pd.DataFrame(),
        information=read_csv(information, "the mutual information of clusters", _INFORMATION_COLUMNS, others=float)
        if information
        else pd.DataFrame(),
        scatter=read_csv(scatter, "the scatter of embeddings", _SCATTER_COLUMNS) if scatter else pd.DataFrame(),
    )


# --- layout --------------------------------------------------------------------------------------------------

#: Remarks of every table of scores.
SCORE_REMARK = (
    "UA: mean recall over the classes. WA: correct / all. In percent, over the pooled test predictions of all "
    f"folds of a seed, averaged over the seeds. {INTERVAL_REMARK}"
)


def protocol_note(task: TaskConfig) -> str:
    """Return the protocol, and whether the test speakers are training speakers."""
    return task.protocol_label + ("" if task.speaker_independent else "; the test speakers are training speakers")


def size_note(tidy: pd.DataFrame, table: ScoreTable, task: TaskConfig) -> str:
    """Return the size of the test and the number of trainings per row, and rows that no seed changes."""
    ua = tidy[(tidy["metric"] == "ua") & (tidy["minus"] == "")].set_index("variant")
    n_runs, first = ua["n_runs"], ua.iloc[0]
    augmented = ", augmented copies included," if task.augmented == "before_split" else ""
    n_seeds = counted(n_runs.max() // task.n_folds, "seed")
    unseeded = [table.label(row) for row in table.rows if n_runs[row] < n_runs.max()]
    once = f" ({', '.join(unseeded)}: once per fold, as no seed changes it)" if unseeded else ""
    return (
        f"{first['n_utterances']:,} test utterances{augmented} of {counted(first['n_speakers'], 'speaker')}; "
        f"{counted(task.n_folds, 'fold')} x {n_seeds} per row{once}"
    )


def classes_note(task: TaskConfig) -> str:
    """Return the classes of a task."""
    return f"{len(task.classes)} classes: {', '.join(task.classes)}"


def comparable_values(tidy: pd.DataFrame, name: str, table: ScoreTable) -> PublishedScores | None:
    """Return the published values that are shown next to the scores of a task, or None."""
    return table.published_for(name) if tidy.loc[tidy["column"] == name, "published"].notna().any() else None


def other_values_note(table: ScoreTable, comparable: Sequence[PublishedScores | None]) -> list[str]:
    """Return the note of a table with published values of other corpora or protocols."""
    if all(published in comparable for published in table.published):
        return []
    if any(comparable):
        return ["published values of another corpus or protocol have columns of their own"]
    return ["the published values are of another corpus or protocol, in columns of their own"]


def other_values_cells(
    table: ScoreTable, row: str, comparable: Sequence[PublishedScores | None]
) -> dict[str, str]:
    """Return the columns of published values of other corpora or protocols, for one row."""
    cells = {}
    for published in table.published:
        if published not in comparable:
            metrics = [metric for metric in SCORES if is_published(published, metric)]
            cells[f"{published.label}: {' / '.join(metric.upper() for metric in metrics)}"] = " / ".join(
                published_cell(published.value(row, metric)) or "-" for metric in metrics
            )
    return cells


def is_published(published: PublishedScores, metric: str) -> bool:
    """Return whether a metric was published for any row."""
    return any(metric in values for values in published.values.values())


def published_cell(value: float) -> str:
    """Return a published value with two decimals; an empty cell for NaN."""
    return "" if pd.isna(value) else f"{value:.2f}"


def metric_cell(number: pd.Series, metric: str, sign: str = "") -> str:
    """Return ``66.9 [61.2, 71.8]`` with the decimals of the metric."""
    return interval_cell(number, METRICS[metric].decimals, sign)


def metric_header(metric: str) -> str:
    """Return the header of a metric: ``UA [95 %]``."""
    return f"{METRICS[metric].header}{' [95 %]' if METRICS[metric].is_percentage else ''}"
