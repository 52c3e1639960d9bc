"""The numbers of a table: scores of each variant on each task, differences of variants, gaps between protocols.

Tidy: one number a row, with its interval and what it rests on. How a table is
printed is the matter of ``layout``.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emofactors.config.evaluation import IntervalSettings
from emofactors.config.tables import OF_HELD_OUT, PROBED, PublishedScores, TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.scores import POOLED, read_confusion, read_probes, speaker_confusions
from emofactors.evaluation.statistics.holm import holm
from emofactors.evaluation.statistics.intervals import (
    Interval,
    Metric,
    NoIntervalError,
    PairedDifference,
    pooled_score,
    protocol_gap,
    speaker_interval,
)
from emofactors.io.csv import read_csv
from emofactors.report.tables.metrics import METRICS, WORDS, MetricEstimate, measure

#: Columns of a tidy table. ``row`` is the label as printed and ``variant`` (of a difference, also
#: ``minus``) the name by which config and results know it, ``system/variant`` where the table has another
#: system or none; ``chance`` is what nothing known would give; ``column`` is the task and ``corpus`` what
#: of which corpus it was tested on. A gap between protocols (``ua_gap``, ``wa_gap``) has ``minus`` and
#: ``column`` of its own: the task that is subtracted, and both tasks as :func:`gap_column` names them.
COLUMNS = (
    "table",
    "row",
    "column",
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "n_runs",
    "n_utterances",
    "n_speakers",
    "protocol",
    "published",
    "p_value",
    "p_holm",
    "variant",
    "minus",
    "corpus",
    "chance",
)

#: Those of them that are text; all others are numbers.
_WORDS = ("table", "row", "column", "metric", "protocol", "variant", "minus", "corpus")

#: Columns of ``scores.csv`` and ``mutual_information.csv`` that a table is made of, and what they are.
_SCORES = {"fold": str, "seed": int, "ua": float, "wa": float, "n": int}
_INFORMATION = {"label": str, "seed": int, "n": int, "above_null": float}

#: Stands for the published value in the column of a gap.
PUBLISHED = "published"


@dataclass(frozen=True)
class Evaluation:
    """The scores of one variant, tested on the task it was trained on.

    Attributes:
        task: name of the task.
        system: name of the system.
        variant: name of the variant.
        scores: one row a fold and seed, and one with fold ``pooled`` a seed; see ``evaluation.scores``.
        confusion: seed, speaker, truth, prediction, count.
        held_out: likewise, of held-out utterances of seen speakers; None where no metric asks for it.
        probes: see ``evaluation.probing``; likewise.
        information: see ``evaluation.probing``; likewise.
    """

    task: str
    system: str
    variant: str
    scores: pd.DataFrame
    confusion: pd.DataFrame
    held_out: pd.DataFrame | None = None
    probes: pd.DataFrame | None = None
    information: pd.DataFrame | None = None


def read_evaluations(
    confusion_paths: Iterable[str | Path], metrics: Sequence[str] = ("ua", "wa")
) -> list[Evaluation]:
    """Read evaluations; the path says what they are of.

    Args:
        confusion_paths: files ``…/{task}/{system}/{variant}/on_{task}/confusion.csv``, each with
            ``scores.csv`` beside it, and what the metrics need: ``held_out_confusion.csv``, ``probes.csv`` and
            ``mutual_information.csv``.
        metrics: metrics of the table.

    Returns:
        The evaluations, in the order of the paths.

    Raises:
        InputError: if a file is missing or damaged.
        ValueError: if a path is of another form, or of a test on another task.
    """
    evaluations = []
    for path in map(Path, confusion_paths):
        task, system, variant, on_task = ("", "", "", "", *path.parts[:-1])[-4:]
        if on_task != f"on_{task}":
            raise ValueError(f"{path}: expected …/<task>/<system>/<variant>/on_<task>/confusion.csv")
        is_probed = bool(set(metrics) & set(PROBED))
        evaluations.append(
            Evaluation(
                *(task, system, variant),
                scores=read_csv(path.with_name("scores.csv"), "the scores of a variant", _SCORES, others=float),
                confusion=read_confusion(path),
                held_out=read_confusion(path.with_name("held_out_confusion.csv"))
                if set(metrics) & set(OF_HELD_OUT)
                else None,
                probes=read_probes(path.with_name("probes.csv")) if is_probed else None,
                information=read_csv(
                    path.with_name("mutual_information.csv"), "what clusters share", _INFORMATION, others=float
                )
                if is_probed
                else None,
            )
        )
    return evaluations


def read_tidy(path: str | Path) -> pd.DataFrame:
    """Read a tidy table as ``layout`` writes it; labels stay text, also those that are numbers.

    Raises:
        InputError: if it is missing or damaged.
    """
    return read_csv(path, "a tidy table", dict.fromkeys(_WORDS, str) | {"value": float}, others=float)


def make_table(
    name: str,
    table: TableConfig,
    tasks: Mapping[str, TaskConfig],
    evaluations: Sequence[Evaluation],
    intervals: IntervalSettings,
    corpora: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """Collect the numbers of one table.

    UA and WA are over the pooled test predictions of all folds of a seed,
    averaged over the seeds. Their means over folds (``ua_fold_mean``) stand
    beside them where there are several folds and every one tests every class.
    Other metrics are those of ``measures``.
    A published value stands beside a number of the same corpus, all of it,
    and the same protocol; beside no other.

    Gaps between protocols are those of ``gaps``; where a published value
    stands beside, its distance to our number under the last protocol joins
    them, taken as it stands, without an interval of its own.

    Args:
        name: name of the table.
        table: its rows, differences and published values.
        tasks: task -> its config; each gives a block of columns, or is a protocol.
        evaluations: of every row of the table on every task; others are left aside.
        intervals: number and seed of the resamples.
        corpora: corpus -> the notes of its manifest: ``title``, ``utterances``,
            ``published_utterances`` and ``whole`` (None if no size was published).

    Returns:
        Tidy table with columns ``COLUMNS``; scores, intervals, differences and gaps in percent, not
        rounded; NaN where there is no such number.

    Raises:
        ValueError: if a row of the table was not evaluated on a task.
    """
    rows: list[dict[str, Any]] = []
    counted: dict[tuple[str, str], _Counted] = {}
    for task_name, task in tasks.items():
        found = {(e.system, e.variant): e for e in evaluations if e.task == task_name}
        of_task = {row: found[run] for row, run in table.runs.items() if run in found}
        missing = [variant for variant in table.rows if variant not in of_task]
        if missing:
            raise ValueError(f"table {name}: no evaluation of {', '.join(missing)} on {task_name}")
        notes = corpora[task.corpus]
        repeated = published_of(table, task_name)
        published = repeated.values if repeated is not None and notes["whole"] is not False else {}
        measures = {v: _measures(table, of_task[v], task.classes) for v in table.rows}
        of_rows = [
            row
            for variant in table.rows
            for row in _score_rows(
                table, variant, of_task[variant].scores, measures[variant], published.get(variant, {}), intervals
            )
        ]
        n_runs = {row["variant"]: row["n_runs"] for row in of_rows}
        about = {
            "table": name,
            "column": task_name,
            "protocol": task.protocol_words,
            "corpus": corpus_words(notes),
        }
        rows += [about | row for row in of_rows + _difference_rows(table, measures, n_runs, intervals)]
        for variant in table.rows:
            confusion = of_task[variant].confusion
            speakers = tuple(sorted(confusion["speaker"].unique()))
            counted[task_name, variant] = _Counted(
                speaker_confusions(confusion, task.classes), speakers, n_runs[variant]
            )
    if table.kind == "protocols":
        rows += _gap_rows(name, table, tasks, counted, rows, intervals)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def published_of(table: TableConfig, task: str) -> PublishedScores | None:
    """The published values of a task's corpus and protocol: the table's first of them, or None."""
    return next((published for published in table.published if published.task == task), None)


def gaps(tasks: Sequence[str]) -> list[tuple[str, str]]:
    """The protocols whose gap is shown: each and the next, then the first and the last.

    Example:
        >>> gaps(["A", "B", "C"])
        [('A', 'B'), ('B', 'C'), ('A', 'C')]
    """
    return list(dict.fromkeys([*pairwise(tasks), *([(tasks[0], tasks[-1])] if len(tasks) > 1 else [])]))


def gap_column(task: str, minus: str) -> str:
    """The column of a gap in the tidy table; ``task`` may be ``PUBLISHED``."""
    return f"{task} minus {minus}"


def row_label(table: TableConfig, variant: str, minus: str = "") -> str:
    """A row's label as printed: of a variant, or of its difference from another."""
    if minus:
        axis = f"{table.axis} " if table.axis else ""
        return f"{axis}{row_label(table, variant)} minus {row_label(table, minus)}"
    label = table.rows[variant]
    return label if isinstance(label, str) else f"{label:g}"


