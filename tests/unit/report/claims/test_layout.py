from emofactors.config.claims import Contrast, PublishedEffect
from emofactors.config.tables.base import Difference
from emofactors.report.claims.layout import ledger_layout, write_ledger
from emofactors.report.claims.ledger import make_ledger

HOSTILE = "<script>&"


def layout_of(settings, table):
    return ledger_layout(make_ledger(settings, {"compared": table}, {}))


def test_a_row_has_claim_sample_size_effect_published_effect_p_and_verdict(settings_of, table_of, claim_of):
    published = (PublishedEffect(effect="+3.1 points", of="Elsewhere", where="table 2"),)
    (block,) = layout_of(settings_of(a=claim_of(published=published)), table_of()).blocks
    assert block.heading == "Paper 2019"
    assert block.notes == ("Paper 2019, a journal", "1 test: 1 supported", "published effects: table 2")
    (row,) = block.scores.to_dict("records")
    assert row == {
        "claim": "center is better than plain. (primary)",
        "corpus and protocol": "Corpus A, speaker-independent (a2), 10 speakers, 5 seeds",
        "size": "published",
        "effect [95 %]": "+3.0 [+1.0, +5.0] points",
        "published effect": "+3.1 points (Elsewhere)",
        "p": "0.0080 (Holm)",
        "verdict": "supported",
    }


def test_a_test_that_cannot_decide_names_what_is_reduced_and_its_p_is_not_corrected(
    settings_of, table_of, claim_of
):
    (block,) = layout_of(settings_of(changed={"units": 8}, a=claim_of()), table_of()).blocks
    (row,) = block.scores.to_dict("records")
    assert (row["size"], row["p"]) == ("reduced: 1 setting of net", "0.0080 (not corrected)")
    assert "reduced: the study changes units of net" in block.notes
    assert "1 test: 1 undecided" in block.notes


def test_of_several_differences_the_one_that_agrees_least_is_shown(settings_of, table_of, claim_of):
    pairs = (Difference(variant="center", minus="plain"), Difference(variant="center", minus="other"))
    contrast = {"compared": Contrast(pairs=pairs, metrics=("ua",))}
    table = table_of({}, {"minus": "other", "value": 1.0, "p_value": 0.3})
    for expect, shown in (("higher", "+1.0"), ("lower", "+3.0"), ("not_lower", "+1.0"), ("same", "+3.0")):
        (block,) = layout_of(settings_of(a=claim_of(contrasts=contrast, expect=expect)), table).blocks
        assert block.scores.loc[0, "effect [95 %]"].startswith(f"{shown} [+1.0, +5.0] points; least of 2: ua of ")


def test_information_is_in_nats_with_three_decimals(settings_of, table_of, claim_of):
    table = table_of({"metric": "content_rhythm_above_null_difference", "value": 0.0314})
    (block,) = layout_of(settings_of(a=claim_of(metric="content_rhythm_above_null")), table).blocks
    assert block.scores.loc[0, "effect [95 %]"].startswith("+0.031 [")
    assert block.scores.loc[0, "effect [95 %]"].endswith("] nats")


def test_claims_without_a_table_are_one_list_at_the_end_with_the_studies_that_test_them(
    settings_of, table_of, claim_of
):
    contrast = claim_of().contrasts["compared"]
    claims = {"a": claim_of(), "b": claim_of(contrasts={"swept": contrast}, primary=False)}
    *_, last = layout_of(settings_of(**claims), table_of()).blocks
    assert last.heading == "Not tested here"
    assert last.scores.to_dict("records") == [
        {"claim": "center is better than plain.", "source": "Paper 2019", "tested by the studies": "one, two"}
    ]
    settings = settings_of(**claims)
    for studies, shown in (((), "none"), (tuple("abcdef"), "a, b, c, d and 2 more")):
        *_, last = layout_of(settings.model_copy(update={"studies": {"swept": studies}}), table_of()).blocks
        assert last.scores.loc[0, "tested by the studies"] == shown


def test_a_study_without_a_tested_claim_has_the_list_alone(settings_of, claim_of):
    settings = settings_of(a=claim_of()).model_copy(update={"tables": {}})
    (block,) = ledger_layout(make_ledger(settings, {}, {})).blocks
    assert block.heading == "Not tested here"


def test_all_forms_are_written_with_hostile_text_escaped(settings_of, table_of, tmp_path, claim_of):
    settings = settings_of(a=claim_of(claim=HOSTILE))
    files = {form: tmp_path / f"claims.{form}" for form in ("csv", "md", "tex", "html")}
    write_ledger(make_ledger(settings, {"compared": table_of()}, {}), **files)
    html = files["html"].read_text()
    assert "<h3>Paper 2019</h3>" in html
    assert "<script" not in html
    assert "&lt;script&gt;&amp; (primary)" in html
    assert r"\textless{}script\textgreater{}\&" in files["tex"].read_text()
    assert r"\<script>" in files["md"].read_text()
