from itertools import product
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from emofactors.config.evaluation import IntervalSettings
from emofactors.config.tables.metrics import Metric
from emofactors.errors import InputError
from emofactors.evaluation.scores import speaker_confusions
from emofactors.evaluation.statistics.intervals import (
    gap_difference,
    paired_difference,
    pooled_score,
    protocol_gap,
    recall_difference,
    recall_interval,
    speaker_interval,
    speaker_recalls,
)
from emofactors.evaluation.statistics.metrics import unweighted_accuracy, weighted_accuracy
from emofactors.report.tables.metrics import METRICS, RowEvaluation, speaker_ua

CLASSES = ("anger", "sadness", "neutral")
SPEAKERS = ("03", "08", "09", "10")
INTERVALS = IntervalSettings(resamples=100, seed=0)
DRAWS = INTERVALS.model_dump()
SPEAKER_METRICS = ("speaker_linear", "speaker_mlp", "speaker_held_out")


def counts_of(rng, skill, labels, n, seeds, speakers=SPEAKERS, of_speakers=False):
    """Confusion counts in the columns of the files: n predictions per speaker and label."""
    rows = []
    for seed, speaker in product(seeds, speakers):
        for truth in (speaker,) if of_speakers else labels:
            chances = np.array([skill if label == truth else (1 - skill) / (len(labels) - 1) for label in labels])
            for label, count in zip(labels, rng.multinomial(n, chances), strict=True):
                row = {"seed": seed, "speaker": speaker, "truth": truth, "prediction": label, "count": count}
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
    return {
        "confusion": counts_of(rng, skill, CLASSES, 10, seeds),
        "held_out": counts_of(rng, skill + 0.2, CLASSES, 5, seeds, training_speakers),
        "probes": pd.concat(probes, ignore_index=True),
        "information": pd.DataFrame(information),
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
    counts, minus = (
        speaker_confusions(of[table] if table else probe_counts(of, metric), CLASSES) for of in (one, other)
    )
    of_row = estimate(metric, one)
    assert of_row.value == pytest.approx(pooled_score(counts, formula))
    assert of_row.chance == pytest.approx(chance, nan_ok=True)
    assert (of_row.n_utterances, of_row.n_speakers) == (n, 4)
    assert of_row.interval(INTERVALS) == speaker_interval(counts, formula, **DRAWS)
    expected = paired_difference(counts, minus, formula, **DRAWS)
    assert of_row.difference(estimate(metric, other), INTERVALS) == expected
    assert expected.value > 0


@pytest.mark.parametrize("metric", SPEAKER_METRICS)
def test_a_speaker_probe_has_the_mean_recall_of_the_speakers(metric):
    one, other = files_of(3), files_of(4, skill=0.5)
    recalls, minus = (speaker_recalls(probe_counts(of, metric)) for of in (one, other))
    of_row = estimate(metric, one)
    expected = []
    for _, rows in probe_counts(one, metric).groupby(["seed", "speaker"]):
        expected.append(rows.loc[rows["truth"] == rows["prediction"], "count"].sum() / rows["count"].sum())
    assert len(expected) == 2 * 4
    assert of_row.value == pytest.approx(np.mean(expected))
    assert of_row.chance == pytest.approx((1 / 3 + 1 / 2) / 2)  # three speakers in one fold, two in the other
    assert (of_row.n_utterances, of_row.n_speakers) == (5 * 8, 4)
    assert of_row.interval(INTERVALS) == recall_interval(recalls, **DRAWS)
    assert of_row.difference(estimate(metric, other), INTERVALS) == recall_difference(recalls, minus, **DRAWS)


def test_the_gap_is_paired_over_speakers_in_training_and_test():
    one, other = files_of(5), files_of(6, skill=0.5)
    pair, other_pair = (
        tuple(speaker_confusions(of[name], CLASSES) for name in ("held_out", "confusion")) for of in (one, other)
    )
    gap = estimate("held_out_gap", one)
    assert gap.value == pytest.approx(estimate("held_out_ua", one).value - estimate("ua", one).value)
    assert gap.value > 0
    assert np.isnan(gap.chance)
    assert (gap.n_utterances, gap.n_speakers) == (4 * 3 * 15, 4)
    assert gap.interval(INTERVALS) == protocol_gap(*pair, unweighted_accuracy, **DRAWS)
    difference = gap.difference(estimate("held_out_gap", other), INTERVALS)
    assert difference == gap_difference(pair, other_pair, unweighted_accuracy, **DRAWS)


def test_a_gap_of_other_speakers_has_no_interval_and_no_p():
    for speakers in (SPEAKERS[:3], (*SPEAKERS[:3], "11")):  # fewer, and as many others
        one, other = (estimate("held_out_gap", files_of(number, training_speakers=speakers)) for number in (7, 8))
        interval, difference = one.interval(INTERVALS), one.difference(other, INTERVALS)
        assert interval.value == one.value
        assert difference.value == pytest.approx(one.value - other.value)
        assert np.isnan([interval.low, interval.high, difference.low, difference.high, difference.p_value]).all()


@pytest.mark.parametrize("label", ["speaker", "emotion"])
def test_information_is_the_mean_above_its_null_without_interval(label):
    one, other = files_of(9), files_of(10)
    of_row = estimate(f"{label}_information", one)
    nats = one["information"].query("label == @label")["above_null"]
    assert len(nats) == 4
    assert of_row.value == pytest.approx(nats.mean())
    assert (of_row.chance, of_row.n_utterances, of_row.n_speakers) == (0.0, 62, 4)
    interval = of_row.interval(INTERVALS)
    difference = of_row.difference(estimate(f"{label}_information", other), INTERVALS)
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
    for found, expected in (
        (one.interval(INTERVALS), same.interval(INTERVALS)),
        (one.difference(other, INTERVALS), same.difference(other, INTERVALS)),
        (other.difference(one, INTERVALS), other.difference(same, INTERVALS)),
    ):
        assert vars(found) == pytest.approx(vars(expected))
    assert one.n_utterances == same.n_utterances == other.n_utterances
    back = other.difference(one, INTERVALS)
    assert back.value == pytest.approx(other.value - one.value)
    assert np.isfinite(back.p_value)


@pytest.mark.parametrize("metric", ["ua", "held_out_gap", "speaker_linear"])
def test_rows_of_two_and_three_seeds_are_not_a_pair(metric):
    two, three = (estimate(metric, files_of(13, seeds=seeds)) for seeds in ((0, 1), (0, 1, 2)))
    with pytest.raises(ValueError, match="expected a pair"):
        two.difference(three, INTERVALS)


@pytest.mark.parametrize("metric", ["ua", "speaker_held_out"])
def test_one_speaker_has_no_interval(metric):
    files = files_of(14)
    files = {name: of[of["speaker"] == "09"] if "speaker" in of else of for name, of in files.items()}
    of_row = estimate(metric, files)
    interval, difference = of_row.interval(INTERVALS), of_row.difference(of_row, INTERVALS)
    assert (interval.value, difference.value) == (of_row.value, 0.0)
    assert np.isnan([interval.low, interval.high, difference.low, difference.high, difference.p_value]).all()


def test_ua_by_speaker_is_the_mean_over_speakers_of_every_class():
    rng = np.random.default_rng(0)
    counts = counts_of(rng, 0.6, CLASSES, 12, seeds=(0, 1))
    matrices = speaker_confusions(counts, CLASSES)
    own = np.array([[unweighted_accuracy(of) for of in seed] for seed in matrices])
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
