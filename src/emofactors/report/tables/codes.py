"""What tables about the codes of decomposers share: reading evaluations, differences, notes and sentences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import nan
from typing import TypeVar

import pandas as pd

from emofactors.config.tables.base import ComparisonTable
from emofactors.config.tables.decomposers import DecomposerTable
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.statistics.estimates import Estimate
from emofactors.io.csv import read_csv
from emofactors.report.formatting import SIGNIFICANCE_LEVEL, counted, interval_cell, listed
from emofactors.report.tables.base import TableInputs
from emofactors.report.tables.findings import is_significant
from emofactors.report.tables.intervals import interval_notes, with_interval
from emofactors.report.tables.tidy import TidyRow

D = TypeVar("D", bound=DecomposerTable)

_TEXT = ("unit", "one", "other", "code", "factor", "metric", "speaker")
_FRACTIONS = (
    *(
        "nats",
        "null_mean",
        "null_high",
        "above_null",
        "permuted_mean",
        "above_permuted",
        "normalised",
        "adjusted",
        "value",
    ),
)


def read_code_file(inputs: TableInputs[D], file: str, columns: Sequence[str], task: str, row: str) -> pd.DataFrame:
    """Read a file of the evaluation of a decomposer; speakers stay text (``03``, ``NA``).

    Raises:
        InputError: if the file is damaged.
        ValueError: if the row was not evaluated.
    """
    types = {column: str if column in _TEXT else float if column in _FRACTIONS else int for column in columns}
    return read_csv(inputs.evaluation_file(file, task, row), "an evaluation of codes", types)


def code_row(template: TidyRow, metric: str, estimate: Estimate) -> TidyRow:
    """Return a number with its interval, and chance 0."""
    return replace(with_interval(template, estimate.interval()), metric=metric, chance=0.0)


def code_difference_row(
    template: TidyRow, metric: str, one: Estimate, other: Estimate, *, is_tested: bool
) -> TidyRow:
    """Return a difference with its interval, and with its p-value, or why it has none, if it is tested.

    Raises:
        ValueError: if the two estimates have different speakers.
    """
    if one.speakers != other.speakers:
        raise ValueError(
            f"{len(one.speakers)} and {len(other.speakers)} speakers are not the same; expected a pair"
        )
    row = replace(with_interval(template, one.minus(other).test()), metric=f"{metric}_difference")
    return row if is_tested else replace(row, p_value=nan)


def row_template(
    inputs: TableInputs[D], task: str, row: str, evaluation: pd.DataFrame, n_speakers: int
) -> TidyRow:
    """Return what all numbers of a row share.

    Args:
        inputs: inputs of the table.
        task: the task.
        row: the row.
        evaluation: columns fold, seed and n_utterances.
        n_speakers: number of test speakers.
    """
    return replace(
        inputs.task_row(task),
        row=inputs.table.label(row),
        variant=row,
        n_runs=len(evaluation.drop_duplicates(["fold", "seed"])),
        n_seeds=evaluation["seed"].nunique(),
        n_utterances=int(evaluation.drop_duplicates("fold")["n_utterances"].sum()),
        n_speakers=n_speakers,
    )


def difference_templates(
    table: ComparisonTable, templates: Mapping[str, TidyRow]
) -> Iterator[tuple[str, str, TidyRow]]:
    """Yield each pair of rows that is compared, with what its differences share."""
    for pair in table.differences:
        one, other = templates[pair.variant], templates[pair.minus]
        label = table.label(pair.variant, pair.minus)
        template = replace(one, row=label, minus=pair.minus, n_runs=one.n_runs + other.n_runs)
        yield pair.variant, pair.minus, template


def by_row(tidy: pd.DataFrame) -> pd.DataFrame:
    """Return the numbers of rows, without differences, by variant and metric."""
    return tidy[~tidy["metric"].str.endswith("_difference")].set_index(["variant", "metric"])


def code_notes(task: TaskConfig, tidy: pd.DataFrame) -> Iterator[str]:
    """Yield the notes of a task: protocol, sample size, and intervals that are missing."""
    first = tidy[tidy["n_utterances"].notna()].iloc[0]
    n_seeds = int(first["n_runs"]) // task.n_folds
    known = "" if task.speaker_independent else "; their speakers are training speakers"
    yield f"{first['protocol']}; {counted(task.n_folds, 'fold')} x {counted(n_seeds, 'seed')} of each decomposer"
    yield (
        f"codes of {int(first['n_utterances']):,} test utterances of "
        f"{counted(int(first['n_speakers']), 'speaker')}, which the decomposer was not trained on{known}"
    )
    yield from interval_notes(tidy)


def quoted_row(table: ComparisonTable, row: str) -> str:
    """Return a row in a sentence, with the axis of a sweep."""
    return f"“{table.axis} {table.label(row)}”" if table.axis else f"“{table.label(row)}”"


def end_rows(table: DecomposerTable) -> list[str]:
    """Return the first and the last row of a table, or its only row."""
    first, *others = table.rows
    return [first, *others[-1:]]


def difference_findings(label: str, differences: Mapping[str, pd.Series], decimals: int) -> str:
    """Return which differences between two rows are significant, and whose interval contains 0.

    Args:
        label: label of the pair of rows.
        differences: name of a difference -> its number.
        decimals: decimals of the numbers.
    """
    frame = pd.DataFrame(differences).T
    tested = frame[frame["p_holm"].notna()]
    if tested.empty:
        return f"{label}: no difference has an interval or p ({frame['no_p'].iloc[0]})."
    significant = [
        f"{name} ({interval_cell(row, decimals, '+')})" for name, row in tested[is_significant(tested)].iterrows()
    ]
    # By the p-value, which is equivalent: the end of an interval may be rounded to 0.
    with_zero = [str(name) for name, row in tested.iterrows() if row["p_value"] > SIGNIFICANCE_LEVEL]
    found = f"significant (Holm, 5 %): {listed(significant)}" if significant else "none is significant (Holm, 5 %)"
    zero = (
        f"the interval contains 0 for {'all' if len(with_zero) == len(tested) else listed(with_zero)}"
        if with_zero
        else "no interval contains 0"
    )
    n_speakers = tested["n_speakers"].iloc[0]
    return f"{label}: of {len(tested)} differences, {found}; {zero} ({n_speakers:.0f} speakers)."
