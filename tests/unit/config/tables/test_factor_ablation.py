import pytest
from pydantic import ValidationError

from emofactors.config.tables.factor_ablation import FactorAblationTable
from emofactors.report.tables.factor_ablation import CROSS, OWN

KEYS = {
    "kind": "factor_ablation",
    "title": "t",
    "caption": "c",
    "system": "net",
    "classifier": "gru_",
    "conditions": {"raw": "raw", "content": "C", "none": "none"},
    "decomposers": {"original": "original", "cycle": "cycle loss"},
}


def test_rows_follow_from_conditions_and_decomposers():
    table = FactorAblationTable(**KEYS)
    assert table.rows == {
        "gru_raw": "raw",
        "gru_original_content": "original: C",
        "gru_original_none": "original: none",
        "gru_cycle_content": "cycle loss: C",
        "gru_cycle_none": "cycle loss: none",
    }
    assert table.row("cycle", "content") == "gru_cycle_content"
    assert table.row("cycle", "raw") == table.raw_row == "gru_raw"
    assert set(table.runs.values()) == {("net", row) for row in table.rows}
    assert FactorAblationTable(**table.model_dump(mode="json")) == table


def test_original_speech_normalised_by_speaker_is_one_row_for_all_decomposers():
    conditions = {"raw": "raw", "content": "C", "raw_speaker_normalised": "by speaker"}
    table = FactorAblationTable(**KEYS | {"conditions": conditions})
    assert list(table.rows) == [
        "gru_raw",
        "gru_raw_speaker_normalised",
        "gru_original_content",
        "gru_cycle_content",
    ]
    assert table.rows["gru_raw_speaker_normalised"] == "by speaker"
    assert table.row("cycle", "raw_speaker_normalised") == "gru_raw_speaker_normalised"


def test_a_frozen_classifier_is_tested_on_the_reconstructed_speech_of_all_rows():
    table = FactorAblationTable(**KEYS, frozen_classifier=True)
    assert set(table.runs.values()) == {("net", "gru_raw")}
    assert [table.reconstructed_variant(row) for row in table.rows] == ["", *list(table.rows)[1:]]
    assert set(table.named_variants) == {("net", row) for row in table.rows}
    retrained = FactorAblationTable(**KEYS)
    assert {retrained.reconstructed_variant(row) for row in retrained.rows} == {""}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"conditions": {"content": "C"}}, "'conditions' has no 'raw': expected original speech"),
        ({"conditions": None}, "conditions\n"),
        ({"decomposers": {}}, "'decomposers' is empty"),
        ({"rows": {"raw": "mine"}}, "'rows' follow from 'conditions' and 'decomposers'"),
        ({"conditions": {"raw": "raw", "timbre": "T"}}, "conditions.timbre"),
        ({"system": None}, "system\n"),
        (
            {"conditions": {"raw": "raw", "raw_speaker_normalised": "n"}, "frozen_classifier": True},
            "'raw_speaker_normalised': expected none with 'frozen_classifier'",
        ),
    ],
)
def test_impossible_tables_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        FactorAblationTable(**KEYS | changes)


def test_every_speaker_is_tested_in_one_fold(tasks):
    faults = FactorAblationTable(**KEYS).task_faults(tasks)
    assert [fault.split(" ")[1] for fault in faults] == ["single", "known"]
    assert "expected one that tests each speaker in one fold" in faults[1]


def test_claims_may_name_every_difference_that_the_table_makes(project_table):
    table = project_table("factor_ablation")
    assert table.compared_pairs == tuple(pair for family in table.comparisons for pair in family)
    pairs = {frozenset(pair) for pair in table.compared_pairs}
    assert frozenset(("cycle_rhythm", "cycle_content")) in pairs
    assert frozenset(("cycle_rhythm", "original_content")) not in pairs
    assert len(pairs) == len(table.compared_pairs) == 2 * 7 + 2 * 3 + 7 + 3
    assert table.compared_metrics == (OWN, CROSS)
