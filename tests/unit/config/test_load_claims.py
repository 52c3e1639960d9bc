import pytest
import yaml

from emofactors.config.load import load_study
from emofactors.config.load_claims import load_claims, studies_of_tables
from emofactors.errors import InputError


def test_every_source_has_claims_and_a_primary_one(config_dir):
    sources = load_claims(config_dir)
    assert set(sources) == {"dai_2019", "kim_2024", "li_2020", "sun_2021"}
    assert sum(len(source.claims) for source in sources.values()) >= 20
    for source in sources.values():
        assert 1 <= sum(claim.primary for claim in source.claims.values()) < len(source.claims)


def test_published_effects_are_differences_of_published_values(config_dir):
    """The numbers of config/claims/ are those of config/tables/, which state each value."""
    claims = load_claims(config_dir)["dai_2019"].claims
    table = yaml.safe_load((config_dir / "tables" / "center_loss.yaml").read_text())
    ua = {row: values["ua"] for row, values in table["published"][0]["values"].items()}
    for name, one, other in (
        ("center_helps_mel", "mel_center", "mel_softmax"),
        ("center_helps_stft", "stft_center", "stft_softmax"),
    ):
        assert f"{ua[one] - ua[other]:+.2f} points of UA ({ua[other]:.2f} to {ua[one]:.2f})" in {
            of.effect for of in claims[name].published
        }


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "claims/dai_2019.yaml",
            "{variant: mel_center, minus: mel_softmax}",
            "{variant: mel_center, minus: stft_softmax}",
            "claims/dai_2019.yaml: claims: center_helps_mel: contrasts: center_loss: pairs: is mel_center minus "
            "stft_softmax, expected a difference of the table (mel_center minus mel_softmax, ",
        ),
        (
            "claims/li_2020.yaml",
            "metrics: [speaker_linear]",
            "metrics: [speaker_information]",
            "claims: speaker_falls: contrasts: adversarial: metrics: is 'speaker_information', expected one of ua, ",
        ),
        ("claims/li_2020.yaml", "adversarial_gap:", "adversarial_gaps:", "adversarial_gaps.yaml: is missing"),
        ("claims/li_2020.yaml", "primary: true", "primery: true", "claims.speaker_falls.primery: is unknown"),
        (
            "tables/adversarial_gap.yaml",
            "- {variant: both, minus: none}",
            "- {variant: grl, minus: none}",
            "claims: gap_falls: contrasts: adversarial_gap: pairs: is both minus none, expected a difference",
        ),
    ],
)
def test_a_claim_without_its_difference_is_refused_with_file_and_key(
    request_of, changed_config, refusal, file, old, new, expected
):
    assert expected in refusal(request_of(), changed_config(file, old, new))


def test_a_difference_counts_in_either_direction(changed_config):
    pair = "{variant: mel_center, minus: mel_softmax}"
    folder = changed_config("claims/dai_2019.yaml", pair, "{variant: mel_softmax, minus: mel_center}")
    assert load_claims(folder)["dai_2019"].claims["center_helps_mel"].contrasts["center_loss"].pairs


def test_studies_of_a_table_without_changed_settings_come_first(changed_config):
    folder = changed_config()
    (folder / "studies" / "aa.yaml").write_text("study: aa\ntables: [center_loss]\nsystems: {cnn_bigru: {}}\n")
    (folder / "studies" / "broken.yaml").write_text("study: [")
    (folder / "studies" / "odd.yaml").write_text("study: odd\ntables: 3\n")
    studies = studies_of_tables(folder)["center_loss"]
    assert studies.index("emodb") < studies.index("aa") < studies.index("default")
    with pytest.raises(InputError):
        load_study(yaml.safe_load("study: odd\ntables: 3\n"), folder)
