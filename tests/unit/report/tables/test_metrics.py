from itertools import product
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from emofactors.config.tables.metrics import Metric
from emofactors.errors import InputError
from emofactors.evaluation.scores import speaker_confusions
from emofactors.evaluation.statistics.estimates import ONE_SEED, OTHER_SPEAKERS, score_estimate
from emofactors.evaluation.statistics.metrics import unweighted_accuracy, weighted_accuracy
from emofactors.report.tables.metrics import METRICS, RowEvaluation, speaker_ua

CLASSES = ("anger", "sadness", "neutral")
SPEAKERS = ("03", "08", "09", "10")
SPEAKER_METRICS = ("speaker_linear", "speaker_mlp", "speaker_held_out")


def counts_of(rng, skill, labels, n, seeds, speakers=SPEAKERS, of_speakers=False):
    """Confusion counts in the columns of the files: n predictions per speaker and label, speakers in two folds."""
    rows = []
    for seed, speaker in product(seeds, speakers):
        for truth in (speaker,) if of_speakers else labels:
            chances = np.array([skill if label == truth else (1 - skill) / (len(labels) - 1) for label in labels])
            for label, count in zip(labels, rng.multinomial(n, chances), strict=True):
                row = {"fold": speakers.index(speaker) % 2, "seed": seed, "speaker": speaker}
                row |= {"truth": truth, "prediction": label, "count": count}
                rows += [row] if count else []
    return pd.DataFrame(rows)


def files_of(number, seeds=(0, 1), skill=0.6, training_speakers=SPEAKERS):
    """Evaluation of one row: two folds with three and two training speakers."""
    rng = np.random.default_rng(number)
    probes = []
    for name in SPEAKER_METRICS:
        for fold, speakers in ((0, SPEAKERS[:3]), (1, SPEAKERS[2:])):
            counts = counts_of(rng, skill, speakers, 8, seeds, speakers, of_speakers=True)
            probes.append(counts.assign(probe=name, fold=fold))
    probes.append(counts_of(rng, skill, CLASSES, 6, seeds).assign(probe="emotion_linear", fold=0))
    information = [
        {"label": label, "fold": fold, "seed": seed, "n": 30 + 2 * fold, "above_null": rng.random()}
        for label, fold, seed in product(("speaker", "emotion"), (0, 1), seeds)
    ]
    scatter = [
        {"split": split, "fold": fold, "seed": seed, "speaker": speaker, "n": 12, "share": rng.uniform(0.3, 0.5)}
        for split, fold, seed in product(("train", "test"), (0, 1), seeds)
        for speaker in ("", *(SPEAKERS[2 * fold : 2 * fold + 2]))
    ]
    return {
        "confusion": counts_of(rng, skill, CLASSES, 10, seeds),
        "held_out": counts_of(rng, skill + 0.2, CLASSES, 5, seeds, training_speakers),
        "probes": pd.concat(probes, ignore_index=True),
        "information": pd.DataFrame(information),
        "scatter": pd.DataFrame(scatter),
    }


def estimate(metric, files):
    return METRICS[metric].estimate(RowEvaluation(**files), CLASSES)


def probe_counts(files, name):
    return files["probes"][files["probes"]["probe"] == name]


def test_every_metric_of_the_config_is_defined_and_can_be_estimated():
    assert set(METRICS) == set(get_args(Metric))
    for metric, spec in METRICS.items():
        assert np.isfinite(estimate(metric, files_of(0)).value)
        assert spec.header
        assert spec.remark.endswith(".")
        assert spec.is_percentage == (not metric.endswith("_information"))


@pytest.mark.parametrize(
    ("metric", "formula", "chance", "n"),
    [
        ("ua", unweighted_accuracy, 1 / 3, 4 * 3 * 10),
        ("wa", weighted_accuracy, np.nan, 4 * 3 * 10),
        ("held_out_ua", unweighted_accuracy, 1 / 3, 4 * 3 * 5),
        ("emotion_linear", unweighted_accuracy, 1 / 3, 4 * 3 * 6),
    ],
)
def test_scores_are_computed_from_their_own_counts(metric, formula, chance, n):
    one, other = files_of(1), files_of(2, skill=0.5)
    table = {"ua": "confusion", "wa": "confusion", "held_out_ua": "held_out"}.get(metric)
    counts = one[table] if table else probe_counts(one, metric)
    expected = score_estimate(speaker_confusions(counts, CLASSES), SPEAKERS, formula)
    of_row = estimate(metric, one)
    assert of_row.value == pytest.approx(expected.value)
    assert of_row.chance == pytest.approx(chance, nan_ok=True)
    assert (of_row.n_utterances, of_row.n_speakers) == (n, 4)
    assert of_row.interval() == expected.interval()
    counts = other[table] if table else probe_counts(other, metric)
    minus = score_estimate(speaker_confusions(counts, CLASSES), SPEAKERS, formula)
    difference = of_row.difference(estimate(metric, other))
    assert difference == expected.minus(minus).test()
    assert difference.value > 0
    assert 0 < difference.p_value < 1


