from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emofactors.evaluation.statistics.estimates import (
    NO_SPEAKERS,
    NO_VARIANCE,
    ONE_SEED,
    OTHER_SPEAKERS,
    Estimate,
    Trainings,
    run_mean_estimate,
    score_estimate,
    share_beyond_speakers,
    speaker_mean_estimate,
)
from emofactors.evaluation.statistics.metrics import class_recalls, unweighted_accuracy, weighted_accuracy

N_CLASSES = 3


def names(n):
    return tuple(f"s{i}" for i in range(n))


def simulated(rng, fold_of_speaker, n_seeds=1, per_class=10, skill=0.6):
    """Confusion counts (K, F, S, C, C) of speakers who are tested in one fold each."""
    n_folds, n_speakers = max(fold_of_speaker) + 1, len(fold_of_speaker)
    counts = np.zeros((n_seeds, n_folds, n_speakers, N_CLASSES, N_CLASSES), dtype=int)
    for k, s, c in product(range(n_seeds), range(n_speakers), range(N_CLASSES)):
        chances = np.full(N_CLASSES, (1 - skill) / (N_CLASSES - 1))
        chances[c] = skill
        counts[k, fold_of_speaker[s], s, c] = rng.multinomial(per_class + s + c, chances)
    return counts


def estimate_of(counts, metric=unweighted_accuracy):
    return score_estimate(counts, names(counts.shape[2]), metric)


def mean_of(values, folds):
    """Mean of one number per seed and speaker (K, S)."""
    folds = np.asarray(folds)
    in_fold = (np.arange(folds.max() + 1)[:, None] == folds).astype(float)  # (F, S)
    return speaker_mean_estimate(values[:, None] * in_fold, in_fold, names(len(folds)))


@pytest.mark.parametrize("metric", [unweighted_accuracy, weighted_accuracy])
def test_the_score_is_pooled_over_folds_and_averaged_over_seeds(metric):
    counts = simulated(np.random.default_rng(0), [0, 0, 1, 1, 2], n_seeds=3)
    found = estimate_of(counts, metric)
    assert found.value == pytest.approx(np.mean([metric(counts[k].sum(axis=(0, 1))) for k in range(3)]))
    for s in range(5):
        without = np.delete(counts, s, axis=2)
        expected = np.mean([metric(without[k].sum(axis=(0, 1))) for k in range(3)])
        assert found.leave_one_out[s] == pytest.approx(expected)


@pytest.mark.parametrize("metric", [unweighted_accuracy, weighted_accuracy])
def test_contributions_of_trainings_add_up_to_the_score(metric):
    counts = simulated(np.random.default_rng(1), [0, 0, 1, 1, 2], n_seeds=2)
    (trainings,) = estimate_of(counts, metric).trainings
    assert trainings.contributions.shape == (2, 3)
    assert trainings.contributions.sum() == pytest.approx(estimate_of(counts, metric).value)
    # Without the correct utterances of one training, the score falls by its contribution.
    fewer = counts.copy()
    for s, c in product(range(5), range(N_CLASSES)):
        fewer[1, 2, s, c, (c + 1) % N_CLASSES] += fewer[1, 2, s, c, c]
        fewer[1, 2, s, c, c] = 0
    lost = estimate_of(counts, metric).value - estimate_of(fewer, metric).value
    assert trainings.contributions[1, 2] == pytest.approx(lost)


def test_leave_one_speaker_out_with_one_seed_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.8, size=(1, 9)), rng.normal(size=(1, 9))
    found = mean_of(one, range(9)).minus(mean_of(other, range(9))).test()
    expected = stats.ttest_rel(one[0], other[0])
    interval = expected.confidence_interval()
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))
    assert (found.se_trainings, found.df, found.no_p) == (0.0, 8, "")


