from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emofactors.config.tables.factor_ablation import FactorAblationTable
from emofactors.config.tasks import TaskConfig
from emofactors.errors import InputError
from emofactors.evaluation.statistics.estimates import ONE_SEED
from emofactors.report.tables.factor_ablation import blocks, collect, findings, remarks
from emofactors.report.tables.tidy import tidy_frame

CLASSES = ("anger", "happiness", "sadness", "neutral")
TASK = TaskConfig(corpus="berlin", classes=CLASSES, protocol="speaker_groups", folds=3, dev_speakers=1)
CROSS_TASKS = {"berlin4": {"name": "surrey4", "corpus": "surrey"}}
KEYS = {
    "kind": "factor_ablation",
    "title": "Factors",
    "caption": "c",
    "system": "classifier",
    "conditions": {"raw": "raw", "none": "none", "content": "C", "rhythm": "R", "pitch": "P"},
    "decomposers": {"original": "original", "cycle": "cycle loss"},
    "published_ablation": {
        "label": "reported for IEMOCAP",
        "where": "a note",
        "values": {"cycle": {"raw": (59.08, 45.0), "content": (47.41, 44.17)}},
    },
}
TABLE = FactorAblationTable(**KEYS)
NORMALISED = {"raw": "raw", "raw_speaker_normalised": "by speaker", **KEYS["conditions"]}


#: Condition -> speakers who have one more correct utterance per class.
_BETTER = {
    "raw": (1, 3, 5),
    "none": (1, 2, 3),
    "content": (3, 4, 5),
    "rhythm": (0, 1, 2),
    "pitch": (0, 2, 4),
    "normalised": (0, 3, 4),
}


