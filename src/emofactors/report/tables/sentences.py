"""Numbers as sentences say them: a score with its interval, a gap, and where a value lies beside an interval."""

import pandas as pd

from emofactors.config.tables import TableConfig

#: A corrected p-value up to which a difference counts as shown.
SIGNIFICANT = 0.05


def with_interval(row: pd.Series) -> str:
    """A score in words, with its interval if it has one."""
    if pd.isna(row["ci_low"]) or pd.isna(row["ci_high"]):
        return f"{row['value']:.1f} % (no interval: the speakers cannot be resampled)"
    return f"{row['value']:.1f} % [{row['ci_low']:.1f}, {row['ci_high']:.1f}]"


def own_rows(table: TableConfig, scores: pd.DataFrame) -> pd.DataFrame:
    """UA of the rows of the table's own system, or of all where it has none."""
    own = [row for row, (system, _) in table.runs.items() if table.system in (None, system)]
    return scores[(scores["metric"] == "ua") & scores["variant"].isin(own)]


def place(value: float, row: pd.Series) -> str:
    """Where a value lies beside an interval: below, inside or above it; empty if one of them is missing."""
    if pd.isna([value, row["ci_low"], row["ci_high"]]).any():
        return ""
    if value < row["ci_low"]:
        return "below"
    return "above" if value > row["ci_high"] else "inside"


def points(gap: pd.Series) -> str:
    """A gap as points that are lost or gained, with its interval."""
    sign, word = (1, "lost") if gap["value"] >= 0 else (-1, "gained")
    points = f"{sign * gap['value']:z.1f} {word}"
    if pd.isna(gap["ci_low"]):
        return points
    low, high = sorted((sign * gap["ci_low"], sign * gap["ci_high"]))
    return f"{points} [{low:z.1f}, {high:z.1f}]{' (the interval holds 0)' if low <= 0 <= high else ''}"


def signed(gap: pd.Series) -> str:
    """A gap in points with its sign, and its interval if it has one."""
    interval = "" if pd.isna(gap["ci_low"]) else f" [{gap['ci_low']:+z.1f}, {gap['ci_high']:+z.1f}]"
    return f"{gap['value']:+z.1f} points{interval}"
