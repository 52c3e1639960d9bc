"""Tables of kind ``factor_ablation``: UA of classifiers of speech reconstructed from some of its factors.

The score is the mean over speakers of each speaker's own UA. A classifier of
speech without any factor predicts one class for all utterances and scores
exactly 1 / C, whichever class each training settles on. This is checked, as any
other score means a leak.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from emofactors.config.labels import FACTORS
from emofactors.config.tables.factor_ablation import ORIGINAL_SPEECH, FactorAblationTable
from emofactors.config.tasks import TaskConfig
from emofactors.errors import InputError
from emofactors.evaluation.scores import read_confusion
from emofactors.report.formatting import counted, interval_cell, number_at, p_cell, percent_with_interval
from emofactors.report.tables.base import Block, TableInputs, corpus_label
from emofactors.report.tables.findings import (
    TaskFindings,
    count_significant,
    is_significant,
    sentences_by_task,
)
from emofactors.report.tables.intervals import INTERVAL_REMARK, interval_notes
from emofactors.report.tables.metrics import METRICS, MetricEstimate, speaker_ua
from emofactors.report.tables.scores import classes_note, score_row
from emofactors.report.tables.tidy import TidyRow, with_holm

SECTION = FactorAblationTable
DECIMALS = 4

#: Metric on the classifier's own task, and the same on the other corpus.
OWN, CROSS = "speaker_ua", "cross_ua"

_HEADERS = {OWN: METRICS[OWN].header, CROSS: "UA, other corpus"}
_ROUNDING = 1e-9

_Inputs = TableInputs[FactorAblationTable]


# --- numbers -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Test:
    """Test of all rows on the utterances of one task.

    Attributes:
        metric: ``OWN`` or ``CROSS``.
        on_task: the task whose utterances are tested.
        template: what all its tidy rows share.
        estimates: row -> estimate.
        n_runs: row -> number of trainings.
    """

    metric: str
    on_task: str
    template: TidyRow
    estimates: Mapping[str, MetricEstimate]
    n_runs: Mapping[str, int]


def collect(inputs: _Inputs) -> list[TidyRow]:
    """Return the UA of every row, on its own task and on the other corpus, and the differences.

    Holm's correction runs over each family of the table's ``comparisons``.

    Raises:
        InputError: if a classifier of speech without factors does not score 100 / C, which means a leak; or if no
            test speaker speaks every class.
        ValueError: if a row was not evaluated.
    """
    rows = []
    for test in _tests(inputs):
        _check_row_without_factors(inputs, test)
        for row, estimate in test.estimates.items():
            number = replace(
                test.template,
                row=inputs.table.label(row),
                variant=row,
                metric=test.metric,
                n_runs=test.n_runs[row],
                n_seeds=estimate.n_seeds,
                n_utterances=estimate.n_utterances,
                n_speakers=estimate.n_speakers,
                chance=100 * estimate.chance,
            )
            rows.append(score_row(number, OWN, estimate.interval()))
        for family in inputs.table.comparisons:
            rows += with_holm([_difference(inputs, test, row, minus) for row, minus in family])
    return rows


def _tests(inputs: _Inputs) -> Iterator[_Test]:
    for name, task in inputs.tasks.items():
        own = inputs.task_row(name)
        tests = [(OWN, name, own, task.n_folds)]
        other = inputs.cross_tasks.get(name)
        if other is not None:
            template = replace(
                own,
                protocol=f"{own.protocol}; tested on all of {other['name']}",
                corpus=corpus_label(inputs.corpora[other["corpus"]]),
            )
            tests.append((CROSS, other["name"], template, 1))  # there each run is counted as a seed
        for metric, on_task, template, n_folds in tests:
            confusions = {
                row: read_confusion(inputs.evaluation_file("confusion.csv", name, row, on_task=on_task))
                for row in inputs.table.rows
            }
            yield _Test(
                *(metric, on_task, template),
                estimates={row: speaker_ua(confusion, task.classes) for row, confusion in confusions.items()},
                n_runs={row: confusion["seed"].nunique() * n_folds for row, confusion in confusions.items()},
            )


def _check_row_without_factors(inputs: _Inputs, test: _Test) -> None:
    """Check that speech without any factor scores 1 / C in every training and for every speaker."""
    if "none" not in inputs.table.conditions:
        return
    for decomposer in inputs.table.decomposers:
        row = inputs.table.row(decomposer, "none")
        estimate = test.estimates[row]
        if np.abs(estimate.by_speaker - estimate.chance).max() > _ROUNDING:
            raise InputError(
                f"table {inputs.name}: row {row!r} has UA {100 * estimate.value:.2f} % on {test.on_task}; "
                f"expected exactly {100 * estimate.chance:.2f} %, as its input has no factor: there is a leak"
            )


def _difference(inputs: _Inputs, test: _Test, row: str, minus: str) -> TidyRow:
    estimate = test.estimates[row]
    number = replace(
        test.template,
        row=inputs.table.label(row, minus),
        variant=row,
        minus=minus,
        metric=f"{test.metric}_difference",
        n_runs=test.n_runs[row] + test.n_runs[minus],
        n_seeds=estimate.n_seeds,
        n_utterances=estimate.n_utterances,
        n_speakers=estimate.n_speakers,
    )
    return score_row(number, OWN, estimate.difference(test.estimates[minus]))


# --- layout --------------------------------------------------------------------------------------------------


def blocks(inputs: _Inputs, tidy: pd.DataFrame) -> list[Block]:
    """Return one block per task, in the layout of the source: one row per condition."""
    return [
        Block(
            heading=f"{name}: {numbers.iloc[0]['corpus']}",
            notes=(*_notes(inputs.table, task, numbers), *inputs.study_changes()),
            scores=_scores_frame(inputs.table, numbers),
            differences=_differences_frame(inputs.table, numbers),
        )
        for name, task, numbers in inputs.by_task(tidy)
    ]


def _metrics(tidy: pd.DataFrame) -> list[str]:
    return [metric for metric in (OWN, CROSS) if metric in set(tidy["metric"])]


def _notes(table: FactorAblationTable, task: TaskConfig, tidy: pd.DataFrame) -> Iterator[str]:
    for metric in _metrics(tidy):
        where = "test" if metric == OWN else "other corpus"
        first = tidy[tidy["metric"] == metric].iloc[0]
        yield (
            f"{where}: {first['corpus']}; {first['protocol']}; {first['n_utterances']:,} utterances of "
            f"{counted(first['n_speakers'], 'speaker')}, {counted(first['n_runs'], 'training')} per row"
        )
        of_metric = tidy[tidy["metric"].isin((metric, f"{metric}_difference"))]
        yield from (f"{where}: {note}" for note in interval_notes(of_metric))
    yield classes_note(task)
    if task.decomposed_by:
        yield f"decomposers were trained on {task.decomposed_by}"
    else:
        yield "decomposers were trained on the training split of each fold, without test utterances"
    if table.frozen_classifier:
        yield "all rows test one classifier of original speech, which was not retrained"


def _scores_frame(table: FactorAblationTable, tidy: pd.DataFrame) -> pd.DataFrame:
    """Return one row per condition: UA of each decomposer, and published values."""
    numbers = tidy[tidy["minus"] == ""].set_index(["variant", "metric"])
    published = table.published_ablation
    rows = []
    for i, (condition, label) in enumerate(table.conditions.items(), start=1):
        row = {"No": str(i), "kept": label}
        for decomposer, name in table.decomposers.items():
            for metric in _metrics(tidy):
                number = number_at(numbers, table.row(decomposer, condition), metric)
                row[f"{name}: {_HEADERS[metric]} [95 %]"] = interval_cell(number, 1)
        if published is not None:
            for decomposer, values in published.values.items():
                cell = " / ".join(f"{value:.2f}" for value in values.get(condition, ()))
                row[f"{published.label}: {table.decomposers.get(decomposer, decomposer)}"] = cell
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def _differences_frame(table: FactorAblationTable, tidy: pd.DataFrame) -> pd.DataFrame:
    """Return one row per comparison."""
    numbers = tidy[tidy["minus"] != ""].set_index(["variant", "minus", "metric"])
    rows = []
    for row, minus in table.compared_pairs:
        cells = {"difference": table.label(row, minus)}
        for metric in _metrics(tidy):
            number = number_at(numbers, row, minus, f"{metric}_difference")
            cells[f"{_HEADERS[metric]} [95 %]"] = interval_cell(number, 1, sign="+")
            for key, column in (("p", "p_value"), ("Holm", "p_holm")):
                cells[f"{_HEADERS[metric]} {key}"] = p_cell(number[column])
        rows.append(cells)
    return pd.DataFrame(rows)


def remarks(table: FactorAblationTable) -> list[str]:
    """Return how to read the numbers."""
    found = [
        "UA: mean recall over the classes of each test speaker, averaged over the speakers who speak every class "
        f"and over trainings, in percent. {INTERVAL_REMARK} On another corpus, the models of all folds and seeds "
        "count as seeds.",
        "A factor that is not kept is replaced by zeros at the input of its encoder. All rows except “speaker” "
        "have the embedding of the mean speaker, in training and test, as unseen speakers have no embedding of "
        "their own; the source keeps the speaker's. All segments have the same number of frames, so only a factor "
        "that is kept conveys the duration of an utterance.",
        "Differences are paired over speakers and trainings. p: two-sided, Student's t with both variances. Holm: "
        "corrected over the rows of a decomposer, compared with original speech, over the comparison of two "
        "decomposers, and over the single factors of a decomposer, compared with each other.",
        "F0 is normalised by the mean and standard deviation of its speaker before it is decomposed: of a test "
        "speaker over all utterances, which needs no label. The raw spectrogram is not normalised by speaker.",
    ]
    if "raw_speaker_normalised" in table.conditions:
        found.append(
            f"In the row “{table.conditions['raw_speaker_normalised']}” each Mel band of original speech is "
            "normalised in the same way, so that it has the same advantage as pitch. Holm's correction of its "
            "differences runs over these alone."
        )
    if "none" in table.conditions:
        found.append("The row without factors was checked: UA is 100 / C for every speaker and training.")
    return found


# --- findings ------------------------------------------------------------------------------------------------


def findings(inputs: _Inputs, tidy: pd.DataFrame) -> list[TaskFindings]:
    """Return for each task which single factor has the highest UA, and which differences are significant."""
    return sentences_by_task(
        {
            name: [*_headline(inputs.table, numbers), *_details(inputs.table, numbers)]
            for name, _, numbers in inputs.by_task(tidy)
        }
    )


def _headline(table: FactorAblationTable, tidy: pd.DataFrame) -> Iterator[str]:
    """Yield the best single factor of each decomposer, if every factor is kept alone in a row."""
    if not set(FACTORS) <= set(table.conditions):
        return
    numbers = tidy[tidy["metric"] == OWN].set_index("variant")
    best = []
    for decomposer, label in table.decomposers.items():
        single = {factor: number_at(numbers, table.row(decomposer, factor)) for factor in FACTORS}
        highest = max(single, key=lambda factor: single[factor]["value"])
        best.append(f"{highest} {percent_with_interval(single[highest])} (“{label}”)")
    chance = number_at(numbers, table.raw_row)["chance"]
    yield f"UA of the best single factor: {'; '.join(best)}; chance is {chance:.1f} %."


def _details(table: FactorAblationTable, tidy: pd.DataFrame) -> Iterator[str]:
    for metric in _metrics(tidy):
        numbers = tidy[tidy["metric"] == metric].set_index("variant")
        raw = number_at(numbers, table.raw_row)
        where = raw["corpus"] if metric == OWN else f"{raw['corpus']}, not the corpus of the training"
        yield (
            f"{where}: original speech has UA {percent_with_interval(raw)}, mean of {raw['n_speakers']:.0f} "
            f"speakers; chance is {raw['chance']:.1f} %."
        )
        for decomposer, label in table.decomposers.items():
            yield from _of_decomposer(table, decomposer, f"“{label}”", numbers)
        differences = tidy[(tidy["metric"] == f"{metric}_difference") & tidy["p_holm"].notna()]
        significant = differences[is_significant(differences)]
        values = "; ".join(f"{row['row']} {row['value']:+z.1f} points" for _, row in significant.iterrows())
        if len(differences):
            yield f"Compared in pairs, {count_significant(differences)}{': ' if values else ''}{values}."


def _of_decomposer(
    table: FactorAblationTable, decomposer: str, label: str, numbers: pd.DataFrame
) -> Iterator[str]:
    """Yield UA of speech reconstructed by one decomposer: from all factors, from none, and from each alone."""
    found = {
        condition: number_at(numbers, table.row(decomposer, condition))
        for condition in table.conditions
        if condition not in ORIGINAL_SPEECH
    }
    if "all" in found:
        yield f"{label}: speech reconstructed from all factors has UA {percent_with_interval(found['all'])}."
    if "none" in found:
        yield f"{label}: speech without any factor has UA {found['none']['value']:.2f} %, exactly chance."
    single = {factor: found[factor] for factor in FACTORS if factor in found}
    if len(single) < len(FACTORS):
        return
    if len({row["value"] for row in single.values()}) == 1:
        yield f"{label}: every single factor has the same UA, {percent_with_interval(single['content'])}."
        return
    ranked = sorted(single.items(), key=lambda item: -item[1]["value"])
    values = ", ".join(f"{factor} {percent_with_interval(row)}" for factor, row in ranked)
    yield f"{label}: of the single factors, {ranked[0][0]} has the highest UA: {values}."
