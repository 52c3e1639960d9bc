"""Tables of kind ``protocols``: UA and WA under several protocols of one corpus, and the gaps between them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import pandas as pd

from emofactors.config.tables.protocols import ProtocolsTable
from emofactors.config.tasks import TaskConfig
from emofactors.report.formatting import (
    lost_points,
    number_at,
    percent_with_interval,
    relative_to_interval,
    signed_points,
)
from emofactors.report.tables.base import Block, TableInputs
from emofactors.report.tables.findings import TaskFindings, sentences_by_task
from emofactors.report.tables.intervals import interval_notes
from emofactors.report.tables.metrics import SCORES
from emofactors.report.tables.scores import (
    SCORE_REMARK,
    TaskScores,
    classes_note,
    collect_scores,
    comparable_values,
    is_published,
    metric_cell,
    metric_header,
    other_values_cells,
    other_values_note,
    protocol_note,
    published_cell,
    score_row,
    size_note,
)
from emofactors.report.tables.tidy import TidyRow

SECTION = ProtocolsTable
DECIMALS = 4

#: The name of published values in the column of a gap.
PUBLISHED = "published"

_Inputs = TableInputs[ProtocolsTable]


def gaps(tasks: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of protocols with a gap: each and the next one, then the first and the last.

    Example:
        >>> gaps(["A", "B", "C"])
        [('A', 'B'), ('B', 'C'), ('A', 'C')]
    """
    return list(dict.fromkeys([*pairwise(tasks), *([(tasks[0], tasks[-1])] if len(tasks) > 1 else [])]))


def gap_column(task: str, minus: str) -> str:
    """Return the column of a gap in the tidy table; ``task`` can be ``PUBLISHED``."""
    return f"{task} minus {minus}"


# --- numbers -------------------------------------------------------------------------------------------------


def collect(inputs: _Inputs) -> list[TidyRow]:
    """Return UA and WA of every row under every protocol, and the gaps; see :func:`scores.collect_scores`.

    Gaps are those of :func:`gaps`, and each published value minus our score under the last protocol. The latter
    has the interval of our score; the published value has none.
    """
    scores = {task: collect_scores(inputs, task, tuple(SCORES)) for task in inputs.tasks}
    rows = [row for of_task in scores.values() for row in of_task.rows]
    return [*rows, *_protocol_gaps(inputs, scores), *_published_gaps(inputs, rows)]


def _protocol_gaps(inputs: _Inputs, scores: Mapping[str, TaskScores]) -> Iterator[TidyRow]:
    for first, second in gaps(list(inputs.tasks)):
        for row in inputs.table.rows:
            for metric in SCORES:
                one, other = (scores[task].estimates[row][metric] for task in (first, second))
                labels = (inputs.tasks[task].protocol_label for task in (first, second))
                number = replace(
                    inputs.task_row(first),
                    column=gap_column(first, second),
                    protocol=" minus ".join(labels),
                    row=inputs.table.label(row),
                    variant=row,
                    minus=second,
                    metric=f"{metric}_gap",
                    n_runs=scores[first].n_runs[row] + scores[second].n_runs[row],
                    n_seeds=min(one.n_seeds, other.n_seeds),
                    n_utterances=one.n_utterances + other.n_utterances,
                    n_speakers=len({*one.estimate.speakers, *other.estimate.speakers}),
                )
                yield score_row(number, metric, one.estimate.minus(other.estimate).test())


def _published_gaps(inputs: _Inputs, rows: Sequence[TidyRow]) -> Iterator[TidyRow]:
    *_, last = inputs.tasks
    ours = {(row.variant, row.metric): row for row in rows if row.column == last}
    for row in rows:
        if row.metric in SCORES and row.column != last and not pd.isna(row.published):
            score = ours[row.variant, row.metric]
            yield replace(
                score,
                column=gap_column(PUBLISHED, last),
                metric=f"{row.metric}_gap",
                value=row.published - score.value,
                ci_low=row.published - score.ci_high,
                ci_high=row.published - score.ci_low,
                protocol=f"{row.protocol} minus {score.protocol}",
                published=row.published,
                minus=last,
            )


# --- layout --------------------------------------------------------------------------------------------------


