import pytest

from emofactors.config.claims import Claim, ClaimSource, LedgerSettings
from emofactors.config.load import load_study
from emofactors.plan.report import ReportPlan

LEAST = {"seeds": 3, "speakers": 8, "why": "a reason"}
CLAIM = {
    "claim": "A is better.",
    "stated": "abstract",
    "expect": "higher",
    "contrasts": {
        "center_loss": {"pairs": [{"variant": "mel_center", "minus": "mel_softmax"}], "metrics": ["ua"]}
    },
    "least": LEAST,
    "margin": [1.0, "a reason"],
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"margin": None}, "'margin': expected it"),
        ({"least": None}, "'least': expected it"),
        ({"margin": [0.0, "why"]}, "greater than 0"),
        ({"expect": "better"}, "Input should be 'higher', 'lower', 'not_lower' or 'same'"),
        ({"contrasts": {}}, "at least 1 item"),
        ({"least": LEAST | {"seeds": 1}}, "greater than or equal to 2"),
    ],
)
def test_an_incomplete_claim_is_refused(changes, expected):
    with pytest.raises(ValueError, match=expected):
        Claim(**CLAIM | changes)


def test_flops_need_no_test_and_stand_alone():
    pairs = CLAIM["contrasts"]["center_loss"]["pairs"]
    of_costs = CLAIM | {
        "expect": "lower",
        "contrasts": {"center_loss": {"pairs": pairs, "metrics": ["flops"]}},
        "least": None,
        "margin": None,
    }
    assert Claim(**of_costs).is_of_costs
    assert not Claim(**CLAIM).is_of_costs
    for changes, expected in (
        ({"expect": "higher"}, "has no p-value"),
        ({"primary": True}, "has no p-value"),
        ({"least": LEAST}, "'least': expected none, as 'flops' needs no test"),
        ({"contrasts": {"center_loss": {"pairs": pairs, "metrics": ["ua", "flops"]}}}, "expected it alone"),
    ):
        with pytest.raises(ValueError, match=expected):
            Claim(**of_costs | changes)


def test_a_source_without_a_primary_claim_is_refused():
    with pytest.raises(ValueError, match="expected at least one"):
        ClaimSource(source="Paper", label="P", claims={"a": CLAIM})
    assert ClaimSource(source="Paper", label="P", claims={"a": CLAIM | {"primary": True}}).claims["a"].primary


def test_settings_of_a_decomposer_count_as_changes_of_its_classifiers(request_of, config_dir):
    study = load_study(request_of(), config_dir)
    settings = LedgerSettings(**ReportPlan(study).claims(None))
    rows = ("cycle_small_rhythm", "cycle_small_content")
    changed = settings.changed_settings("factor_ablation_single_small", rows)
    assert set(changed) == {"factor_classifier", "speechflow"}
    assert changed["speechflow"] == ("batch_size", "crop_frames", "max_steps", "reconstructed_frames")


def test_settings_that_the_study_leaves_or_changes_elsewhere_are_no_changes(request_of, config_dir):
    systems = {"cnn_bigru": {"batch_size": 32, "variants": {"stft_center": {"max_steps": 500}}}}
    study = load_study(request_of(systems=systems, tables=["center_loss"], figures=[]), config_dir)
    settings = LedgerSettings(**ReportPlan(study).claims(None))
    assert settings.changed_settings("center_loss", ("mel_center", "mel_softmax")) == {}
    changed = settings.changed_settings("center_loss", ("stft_center", "stft_softmax"))
    assert changed == {"cnn_bigru": ("max_steps",)}
    assert settings.are_published("center_loss", ("mel_center",))
