"""Which factor of speech carries emotion: the numbers, the layout and the findings of tables of kind ``factor_ablation``.

A row is a classifier that hears speech as it is, or reconstructed from some of its
factors; its score is the mean over speakers of each one's own UA. So a classifier
that hears nothing, and therefore says one class to everybody, scores 1 / C
exactly, whichever class each of its trainings settles on: the row is checked
here, for anything else would be a leak.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emofactors.config.evaluation import IntervalSettings
from emofactors.config.labels import FACTORS
from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.errors import InputError
from emofactors.evaluation.scores import read_confusion
from emofactors.evaluation.statistics.intervals import MAX_EXACT_SPEAKERS, smallest_p_value
from emofactors.report.formatting import counted, interval_cell, number_at, p_cell
from emofactors.report.tables.metrics import WORDS, ProbeAccuracy, speaker_ua
from emofactors.report.tables.tidy import COLUMNS, corpus_words, printed, row_label, tested, with_holm

#: A row that is compared with none: it is a check, and no finding.
_CHECKS = ("none", "speaker")

#: Metric of a classifier on its own task, and on the other corpus: the same measure of other utterances.
OWN, CROSS = "speaker_ua", "cross_ua"
_HEADERS = {OWN: WORDS[OWN].header, CROSS: "UA, other corpus"}

_SIGNIFICANT = 0.05
_ROUNDING = 1e-9


def make_ablation_table(
    name: str,
    table: TableConfig,
    tasks: Mapping[str, TaskConfig],
    confusion_paths: Iterable[str | Path],
    intervals: IntervalSettings,
    corpora: Mapping[str, Mapping[str, Any]],
    others: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """Collect the numbers of one table of kind ``factor_ablation``.

    Each row but the checks is compared with speech as it is, and where there are two decomposers, the second
    with the first; Holm's correction runs over the rows of each decomposer, and over those of the two.

    Args:
        name: name of the table.
        table: its conditions and decomposers.
        tasks: task -> its config.
        confusion_paths: files ``…/evaluation/{task}/{system}/{variant}/on_{task}[/reconstructed_{heard}]/confusion.csv`` of
            every row and test.
        intervals: number and seed of the resamples.
        corpora: corpus -> the notes of its manifest.
        others: task -> the other task its classifiers are tested on: ``name`` and its settings.

    Returns:
        Tidy table with columns ``report.tables.COLUMNS``, in percent; metrics ``speaker_ua`` and, where there is
        another corpus, ``cross_ua``, and their differences.

    Raises:
        InputError: if a classifier that hears nothing does not score 100 / C: something leaks; or if no test speaker
            speaks every class.
        ValueError: if a row was not evaluated.
    """
    files = {_identity(Path(path)): path for path in confusion_paths}
    rows: list[dict[str, Any]] = []
    for task_name, task in tasks.items():
        other = others.get(task_name)
        heard_on = [(OWN, task_name, task.corpus)]
        if other is not None:
            heard_on.append((CROSS, other["name"], other["corpus"]))
        for metric, on_task, corpus in heard_on:
            about = {
                "table": name,
                "column": task_name,
                "protocol": task.protocol_label + ("" if metric == OWN else f"; tested on all of {on_task}"),
                "corpus": corpus_words(corpora[corpus]),
            }
            measures: dict[str, ProbeAccuracy] = {}
            n_runs: dict[str, int] = {}
            for row, (system, variant) in table.runs.items():
                key = (task_name, system, variant, f"on_{on_task}", table.heard(row))
                if key not in files:
                    raise ValueError(f"table {name}: no evaluation of {row} on {on_task}")
                confusion = read_confusion(files[key])
                measures[row] = speaker_ua(confusion, task.classes)
                n_runs[row] = confusion["seed"].nunique() * (task.n_folds if metric == OWN else 1)
            _check_blind_rows(name, table, measures, on_task)
            rows += [
                about
                | {
                    "row": row_label(table, row),
                    "variant": row,
                    "minus": "",
                    "metric": metric,
                    "n_runs": n_runs[row],
                    "published": nan,
                    "chance": 100 * of_row.chance,
                }
                | tested(of_row)
                | printed(OWN, of_row.interval(intervals))
                for row, of_row in measures.items()
            ]
            rows += [about | row for row in _differences(table, metric, measures, n_runs, intervals)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def comparisons(table: TableConfig) -> list[list[tuple[str, str]]]:
    """The rows that are compared, by family: of each decomposer with speech as it is; of two with each other."""
    conditions = [c for c in table.conditions if c not in ("raw", *_CHECKS)]
    families = [
        [(row_of(table, decomposer, condition), f"{table.classifier}raw") for condition in conditions]
        for decomposer in table.decomposers
    ]
    if len(table.decomposers) == 2:
        first, second = table.decomposers
        families.append([(row_of(table, second, c), row_of(table, first, c)) for c in conditions])
    return families


def row_of(table: TableConfig, decomposer: str, condition: str) -> str:
    """Row of a condition under a decomposer; speech as it is has one row for all."""
    return f"{table.classifier}raw" if condition == "raw" else f"{table.classifier}{decomposer}_{condition}"


def _identity(path: Path) -> tuple[str, str, str, str, str]:
    """Task, system, variant, test (``on_emodb4``) and what is heard there instead of the training's speech."""
    task, system, variant, test, *heard = path.parts[path.parts.index("evaluation") + 1 : -1]
    return task, system, variant, test, heard[0].removeprefix("reconstructed_") if heard else ""


