from math import nan

import pandas as pd
import pytest

from emofactors.report.formatting import (
    counted,
    interval_cell,
    listed,
    lost_points,
    number_at,
    p_cell,
    percent_with_interval,
    relative_to_interval,
    signed_points,
)


def number(value, low=nan, high=nan):
    return pd.Series({"value": value, "ci_low": low, "ci_high": high})


def test_cells_have_an_interval_if_there_is_one():
    assert interval_cell(number(66.86, 61.2, 71.849), 1) == "66.9 [61.2, 71.8]"
    assert interval_cell(number(-0.0001, -3.149, 4.151), 1, sign="+") == "+0.0 [-3.1, +4.2]"  # no negative zero
    assert interval_cell(number(66.86), 1) == "66.9"
    assert interval_cell(number(nan), 1) == "–"


def test_small_p_values_are_bounded():
    assert [p_cell(p) for p in (0.03127, 0.00005, 0.00001, nan)] == ["0.0313", "0.0001", "<0.0001", ""]


def test_words_are_counted_and_listed():
    assert [counted(n, "speaker") for n in (1, 2, 2763)] == ["1 speaker", "2 speakers", "2,763 speakers"]
    assert [listed(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_scores_of_too_few_speakers_state_it():
    assert percent_with_interval(number(66.0, 62.0, 70.0)) == "66.0 % [62.0, 70.0]"
    assert percent_with_interval(number(66.0)) == "66.0 % (no interval: too few speakers)"


def test_points_are_lost_or_gained():
    assert lost_points(number(22.0, 18.0, 26.0)) == "22.0 lost [18.0, 26.0]"
    assert lost_points(number(-2.0, -6.0, 2.0)) == "2.0 gained [-2.0, 6.0] (the interval contains 0)"
    assert lost_points(number(22.0)) == "22.0 lost"
    assert signed_points(number(6.0, 2.0, 10.0)) == "+6.0 points [+2.0, +10.0]"
    assert signed_points(number(-0.01)) == "+0.0 points"


@pytest.mark.parametrize(
    ("value", "place"), [(61.0, "below"), (62.0, "inside"), (66.9, "inside"), (71.0, "above"), (nan, "")]
)
def test_a_value_is_below_inside_or_above_an_interval(value, place):
    assert relative_to_interval(value, number(66.0, 62.0, 70.0)) == place
    assert relative_to_interval(value, number(66.0)) == ""


def test_numbers_are_found_by_one_key_or_several():
    frame = pd.DataFrame({"a": ["x", "y"], "b": ["u", "v"], "value": [1.0, 2.0]})
    assert number_at(frame.set_index("a"), "y")["value"] == 2.0
    assert number_at(frame.set_index(["a", "b"]), "x", "u")["value"] == 1.0
