"""The numbers in the text of docs/results/README.md are those of the reference tables."""

from pathlib import Path

import pandas as pd

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def test_the_text_on_three_protocols_has_the_numbers_of_the_tables():
    text = " ".join((RESULTS / "README.md").read_text(encoding="utf-8").split())
    tables = RESULTS / "emodb_transfer_quick"
    tasks = ["emodb7_random3_leaky", "emodb7_random3_augmented", "emodb7_groups3_augmented"]

    def wa(table, variant):
        rows = pd.read_csv(tables / f"{table}.csv").query(
            "variant == @variant and metric == 'wa' and minus.isna()"
        )
        return [f"{value:.1f}" for value in rows.set_index("column").loc[tasks, "value"]]

    first, second, third = wa("vit_protocols", "student")
    assert f"right in {first} % of test utterances" in text
    assert f"in {second} % where they are not, and in {third} % where the test speakers" in text
    first, second, third = wa("vit_transfer", "student_scratch")
    assert f"reaches {first}, {second} and {third} %" in text


def numbers_of(study, table):
    """Return a reference table of one task, indexed by variant, minus and metric."""
    tidy = pd.read_csv(RESULTS / study / f"{table}.csv", keep_default_na=False, na_values=[""])
    tidy["minus"] = tidy["minus"].fillna("")
    return tidy.set_index(["variant", "minus", "metric"])


def text_of(study):
    """Return the paragraph on one study."""
    paragraphs = (RESULTS / "README.md").read_text(encoding="utf-8").split("\n\n")
    (paragraph,) = [p for p in paragraphs if p.startswith(f"`{study}` is of")]
    return " ".join(paragraph.split())


def test_the_text_on_the_adversary_has_the_numbers_of_the_tables():
    for study, subject in (
        ("nemo_adversarial_quick", "the six training speakers"),
        ("synthetic_adversarial_quick", "the five training speakers"),
    ):
        text, compared = text_of(study), numbers_of(study, "adversarial")
        none, grl, entropy, both = (
            f"{compared.loc[(variant, '', 'speaker_linear'), 'value']:.1f} %"
            for variant in ("none", "grl", "entropy", "both")
        )
        chance = compared.loc[("none", "", "speaker_linear"), "chance"]
        assert f"{subject} (chance {chance:.1f} %) in {none} of their utterances without an adversary" in text
        assert (
            f"in {grl} with gradient reversal, in {entropy} with the entropy loss, and in {both} with both" in text
        )
        ua = {v: compared.loc[(v, "", "ua"), "value"] for v in ("none", "both", "functionals_svm/functionals")}
        assert f"UA is {ua['none']:.1f} % without and {ua['both']:.1f} % with both" in text
        assert f"have {ua['functionals_svm/functionals']:.1f} %" in text
        difference = compared.loc[("both", "none", "ua_difference")]
        assert f"{difference['value']:+.1f} points." in text
        gap = numbers_of(study, "adversarial_gap")
        held_out = {v: gap.loc[(v, "", "held_out_ua"), "value"] for v in ("none", "both")}
        assert f"is {held_out['none']:.1f} % without an adversary and {held_out['both']:.1f} % with both" in text


def test_the_text_has_the_weight_at_which_emotion_goes():
    weighted = numbers_of("nemo_adversarial_quick", "adversarial_weight").loc[("both_0.3", "", "ua"), "value"]
    assert f"At weight 0.3 the emotion goes with the speaker ({weighted:.1f} %)" in text_of(
        "nemo_adversarial_quick"
    )


def test_differences_of_one_seed_have_neither_interval_nor_p_and_no_verdict():
    """A difference of one seed is no finding: its interval and p-value would hold for these trainings alone."""
    n_differences = 0
    for file in RESULTS.rglob("*.csv"):
        tidy = pd.read_csv(file)
        differences = tidy[tidy["minus"].notna() & ~(tidy["n_seeds"] > 1)]
        n_differences += len(differences)
        assert differences[["ci_low", "ci_high", "p_value", "p_holm"]].isna().all(axis=None), file
        assert differences["no_p"].notna().all(), file
    assert n_differences > 100
    paragraphs = (RESULTS / "README.md").read_text(encoding="utf-8").split("\n\n")
    text = "\n".join(paragraph for paragraph in paragraphs if not paragraph.startswith("`emodb_quick` is"))
    assert text.count("is of ") >= 4
    for word in ("is shown", "are shown", "significant", "p 0."):
        assert word not in text


