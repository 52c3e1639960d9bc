"""Format numbers and words of tables, figures and sentences."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

#: Largest corrected p-value of a significant difference.
SIGNIFICANCE_LEVEL = 0.05


def number_at(numbers: pd.DataFrame, *key: str) -> pd.Series:
    """Return the row of a table at a key of its index."""
    label: Any = key if len(key) > 1 else key[0]
    return numbers.loc[label]


def interval_cell(row: pd.Series, decimals: int, sign: str = "") -> str:
    """Return ``66.9 [61.2, 71.8]``, or the number alone without an interval; a dash for NaN; no negative zero.

    Args:
        row: value, ci_low and ci_high.
        decimals: digits after the point.
        sign: ``+`` to show the sign of positive numbers, too.
    """
    form = f"{sign}z.{decimals}f"
    value, low, high = (f"{row[c]:{form}}" for c in ("value", "ci_low", "ci_high"))
    if pd.isna(row["value"]):
        return "–"
    return value if pd.isna(row["ci_low"]) else f"{value} [{low}, {high}]"


def p_cell(p_value: float) -> str:
    """Return a p-value with four decimals; an empty cell for NaN."""
    if pd.isna(p_value):
        return ""
    return f"{p_value:.4f}" if p_value >= 0.00005 else "<0.0001"


def counted(n: int, noun: str) -> str:
    """Return a number with its noun: ``1 speaker``, ``2 speakers``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """Return words as a list in a sentence: ``a, b and c``."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def percent_with_interval(row: pd.Series) -> str:
    """Return ``66.9 % [61.2, 71.8]``, or the number and why it has no interval."""
    if pd.isna(row["ci_low"]) or pd.isna(row["ci_high"]):
        return f"{row['value']:.1f} % (no interval: too few speakers)"
    return f"{row['value']:.1f} % [{row['ci_low']:.1f}, {row['ci_high']:.1f}]"


def signed_points(row: pd.Series) -> str:
    """Return ``+6.0 points [+2.0, +10.0]``, or without an interval."""
    interval = "" if pd.isna(row["ci_low"]) else f" [{row['ci_low']:+z.1f}, {row['ci_high']:+z.1f}]"
    return f"{row['value']:+z.1f} points{interval}"


def lost_points(gap: pd.Series) -> str:
    """Return a gap as points that are lost or gained: ``22.0 lost [18.0, 26.0]``."""
    sign, word = (1, "lost") if gap["value"] >= 0 else (-1, "gained")
    points = f"{sign * gap['value']:z.1f} {word}"
    if pd.isna(gap["ci_low"]):
        return points
    low, high = sorted((sign * gap["ci_low"], sign * gap["ci_high"]))
    return f"{points} [{low:z.1f}, {high:z.1f}]{' (the interval contains 0)' if low <= 0 <= high else ''}"


def relative_to_interval(value: float, row: pd.Series) -> str:
    """Return whether a value is below, inside or above an interval; empty if a number is missing."""
    if pd.isna([value, row["ci_low"], row["ci_high"]]).any():
        return ""
    if value < row["ci_low"]:
        return "below"
    return "above" if value > row["ci_high"] else "inside"
