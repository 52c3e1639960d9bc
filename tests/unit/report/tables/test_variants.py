import numpy as np
import pandas as pd
import pytest

from emofactors.config.tables.variants import VariantsTable
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.scores import read_confusion, speaker_confusions
from emofactors.evaluation.statistics.estimates import ONE_SEED, OTHER_SPEAKERS, score_estimate
from emofactors.evaluation.statistics.holm import holm
from emofactors.evaluation.statistics.metrics import unweighted_accuracy, weighted_accuracy
from emofactors.report.tables.metrics import METRICS
from emofactors.report.tables.tidy import COLUMNS, tidy_frame
from emofactors.report.tables.variants import blocks, collect, findings, remarks

LABEL = "Elsewhere (A 2019)"
PUBLISHED = {
    "label": LABEL,
    "task": "elsewhere",
    "where": "t",
    "values": {"plain": {"ua": 60.0}, "center": {"ua": 63}},
}
KEYS = {"title": "Losses", "caption": "Two losses.", "system": "net"}
TABLE = VariantsTable(
    rows={"plain": "softmax", "center": "softmax + center"},
    differences=[{"variant": "center", "minus": "plain"}],
    published=[PUBLISHED],
    **KEYS,
)
SWEEP = VariantsTable(rows={"plain": 0, "center": 0.3}, axis="lambda", published=[PUBLISHED], **KEYS)


def numbers(table, values, *, difference=0.012, half_width=4.0, **changes):
    """Tidy table of one task: metric -> row -> value; differences have the given corrected p-value."""
    shared = {"column": "speakers", "corpus": "Berlin", "protocol": "p", "n_runs": 8, "n_utterances": 390}
    shared |= {"n_speakers": 10, "minus": "", "chance": 12.5, "se_trainings": 1.0, "no_p": ""}
    rows = []
    for metric, of_rows in values.items():
        for row, value in of_rows.items():
            rows.append(shared | {"metric": metric, "row": table.label(row), "variant": row, "value": value})
        for pair in table.differences:
            label, value = table.label(pair.variant, pair.minus), of_rows[pair.variant] - of_rows[pair.minus]
            rows.append(
                shared
                | {"metric": f"{metric}_difference", "row": label, "variant": pair.variant, "minus": pair.minus}
                | {"value": value, "p_value": difference / 2, "p_holm": difference}
            )
    tidy = pd.DataFrame(rows).reindex(columns=list(COLUMNS))
    return tidy.assign(ci_low=tidy["value"] - half_width, ci_high=tidy["value"] + half_width).assign(**changes)


def scores(plain=60.0, center=66.0, **options):
    """Numbers of a table with two rows."""
    table = options.pop("table", TABLE)
    return numbers(table, {metric: {"plain": plain, "center": center} for metric in ("ua", "wa")}, **options)


@pytest.fixture
def sentences(inputs_of, task):
    """Function of a table and its numbers: the findings of its only task."""

    def make(table, tidy, **changes):
        found = findings(inputs_of(table, {"speakers": task}, **changes), tidy)
        return list(found[0].sentences) if found else []

    return make


@pytest.fixture
def block(inputs_of, task):
    """Function of a table and its numbers: its only block."""

    def make(table, tidy, of_task=task, **changes):
        (made,) = blocks(inputs_of(table, {"speakers": of_task}, **changes), tidy)
        return made

    return make


# --- numbers -------------------------------------------------------------------------------------------------