def test_leave_one_speaker_out_averages_seeds_because_speakers_contain_them():
    values = np.random.default_rng(1).normal(size=(4, 7))
    found = mean_of(values, range(7)).test()
    expected = stats.ttest_1samp(values.mean(axis=0), 0)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_one_fold_with_several_seeds_has_the_variance_between_seeds():
    values = np.random.default_rng(2).normal(size=(5, 6))
    found = mean_of(values, [0] * 6).test()
    of_speakers, of_seeds = stats.sem(values.mean(axis=0)), stats.sem(values.mean(axis=1))
    assert (found.se_speakers, found.se_trainings) == pytest.approx((of_speakers, of_seeds))
    weights = np.array([of_speakers, of_seeds]) ** 2
    quantile = np.average([stats.t.ppf(0.975, 5), stats.t.ppf(0.975, 4)], weights=weights)
    half = quantile * np.sqrt(weights.sum())
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))
    assert 4 <= found.df <= 5
    assert stats.t.ppf(0.975, found.df) == pytest.approx(quantile)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(values.mean()) / np.sqrt(weights.sum()), found.df))


def test_p_is_005_where_the_interval_touches_zero():
    values = np.random.default_rng(3).normal(size=(3, 6))
    interval = mean_of(values, [0, 0, 0, 1, 1, 1]).interval()
    for end in (interval.low, interval.high):
        assert mean_of(values - end, [0, 0, 0, 1, 1, 1]).test().p_value == pytest.approx(0.05)


def test_groups_of_speakers_add_the_part_of_the_seeds_that_speakers_lack():
    values = np.random.default_rng(4).normal(size=(3, 6))
    folds = np.array([0, 0, 1, 1, 2, 2])
    found = mean_of(values, folds).test()
    of_folds = [
        values[:, folds == f].mean(axis=1).var(ddof=1) / 3 for f in range(3)
    ]  # variance of the mean over seeds
    share = (6 - 3) / (6 - 1)
    assert found.se_trainings == pytest.approx(np.sqrt(share * sum(of_folds) / 9))


def test_one_seed_of_groups_has_no_p_and_an_interval_over_speakers_alone():
    values = np.random.default_rng(5).normal(size=(1, 6))
    estimate = mean_of(values, [0, 0, 1, 1, 2, 2])
    interval, found = estimate.interval(), estimate.test()
    low, high = stats.t.interval(0.95, 5, loc=values.mean(), scale=stats.sem(values[0]))
    assert (interval.low, interval.high) == pytest.approx((low, high))
    assert np.isnan([interval.se_trainings, found.low, found.high, found.df, found.p_value]).all()
    assert found.se_speakers == pytest.approx(stats.sem(values[0]))
    assert found.no_p == ONE_SEED


def test_a_system_that_no_seed_changes_stands_beside_several_seeds():
    rng = np.random.default_rng(6)
    network, svm = rng.normal(size=(3, 6)), rng.normal(size=(1, 6))
    folds = [0, 0, 0, 1, 1, 1]
    repeated = mean_of(network, folds).minus(mean_of(np.repeat(svm, 3, axis=0), folds)).test()
    assert mean_of(network, folds).minus(mean_of(svm, folds).without_seeds()).test() == repeated
    alone = mean_of(svm, folds).without_seeds().test()
    assert (alone.se_trainings, alone.no_p) == (0.0, "")
    assert alone.p_value == pytest.approx(stats.ttest_1samp(svm[0], 0).pvalue)
    assert mean_of(network[:1], folds).minus(mean_of(svm, folds).without_seeds()).test().no_p == ONE_SEED


def test_trainings_of_other_folds_are_independent():
    rng = np.random.default_rng(7)
    one, other = mean_of(rng.normal(size=(3, 6)), [0, 0, 0, 1, 1, 1]), mean_of(rng.normal(size=(2, 6)), [0] * 6)
    found = one.minus(other).interval()
    assert found.se_trainings == pytest.approx(
        np.hypot(one.interval().se_trainings, other.interval().se_trainings)
    )
    left_out = one.leave_one_out - other.leave_one_out
    assert found.se_speakers == pytest.approx(np.sqrt(5) * left_out.std())


def test_trainings_without_variance_do_not_change_the_quantile():
    rng = np.random.default_rng(10)
    network, svm = mean_of(rng.normal(size=(3, 6)), [0] * 6), mean_of(rng.normal(size=(1, 6)), [0, 0, 0, 1, 1, 1])
    found = network.minus(svm.without_seeds()).test()
    assert found.se_trainings == pytest.approx(network.interval().se_trainings)
    assert 2 <= found.df <= 5
    assert found.low < found.value < found.high