@pytest.mark.parametrize("metric", SPEAKER_METRICS)
def test_a_speaker_probe_has_the_mean_recall_of_the_speakers(metric):
    one, other = files_of(3), files_of(4, skill=0.5)
    of_row = estimate(metric, one)
    counts = probe_counts(one, metric)
    correct = counts[counts["truth"] == counts["prediction"]]
    keys = ["seed", "speaker"]
    recalls = (correct.groupby(keys)["count"].sum() / counts.groupby(keys)["count"].sum()).unstack()  # (K, S)
    assert recalls.shape == (2, 4)
    np.testing.assert_allclose(of_row.by_speaker, recalls)
    assert of_row.value == pytest.approx(recalls.to_numpy().mean())
    assert of_row.chance == pytest.approx((1 / 3 + 1 / 2) / 2)  # three speakers in one fold, two in the other
    assert (of_row.n_utterances, of_row.n_speakers) == (5 * 8, 4)
    interval, difference = of_row.interval(), of_row.difference(estimate(metric, other))
    assert interval.se_speakers == pytest.approx(recalls.mean().std() / 2)
    assert interval.se_trainings > 0
    assert difference.value == pytest.approx(of_row.value - estimate(metric, other).value)
    assert 0 < difference.p_value < 1


@pytest.mark.parametrize("metric", SPEAKER_METRICS)
def test_probes_of_other_utterances_from_seed_to_seed_are_refused(metric):
    files = files_of(3)
    files["probes"] = files["probes"].drop(probe_counts(files, metric).index[0])
    with pytest.raises(ValueError, match="not probed on the same utterances"):
        estimate(metric, files)


def test_the_gap_is_paired_over_speakers_in_training_and_test():
    one, other = files_of(5), files_of(6, skill=0.5)
    gap = estimate("held_out_gap", one)
    assert gap.value == pytest.approx(estimate("held_out_ua", one).value - estimate("ua", one).value)
    assert gap.value > 0
    assert np.isnan(gap.chance)
    assert (gap.n_utterances, gap.n_speakers) == (4 * 3 * 15, 4)
    parts = [estimate(metric, one).estimate for metric in ("held_out_ua", "ua")]
    assert gap.estimate.interval() == parts[0].minus(parts[1]).interval()
    np.testing.assert_allclose(gap.estimate.leave_one_out, parts[0].leave_one_out - parts[1].leave_one_out)
    difference = gap.difference(estimate("held_out_gap", other))
    assert difference.value == pytest.approx(gap.value - estimate("held_out_gap", other).value)
    assert 0 < difference.p_value < 1


def test_a_gap_of_other_speakers_has_no_interval_and_no_p():
    for speakers in (SPEAKERS[:3], (*SPEAKERS[:3], "11")):  # fewer, and as many others
        one, other = (estimate("held_out_gap", files_of(number, training_speakers=speakers)) for number in (7, 8))
        interval, difference = one.interval(), one.difference(other)
        assert interval.value == one.value
        assert difference.value == pytest.approx(one.value - other.value)
        assert np.isnan([interval.low, interval.high, difference.low, difference.high, difference.p_value]).all()
        assert difference.no_p == OTHER_SPEAKERS


@pytest.mark.parametrize("label", ["speaker", "emotion"])
def test_information_is_the_mean_above_its_null_without_interval(label):
    one, other = files_of(9), files_of(10)
    of_row = estimate(f"{label}_information", one)
    nats = one["information"].query("label == @label")["above_null"]
    assert len(nats) == 4
    assert of_row.value == pytest.approx(nats.mean())
    assert (of_row.chance, of_row.n_utterances, of_row.n_speakers) == (0.0, 62, 4)
    interval = of_row.interval()
    difference = of_row.difference(estimate(f"{label}_information", other))
    assert difference.value == pytest.approx(
        nats.mean() - other["information"].query("label == @label")["above_null"].mean()
    )
    assert np.isnan([interval.low, interval.high, difference.low, difference.high, difference.p_value]).all()