def test_differences_are_paired_and_corrected_over_all_of_a_task(inputs_of, task, write_evaluation, classes):
    files = [*write_evaluation("net/plain", 0.5), *write_evaluation("net/center", 0.7)]
    tidy = tidy_frame(collect(inputs_of(TABLE, {"speakers": task}, evaluations=files)))
    plain, center = (
        speaker_confusions(read_confusion(next(f for f in files if f"{v}/on_speakers/confusion" in f)), classes)
        for v in ("plain", "center")
    )
    speakers = ("08", "09", "10", "11")
    differences = tidy[tidy["minus"] != ""]
    assert differences["metric"].to_list() == ["ua_difference", "wa_difference"]
    for (_, row), formula in zip(differences.iterrows(), (unweighted_accuracy, weighted_accuracy), strict=True):
        one, other = (score_estimate(of, speakers, formula) for of in (center, plain))
        expected = one.minus(other).test()
        assert row["row"] == "softmax + center minus softmax"
        assert [row["value"], row["ci_low"], row["ci_high"]] == pytest.approx(
            [100 * expected.value, 100 * expected.low, 100 * expected.high]
        )
        assert (row["p_value"], row["no_p"]) == (expected.p_value, "")
        assert [row["se_speakers"], row["se_trainings"], row["df"]] == pytest.approx(
            [100 * expected.se_speakers, 0.0, 3]  # each training tests one speaker
        )
        assert (row["n_runs"], row["n_seeds"], row["n_utterances"], row["n_speakers"]) == (16, 2, 48, 4)
    np.testing.assert_array_equal(differences["p_holm"], holm(differences["p_value"].to_numpy()))


def test_rows_of_several_systems_are_compared_over_all_metrics(inputs_of, task, write_evaluation):
    table = VariantsTable(
        title="t",
        caption="c",
        rows={"net/plain": "network", "svm/plain": "functionals"},
        metrics=list(METRICS),
        differences=[{"variant": "net/plain", "minus": "svm/plain"}],
    )
    files = [
        *write_evaluation("net/plain", 0.8, probes=True),
        *write_evaluation("svm/plain", 0.3, seeds=(0,), probes=True),
    ]
    tidy = tidy_frame(collect(inputs_of(table, {"speakers": task}, evaluations=files)))
    differences = tidy[tidy["minus"] == "svm/plain"].set_index("metric")
    assert list(differences.index) == [f"{metric}_difference" for metric in METRICS]
    assert set(differences["n_runs"]) == {8 + 4}
    has_p = differences["p_value"].notna()
    assert list(differences.index[~has_p]) == ["speaker_information_difference", "emotion_information_difference"]
    np.testing.assert_allclose(
        differences.loc[has_p, "p_holm"], holm(differences.loc[has_p, "p_value"].to_numpy())
    )
    assert differences.loc[~has_p, "p_holm"].isna().all()
    information = differences.loc["speaker_information_difference", "value"]
    one, other = (tidy[(tidy["metric"] == "speaker_information") & (tidy["variant"] == row)] for row in table.rows)
    assert information == pytest.approx(one["value"].item() - other["value"].item())


# --- layout --------------------------------------------------------------------------------------------------


def test_scores_have_one_row_per_variant_and_chance(block):
    made = block(TABLE, scores(plain=66.864917, half_width=5.0))
    assert made.heading == "speakers: Berlin"
    assert list(made.scores.columns) == ["setting", "UA [95 %]", "WA [95 %]", f"{LABEL}: UA"]
    assert made.scores.iloc[0].to_list() == ["softmax", "66.9 [61.9, 71.9]", "66.9 [61.9, 71.9]", "60.00"]
    assert made.scores.iloc[-1].to_list() == ["chance", "12.5", "12.5", ""]
    columns = [f"{m} {c}" for m in ("UA", "WA") for c in ("[95 %]", "p", "Holm")]
    assert list(made.differences.columns) == ["difference", *columns]
    assert made.differences.iloc[0].to_list()[1:4] == ["-0.9 [-5.9, +4.1]", "0.0060", "0.0120"]


def test_comparable_published_values_are_next_to_ours(block):
    tidy = scores().assign(published=np.where(scores()["variant"] == "plain", 60.0, np.nan))
    means = tidy[tidy["minus"] == ""].assign(metric=lambda table: table["metric"] + "_fold_mean", ci_low=np.nan)
    table = TABLE.model_copy(update={"published": (TABLE.published[0].model_copy(update={"task": "speakers"}),)})
    made = block(table, pd.concat([tidy, means], ignore_index=True))
    assert list(made.scores.columns) == [
        *("setting", "UA [95 %]", "UA fold mean", "UA published", "WA [95 %]", "WA fold mean")
    ]
    assert made.scores.iloc[0].to_list()[1:4] == ["60.0 [56.0, 64.0]", "60.0", "60.00"]