def _check_blind_rows(name: str, table: TableConfig, measures: Mapping[str, ProbeAccuracy], on_task: str) -> None:
    """Who hears nothing scores 1 / C in every training and for every speaker."""
    if "none" not in table.conditions:
        return
    for decomposer in table.decomposers:
        blind = measures[row_of(table, decomposer, "none")]
        if np.abs(blind.recalls.recall - blind.chance).max() > _ROUNDING:
            raise InputError(
                f"table {name}: row {row_of(table, decomposer, 'none')!r} has UA {100 * blind.value:.2f} % on "
                f"{on_task}, expected {100 * blind.chance:.2f} % exactly: its classifier hears nothing, something leaks"
            )


def _differences(
    table: TableConfig,
    metric: str,
    measures: Mapping[str, ProbeAccuracy],
    n_runs: Mapping[str, int],
    intervals: IntervalSettings,
) -> list[dict[str, Any]]:
    """The comparisons of one task and metric, each family corrected for itself."""
    return [
        row
        for family in comparisons(table)
        for row in with_holm([_difference(table, metric, *pair, measures, n_runs, intervals) for pair in family])
    ]


def _difference(
    table: TableConfig,
    metric: str,
    row: str,
    minus: str,
    measures: Mapping[str, ProbeAccuracy],
    n_runs: Mapping[str, int],
    intervals: IntervalSettings,
) -> dict[str, Any]:
    """What one row has more than another."""
    difference = measures[row].difference(measures[minus], intervals)
    about = {
        "row": row_label(table, row, minus),
        "variant": row,
        "minus": minus,
        "metric": f"{metric}_difference",
        "n_runs": n_runs[row] + n_runs[minus],
        "p_value": difference.p_value,
    }
    return about | tested(measures[row]) | printed(OWN, difference)


# --- what was found, in sentences ------------------------------------------------------------------------------


