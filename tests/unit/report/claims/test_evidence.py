import json
from math import nan

import pytest

from emofactors.errors import InputError
from emofactors.report.claims.evidence import evidence_of, read_flops

TASKS = {"compared": ("a2",)}


def only_evidence(claim, table):
    (evidence,) = evidence_of(claim, TASKS, {"compared": table}, {})
    return evidence


def test_a_difference_is_that_of_the_table_with_its_errors(table_of, claim_of):
    evidence = only_evidence(claim_of(), table_of())
    (of,) = evidence.comparisons
    assert (of.effect.value, of.ci_low, of.ci_high, of.effect.se_speakers, of.effect.df) == (
        3.0,
        1.0,
        5.0,
        0.8,
        9.0,
    )
    assert (evidence.missing, evidence.rows, of.corpus) == ((), ("center", "plain"), "Corpus A")


def test_a_difference_in_the_other_direction_has_its_sign_turned(table_of, claim_of):
    (of,) = only_evidence(claim_of("plain", "center"), table_of()).comparisons
    assert (of.effect.value, of.ci_low, of.ci_high) == (-3.0, -5.0, -1.0)
    assert of.effect.p_value == 0.008


@pytest.mark.parametrize("change", [{"column": "b2"}, {"metric": "wa_difference"}, {"minus": "x"}, {"value": nan}])
def test_another_difference_does_not_count(table_of, claim_of, change):
    evidence = only_evidence(claim_of(), table_of(change))
    assert (evidence.comparisons, evidence.missing) == ((), ("ua of center minus plain",))


def test_a_claim_without_a_table_has_no_evidence(claim_of):
    assert evidence_of(claim_of(), {}, {}, {}) == []


def test_flops_are_read_with_the_identity_of_the_run(tmp_path):
    file = tmp_path / "a2" / "net" / "center" / "fold0" / "seed0" / "run.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"flops": 250}))
    assert read_flops([str(file)]) == {("a2", "net", "center"): 250}
    file.write_text("{}")
    with pytest.raises(InputError, match="flops"):
        read_flops([str(file)])