def test_with_many_metrics_each_difference_has_a_row(block):
    table = TABLE.model_copy(update={"metrics": tuple(METRICS)})
    values = {
        metric: {"plain": 60.0, "center": 66.0} if spec.is_percentage else {"plain": 0.4321, "center": -0.00004}
        for metric, spec in METRICS.items()
    }
    tidy = numbers(table, values)
    is_information = tidy["metric"].str.contains("information")
    tidy.loc[is_information, ["ci_low", "ci_high", "p_value", "p_holm"]] = np.nan
    made = block(table, tidy)
    assert list(made.differences.columns) == ["difference", "of", "value [95 %]", "p", "Holm"]
    assert made.differences["of"].to_list() == [spec.header for spec in METRICS.values()]
    cells = made.differences.set_index("of")
    assert cells.loc["speaker, MLP probe"].to_list()[1:] == ["+6.0 [+2.0, +10.0]", "0.0060", "0.0120"]
    assert cells.loc["MI with speaker / nats"].to_list()[1:] == ["-0.432", "", ""]
    assert made.scores["MI with speaker / nats"].to_list() == ["0.432", "0.000", "12.500"]  # no negative zero


def test_a_sweep_names_its_axis(block):
    made = block(SWEEP, scores(table=SWEEP))
    assert made.scores["lambda"].to_list() == ["0", "0.3", "chance"]
    assert made.differences.empty


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({}, "no mean over folds: the test split of a fold lacks a class"),
        ({}, "the published values are of another corpus or protocol, in columns of their own"),
        (
            {"ci_low": np.nan},
            "some numbers have no interval: fewer than two speakers, or a class that only one of them speaks",
        ),
        (
            {"se_trainings": np.nan},
            f"intervals are over speakers alone, as the variance over trainings is unknown: {ONE_SEED}",
        ),
        ({"no_p": ONE_SEED}, f"differences have neither interval nor p: {ONE_SEED}"),
    ],
)
def test_notes_explain_what_is_missing(block, changes, note):
    assert note in block(TABLE, scores(**changes)).notes


def test_notes_are_left_out_if_they_do_not_apply(block):
    notes = block(TABLE.model_copy(update={"published": ()}), scores(n_speakers=20)).notes
    assert len(notes) == 4  # protocol, size, classes, no mean over folds
    assert notes[2] == "3 classes: anger, sadness, disgust"


def test_rows_left_out_and_changes_of_the_study_are_noted(block, system_of):
    table = TABLE.model_copy(update={"left_out": ("ComParE (package opensmile)",)})
    notes = block(table, scores(), systems={"net": system_of(overrides={"units": 8})}).notes
    assert "left out, as a package is not installed: ComParE (package opensmile)" in notes
    assert "not the published system: the study sets units 8" in notes


def test_a_difference_without_p_is_noted_with_its_reason(block):
    table = TABLE.model_copy(update={"metrics": ("ua", "held_out_gap")})
    tidy = numbers(table, {metric: {"plain": 60.0, "center": 66.0} for metric in table.metrics})
    tidy.loc[tidy["metric"] == "held_out_gap_difference", "no_p"] = OTHER_SPEAKERS
    notes = block(table, tidy).notes
    assert f"differences have neither interval nor p (softmax + center minus softmax): {OTHER_SPEAKERS}" in notes


def test_a_task_of_presence_explains_weighted_accuracy(block):
    presence = TaskConfig(
        corpus="berlin", classes=["anger", "absent"], protocol="leave_one_speaker_out", folds=4, dev_speakers=1
    )
    notes = block(TABLE, scores(), of_task=presence).notes
    assert any(note.startswith("whether anger is present: the literature on CMU-MOSEI") for note in notes)


def test_every_shown_metric_is_explained_once():
    table = TABLE.model_copy(update={"metrics": tuple(METRICS)})
    text = " ".join(remarks(table))
    assert all(text.count(spec.remark) == 1 for spec in METRICS.values())
    assert "a task, UA, WA, UA, training speakers, gap, " in text
    few = TABLE.model_copy(update={"metrics": ("ua", "emotion_information"), "differences": ()})
    assert len(remarks(few)) == 2
    assert METRICS["emotion_information"].remark in remarks(few)[1]
    assert "probe" not in " ".join(remarks(few))


# --- findings ------------------------------------------------------------------------------------------------