def test_the_text_on_the_factors_has_the_numbers_of_the_tables():
    for study in ("synthetic_factors_quick", "nemo_factors_quick"):
        text = text_of(study)
        ablation, information = (
            numbers_of(study, "factor_ablation_small"),
            numbers_of(study, "code_information_small"),
        )
        ua = {
            condition: [
                ablation.loc[(f"{d}_{condition}", "", "speaker_ua"), "value"]
                for d in ("original_small", "cycle_small")
            ]
            for condition in ("none", "content", "rhythm", "pitch")
        }
        assert ua.pop("none") == [25.0, 25.0]
        for original, cycle in ua.values():
            assert (
                f"{original:.1f} and {cycle:.1f} %" in text
                or f"{original:.1f} % (original) and {cycle:.1f} %" in text
            )
        raw = ablation.loc[("raw", "", "speaker_ua"), "value"]
        assert f"{raw:.1f} %" in text
        errors = [information.loc[(v, "", "mel_error"), "value"] for v in ("original_small", "cycle_small")]
        mean = information.loc[("cycle_small", "", "mean_spectrogram_error"), "value"]
        assert f"{errors[0]:.4f} (original) and {errors[1]:.4f} (cycle loss)" in text
        assert f"{mean:.4f}" in text
        assert max(errors) < mean
        difference = information.loc[("cycle_small", "original_small", "content_rhythm_above_null_difference")]
        assert f"{difference['value']:+.3f} nats" in text


def test_the_text_on_another_corpus_has_the_numbers_of_the_table():
    ablation = numbers_of("nemo_factors_quick", "factor_ablation_small")
    difference = ablation.loc[("original_small_pitch", "raw", "cross_ua_difference")]
    assert f"{difference['value']:+.1f} points from the" in text_of("nemo_factors_quick")
    for decomposer in ("original_small", "cycle_small"):
        for factor in ("content", "rhythm"):
            assert ablation.loc[(f"{decomposer}_{factor}", "raw", "cross_ua_difference"), "value"] < 0


def test_the_text_on_the_true_factors_has_the_numbers_of_the_table():
    factors, text = (
        numbers_of("synthetic_factors_quick", "true_factors_small"),
        text_of("synthetic_factors_quick"),
    )

    def value_of(variant, code, factor, metric):
        return f"{factors.loc[(variant, '', f'{code}_{factor}_{metric}'), 'value']:.2f}"

    sentence = [value_of(v, "content", "sentence", "skill") for v in ("original_small", "cycle_small")]
    assert f"with a skill of {sentence[0]} (original) and {sentence[1]} (cycle loss)" in text
    pitch = [value_of(v, "pitch", "pitch", "r2") for v in ("original_small", "cycle_small")]
    assert f"(R² {pitch[0]} and {pitch[1]}," in text
    for variant in ("original_small", "cycle_small"):
        rates = [value_of(variant, code, "rate", "r2") for code in ("content", "rhythm")]
        assert f"({rates[0]} against {rates[1]})" in text


def test_the_text_on_repetitions_has_the_numbers_of_the_tables():
    text = " ".join((RESULTS / "README.md").read_text(encoding="utf-8").split())
    networks = ["mel_softmax", "mel_center", "stft_softmax", "stft_center"]

    def listed(numbers):
        first, second, third, fourth = (f"{numbers.loc[(row, '', 'ua'), 'value']:.1f}" for row in networks)
        return f"{first}, {second}, {third} and {fourth} %"

    reference = numbers_of("emodb_quick", "center_loss")
    avx2 = numbers_of("emodb_quick/repetitions/avx2", "center_loss")
    assert f"UA of the four networks was {listed(avx2)} instead of {listed(reference)}" in text
    gains = [numbers.loc[("mel_center", "mel_softmax", "ua_difference"), "value"] for numbers in (reference, avx2)]
    assert f"was {gains[0]:+.1f} points in one and {gains[1]:+.1f} in the other" in text
    svm = ("functionals_svm/functionals", "", "ua")
    assert reference.loc[svm, "value"] == avx2.loc[svm, "value"]