def test_a_variant_does_not_differ_from_itself():
    estimate = mean_of(np.random.default_rng(8).normal(size=(2, 5)), [0, 0, 0, 1, 1])
    found = estimate.minus(estimate).test()
    assert (found.value, found.low, found.high, found.p_value, found.no_p) == (0.0, 0.0, 0.0, 1.0, "")


def test_a_difference_without_variance_has_no_p():
    values = np.array([[0.1, 0.5, 0.7]])
    found = mean_of(values, range(3)).minus(mean_of(values + 0.3, range(3))).test()
    assert (found.value, found.no_p) == (pytest.approx(-0.3), NO_VARIANCE)
    assert np.isnan([found.low, found.high, found.p_value]).all()


def test_a_class_of_one_speaker_alone_leaves_no_interval():
    counts = simulated(np.random.default_rng(9), range(4))
    counts[:, :, 1:, 2] = 0
    found = estimate_of(counts)
    assert np.isnan(found.leave_one_out).tolist() == [True, False, False, False]
    assert np.isnan([found.interval().low, found.test().p_value]).all()
    assert found.test().no_p == NO_SPEAKERS
    single = estimate_of(counts[:, :, :1])
    assert (single.test().no_p, single.value) == (NO_SPEAKERS, pytest.approx(unweighted_accuracy(counts[0, 0, 0])))


def test_other_speakers_are_no_pair():
    one, other = mean_of(np.ones((1, 3)), range(3)), mean_of(np.zeros((1, 4)), range(4))
    found = one.minus(other).test()
    assert (found.value, found.no_p) == (1.0, OTHER_SPEAKERS)
    assert np.isnan([found.low, found.p_value]).all()


@pytest.mark.parametrize(
    ("folds", "expected"),
    [([0] * 6, 1.0), (range(6), 0.0), ([0, 0, 0, 1, 1, 1], 4 / 5), ([0, 0, 1, 1, 2, 2], 3 / 5)],
)
def test_share_of_trainings_that_speakers_lack(folds, expected):
    folds = np.array(list(folds))
    weights = (np.arange(folds.max() + 1)[:, None] == folds) / 6
    assert share_beyond_speakers(weights) == pytest.approx(expected)
    # Speakers whose utterances are divided between all folds, alike: each training moves all of them.
    assert share_beyond_speakers(np.full((5, 6), 1 / 30)) == pytest.approx(1.0)


def runs_of(numbers, folds, n_seeds=2, shift=0.0):
    """Mean of the numbers (S,) of speakers in each fold, and without each speaker; shifted from seed to seed."""
    values, left_out = [], []
    for fold, seed, kmeans in product(np.unique(folds), range(n_seeds), range(2)):
        of_fold = numbers[folds == fold] + seed * shift
        key = {"fold": fold, "seed": seed}
        values.append(key | {"value": of_fold.mean() + kmeans - 0.5})
        left_out += [
            key | {"speaker": f"s{i}", "value": np.delete(of_fold, place).mean() + kmeans - 0.5}
            if len(of_fold) > 1
            else key | {"speaker": f"s{i}", "value": np.nan}
            for place, i in enumerate(np.flatnonzero(folds == fold))
        ]
    return pd.DataFrame(values), pd.DataFrame(left_out)


@pytest.mark.parametrize("folds", [[0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 2], [0, 1, 2, 3, 4, 5]])
def test_mean_of_runs_does_not_depend_on_the_folds(folds):
    numbers = np.array([1.0, 4.0, 2.0, 8.0, 3.0, 7.0])
    found = run_mean_estimate(*runs_of(numbers, np.array(folds)))
    assert found.value == pytest.approx(numbers.mean())
    np.testing.assert_allclose(found.leave_one_out, [np.delete(numbers, i).mean() for i in range(6)])
    assert found.speakers == names(6)
    assert found.trainings[0].contributions.sum() == pytest.approx(found.value)


