"""Whether tables made anew hold what kept ones say: number by number, with what a repetition may differ by.

On the same kind of machine a study repeats to the last byte. On another processor, or with another number of
threads, sums are rounded otherwise, and a training that is the same in all else ends elsewhere. How far was
measured: beside kept tables lie those of repetitions under other rounding, and their spread is the tolerance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from emofactors.errors import InputError
from emofactors.report.tables.metrics import METRICS
from emofactors.report.tables.tidy import read_tidy

#: Metrics that are verified; all are in percent.
VERIFIED = (*METRICS, *(f"{metric}_difference" for metric in METRICS))

#: What names a number of a tidy table.
_NAME = ["table", "variant", "minus", "column", "metric"]

#: What a repetition must have to the letter: else it is another experiment.
_SAME = ("n_runs", "n_utterances", "n_speakers", "protocol", "corpus")

#: Part of repetitions that shall fall within the tolerance of a number.
_COVERED = 0.99

#: A number that no repetition moved may still move by so many test utterances.
_UTTERANCES = 3

#: Numbers that differ by no more than this are the same: tidy tables have four decimals.
_ROUNDED = 1e-4


@dataclass(frozen=True)
class Check:
    """One number of a table, kept and made anew.

    Attributes:
        table: name of the table.
        row: its label as printed.
        task: the task, or tasks, it is of.
        metric: one of ``VERIFIED``.
        kept: what the kept table says, in percent or points.
        made: what the table made anew says.
        tolerance: by how much they may differ, in points.
    """

    table: str
    row: str
    task: str
    metric: str
    kept: float
    made: float
    tolerance: float

    @property
    def verdict(self) -> str:
        """``same``, ``within`` or ``outside`` the tolerance."""
        distance = abs(self.made - self.kept)
        if distance <= _ROUNDED:
            return "same"
        return "within" if distance <= self.tolerance else "outside"


def verify(kept: Path, made: Path) -> list[Check]:
    """Hold tables made anew against kept ones.

    Args:
        kept: folder of tidy tables, with ``repetitions/<name>/`` of likewise tables below it.
        made: folder of tidy tables, as the workflow writes them: ``results/report/tables``.

    Returns:
        A check for every UA, WA and difference of the kept tables, in their order.

    Raises:
        InputError: if there is nothing kept or nothing repeated, a table was not made or is damaged, lacks a
            row, or is of other utterances, speakers, folds or seeds.
    """
    tables = sorted(kept.glob("*.csv"))
    if not tables:
        raise InputError(f"{kept}: no such results are kept; expected a folder of tables (*.csv)")
    repetitions = sorted(path for path in kept.glob("repetitions/*") if path.is_dir())
    if not repetitions:
        raise InputError(
            f"{kept}/repetitions: missing; expected tables of repetitions, by whose spread to classifier"
        )
    checks = []
    for path in tables:
        ours = _numbers(path)
        others = [_matching(ours, repetition / path.name) for repetition in repetitions]
        anew = _matching(ours, made / path.name)
        for number, allowed in zip(ours.index, tolerances(ours, others), strict=True):
            row = ours.loc[number]
            table, _, _, task, metric = number
            checks.append(
                Check(table, row["row"], task, metric, row["value"], anew.loc[number, "value"], float(allowed))
            )
    return checks


def tolerances(kept: pd.DataFrame, repetitions: Sequence[pd.DataFrame]) -> np.ndarray:
    r"""By how much a repetition may differ from a kept number.

    A kept number and one made anew are two draws, so their distance has :math:`\sqrt 2` times the standard
    std of one. That is pooled over the rows of a metric that any repetition moved; a difference is of two
    rows. A number that none moved has what a few test utterances are worth.

    Args:
        kept: value and n_utterances, by the name of each number; N rows.
        repetitions: likewise, the same N rows in the same order.

    Returns:
        Points, shape (N,).
    """
    values = np.stack([kept["value"], *(repetition["value"] for repetition in repetitions)])  # (draws, N)
    variance = values.var(axis=0, ddof=1)
    moved = np.ptp(values, axis=0) > _ROUNDED
    metrics = kept.index.get_level_values("metric").to_numpy()
    allowed = 100 * _UTTERANCES / kept["n_utterances"].to_numpy()
    for metric in METRICS:
        rows = moved & (metrics == metric)
        if rows.any():
            freedom = rows.sum() * (len(values) - 1)
            band = student.ppf((1 + _COVERED) / 2, freedom) * np.sqrt(2 * variance[rows].mean())
            differences = moved & (metrics == f"{metric}_difference")
            allowed[rows] = np.maximum(allowed[rows], band)
            allowed[differences] = np.maximum(allowed[differences], np.sqrt(2) * band)
    return allowed


def _numbers(path: Path) -> pd.DataFrame:
    """The numbers of a tidy table that are verified, by name; n_utterances of a difference are its rows'."""
    tidy = read_tidy(path)
    tidy = tidy[tidy["metric"].isin(VERIFIED) & tidy["value"].notna()]
    if tidy.empty:
        raise InputError(f"{path}: has no {', '.join(VERIFIED)}; expected a table of them")
    return tidy.set_index(_NAME)


def _matching(kept: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The same numbers of another file, in the same order; of the same experiment."""
    other = _numbers(path)
    for number in kept.index:
        if number not in other.index:
            raise InputError(
                f"{path}: has no {number[4]} of {kept.loc[number, 'row']!r} on {number[3]}, which is kept; "
                "expected the table of the same study"
            )
        for column in _SAME:
            ours, theirs = kept.loc[number, column], other.loc[number, column]
            if ours != theirs and not (pd.isna(ours) and pd.isna(theirs)):
                raise InputError(
                    f"{path}: {column} of {kept.loc[number, 'row']!r} on {number[3]} is {theirs}; expected "
                    f"{ours}, as kept: it is another experiment"
                )
    return other.loc[kept.index]
