import numpy as np
import pytest

from emofactors.errors import InputError
from emofactors.evaluation.statistics.holm import holm
from emofactors.report.tables.tidy import COLUMNS, TidyRow, read_tidy, tidy_frame, with_holm, write_tidy


def row(**values):
    return TidyRow(**{"table": "t", "column": "task", "metric": "ua"} | values)


def test_columns_keep_their_order():
    assert COLUMNS[:7] == ("table", "row", "column", "metric", "value", "ci_low", "ci_high")
    assert list(tidy_frame([row()]).columns) == list(COLUMNS)


def test_numbers_are_rounded_once_without_negative_zero(tmp_path):
    rows = [row(value=66.864917, p_holm=0.00001, published=63.8), row(value=-0.00004, n_runs=3)]
    write_tidy(tmp_path / "t.csv", tidy_frame(rows), decimals=4)
    lines = (tmp_path / "t.csv").read_text(encoding="utf-8").splitlines()
    assert lines[1] == "t,,task,ua,66.8649" + "," * 11 + "63.8,,0.0,,,,,"
    assert lines[2] == "t,,task,ua,0.0" + "," * 6 + "3.0" + "," * 12


def test_labels_that_are_numbers_are_read_as_text(tmp_path):
    write_tidy(tmp_path / "t.csv", tidy_frame([row(row="0", value=60.0), row(row="0.30", n_runs=2)]), decimals=4)
    tidy = read_tidy(tmp_path / "t.csv")
    assert tidy["row"].to_list() == ["0", "0.30"]
    assert tidy["value"].to_list()[0] == 60.0
    assert np.isnan(tidy["value"].to_list()[1])
    with pytest.raises(InputError, match="is missing"):
        read_tidy(tmp_path / "u.csv")


def test_holm_corrects_over_the_differences_with_a_p_value():
    rows = with_holm([row(p_value=0.01), row(), row(p_value=0.03)])
    assert [rows[0].p_holm, rows[2].p_holm] == holm(np.array([0.01, 0.03])).tolist()
    assert np.isnan(rows[1].p_holm)
    assert with_holm([]) == []