def _measures(table: TableConfig, evaluation: Evaluation, classes: Sequence[str]) -> dict[str, MetricEstimate]:
    """The metrics of one row."""
    files = {name: getattr(evaluation, name) for name in ("confusion", "held_out", "probes", "information")}
    return {metric: measure(metric, classes, **files) for metric in table.metrics}


def _score_rows(
    table: TableConfig,
    variant: str,
    scores: pd.DataFrame,
    measures: Mapping[str, MetricEstimate],
    published: Mapping[Any, float],
    intervals: IntervalSettings,
) -> list[dict[str, Any]]:
    """The metrics of one variant on one task, and means of UA and WA over folds where these are defined."""
    folds = scores[scores["fold"] != POOLED]
    has_fold_means = folds["fold"].nunique() > 1 and folds["ua"].notna().all()
    rows = []
    for metric, of_row in measures.items():
        about = {
            "row": row_label(table, variant),
            "variant": variant,
            "minus": "",
            "n_runs": len(folds),
            "published": published.get(metric, nan),
        } | tested(of_row)
        chance = {"chance": WORDS[metric].unit * of_row.chance}
        rows.append(about | chance | {"metric": metric} | printed(metric, of_row.interval(intervals)))
        if has_fold_means and metric in METRICS:
            rows.append(about | {"metric": f"{metric}_fold_mean", "value": 100 * folds[metric].mean()})
    return rows


