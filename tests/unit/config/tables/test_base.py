import pytest
from pydantic import ValidationError

from emofactors.config.tables.base import ComparisonTable, TableSection, single_class_faults

TEXT = {"title": "t", "caption": "c", "system": "net"}
SWEEP = ComparisonTable(
    axis="lambda",
    rows={"plain": 0, "center": 0.003, "svm/f": 1},
    differences=[{"variant": "center", "minus": "plain"}, {"variant": "svm/f", "minus": "plain"}],
    **TEXT,
)


def test_a_row_is_a_variant_of_the_tables_system_or_names_its_own():
    assert SWEEP.runs == {"plain": ("net", "plain"), "center": ("net", "center"), "svm/f": ("svm", "f")}
    assert SWEEP.named_variants == tuple(SWEEP.runs.values())
    assert SWEEP.reconstructed_variant("plain") == ""


def test_numeric_labels_are_formatted_and_differences_of_a_sweep_name_the_axis():
    assert [SWEEP.label(row) for row in SWEEP.rows] == ["0", "0.003", "1"]
    assert SWEEP.label("center", "plain") == "lambda 0.003 minus 0"
    named = TableSection(rows={"plain": "softmax", "center": "center loss"}, **TEXT)
    assert named.label("center", "plain") == "center loss minus softmax"


def test_rows_of_missing_packages_are_left_out_with_their_differences():
    table = SWEEP.without_rows({"svm/f": "1 (package opensmile)"})
    assert list(table.rows) == ["plain", "center"]
    assert table.left_out == ("1 (package opensmile)",)
    assert [pair.variant for pair in table.differences] == ["center"]
    assert SWEEP.without_rows({}) == SWEEP


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"differences": [{"variant": "center", "minus": "best"}]}, "'differences' names 'best': expected a row"),
        (
            {"axis": "lambda", "rows": {"plain": "none", "center": 1}},
            "'rows' of a sweep .* are labelled by numbers",
        ),
        ({"rows": {}}, "rows\n.*at least 1 item"),
        ({"columns": ["ua"]}, "Extra inputs are not permitted"),
    ],
)
def test_impossible_tables_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        ComparisonTable(**TEXT | {"rows": {"plain": 0, "center": 1}} | changes)


def test_tasks_of_one_class_are_no_tasks_of_a_classifier(tasks):
    (fault,) = single_class_faults(tasks)
    assert fault.startswith("task single has one class; expected at least 2")
