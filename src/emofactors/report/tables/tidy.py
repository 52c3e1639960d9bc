"""Tidy tables: one number per row, with its interval, protocol, sample size and published value."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from math import nan
from pathlib import Path

import numpy as np
import pandas as pd

from emofactors.evaluation.statistics.holm import holm
from emofactors.io.csv import read_csv, write_csv


@dataclass(frozen=True, kw_only=True)
class TidyRow:
    """One number of a table; the fields are the columns of its CSV.

    Attributes:
        table: name of the table.
        row: label of the row.
        column: the task; for a gap between protocols both tasks, see ``protocols.gap_column``.
        metric: name of the metric; ``…_difference`` and ``…_gap`` are differences of two rows or two protocols.
        value: the number; scores in percent, differences and gaps of scores in points, others in their own unit.
        ci_low: lower end of the 95 % interval.
        ci_high: upper end of the 95 % interval.
        se_speakers: standard error over speakers.
        se_trainings: standard error over trainings, as far as it is not part of that over speakers; NaN if it is
            unknown, because a training that tests several speakers was not repeated with another seed.
        df: degrees of freedom of Student's t, of which interval and p-value are.
        n_runs: number of trainings.
        n_seeds: number of trainings of each fold that differ in their seed.
        n_utterances: number of utterances per seed.
        n_speakers: number of speakers.
        protocol: protocol of the task.
        published: published value for the same corpus and protocol.
        p_value: p-value of a difference.
        p_holm: p-value after Holm's correction.
        no_p: why a difference has no p-value; empty if it has one.
        variant: row as the config names it: ``variant``, or ``system/variant`` of another system.
        minus: row or task that is subtracted; empty for other numbers.
        corpus: corpus of the test utterances.
        chance: value of the metric at chance.
    """

    table: str
    row: str = ""
    column: str
    metric: str = ""
    value: float = nan
    ci_low: float = nan
    ci_high: float = nan
    se_speakers: float = nan
    se_trainings: float = nan
    df: float = nan
    n_runs: float = nan
    n_seeds: float = nan
    n_utterances: float = nan
    n_speakers: float = nan
    protocol: str = ""
    published: float = nan
    p_value: float = nan
    p_holm: float = nan
    no_p: str = ""
    variant: str = ""
    minus: str = ""
    corpus: str = ""
    chance: float = nan


#: Columns of a tidy table.
COLUMNS = tuple(field.name for field in fields(TidyRow))

_TEXT = ("table", "row", "column", "metric", "protocol", "no_p", "variant", "minus", "corpus")
_INTERVAL = ["value", "ci_low", "ci_high"]
_ROUNDED = [*_INTERVAL, "se_speakers", "se_trainings", "df", "p_value", "p_holm", "chance"]


def tidy_frame(rows: Iterable[TidyRow]) -> pd.DataFrame:
    """Return the rows as a data frame with columns ``COLUMNS``."""
    tidy = pd.DataFrame([asdict(row) for row in rows], columns=list(COLUMNS))
    # Without the noise of floating-point arithmetic, 3.75 is displayed alike before and after it is written.
    tidy[_INTERVAL] = tidy[_INTERVAL].astype(float).round(9)
    return tidy


def write_tidy(path: str | Path, tidy: pd.DataFrame, decimals: int) -> None:
    """Write a tidy table; its numbers are rounded here and nowhere else."""
    rounded = tidy.copy()
    rounded[_ROUNDED] = rounded[_ROUNDED].astype(float).round(decimals) + 0.0  # + 0.0: no negative zero
    write_csv(path, rounded)


def read_tidy(path: str | Path) -> pd.DataFrame:
    """Read a tidy table; labels stay text, even if they are numbers.

    Raises:
        InputError: if the file is missing or damaged.
    """
    return read_csv(path, "a tidy table", dict.fromkeys(_TEXT, str) | {"value": float}, others=float)


def with_holm(rows: Sequence[TidyRow]) -> list[TidyRow]:
    """Return differences with ``p_holm``: Holm's correction over all of them that have a p-value."""
    p_values = np.array([row.p_value for row in rows], dtype=float)
    has_p = ~np.isnan(p_values)
    adjusted = np.full(len(rows), nan)
    adjusted[has_p] = holm(p_values[has_p])
    return [replace(row, p_holm=float(p)) for row, p in zip(rows, adjusted, strict=True)]
