"""Numbers and words as cells and sentences of every table have them."""

from typing import Any

import pandas as pd


def number_at(numbers: pd.DataFrame, *key: str) -> pd.Series:
    """The number, with all that is known of it, at a key of the index."""
    of_row: Any = key if len(key) > 1 else key[0]
    return numbers.loc[of_row]


def interval_cell(row: pd.Series, decimals: int, sign: str = "") -> str:
    """``66.9 [61.2, 71.8]``, or without an interval; a dash where there is no number; never a negative zero.

    Args:
        row: value, ci_low and ci_high.
        decimals: digits after the point.
        sign: ``+`` to show it of positive numbers as well.
    """
    form = f"{sign}z.{decimals}f"
    value, low, high = (f"{row[c]:{form}}" for c in ("value", "ci_low", "ci_high"))
    if pd.isna(row["value"]):
        return "–"
    return value if pd.isna(row["ci_low"]) else f"{value} [{low}, {high}]"


def p_cell(p_value: float) -> str:
    """A p-value to four decimals; empty where there is none."""
    if pd.isna(p_value):
        return ""
    return f"{p_value:.4f}" if p_value >= 0.00005 else "<0.0001"


def counted(n: int, noun: str) -> str:
    """``1 speaker``, ``2 speakers``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