def test_the_headline_is_the_highest_ua_compared_with_chance(sentences):
    assert sentences(TABLE, scores())[:2] == [
        "UA is highest for “softmax + center”: 66.0 % [62.0, 70.0], above chance (33.3 %); its difference in UA "
        "is significant (Holm, 5 %).",
        "This UA is computed from 390 test utterances of 10 speakers and 8 trainings.",
    ]
    assert sentences(TABLE, scores(plain=36.0, center=22.0, difference=0.4))[0] == (
        "UA is highest for “softmax”: 36.0 % [32.0, 40.0], not significantly above chance (33.3 %); its "
        "difference in UA is not significant (Holm, 5 %)."
    )
    assert ", below chance (33.3 %)" in sentences(TABLE, scores(plain=6.0, center=22.0))[0]


def test_a_score_without_interval_is_not_compared(sentences):
    nothing = {"ci_low": np.nan, "ci_high": np.nan, "p_holm": np.nan}
    assert sentences(TABLE, scores(**nothing))[0] == (
        "UA is highest for “softmax + center”: 66.0 % (no interval: too few speakers); chance is 33.3 %."
    )


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ({"center": 66.0}, "+6.0 points [+2.0, +10.0], p = 0.0120 (Holm): UA is higher."),
        ({"center": 54.0}, "-6.0 points [-10.0, -2.0], p = 0.0120 (Holm): UA is lower."),
        ({"difference": 1e-6}, "p < 0.0001 (Holm): UA is higher."),
        (
            {"center": 61.0, "difference": 0.4},
            "+1.0 points [-3.0, +5.0], p = 0.4000 (Holm): no significant difference.",
        ),
        ({"center": 59.96, "difference": 0.4}, "+0.0 points [-4.0, +4.0]"),
        ({"p_holm": np.nan, "no_p": ONE_SEED}, f"+6.0 points (no p: {ONE_SEED})."),
    ],
)
def test_a_difference_is_significant_or_not(sentences, options, verdict):
    (found,) = (
        s for s in sentences(TABLE, scores(**options)) if s.startswith("softmax + center minus softmax: UA ")
    )
    assert verdict in found
    assert found.endswith(f" Published for {LABEL}: +3.0 points.")


@pytest.mark.parametrize(("published", "place"), [(66.9, "inside"), (61.0, "below"), (71.0, "above")])
def test_a_published_value_is_compared_with_the_interval(sentences, system_of, published, place):
    tidy = scores(published=published)
    sentence = f"The published UA for this corpus and protocol is {published:.1f} %, {place} our interval"
    assert f"{sentence}." in sentences(TABLE, tidy)
    changed = {"net": system_of(overrides={"units": 32})}
    assert f"{sentence}; our system is not the published one." in sentences(TABLE, tidy, systems=changed)


def test_other_systems_are_compared_with_the_best_of_the_tables_own(sentences):
    rows = TABLE.rows | {"svm/functionals": "functionals", "svm/compare": "ComParE"}
    table = TABLE.model_copy(update={"rows": rows, "differences": ()})
    values = dict(zip(rows, (60.0, 66.0, 50.0, 70.5), strict=True))
    found = sentences(table, numbers(table, {"ua": values}))
    assert found[0].startswith("UA is highest for “softmax + center”: 66.0 %")
    assert found[2:] == [
        "On the same folds, “functionals” has UA 50.0 % [46.0, 54.0]: 16.0 points below “softmax + center”.",
        "On the same folds, “ComParE” has UA 70.5 % [66.5, 74.5]: 4.5 points above “softmax + center”.",
    ]
    others = table.model_copy(update={"rows": {"svm/compare": "ComParE"}})
    assert sentences(others, numbers(others, {"ua": {"svm/compare": 70.5}})) == []


def test_a_table_of_all_systems_has_the_best_of_all(sentences):
    table = VariantsTable(title="t", caption="c", rows={"net/plain": "network", "svm/f": "functionals"})
    found = sentences(table, numbers(table, {"ua": {"net/plain": 60.0, "svm/f": 61.0}}))
    assert found[0].startswith("UA is highest for “functionals”: 61.0 %")
    assert len(found) == 2
    single = table.model_copy(update={"rows": {"net/plain": "network"}})
    assert sentences(single, numbers(single, {"ua": {"net/plain": 60.0}}))[0].startswith("UA of “network”: 60.0 %")