def ablation_findings(table: TableConfig, tidy: pd.DataFrame) -> list[str]:
    """What a table of kind ``factor_ablation`` shows of one task, as sentences made from its numbers.

    Args:
        table: its conditions and decomposers.
        tidy: the numbers of one task, in percent.

    Returns:
        The sentences.
    """
    sentences = []
    for metric in (OWN, CROSS):
        numbers = tidy[tidy["metric"] == metric].set_index("variant")
        if numbers.empty:
            continue
        raw = number_at(numbers, f"{table.classifier}raw")
        where = raw["corpus"] if metric == OWN else f"{raw['corpus']}, another corpus than the training's"
        sentences.append(
            f"“{table.title}”, {where}: speech as it is has UA {_with_interval(raw)}, the mean of "
            f"{raw['n_speakers']:.0f} speakers; chance is {raw['chance']:.1f} %."
        )
        for decomposer, label in table.decomposers.items():
            sentences += list(_of_decomposer(table, decomposer, label, numbers))
        differences = tidy[(tidy["metric"] == f"{metric}_difference") & tidy["p_holm"].notna()]
        shown = differences[differences["p_holm"] <= _SIGNIFICANT]
        listed = "; ".join(f"{row['row']} {row['value']:+z.1f} points" for _, row in shown.iterrows())
        found = f"shown at 5 % (Holm) are: {listed}" if listed else "none is shown at 5 % (Holm)"
        n_rows = max(map(len, comparisons(table)))
        least = min(1.0, n_rows * smallest_p_value(int(raw["n_speakers"])))
        power = f"; with {raw['n_speakers']:.0f} speakers none could be" if least > _SIGNIFICANT else ""
        sentences.append(f"Of {len(differences)} comparisons {found}{power}.")
    return sentences


def ablation_headlines(table: TableConfig, tidy: pd.DataFrame) -> list[str]:
    """What a table of kind ``factor_ablation`` shows in short: which single factor keeps most of the emotion.

    Args:
        table: its conditions and decomposers.
        tidy: the numbers of one task, in percent.

    Returns:
        One sentence, on the corpus of the training alone; none where factors are not kept one by one.
    """
    numbers = tidy[tidy["metric"] == OWN].set_index("variant")
    if numbers.empty or not set(FACTORS) <= set(table.conditions):
        return []
    found = []
    for decomposer, label in table.decomposers.items():
        single = {factor: number_at(numbers, row_of(table, decomposer, factor)) for factor in FACTORS}
        highest = max(single, key=lambda factor: single[factor]["value"])
        found.append(f"{highest} {_with_interval(single[highest])} (“{label}”)")
    chance = number_at(numbers, f"{table.classifier}raw")["chance"]
    return [f"UA of the best single factor: {'; '.join(found)}. Chance is {chance:.1f} %."]


def _of_decomposer(table: TableConfig, decomposer: str, label: str, numbers: pd.DataFrame) -> Iterator[str]:
    """What speech reconstructed by one decomposer keeps of the emotion: all factors, none, and each alone."""
    of = {
        condition: number_at(numbers, row_of(table, decomposer, condition))
        for condition in table.conditions
        if condition != "raw"
    }
    if "all" in of:
        yield f"“{label}”: reconstructed from all factors, UA is {_with_interval(of['all'])}."
    if "none" in of:
        yield f"“{label}”: reconstructed from none, UA is {of['none']['value']:.2f} %, as it must be."
    yield from _of_single_factors(label, of)


def _of_single_factors(label: str, of: Mapping[Any, pd.Series]) -> Iterator[str]:
    """Which of the three factors keeps most of the emotion, where each was kept alone."""
    single = {c: of[c] for c in FACTORS if c in of}
    if len(single) < len(FACTORS):
        return
    if len({row["value"] for row in single.values()}) == 1:
        yield f"“{label}”: UA of single factors is the same, {_with_interval(single['content'])}."
        return
    ranked = sorted(single.items(), key=lambda item: -item[1]["value"])
    listed = ", ".join(f"{condition} {_with_interval(row)}" for condition, row in ranked)
    yield f"“{label}”: of single factors {ranked[0][0]} has the highest UA: {listed}."


def _with_interval(row: pd.Series) -> str:
    """A score with its interval, if it has one."""
    if pd.isna(row["ci_low"]):
        return f"{row['value']:.1f} % (no interval: one speaker)"
    return f"{row['value']:.1f} % [{row['ci_low']:.1f}, {row['ci_high']:.1f}]"


# --- how it is laid out ---------------------------------------------------------------------------------------