def blocks(inputs: _Inputs, tidy: pd.DataFrame) -> list[Block]:
    """Return one block with all protocols side by side, each under its letter."""
    return [
        Block(
            heading=f"{', '.join(inputs.tasks)}: {tidy.iloc[0]['corpus']}",
            notes=tuple(_notes(inputs, tidy)),
            scores=_scores_frame(inputs, tidy),
            differences=_gaps_frame(inputs, tidy),
        )
    ]


def _notes(inputs: _Inputs, tidy: pd.DataFrame) -> Iterator[str]:
    letter = inputs.table.task_letters(list(inputs.tasks))
    for name, task, numbers in inputs.by_task(tidy):
        yield f"{letter[name]} is {name}: {protocol_note(task)}; {size_note(numbers, inputs.table, task)}"
    yield classes_note(task)
    yield from inputs.study_changes()
    yield from interval_notes(tidy[tidy["minus"] == ""])
    for one, other in gaps(list(inputs.tasks)):
        of_gap = tidy[(tidy["column"] == gap_column(one, other)) & (tidy["metric"] == "ua_gap")]
        for reason in dict.fromkeys(of_gap.loc[of_gap["no_p"] != "", "no_p"]):
            yield f"{letter[one]} minus {letter[other]} has no interval: {reason}"
    yield from other_values_note(
        inputs.table, [comparable_values(tidy, name, inputs.table) for name in inputs.tasks]
    )


def _scores_frame(inputs: _Inputs, tidy: pd.DataFrame) -> pd.DataFrame:
    """Return one row per variant: our scores and published ones under each protocol."""
    numbers = tidy[tidy["minus"] == ""].set_index(["variant", "column", "metric"])
    letter = inputs.table.task_letters(list(inputs.tasks))
    comparable = {name: comparable_values(tidy, name, inputs.table) for name in inputs.tasks}
    rows = []
    for variant in inputs.table.rows:
        row = {"setting": inputs.table.label(variant)}
        for name, task in inputs.tasks.items():
            of_task = {metric: number_at(numbers, variant, name, metric) for metric in SCORES}
            for metric, number in of_task.items():
                row[_header(letter[name], task, metric)] = metric_cell(number, metric)
            for metric, number in of_task.items():
                stated = comparable[name]
                if stated is not None and is_published(stated, metric):
                    row[f"{letter[name]} published {metric.upper()}"] = published_cell(number["published"])
        rows.append(row | other_values_cells(inputs.table, variant, list(comparable.values())))
    chance = {"setting": "chance"}
    for name, task in inputs.tasks.items():
        chance[_header(letter[name], task, "ua")] = f"{100 / len(task.classes):.1f}"
    return pd.DataFrame([*rows, chance]).fillna("")


def _header(letter: str, task: TaskConfig, metric: str) -> str:
    """Return the header of our scores under one protocol: ``A (leaks) UA [95 %]``."""
    return f"{letter}{_leak(task)} {metric_header(metric)}"


def _leak(task: TaskConfig) -> str:
    return " (leaks)" if task.shows_leak else ""


def _gaps_frame(inputs: _Inputs, tidy: pd.DataFrame) -> pd.DataFrame:
    """Return one row per gap and variant."""
    numbers = tidy[tidy["metric"].str.endswith("_gap")].set_index(["variant", "column", "metric"])
    tasks = list(inputs.tasks)
    letter = inputs.table.task_letters(tasks) | {PUBLISHED: PUBLISHED}
    rows = []
    for one, other in [*gaps(tasks), (PUBLISHED, tasks[-1])]:
        for variant in inputs.table.rows:
            cells = {
                metric_header(metric): metric_cell(number_at(numbers, *key), metric, sign="+")
                if key in numbers.index
                else ""
                for metric in SCORES
                for key in [(variant, gap_column(one, other), f"{metric}_gap")]
            }
            if any(cells.values()):
                gap = f"{letter[one]} minus {letter[other]}: {inputs.table.label(variant)}"
                rows.append({"gap in points": gap} | cells)
    return pd.DataFrame(rows)


def remarks(table: ProtocolsTable) -> list[str]:
    """Return how to read the numbers."""
    found = [
        SCORE_REMARK,
        "Gaps are in points and paired over speakers, each with all test utterances under either protocol.",
    ]
    if table.published:
        found.append(
            "A gap from a published value exists for its own corpus and protocol only. Its interval is that of "
            "our score alone, as the published value has none."
        )
    return found


