"""Intervals of all tables: columns of a tidy row, the remark below a table, and notes on what is missing."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from emofactors.evaluation.statistics.estimates import NO_SPEAKERS, ONE_SEED, Difference, Interval
from emofactors.report.formatting import listed
from emofactors.report.tables.tidy import TidyRow

#: Metrics of all speakers together, which have no interval.
_WITHOUT_INTERVAL = ("speaker_information", "emotion_information")

#: Remark about the intervals.
INTERVAL_REMARK = (
    "In brackets: the 95 % interval over speakers, each left out once (jackknife), and over trainings, which "
    "differ in their seed (Student's t)."
)


def with_interval(row: TidyRow, number: Interval, *, scale: float = 1.0) -> TidyRow:
    """Return a row with a number, its interval and standard errors; of a difference also p, or why it has none.

    Args:
        row: what else the row contains.
        number: the number.
        scale: factor of everything in the unit of the number: 100 for percent.
    """
    found = replace(
        row,
        value=scale * number.value,
        ci_low=scale * number.low,
        ci_high=scale * number.high,
        se_speakers=scale * number.se_speakers,
        se_trainings=scale * number.se_trainings,
        df=number.df,
    )
    if isinstance(number, Difference):
        return replace(found, p_value=number.p_value, no_p=number.no_p)
    return found


def interval_notes(tidy: pd.DataFrame) -> Iterator[str]:
    """Yield which intervals are missing or lack the variance over trainings, and why differences have no p.

    Args:
        tidy: the numbers of a task.
    """
    numbers = tidy[tidy["minus"] == ""]
    of_speakers = numbers["chance"].notna() & ~numbers["metric"].isin(_WITHOUT_INTERVAL)
    if (of_speakers & numbers["value"].notna() & numbers["ci_low"].isna()).any():
        yield f"some numbers have no interval: {NO_SPEAKERS}"
    if (numbers["ci_low"].notna() & numbers["se_trainings"].isna()).any():
        yield f"intervals are over speakers alone, as the variance over trainings is unknown: {ONE_SEED}"
    differences = tidy[tidy["minus"] != ""]
    for reason in dict.fromkeys(differences.loc[differences["no_p"] != "", "no_p"]):
        of_reason = differences[differences["no_p"] == reason]
        rows = "" if len(of_reason) == len(differences) else f" ({listed(list(dict.fromkeys(of_reason['row'])))})"
        yield f"differences have neither interval nor p{rows}: {reason}"