def _difference_rows(
    table: TableConfig,
    measures: Mapping[str, Mapping[str, MetricEstimate]],
    n_runs: Mapping[str, int],
    intervals: IntervalSettings,
) -> list[dict[str, Any]]:
    """The differences of one task, each metric of each; Holm's correction runs over all of them."""
    rows = []
    for pair in table.differences:
        for metric, of_row in measures[pair.variant].items():
            difference = of_row.difference(measures[pair.minus][metric], intervals)
            about = {
                "row": row_label(table, pair.variant, pair.minus),
                "variant": pair.variant,
                "minus": pair.minus,
                "metric": f"{metric}_difference",
                "n_runs": n_runs[pair.variant] + n_runs[pair.minus],
                "p_value": difference.p_value,
            } | tested(of_row)
            rows.append(about | printed(metric, difference))
    return with_holm(rows)


def with_holm(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Differences with ``p_holm``: Holm's correction for all of them that have a p-value."""
    p_values = np.array([row["p_value"] for row in rows], dtype=float)
    has_p = ~np.isnan(p_values)
    adjusted = np.full(len(rows), nan)
    adjusted[has_p] = holm(p_values[has_p])
    return [row | {"p_holm": p_holm} for row, p_holm in zip(rows, adjusted, strict=True)]


@dataclass(frozen=True)
class _Counted:
    """Confusion counts (K, S, C, C) of a variant on a task, the names of the speakers, and the trainings."""

    counts: np.ndarray
    speakers: tuple[str, ...]
    n_runs: int


def _gap_rows(
    name: str,
    table: TableConfig,
    tasks: Mapping[str, TaskConfig],
    counted: Mapping[tuple[str, str], _Counted],
    scores: Sequence[Mapping[str, Any]],
    intervals: IntervalSettings,
) -> list[dict[str, Any]]:
    """The gaps between protocols, UA and WA of each variant, and published values against the last protocol."""
    rows: list[dict[str, Any]] = []
    corpus = scores[0]["corpus"]
    for first, second in gaps(list(tasks)):
        for variant in table.rows:
            one, other = counted[first, variant], counted[second, variant]
            about = {
                "table": name,
                "row": row_label(table, variant),
                "column": gap_column(first, second),
                "n_runs": one.n_runs + other.n_runs,
                "n_utterances": int(one.counts[0].sum() + other.counts[0].sum()),
                "n_speakers": len(set(one.speakers) | set(other.speakers)),
                "protocol": f"{tasks[first].protocol_words} minus {tasks[second].protocol_words}",
                "variant": variant,
                "minus": second,
                "corpus": corpus,
            }
            rows += [
                about | {"metric": f"{metric}_gap"} | printed(metric, _gap(one, other, formula, intervals))
                for metric, formula in METRICS.items()
            ]
    *_, last = tasks
    ours = {(row["variant"], row["metric"]): row for row in scores if row["column"] == last}
    for row in scores:
        if row["metric"] in METRICS and row["column"] != last and not np.isnan(row["published"]):
            score = ours[row["variant"], row["metric"]]
            rows.append(
                dict(score)
                | {
                    "column": gap_column(PUBLISHED, last),
                    "metric": f"{row['metric']}_gap",
                    "value": row["published"] - score["value"],
                    "ci_low": row["published"] - score["ci_high"],
                    "ci_high": row["published"] - score["ci_low"],
                    "protocol": f"{row['protocol']} minus {score['protocol']}",
                    "published": row["published"],
                    "minus": last,
                }
            )
    return rows


def _gap(one: _Counted, other: _Counted, metric: Metric, intervals: IntervalSettings) -> Interval:
    """A gap with its interval, or with none where the speakers are not the same or cannot be resampled."""
    if one.speakers == other.speakers:
        try:
            return protocol_gap(
                one.counts, other.counts, metric, resamples=intervals.resamples, seed=intervals.seed
            )
        except NoIntervalError:
            pass
    return Interval(value=pooled_score(one.counts, metric) - pooled_score(other.counts, metric), low=nan, high=nan)


def score_interval(counts: np.ndarray, metric: Metric, intervals: IntervalSettings) -> Interval:
    """A score of counts (K, S, C, C) with its interval, or with none (NaN) where speakers cannot be resampled."""
    try:
        return speaker_interval(counts, metric, resamples=intervals.resamples, seed=intervals.seed)
    except NoIntervalError:
        return Interval(value=pooled_score(counts, metric), low=nan, high=nan)


def printed(metric: str, score: Interval | PairedDifference) -> dict[str, float]:
    """A number and its interval in the metric's unit."""
    unit = WORDS[metric].unit
    return {"value": unit * score.value, "ci_low": unit * score.low, "ci_high": unit * score.high}


def tested(measure: MetricEstimate) -> dict[str, int]:
    """What a number rests on: utterances and speakers of a seed."""
    return {"n_utterances": measure.n_utterances, "n_speakers": measure.n_speakers}


def corpus_words(notes: Mapping[str, Any]) -> str:
    """The corpus as a table names it; one that is not the published one says so."""
    if notes["whole"] is not False:
        return notes["title"]
    here, published = notes["utterances"], notes["published_utterances"]
    if here < published:
        return f"{notes['title']}, subset: {here:,} of {published:,} utterances"
    return f"{notes['title']}, not as published: {here:,} utterances for {published:,}"