def test_mean_of_runs_has_the_variance_between_seeds():
    numbers, folds = np.array([1.0, 4.0, 2.0, 8.0]), np.array([0, 0, 0, 0])
    found = run_mean_estimate(*runs_of(numbers, folds, n_seeds=3, shift=2.0)).interval()
    assert found.se_trainings == pytest.approx(stats.sem([0.0, 2.0, 4.0]))
    assert run_mean_estimate(*runs_of(numbers, folds, n_seeds=1)).test().no_p == ONE_SEED


def test_a_fold_without_the_speaker_is_unchanged():
    values = pd.DataFrame({"fold": [0, 1], "seed": 0, "value": [1.0, 3.0]})
    left_out = pd.DataFrame(
        {"fold": [0, 0, 1, 1], "seed": 0, "speaker": ["a", "b", "c", "d"], "value": [1.5, 0.5, 3.0, 3.0]}
    )
    found = run_mean_estimate(values, left_out)
    assert found.value == 2.0
    np.testing.assert_allclose(
        found.leave_one_out, [(1.5 + 2 * 3) / 3, (0.5 + 2 * 3) / 3, (2 * 1 + 3) / 3, (2 * 1 + 3) / 3]
    )


def test_runs_must_be_complete():
    values, left_out = runs_of(np.arange(4.0), np.array([0, 0, 1, 1]))
    for broken in (values[(values["fold"] == 0) | (values["seed"] == 0)], values.assign(fold=values["fold"] + 1)):
        with pytest.raises(ValueError, match="expected every fold of every seed"):
            run_mean_estimate(broken, left_out)


def test_a_value_that_is_nan_stays_nan():
    values, left_out = runs_of(np.arange(4.0), np.array([0, 0, 1, 1]))
    found = run_mean_estimate(values.assign(value=np.nan), left_out.assign(value=np.nan))
    assert np.isnan([found.value, found.interval().low]).all()


def test_a_class_without_utterances_is_refused():
    counts = simulated(np.random.default_rng(0), range(4))
    counts[:, :, :, 1] = 0
    with pytest.raises(ValueError, match=r"no utterance of class \[1\]"):
        estimate_of(counts)


def test_seeds_with_different_utterances_are_refused():
    counts = simulated(np.random.default_rng(0), range(4), n_seeds=2)
    counts[1, 0, 0, 0, 0] += 1
    with pytest.raises(ValueError, match="the seeds were not tested on the same utterances"):
        estimate_of(counts)
    with pytest.raises(ValueError, match=r"expected \(K, F, S, C, C\)"):
        score_estimate(counts[0], names(4), unweighted_accuracy)


def test_trainings_without_a_second_seed_have_an_unknown_variance():
    assert np.isnan(Trainings(np.ones((1, 3)), share=0.5).variance)
    assert Trainings(np.ones((1, 3)), share=0.0).variance == 0.0
    unknown = Estimate(0.1, np.array([0.1, 0.2, 0.0]), names(3), (Trainings(np.ones((1, 1)), 1.0),))
    assert np.isnan(unknown.interval().se_trainings)


def test_contributions_of_another_metric_follow_its_change():
    """Of the smallest recall, only correct utterances of its class count."""
    counts = simulated(np.random.default_rng(3), [0, 0, 1, 1], n_seeds=2)
    # Class 1 is seldom recognised, and less often in the first seed.
    n_moved = counts[0, ..., 1, 1] - counts[0, ..., 1, 1] // 4
    counts[0, ..., 1, 1] -= n_moved
    counts[0, ..., 1, 2] += n_moved
    counts[1, ..., 1, 2] += counts[1, ..., 1, 1] // 2
    counts[1, ..., 1, 1] -= counts[1, ..., 1, 1] // 2
    found = score_estimate(counts, names(4), lambda confusion: class_recalls(confusion).min(axis=-1))
    correct, n = counts[..., 1, 1].sum(axis=2), counts[0, ..., 1, :].sum()
    np.testing.assert_allclose(found.trainings[0].contributions, correct / n / 2, atol=1e-12)
    assert found.interval().se_trainings > 0
