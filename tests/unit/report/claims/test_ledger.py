from math import isnan, nan

import pandas as pd
import pytest

from emofactors.config.claims import Contrast
from emofactors.config.tables.base import Difference
from emofactors.report.claims.ledger import make_ledger, write_ledger_csv

SUPPORTED = {"value": 3.0, "p_value": 0.008}


def ledger_of(settings, table, flops=None):
    return make_ledger(settings, {"compared": table}, flops or {})


def only_entry(settings, table):
    (entry,) = ledger_of(settings, table).entries
    return entry


def test_a_significant_difference_at_published_size_supports_the_claim(settings_of, table_of, claim_of):
    entry = only_entry(settings_of(a=claim_of()), table_of())
    assert str(entry.verdict) == "supported"
    assert (entry.size, entry.p.supports, entry.p_holm) == ("published", 0.008, 0.008)


@pytest.mark.parametrize(
    ("changes", "row", "reason"),
    [
        ({"changed": {"units": 8}}, {}, "at reduced size"),
        ({"reader": "synthetic"}, {}, "on synthetic speech"),
        ({"protocol": "leaky"}, {}, "with copies of test utterances in training"),
        ({}, {"n_seeds": 2}, "with 2 seeds, at least 3 needed"),
        ({}, {"n_speakers": 7}, "with 7 speakers, at least 8 needed"),
        ({}, {"n_seeds": nan}, "with an unknown number of seeds"),
        ({}, {"n_speakers": nan}, "with an unknown number of speakers"),
    ],
)
@pytest.mark.parametrize("value", [30.0, -30.0, 0.0])
def test_what_cannot_decide_a_claim_never_does(settings_of, table_of, changes, row, reason, value, claim_of):
    row = row | {"value": value, "p_value": 1.0 if value == 0 else 0.0, "se_speakers": 0.01, "se_trainings": 0.0}
    settings = settings_of(a=claim_of(), b=claim_of(primary=False), **changes)
    ledger = ledger_of(settings, table_of(row))
    assert [entry.verdict.word for entry in ledger.entries] == ["undecided", "undecided"]
    for entry in ledger.entries:
        start = {30.0: "as claimed here, but ", -30.0: "the opposite here, but ", 0.0: "no clear direction here, "}
        assert entry.verdict.reason == start[value] + reason
        assert isnan(entry.p_holm)


def test_a_setting_equal_to_the_published_one_reduces_nothing(settings_of, table_of, claim_of):
    entry = only_entry(settings_of(changed={"units": 128}, a=claim_of()), table_of())
    assert (entry.size, entry.verdict.word) == ("published", "supported")


def test_rows_that_are_reduced_themselves_never_decide(settings_of, table_of, claim_of):
    contrast = claim_of().contrasts["compared"].model_copy(update={"reduced": "small networks"})
    entry = only_entry(settings_of(a=claim_of(contrasts={"compared": contrast})), table_of())
    assert entry.size == "reduced: small networks"
    assert str(entry.verdict) == "undecided: as claimed here, but at reduced size"


def test_claims_count_on_their_corpora_and_protocols_only(settings_of, table_of, claim_of):
    of_unseen = claim_of(unseen_speakers=True)
    assert only_entry(settings_of(a=of_unseen), table_of()).verdict.word == "supported"
    entry = only_entry(settings_of(a=of_unseen, protocol="dependent"), table_of())
    assert str(entry.verdict) == "undecided: as claimed here, but with training speakers in the test"
    entry = only_entry(settings_of(a=claim_of(corpora=("b", "c"))), table_of())
    assert entry.verdict.reason.endswith("on a corpus that does not count (b and c would)")


def test_without_a_p_value_a_claim_is_not_tested(settings_of, table_of, claim_of):
    row = {"p_value": nan, "se_trainings": nan, "no_p": "one training per fold"}
    entry = only_entry(settings_of(a=claim_of()), table_of(row))
    assert str(entry.verdict) == "not tested here: no p-value: one training per fold"
    entry = only_entry(settings_of(a=claim_of()), table_of(row | {"n_seeds": 1}))
    expected = "undecided: with 1 seed, at least 3 needed; no p-value: one training per fold"
    assert str(entry.verdict) == expected


