"""The measured results kept in docs: what the words say of them is what the tables say."""

from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def test_the_words_on_three_protocols_are_the_numbers_of_the_tables():
    words = " ".join((RESULTS / "README.md").read_text(encoding="utf-8").split())
    tables = RESULTS / "emodb_transfer_quick"
    tasks = ["emodb7_random3_leaky", "emodb7_random3_augmented", "emodb7_groups3_augmented"]

    def wa(table, variant):
        rows = pd.read_csv(tables / f"{table}.csv").query(
            "variant == @variant and metric == 'wa' and minus.isna()"
        )
        return [f"{value:.1f}" for value in rows.set_index("column").loc[tasks, "value"]]

    first, second, third = wa("vit_protocols", "student")
    assert f"right in {first} % of test utterances" in words
    assert f"in {second} % where they are not, and in {third} % where the test speakers" in words
    first, second, third = wa("vit_transfer", "student_scratch")
    assert f"reaches {first}, {second} and {third} %" in words


def numbers_of(study, table):
    """(variant, minus, metric) -> value, interval and corrected p of a kept table of one task."""
    tidy = pd.read_csv(RESULTS / study / f"{table}.csv", keep_default_na=False, na_values=[""])
    tidy["minus"] = tidy["minus"].fillna("")
    return tidy.set_index(["variant", "minus", "metric"])


def words_of(study):
    """The paragraph on one study."""
    paragraphs = (RESULTS / "README.md").read_text(encoding="utf-8").split("\n\n")
    (paragraph,) = [p for p in paragraphs if p.startswith(f"`{study}` is of")]
    return " ".join(paragraph.split())


def test_the_words_on_the_adversary_are_the_numbers_of_the_tables():
    for study, subject in (
        ("nemo_adversarial_quick", "the six training speakers"),
        ("synthetic_adversarial_quick", "the five training speakers"),
    ):
        words, compared = words_of(study), numbers_of(study, "adversarial")
        none, grl, entropy, both = (
            f"{compared.loc[(variant, '', 'speaker_linear'), 'value']:.1f} %"
            for variant in ("none", "grl", "entropy", "both")
        )
        chance = compared.loc[("none", "", "speaker_linear"), "chance"]
        assert f"{subject} (chance {chance:.1f} %) in {none} of their utterances without an adversary" in words
        assert (
            f"in {grl} with gradient reversal, in {entropy} with the entropy loss, and in {both} with both"
            in words
        )
        ua = {v: compared.loc[(v, "", "ua"), "value"] for v in ("none", "both", "functionals_svm/functionals")}
        assert f"UA is {ua['none']:.1f} % without and {ua['both']:.1f} % with both" in words
        assert f"have {ua['functionals_svm/functionals']:.1f} %" in words
        less = compared.loc[("both", "none", "ua_difference")]
        assert f"{less['value']:+.1f} points [{less['ci_low']:+.1f}, {less['ci_high']:+.1f}]" in words
        gap = numbers_of(study, "adversarial_gap")
        seen = {v: gap.loc[(v, "", "held_out_ua"), "value"] for v in ("none", "both")}
        assert f"is {seen['none']:.1f} % without an adversary and {seen['both']:.1f} % with both" in words


def test_what_is_said_to_be_shown_of_the_adversary_is_shown():
    compared = numbers_of("nemo_adversarial_quick", "adversarial")
    assert "each difference is shown (p 0.047, corrected by Holm)" in words_of("nemo_adversarial_quick")
    for variant in ("grl", "entropy", "both"):
        less = compared.loc[(variant, "none", "speaker_linear_difference")]
        assert less["ci_high"] < 0
        for probe, table in (("speaker_mlp", "adversarial"), ("speaker_held_out", "adversarial_gap")):
            if table == "adversarial" or variant == "both":  # the gap compares both with none alone
                others = numbers_of("nemo_adversarial_quick", table)
                assert others.loc[(variant, "none", f"{probe}_difference"), "ci_high"] < 0
        assert round(less["p_holm"], 3) == 0.047
    less = numbers_of("synthetic_adversarial_quick", "adversarial").loc[
        ("both", "none", "speaker_linear_difference")
    ]
    assert f"{-less['value']:.0f} points less than without" in words_of("synthetic_adversarial_quick")
    assert less["ci_high"] < -10, "an interval far from 0"
    assert less["p_holm"] > 0.05
    lost = numbers_of("nemo_adversarial_quick", "adversarial_weight").loc[("both_0.3", "", "ua"), "value"]
    assert f"At weight 0.3 the emotion goes with the speaker ({lost:.1f} %)" in words_of("nemo_adversarial_quick")