def confusion(fraction, condition, *, folds, constant=False):
    """Ten utterances of each of six speakers and class, a fraction of them correct; or one predicted class each.

    Half of the speakers have one more correct. Two seeds are alike.
    """
    rows = []
    for seed, s, (i, truth) in product((0, 1), range(6), enumerate(CLASSES)):
        key = (s // 2 if folds else 0, seed, f"s{s}", truth)
        if constant:
            rows.append((*key, CLASSES[s % 4], 10))
            continue
        n_correct = round(10 * fraction) + (s in _BETTER.get(condition, ()))
        rows.append((*key, truth, n_correct))
        rows.append((*key, CLASSES[(i + 1) % 4], 10 - n_correct))
    return pd.DataFrame(rows, columns=["fold", "seed", "speaker", "truth", "prediction", "count"])


@pytest.fixture
def inputs(inputs_of, tmp_path):
    """Function of a table: its inputs, with an evaluation of every row on both corpora."""

    def make(table=TABLE, *, has_leak=False, cross_tasks=CROSS_TASKS):
        fractions = {"raw": 0.7, "content": 0.4, "rhythm": 0.6, "pitch": 0.3}
        files = []
        for row, (system, variant) in table.runs.items():
            for test in ("on_berlin4", "on_surrey4"):
                variant_of_test = table.reconstructed_variant(row)
                folder = tmp_path / "evaluation" / "berlin4" / system / variant / test
                folder /= f"reconstructed_{variant_of_test}" if variant_of_test else ""
                folder.mkdir(parents=True, exist_ok=True)
                condition = row.rsplit("_", 1)[-1]
                is_constant = condition == "none" and not has_leak
                folds = test == "on_berlin4"
                counts = confusion(fractions.get(condition, 0.3), condition, folds=folds, constant=is_constant)
                counts.to_csv(folder / "confusion.csv", index=False)
                files.append(str(folder / "confusion.csv"))
        return inputs_of(table, {"berlin4": TASK}, evaluations=tuple(files), cross_tasks=cross_tasks)

    return make


def value(tidy, row, metric):
    return tidy[(tidy["variant"] == row) & (tidy["metric"] == metric) & (tidy["minus"] == "")]["value"].item()


# --- numbers -------------------------------------------------------------------------------------------------


def test_a_score_is_the_mean_ua_of_the_speakers(inputs):
    tidy = tidy_frame(collect(inputs()))
    assert value(tidy, "raw", "speaker_ua") == pytest.approx(75)  # 70 and 80 % in turn
    assert value(tidy, "cycle_rhythm", "cross_ua") == pytest.approx(65)
    cross = tidy[tidy["metric"] == "cross_ua"].iloc[0]
    assert cross["corpus"] == "Surrey"
    assert cross["protocol"].endswith("; tested on all of surrey4")


def test_a_classifier_that_predicts_one_class_per_fold_scores_chance_exactly(inputs):
    tidy = tidy_frame(collect(inputs()))
    for metric in ("speaker_ua", "cross_ua"):
        assert value(tidy, "original_none", metric) == 25.0


def test_a_row_without_factors_above_chance_stops_the_table(inputs):
    with pytest.raises(
        InputError, match=r"row 'original_none' has UA 35\.00 % on berlin4; expected exactly 25\.00 %"
    ):
        collect(inputs(has_leak=True))


def test_rows_are_compared_with_original_speech_and_decomposers_with_each_other(inputs):
    families = TABLE.comparisons
    assert [len(family) for family in families] == [3, 3, 3, 3, 3]
    pairs = [pair for family in families for pair in family]
    assert ("original_content", "raw") in pairs
    assert ("cycle_content", "original_content") in pairs
    assert not any("none" in row for pair in pairs for row in pair)
    tidy = tidy_frame(collect(inputs()))
    differences = tidy[tidy["metric"] == "speaker_ua_difference"].set_index(["variant", "minus"])
    assert differences.loc[("original_content", "raw"), "value"] == pytest.approx(-30)
    assert (differences["p_holm"] >= differences["p_value"]).all()
    of_speakers = [-30, -40, -30, -30, -20, -30]
    assert differences.loc[("original_content", "raw"), "p_value"] == pytest.approx(
        stats.ttest_1samp(of_speakers, 0).pvalue
    )
    assert differences.loc[("cycle_content", "original_content"), "p_value"] == 1


def test_single_factors_of_each_decomposer_are_a_family(inputs):
    *_, original, cycle = TABLE.comparisons
    assert list(original) == [
        ("original_rhythm", "original_content"),
        ("original_rhythm", "original_pitch"),
        ("original_content", "original_pitch"),
    ]
    assert list(cycle) == [
        (row.replace("original", "cycle"), minus.replace("original", "cycle")) for row, minus in original
    ]
    tidy = tidy_frame(collect(inputs())).set_index(["variant", "minus", "metric"])
    for metric in ("speaker_ua_difference", "cross_ua_difference"):
        assert tidy.loc[("cycle_rhythm", "cycle_content", metric), "value"] == pytest.approx(20)
        assert tidy.loc[("cycle_content", "cycle_pitch", metric), "value"] == pytest.approx(10)
    without_pitch = {key: label for key, label in KEYS["conditions"].items() if key != "pitch"}
    families = FactorAblationTable(**KEYS | {"conditions": without_pitch}).comparisons
    assert [len(family) for family in families] == [2, 2, 2]


def test_speech_normalised_by_speaker_is_compared_with_original_speech_and_with_pitch(inputs):
    table = FactorAblationTable(**KEYS | {"conditions": NORMALISED})
    *others, family = table.comparisons
    assert tuple(others) == TABLE.comparisons
    assert list(family) == [
        ("raw_speaker_normalised", "raw"),
        ("original_pitch", "raw_speaker_normalised"),
        ("cycle_pitch", "raw_speaker_normalised"),
    ]
    given = inputs(table)
    (block,) = blocks(given, tidy_frame(collect(given)))
    assert block.scores["kept"].to_list() == list(NORMALISED.values())
    assert block.scores.iloc[1, 2] == block.scores.iloc[1, 4] != ""  # one row for both decomposers
    assert block.differences["difference"].to_list()[-3:] == [
        "by speaker minus raw",
        "original: P minus by speaker",
        "cycle loss: P minus by speaker",
    ]


def test_runs_on_another_corpus_are_counted_one_by_one(inputs):
    tidy = tidy_frame(collect(inputs())).set_index(["variant", "metric"])
    assert tidy.loc[("raw", "speaker_ua"), ["n_runs", "n_seeds"]].tolist() == [6, 2]
    assert tidy.loc[("raw", "cross_ua"), ["n_runs", "n_seeds"]].tolist() == [2, 2]


def test_a_frozen_classifier_is_tested_on_all_conditions(inputs):
    tidy = tidy_frame(collect(inputs(FactorAblationTable(**KEYS, frozen_classifier=True))))
    assert value(tidy, "raw", "speaker_ua") == pytest.approx(75)
    assert value(tidy, "cycle_content", "speaker_ua") == pytest.approx(45)


def test_a_speaker_who_lacks_a_class_is_left_out(inputs):
    given = inputs(FactorAblationTable(**KEYS | {"conditions": {"raw": "raw", "content": "C"}}), cross_tasks={})
    for path in given.evaluations:
        counts = pd.read_csv(path)
        counts[~((counts["speaker"] == "s1") & (counts["truth"] == "anger"))].to_csv(path, index=False)
    tidy = tidy_frame(collect(given))
    assert value(tidy, "raw", "speaker_ua") == pytest.approx(np.mean([70, 70, 80, 70, 80]))
    assert set(tidy["n_speakers"]) == {5}
    assert set(tidy["metric"]) == {"speaker_ua", "speaker_ua_difference"}


# --- layout --------------------------------------------------------------------------------------------------


def test_the_layout_is_that_of_the_source_with_published_values(inputs):
    given = inputs()
    (block,) = blocks(given, tidy_frame(collect(given)))
    assert block.heading == "berlin4: Berlin"
    of_ours = [
        f"{name}: {of} [95 %]"
        for name in ("original", "cycle loss")
        for of in ("UA by speaker", "UA, other corpus")
    ]
    assert list(block.scores.columns) == ["No", "kept", *of_ours, "reported for IEMOCAP: cycle loss"]
    number, label, *ours, published = block.scores.iloc[0]
    assert (number, label, published) == ("1", "raw", "59.08 / 45.00")
    assert len(set(ours)) == 1  # row 1 is the same for both decomposers, here on both corpora, too
    assert ours[0].startswith("75.0 [")
    assert [cell.split(" ")[0] for cell in block.scores.iloc[1, 2:6]] == ["25.0"] * 4
    assert block.scores.iloc[1, 6] == ""
    assert len(block.differences) == 15
    assert block.differences.iloc[0].to_list()[0] == "original: C minus raw"
    assert block.differences["UA by speaker Holm"].iloc[0] == "0.0002"


def test_notes_state_both_tests_and_who_trained_the_decomposers(inputs):
    given = inputs()
    tidy = tidy_frame(collect(given))
    (block,) = blocks(given, tidy)
    own, other, classes, decomposers = block.notes
    assert own.startswith("test: Berlin; speaker-independent, 3 speaker groups")
    assert own.endswith("240 utterances of 6 speakers, 6 trainings per row")
    assert other.startswith("other corpus: Surrey; ")
    assert classes == "4 classes: anger, happiness, sadness, neutral"
    assert decomposers == "decomposers were trained on the training split of each fold, without test utterances"
    frozen = inputs(FactorAblationTable(**KEYS, frozen_classifier=True), cross_tasks={})
    (block,) = blocks(frozen, tidy)
    assert block.notes[-1] == "all rows test one classifier of original speech, which was not retrained"


def test_the_check_of_rows_without_factors_is_remarked():
    checked = "The row without factors was checked: UA is 100 / C for every speaker and training."
    assert remarks(TABLE)[-1] == checked
    assert checked not in remarks(FactorAblationTable(**KEYS | {"conditions": {"raw": "raw", "content": "C"}}))


def test_normalisation_by_speaker_is_remarked():
    assert any(remark.startswith("F0 is normalised") for remark in remarks(TABLE))
    assert not any("by speaker”" in remark for remark in remarks(TABLE))
    assert any(
        "In the row “by speaker” each Mel band" in remark
        for remark in remarks(FactorAblationTable(**KEYS | {"conditions": NORMALISED}))
    )


# --- findings ------------------------------------------------------------------------------------------------


def test_findings_name_the_best_factor_and_what_is_significant(inputs):
    given = inputs()
    ((_, sentences),) = ((found.task, found.sentences) for found in findings(given, tidy_frame(collect(given))))
    assert sentences[0].startswith("UA of the best single factor: rhythm 65.0 % [")
    assert sentences[0].endswith("; chance is 25.0 %.")
    text = " ".join(sentences)
    assert "Berlin: original speech has UA 75.0 % [" in text
    assert "“original”: of the single factors, rhythm has the highest UA: rhythm 65.0 %" in text
    assert text.count("speech without any factor has UA 25.00 %") == 4
    assert "Surrey, not the corpus of the training: original speech has UA 75.0 %" in text
    assert sentences[-1].startswith("Compared in pairs, ")


def test_one_seed_has_no_p_and_says_why(inputs):
    given = inputs(cross_tasks={})
    for path in given.evaluations:
        counts = pd.read_csv(path)
        counts[counts["seed"] == 0].to_csv(path, index=False)
    tidy = tidy_frame(collect(given))
    assert tidy["p_value"].isna().all()
    (block,) = blocks(given, tidy)
    assert f"test: differences have neither interval nor p: {ONE_SEED}" in block.notes
    assert not any("Compared in pairs" in sentence for sentence in findings(given, tidy)[0].sentences)


def test_equal_factors_have_no_best_one(inputs):
    given = inputs()
    tidy = tidy_frame(collect(given))
    is_single = tidy["variant"].isin([f"original_{f}" for f in ("content", "rhythm", "pitch")]) & (
        tidy["minus"] == ""
    )
    tidy.loc[is_single, "value"] = 50.0
    tidy.loc[tidy["metric"] == "speaker_ua_difference", "p_holm"] = 0.01
    text = " ".join(findings(given, tidy)[0].sentences)
    assert "“original”: every single factor has the same UA, 50.0 %" in text
    assert "15 of 15 differences in UA are significant (Holm, 5 %): original: C minus raw -30.0 points; " in text


def test_without_single_factors_original_speech_is_the_headline(inputs):
    given = inputs(FactorAblationTable(**KEYS | {"conditions": {"raw": "raw", "content": "C"}}))
    (found,) = findings(given, tidy_frame(collect(given)))
    assert found.headline.startswith("Berlin: original speech has UA 75.0 %")
