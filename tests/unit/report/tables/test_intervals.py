from math import nan

import pytest

from emofactors.evaluation.statistics.estimates import ONE_SEED, OTHER_SPEAKERS, Difference, Interval
from emofactors.report.tables.intervals import interval_notes, with_interval
from emofactors.report.tables.tidy import TidyRow, tidy_frame

ROW = TidyRow(table="t", column="task", row="label")


def number(**columns):
    given = {"metric": "ua", "value": 60.0, "ci_low": 50.0, "se_trainings": 1.0, "chance": 25.0}
    return TidyRow(table="t", column="task", **given | columns)


def test_a_row_has_the_interval_in_its_unit():
    found = with_interval(ROW, Interval(0.6, 0.5, 0.7, 0.04, 0.03, 5.5), scale=100)
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx((60, 50, 70))
    assert (found.se_speakers, found.se_trainings, found.df) == pytest.approx((4, 3, 5.5))
    assert (found.row, found.no_p) == ("label", "")


def test_a_difference_has_p_or_the_reason_why_it_has_none():
    assert with_interval(ROW, Difference(0.1, 0.0, 0.2, p_value=0.03)).p_value == 0.03
    assert with_interval(ROW, Difference(0.1, no_p=ONE_SEED)).no_p == ONE_SEED


def test_notes_are_left_out_where_nothing_is_missing():
    assert list(interval_notes(tidy_frame([number(), number(minus="x", p_value=0.1)]))) == []
    # Information of clusters of all speakers has no interval, and chance 0.
    without = number(metric="speaker_information", ci_low=nan, chance=0.0)
    assert list(interval_notes(tidy_frame([without]))) == []


def test_every_reason_is_noted_once_with_its_rows_if_others_have_a_p():
    rows = [number(minus="x", row=row, no_p=no_p) for row, no_p in (("a", ONE_SEED), ("b", ONE_SEED), ("c", ""))]
    assert list(interval_notes(tidy_frame(rows))) == [
        f"differences have neither interval nor p (a and b): {ONE_SEED}"
    ]
    rows = [number(minus="x", row=row, no_p=no_p) for row, no_p in (("a", ONE_SEED), ("b", OTHER_SPEAKERS))]
    assert list(interval_notes(tidy_frame(rows))) == [
        f"differences have neither interval nor p (a): {ONE_SEED}",
        f"differences have neither interval nor p (b): {OTHER_SPEAKERS}",
    ]


def test_intervals_over_speakers_alone_are_noted():
    (note,) = interval_notes(tidy_frame([number(se_trainings=nan)]))
    assert note.startswith("intervals are over speakers alone")
    (note,) = interval_notes(tidy_frame([number(ci_low=nan)]))
    assert note.startswith("some numbers have no interval")