# --- findings ------------------------------------------------------------------------------------------------


def findings(inputs: _Inputs, tidy: pd.DataFrame) -> list[TaskFindings]:
    """Return how scores change from protocol to protocol; the headline is about the best row."""
    tasks = list(inputs.tasks)
    wa = tidy[tidy["metric"] == "wa"].set_index(["variant", "column"])["value"]
    best = max(inputs.table.rows, key=lambda row: wa[row, tasks[-1]])
    letter = inputs.table.task_letters(tasks)
    headline = f"“{inputs.table.label(best)}”, WA by protocol: "
    headline += ", ".join(f"{letter[task]} {wa[best, task]:.1f} %" for task in tasks)
    if len(tasks) > 1:
        whole = _numbers_of(tidy, best)[gap_column(tasks[0], tasks[-1]), "wa_gap"]
        headline += f"; points from {letter[tasks[0]]} to {letter[tasks[-1]]}: {lost_points(whole)}"
    details = [sentence for row in inputs.table.rows for sentence in _row_findings(inputs, tidy, row)]
    return sentences_by_task({"": [f"{headline}.", *details]})


def _numbers_of(tidy: pd.DataFrame, row: str) -> dict[tuple[str, str], pd.Series]:
    """Return (column, metric) -> number of a row."""
    return {(number["column"], number["metric"]): number for _, number in tidy[tidy["variant"] == row].iterrows()}


def _row_findings(inputs: _Inputs, tidy: pd.DataFrame, row: str) -> Iterator[str]:
    """Yield the scores of one row under each protocol, the gaps, and the published values."""
    tasks, numbers = list(inputs.tasks), _numbers_of(tidy, row)
    letter, name = inputs.table.task_letters(tasks), f"“{inputs.table.label(row)}”"
    scores = [
        f"{letter[task]}{_leak(config)} {percent_with_interval(numbers[task, 'wa'])}"
        for task, config in inputs.tasks.items()
    ]
    yield f"{name}, WA by protocol: {'; '.join(scores)}."
    if len(tasks) > 1:
        steps = [
            f"{lost_points(numbers[gap_column(one, other), 'wa_gap'])} "
            f"{_protocol_change(inputs.tasks[one], inputs.tasks[other])}"
            for one, other in pairwise(tasks)
        ]
        whole = [lost_points(numbers[gap_column(tasks[0], tasks[-1]), f"{metric}_gap"]) for metric in ("wa", "ua")]
        yield (
            f"{name}, points of WA: {'; '.join(steps)}. From {letter[tasks[0]]} to {letter[tasks[-1]]}: "
            f"{whole[0]}; of UA: {whole[1]}."
        )
    for task in tasks:
        for words in _published_score(inputs, numbers, task):
            yield f"{name}, published for {words}{inputs.departure(row)}."


def _published_score(inputs: _Inputs, numbers: Mapping[tuple[str, str], pd.Series], task: str) -> Iterator[str]:
    """Yield the published values of a row and protocol, compared with ours and with our last protocol."""
    *_, last = inputs.tasks
    letter = inputs.table.task_letters(list(inputs.tasks))
    published = inputs.table.published_for(task)
    for metric in SCORES:
        ours, gap = numbers[task, metric], numbers.get((gap_column(PUBLISHED, last), f"{metric}_gap"))
        if published is not None and not pd.isna(ours["published"]):
            words = f"{published.label}: {metric.upper()} {ours['published']:.2f} %"
            place = relative_to_interval(ours["published"], ours)
            words += f", {place} our interval under {letter[task]}" if place else ""
            yield words + ("" if gap is None else f"; minus ours under {letter[last]}: {signed_points(gap)}")


def _protocol_change(one: TaskConfig, other: TaskConfig) -> str:
    """Return the difference between two protocols, as the reason of a gap."""
    reasons = []
    if one.shows_leak and not other.shows_leak:
        reasons.append("augmented copies stay in the split of their utterance")
    if other.speaker_independent and not one.speaker_independent:
        reasons.append("the test speakers are unseen in training")
    return f"when {' and '.join(reasons)}" if reasons else f"when the protocol is “{other.protocol_label}”"