@pytest.mark.parametrize("metric", [m for m in METRICS if not m.endswith("_information")])
def test_a_row_no_seed_changes_is_the_same_in_every_seed(metric):
    once, thrice = files_of(11, seeds=(0,)), files_of(12, seeds=(0, 1, 2), skill=0.5)
    repeated = {
        name: pd.concat([table.assign(seed=seed) for seed in (0, 1, 2)], ignore_index=True)
        for name, table in once.items()
    }
    one, same, other = (estimate(metric, of) for of in (once, repeated, thrice))
    one = one.without_seeds()
    for found, expected in (
        (one.interval(), same.interval()),
        (one.difference(other), same.difference(other)),
        (other.difference(one), other.difference(same)),
    ):
        assert vars(found) == pytest.approx(vars(expected), abs=1e-12)
    assert one.n_utterances == same.n_utterances == other.n_utterances
    back = other.difference(one)
    assert back.value == pytest.approx(other.value - one.value)
    assert np.isfinite(back.p_value)


@pytest.mark.parametrize("metric", ["ua", "speaker_ua", "speaker_linear"])
def test_one_seed_has_no_p_as_its_trainings_test_several_speakers(metric):
    one, other = (estimate(metric, files_of(number, seeds=(0,))) for number in (13, 14))
    assert np.isnan([one.interval().se_trainings, one.difference(other).p_value]).all()
    assert one.difference(other).no_p == ONE_SEED
    assert one.interval().low < one.value < one.interval().high
    assert one.without_seeds().difference(other.without_seeds()).no_p == ""


def test_an_interval_ends_where_the_values_do():
    files = files_of(16)
    files["confusion"] = counts_of(np.random.default_rng(1), 0.98, CLASSES, 10, seeds=(0, 1))
    found = estimate("ua", files).interval()
    assert found.low < found.value < found.high == 1.0


def test_rows_of_other_utterances_are_no_pair():
    one, other = files_of(15), files_of(15)
    other["confusion"] = other["confusion"].assign(count=2 * other["confusion"]["count"])
    with pytest.raises(ValueError, match="expected the same"):
        estimate("ua", one).difference(estimate("ua", other))


def test_scatter_is_the_mean_over_trainings_with_the_interval_of_runs():
    files = files_of(16)
    found = estimate("scatter_test", files)
    of_runs = files["scatter"].query("split == 'test' and speaker == ''")
    assert found.value == pytest.approx(of_runs["share"].mean())  # two speakers in each fold
    assert (found.n_utterances, found.n_speakers, found.n_seeds) == (24, 4, 2)
    of_seeds = of_runs.pivot_table(index="seed", columns="fold", values="share")
    assert 0 < found.interval().se_trainings < np.sqrt(of_seeds.var().sum() / 2) / 2


@pytest.mark.parametrize("metric", ["ua", "speaker_held_out"])
def test_one_speaker_has_no_interval(metric):
    files = files_of(14)
    files = {name: of[of["speaker"] == "09"] if "speaker" in of else of for name, of in files.items()}
    of_row = estimate(metric, files)
    interval, difference = of_row.interval(), of_row.difference(of_row)
    assert (interval.value, difference.value) == (of_row.value, 0.0)
    assert np.isnan([interval.low, interval.high, difference.low, difference.high, difference.p_value]).all()


def test_ua_by_speaker_is_the_mean_over_speakers_of_every_class():
    rng = np.random.default_rng(0)
    counts = counts_of(rng, 0.6, CLASSES, 12, seeds=(0, 1))
    matrices = speaker_confusions(counts, CLASSES)
    own = np.array([[unweighted_accuracy(of) for of in seed.sum(axis=0)] for seed in matrices])
    found = speaker_ua(counts, CLASSES)
    assert found.value == pytest.approx(own.mean())
    assert (found.chance, found.n_speakers, found.n_utterances) == (1 / 3, 4, 4 * 3 * 12)
    lacking = counts[~((counts["speaker"] == "08") & (counts["truth"] == "neutral"))]
    found = speaker_ua(lacking, CLASSES)
    assert found.value == pytest.approx(own[:, [0, 2, 3]].mean())
    assert found.n_speakers == 3


def test_ua_by_speaker_needs_a_speaker_of_every_class():
    rng = np.random.default_rng(0)
    counts = counts_of(rng, 0.6, CLASSES[:2], 12, seeds=(0,))
    with pytest.raises(InputError, match="no test speaker speaks every class"):
        speaker_ua(counts, CLASSES)