def test_the_words_on_the_factors_are_the_numbers_of_the_tables():
    for study in ("synthetic_factors_quick", "nemo_factors_quick"):
        words = words_of(study)
        judged, shared = numbers_of(study, "factor_ablation_small"), numbers_of(study, "code_information_small")
        ua = {
            condition: [
                judged.loc[(f"{d}_{condition}", "", "speaker_ua"), "value"]
                for d in ("original_small", "cycle_small")
            ]
            for condition in ("none", "content", "rhythm", "pitch")
        }
        assert ua.pop("none") == [25.0, 25.0]
        for original, cycle in ua.values():
            assert (
                f"{original:.1f} and {cycle:.1f} %" in words
                or f"{original:.1f} % (original) and {cycle:.1f} %" in words
            )
        raw = judged.loc[("raw", "", "speaker_ua"), "value"]
        assert f"{raw:.1f} %" in words
        errors = [shared.loc[(v, "", "mel_error"), "value"] for v in ("original_small", "cycle_small")]
        mean = shared.loc[("cycle_small", "", "mean_spectrogram_error"), "value"]
        assert f"{errors[0]:.4f} (original) and {errors[1]:.4f} (cycle loss)" in words
        assert f"{mean:.4f}" in words
        assert max(errors) < mean
        less = shared.loc[("cycle_small", "original_small", "content_rhythm_above_null_difference")]
        assert f"{less['value']:+.3f} nats [{less['ci_low']:+.3f}, {less['ci_high']:+.3f}]" in words
        assert less["ci_low"] < 0 < less["ci_high"], "no effect is shown"


def test_what_is_said_to_be_shown_of_the_factors_is_shown():
    judged = numbers_of("nemo_factors_quick", "factor_ablation_small")
    assert (judged[judged.index.get_level_values("metric") == "speaker_ua_difference"]["p_holm"] > 0.05).all()
    gain = judged.loc[("original_small_pitch", "raw", "cross_ua_difference")]
    words = f"{gain['value']:+.1f} points [{gain['ci_low']:+.1f}, {gain['ci_high']:+.1f}], p {gain['p_holm']:.3f} by Holm"
    assert words in words_of("nemo_factors_quick")
    for decomposer in ("original_small", "cycle_small"):
        for factor in ("content", "rhythm"):
            less = judged.loc[(f"{decomposer}_{factor}", "raw", "cross_ua_difference")]
            assert less["value"] < 0
            assert less["p_holm"] <= 0.05
    shared = numbers_of("nemo_factors_quick", "code_information_small")
    more = shared.loc[("cycle_small", "original_small", "spectrogram_content_above_null_difference")]
    assert more["value"] > 0
    assert f"(p {more['p_holm']:.3f})" in words_of("nemo_factors_quick")
    assert (numbers_of("synthetic_factors_quick", "factor_ablation_small")["p_holm"].dropna() > 0.05).all()


def test_the_words_on_the_true_factors_are_the_numbers_of_the_table():
    truth, words = (
        numbers_of("synthetic_factors_quick", "true_factors_small"),
        words_of("synthetic_factors_quick"),
    )

    def told(variant, code, factor, measure):
        return f"{truth.loc[(variant, '', f'{code}_{factor}_{measure}'), 'value']:.2f}"

    sentence = [told(v, "content", "sentence", "skill") for v in ("original_small", "cycle_small")]
    assert f"with a skill of {sentence[0]} (original) and {sentence[1]} (cycle loss)" in words
    pitch = [told(v, "pitch", "pitch", "r2") for v in ("original_small", "cycle_small")]
    assert f"(R² {pitch[0]} and {pitch[1]}," in words
    for variant in ("original_small", "cycle_small"):
        rates = [told(variant, code, "rate", "r2") for code in ("content", "rhythm")]
        assert f"({rates[0]} against {rates[1]})" in words


def test_the_words_on_repetitions_are_the_numbers_of_their_tables():
    words = " ".join((RESULTS / "README.md").read_text(encoding="utf-8").split())
    networks = ["mel_softmax", "mel_center", "stft_softmax", "stft_center"]

    def listed(numbers):
        first, second, third, fourth = (f"{numbers.loc[(row, '', 'ua'), 'value']:.1f}" for row in networks)
        return f"{first}, {second}, {third} and {fourth} %"

    kept = numbers_of("emodb_quick", "center_loss")
    avx2 = numbers_of("emodb_quick/repetitions/avx2", "center_loss")
    assert f"UA of the four networks was {listed(avx2)} instead of {listed(kept)}" in words
    gains = [numbers.loc[("mel_center", "mel_softmax", "ua_difference"), "value"] for numbers in (kept, avx2)]
    assert f"was {gains[0]:+.1f} points in one and {gains[1]:+.1f} in the other" in words
    svm = ("functionals_svm/functionals", "", "ua")
    assert kept.loc[svm, "value"] == avx2.loc[svm, "value"]