def test_a_difference_that_the_table_lacks_is_named(settings_of, table_of, claim_of):
    contrast = Contrast(
        pairs=(Difference(variant="center", minus="plain"), Difference(variant="center", minus="other")),
        metrics=("ua",),
    )
    entry = only_entry(settings_of(a=claim_of(contrasts={"compared": contrast})), table_of())
    assert str(entry.verdict) == "not tested here: table compared has no ua of center minus other"
    both = table_of({}, {"minus": "other", "value": 1.0, "p_value": 0.3})
    entry = only_entry(settings_of(a=claim_of(contrasts={"compared": contrast})), both)
    assert entry.verdict.word == "undecided"
    assert entry.p.supports == 0.3


def test_holm_runs_over_the_primary_claims_and_apart_over_the_others(settings_of, table_of, claim_of):
    claims = {
        "a": claim_of(),
        "b": claim_of(metric="wa"),
        "c": claim_of(primary=False),
        "d": claim_of(metric="speaker_ua"),
    }
    table = table_of(
        {}, {"metric": "wa_difference", "p_value": 0.04}, {"metric": "speaker_ua_difference", "n_seeds": 1}
    )
    ledger = ledger_of(settings_of(**claims), table)
    p_holm = {entry.key: entry.p_holm for entry in ledger.entries}
    assert (p_holm["a"], p_holm["b"], p_holm["c"]) == (0.016, 0.04, 0.008)
    assert isnan(p_holm["d"]), "a test with too few seeds is not corrected for"


def test_flops_are_compared_without_a_test(settings_of, table_of, claim_of):
    claim = claim_of(metric="flops", expect="lower", primary=False, least=None, margin=None)

    def entry_with(flops, **changes):
        counts = {("a2", "net", "center"): flops, ("a2", "net", "plain"): 1000}
        entries = ledger_of(settings_of(a=claim, b=claim_of(), **changes), table_of(), counts).entries
        return entries[0]

    entry = entry_with(250)
    assert entry.evidence.comparisons[0].effect.value == -75.0
    assert str(entry.verdict) == "supported: computed, not estimated"
    assert entry_with(1000).verdict.word == "contradicted"
    assert str(entry_with(250, changed={"units": 8}).verdict) == "undecided: fewer at reduced size"
    assert str(entry_with(1250, changed={"units": 8}).verdict) == "undecided: not fewer at reduced size"


def test_the_first_table_of_a_claim_counts_for_a_task(settings_of, table_of, claim_of):
    contrast = claim_of().contrasts["compared"]
    settings = settings_of(a=claim_of(contrasts={"other": contrast, "compared": contrast}))
    tables = settings.tables | {"other": settings.tables["compared"]}
    settings = settings.model_copy(update={"tables": tables})
    ledger = make_ledger(settings, {"compared": table_of(), "other": table_of({"value": 4.0})}, {})
    assert [entry.evidence.comparisons[0].effect.value for entry in ledger.entries] == [4.0]


def test_the_csv_has_a_row_per_difference_and_one_per_claim_without_a_table(
    settings_of, table_of, tmp_path, claim_of
):
    contrast = claim_of().contrasts["compared"]
    two = Contrast(pairs=contrast.pairs, metrics=("ua", "wa"))
    settings = settings_of(
        a=claim_of(contrasts={"compared": two}), b=claim_of(contrasts={"swept": contrast}), c=claim_of("other")
    )
    ledger = ledger_of(settings, table_of({}, {"metric": "wa_difference", "value": 1 / 3}))
    write_ledger_csv(tmp_path / "claims.csv", ledger)
    rows = pd.read_csv(tmp_path / "claims.csv")
    assert list(rows["claim"]) == ["a", "a", "c", "b"]
    assert list(rows["metric"].dropna()) == ["ua", "wa"]
    assert rows.loc[1, "value"] == 0.333333
    assert list(rows["verdict"]) == ["supported", "supported", "not tested here", "not tested here"]
    assert rows.loc[3, "reason"] == "no table of the study tests it"
    assert set(rows["published"]) == {"not known"}
    before = (tmp_path / "claims.csv").read_bytes()
    write_ledger_csv(tmp_path / "claims.csv", ledger)
    assert (tmp_path / "claims.csv").read_bytes() == before