def ablation_notes(table: TableConfig, task: TaskConfig, tidy: pd.DataFrame) -> list[str]:
    """What to know of the numbers of one task."""
    notes = []
    for metric, words in ((OWN, "test"), (CROSS, "other corpus")):
        numbers = tidy[tidy["metric"] == metric]
        if len(numbers):
            first = numbers.iloc[0]
            notes.append(
                f"{words}: {first['corpus']}; {first['protocol']}; {first['n_utterances']:,} utterances of "
                f"{first['n_speakers']} speakers, {counted(first['n_runs'], 'training')} a row"
            )
            if first["n_speakers"] <= MAX_EXACT_SPEAKERS:
                smallest = smallest_p_value(int(first["n_speakers"]))
                notes.append(f"{words}: with {first['n_speakers']} speakers no p can be below {p_cell(smallest)}")
    notes.append(f"{len(task.classes)} classes: {', '.join(task.classes)}")
    if task.decomposed_by:
        notes.append(f"decomposers were trained on {task.decomposed_by}")
    else:
        notes.append("decomposers were trained on the training rows of each fold: none has heard a test utterance")
    if table.frozen_classifier:
        notes.append("one classifier, of speech as it is, hears all rows: it was not trained again")
    return notes


def ablation_scores(table: TableConfig, tidy: pd.DataFrame) -> pd.DataFrame:
    """The source's table: a row a condition, for each decomposer UA on its own and on the other corpus."""
    numbers = tidy[tidy["minus"] == ""].set_index(["variant", "metric"])
    metrics = [m for m in (OWN, CROSS) if m in set(tidy["metric"])]
    published = table.published_ablation
    rows = []
    for i, (condition, label) in enumerate(table.conditions.items(), start=1):
        row = {"No": str(i), "kept": label}
        for decomposer, of in table.decomposers.items():
            for metric in metrics:
                number = number_at(numbers, row_of(table, decomposer, condition), metric)
                row[f"{of}: {_HEADERS[metric]} [95 %]"] = interval_cell(number, 1)
        if published is not None:
            for decomposer, values in published.values.items():
                stated = values.get(condition)
                words = " / ".join(f"{value:.2f}" for value in stated) if stated else ""
                row[f"{published.label}: {table.decomposers.get(decomposer, decomposer)}"] = words
        rows.append(row)
    return pd.DataFrame(rows).fillna("")


def ablation_differences(table: TableConfig, tidy: pd.DataFrame) -> pd.DataFrame:
    """A row a comparison, on its own and on the other corpus."""
    metrics = [m for m in (OWN, CROSS) if m in set(tidy["metric"])]
    numbers = tidy[tidy["minus"] != ""].set_index(["variant", "minus", "metric"])
    rows = []
    for row, minus in (pair for family in comparisons(table) for pair in family):
        cells = {"difference": row_label(table, row, minus)}
        for metric in metrics:
            number = number_at(numbers, row, minus, f"{metric}_difference")
            cells[f"{_HEADERS[metric]} [95 %]"] = interval_cell(number, 1, sign="+")
            for key, column in (("p", "p_value"), ("Holm", "p_holm")):
                cells[f"{_HEADERS[metric]} {key}"] = p_cell(number[column])
        rows.append(cells)
    return pd.DataFrame(rows)


def ablation_remarks(table: TableConfig) -> list[str]:
    """How to read the numbers."""
    remarks = [
        "UA: each test speaker's mean recall over the classes, averaged over the speakers who speak every class "
        "and over trainings, in percent. In brackets: the 95 % interval from resampling speakers, systems held as "
        "trained; with few speakers it is too narrow.",
        "A factor that is not kept is a zero at the input of its encoder. All rows but “speaker” have the mean "
        "speaker's embedding, in training as in test, for an unseen speaker has no other; the source keeps the "
        "speaker's. Every segment has as many frames: only a factor that is kept tells how long an "
        "utterance was.",
        "Differences are paired over speakers; p: two-sided, from signs changed speaker by speaker. Holm: "
        "corrected over the rows of a decomposer against speech as it is, and over those of the two decomposers.",
    ]
    if "none" in table.conditions:
        remarks.append(
            "The row of no factor was checked when the table was made: 100 / C for every speaker and training."
        )
    return remarks
