"""Compare current tables with reference tables, number by number, within the variation of repetitions.

On the same kind of machine a study repeats byte for byte. On another processor,
or with another number of threads, sums are rounded differently, and a training
ends elsewhere. The size of this effect was measured: next to the reference tables
are those of repetitions with other rounding, whose spread is the tolerance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t as student

from emofactors.errors import InputError
from emofactors.report.tables.metrics import SCORES
from emofactors.report.tables.tidy import read_tidy

#: Metrics that are compared; all are in percent or points.
VERIFIED = (*SCORES, *(f"{metric}_difference" for metric in SCORES))

#: Columns that identify a number of a tidy table.
_KEY = ["table", "variant", "minus", "column", "metric"]

#: Columns that must be equal; otherwise the tables are of different experiments.
_EQUAL = ("n_runs", "n_utterances", "n_speakers", "protocol", "corpus")

#: Fraction of repetitions that fall within the tolerance of a number.
_COVERAGE = 0.99

#: Tolerance of a number that no repetition changes, in test utterances.
_MIN_UTTERANCES = 3

#: Largest difference of equal numbers: tidy tables have four decimals.
_ROUNDING = 1e-4


@dataclass(frozen=True)
class Check:
    """One number of a reference table and of a current table.

    Attributes:
        table: name of the table.
        row: label of the row.
        task: the task, or tasks.
        metric: one of ``VERIFIED``.
        reference: number of the reference table, in percent or points.
        current: number of the current table.
        tolerance: largest difference within tolerance, in points.
    """

    table: str
    row: str
    task: str
    metric: str
    reference: float
    current: float
    tolerance: float

    @property
    def verdict(self) -> str:
        """``same``, ``within`` or ``outside`` the tolerance."""
        distance = abs(self.current - self.reference)
        if distance <= _ROUNDING:
            return "same"
        return "within" if distance <= self.tolerance else "outside"


def verify(reference: Path, current: Path) -> list[Check]:
    """Compare current tables with reference tables.

    Args:
        reference: folder of tidy tables, with those of repetitions in ``repetitions/<name>/``.
        current: folder of tidy tables as the workflow writes them, ``results/report/<study>/tables``.

    Returns:
        One check per UA, WA and difference of the reference tables, in their order.

    Raises:
        InputError: if there is no reference table or no repetition; or if a current table is missing or damaged,
            lacks a row, or has other utterances, speakers, folds or seeds.
    """
    tables = sorted(reference.glob("*.csv"))
    if not tables:
        raise InputError(f"{reference}: has no reference tables; expected a folder of tables (*.csv)")
    repetitions = sorted(path for path in reference.glob("repetitions/*") if path.is_dir())
    if not repetitions:
        raise InputError(
            f"{reference}/repetitions: is missing; expected tables of repetitions, whose spread is the tolerance"
        )
    checks = []
    for path in tables:
        numbers = _read_numbers(path)
        repeated = [_read_matching(numbers, repetition / path.name) for repetition in repetitions]
        ours = _read_matching(numbers, current / path.name)
        for key, tolerance in zip(numbers.index, tolerances(numbers, repeated), strict=True):
            row = numbers.loc[key]
            table, _, _, task, metric = key
            checks.append(
                Check(table, row["row"], task, metric, row["value"], ours.loc[key, "value"], float(tolerance))
            )
    return checks


def tolerances(reference: pd.DataFrame, repetitions: Sequence[pd.DataFrame]) -> np.ndarray:
    r"""Return the tolerance of each number.

    A reference number and a current number are two draws, so the standard deviation of their difference is
    :math:`\sqrt 2` times that of one draw. The latter is pooled over the rows of a metric that any repetition
    changes; a difference has two rows. The minimum is the weight of a few test utterances.

    Args:
        reference: value and n_utterances, indexed by the key of each number; N rows.
        repetitions: the same N rows in the same order, for each repetition.

    Returns:
        Points, shape (N,).
    """
    values = np.stack([reference["value"], *(repetition["value"] for repetition in repetitions)])  # (draws, N)
    variance = values.var(axis=0, ddof=1)
    is_changed = np.ptp(values, axis=0) > _ROUNDING
    metrics = reference.index.get_level_values("metric").to_numpy()
    allowed = 100 * _MIN_UTTERANCES / reference["n_utterances"].to_numpy()
    for metric in SCORES:
        rows = is_changed & (metrics == metric)
        if rows.any():
            degrees_of_freedom = rows.sum() * (len(values) - 1)
            quantile = student.ppf((1 + _COVERAGE) / 2, degrees_of_freedom)
            band = quantile * np.sqrt(2 * variance[rows].mean())
            differences = is_changed & (metrics == f"{metric}_difference")
            allowed[rows] = np.maximum(allowed[rows], band)
            allowed[differences] = np.maximum(allowed[differences], np.sqrt(2) * band)
    return allowed


def _read_numbers(path: Path) -> pd.DataFrame:
    """Return the verified numbers of a tidy table, indexed by their key."""
    tidy = read_tidy(path)
    tidy = tidy[tidy["metric"].isin(VERIFIED) & tidy["value"].notna()]
    if tidy.empty:
        raise InputError(f"{path}: has no {', '.join(VERIFIED)}; expected a table of them")
    return tidy.set_index(_KEY)


def _read_matching(reference: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the same numbers of another table in the same order, if it is of the same experiment."""
    other = _read_numbers(path)
    for key in reference.index:
        row, task, metric = reference.loc[key, "row"], key[3], key[4]
        if key not in other.index:
            raise InputError(
                f"{path}: has no {metric} of {row!r} on {task}, as the reference has; expected the table of the "
                "same study"
            )
        for column in _EQUAL:
            expected, found = reference.loc[key, column], other.loc[key, column]
            if expected != found and not (pd.isna(expected) and pd.isna(found)):
                raise InputError(
                    f"{path}: {column} of {row!r} on {task} is {found}; expected {expected}, as in the reference: "
                    "these are different experiments"
                )
    return other.loc[reference.index]