PROBED = TABLE.model_copy(
    update={
        "metrics": ("ua", "speaker_linear", "speaker_mlp", "speaker_held_out", "held_out_gap"),
        "published": (),
    }
)
PROBED_VALUES = {
    metric: {"plain": float(plain), "center": float(center)}
    for metric, plain, center in (
        ("ua", 60, 61),
        ("speaker_linear", 50, 30),
        ("speaker_mlp", 80, 85),
        ("speaker_held_out", 45, 25),
        ("held_out_gap", 12, 3),
    )
}


def test_probes_of_the_speaker_and_gaps_have_findings(sentences):
    p = "p = 0.0120 (Holm)"
    pair = "softmax + center minus softmax"
    chance = "(chance 12.5 %)"
    found = sentences(PROBED, numbers(PROBED, PROBED_VALUES))
    assert found[:4] == [
        "UA on held-out utterances of training speakers minus UA on unseen speakers is largest for “softmax”: "
        "+12.0 points [+8.0, +16.0].",
        "“softmax”: gap between training speakers and unseen speakers +12.0 points [+8.0, +16.0].",
        "“softmax + center”: gap between training speakers and unseen speakers +3.0 points [-1.0, +7.0].",
        f"{pair}: gap -9.0 points [-13.0, -5.0], {p}: the gap is lower.",
    ]
    assert found[7:] == [
        f"A linear probe on frozen embeddings recognises the training speakers {chance}: “softmax” 50.0 % [46.0, "
        "54.0]; “softmax + center” 30.0 % [26.0, 34.0].",
        f"{pair}: speaker, linear probe -20.0 points [-24.0, -16.0], {p}: the speaker is recognised less often.",
        f"A probe with a hidden layer on frozen embeddings recognises the training speakers {chance}: “softmax” "
        "80.0 % [76.0, 84.0]; “softmax + center” 85.0 % [81.0, 89.0].",
        f"{pair}: speaker, MLP probe +5.0 points [+1.0, +9.0], {p}: the speaker is recognised more often.",
        "A linear probe on frozen embeddings recognises the training speakers in held-out utterances "
        f"{chance}: “softmax” 45.0 % [41.0, 49.0]; “softmax + center” 25.0 % [21.0, 29.0].",
        f"{pair}: speaker, held-out -20.0 points [-24.0, -16.0], {p}: the speaker is recognised less often.",
    ]


def test_a_gap_without_interval_has_its_reason(sentences):
    tidy = numbers(PROBED, PROBED_VALUES)
    is_gap = tidy["metric"].str.startswith("held_out_gap")
    tidy.loc[is_gap, ["ci_low", "ci_high", "p_value", "p_holm"]] = np.nan
    tidy.loc[is_gap, "no_p"] = OTHER_SPEAKERS
    _, _, of_row, difference, *_ = sentences(PROBED, tidy)
    assert of_row.endswith("+3.0 points (no interval).")
    assert difference.endswith(f"gap -9.0 points (no p: {OTHER_SPEAKERS}).")


def test_a_sweep_has_its_extremes_and_differences(sentences):
    table = SWEEP.model_copy(update={"differences": TABLE.differences})
    assert sentences(table, scores(table=table)) == [
        "Over lambda, UA is highest at 0.3 (66.0 % [62.0, 70.0]) and lowest at 0 (60.0 % [56.0, 64.0]).",
        "Significant differences (Holm, 5 %): lambda 0.3 minus 0: +6.0 points.",
        f"Published for {LABEL}: highest at 0.3 (63.0 %), lowest at 0 (60.0 %).",
    ]
    found = sentences(table, scores(table=table, plain=67.0, difference=0.4))
    assert found[0].startswith("Over lambda, UA is highest at 0 (67.0 %")
    assert found[1] == "No significant difference (Holm, 5 %): lambda 0.3 minus 0: -1.0 points."
    single = SWEEP.model_copy(update={"rows": {"plain": 0}})
    assert sentences(single, numbers(single, {"ua": {"plain": 60.0}})) == []
