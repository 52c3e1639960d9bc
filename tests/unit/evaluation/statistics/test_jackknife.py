import numpy as np
import pandas as pd
import pytest
from scipy import stats

from emofactors.evaluation.statistics.intervals import NoIntervalError
from emofactors.evaluation.statistics.jackknife import average_runs, jackknife_difference, jackknife_interval


def leave_one_out(numbers):
    return np.array([np.delete(numbers, i).mean() for i in range(len(numbers))])


def values_by_fold(numbers, folds, n_runs=2):
    """Mean of the numbers (S,) of speakers in each fold, and without each speaker."""
    values, left_out = [], []
    for fold in np.unique(folds):
        of_fold = numbers[folds == fold]
        for _ in range(n_runs):
            values.append({"fold": fold, "value": of_fold.mean()})
            left_out += [
                {
                    "fold": fold,
                    "speaker": f"s{i}",
                    "value": np.delete(of_fold, place).mean() if len(of_fold) > 1 else np.nan,
                }
                for place, i in enumerate(np.flatnonzero(folds == fold))
            ]
    return pd.DataFrame(values), pd.DataFrame(left_out)


def test_interval_of_a_mean_is_that_of_its_standard_error():
    numbers = np.array([1.0, 4.0, 2.0, 8.0, 3.0])
    found = jackknife_interval(numbers.mean(), leave_one_out(numbers))
    low, high = stats.t.interval(0.95, 4, loc=numbers.mean(), scale=stats.sem(numbers))
    assert (found.value, found.low, found.high) == pytest.approx((3.6, low, high))


def test_difference_of_means_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.8, size=9), rng.normal(size=9)
    found = jackknife_difference(one.mean(), other.mean(), leave_one_out(one), leave_one_out(other))
    expected = stats.ttest_rel(one, other)
    interval = expected.confidence_interval()
    assert found.p_value == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("folds", [[0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 2], [0, 1, 2, 3, 4, 5]])
def test_average_of_means_does_not_depend_on_the_folds(folds):
    numbers = np.array([1.0, 4.0, 2.0, 8.0, 3.0, 7.0])
    found = average_runs(*values_by_fold(numbers, np.array(folds)))
    assert found.value == pytest.approx(numbers.mean())
    np.testing.assert_allclose(found.leave_one_out, leave_one_out(numbers))
    assert found.speakers == ("s0", "s1", "s2", "s3", "s4", "s5")


def test_a_fold_without_the_speaker_is_unchanged():
    values = pd.DataFrame({"fold": [0, 1], "value": [1.0, 3.0]})
    left_out = pd.DataFrame({"fold": [0, 0, 1, 1], "speaker": ["a", "b", "c", "d"], "value": [1.5, 0.5, 3.0, 3.0]})
    found = average_runs(values, left_out)
    assert found.value == 2.0
    np.testing.assert_allclose(
        found.leave_one_out, [(1.5 + 2 * 3) / 3, (0.5 + 2 * 3) / 3, (2 * 1 + 3) / 3, (2 * 1 + 3) / 3]
    )


def test_a_variant_does_not_differ_from_itself():
    estimate = average_runs(*values_by_fold(np.array([1.0, 2.0, 5.0]), np.array([0, 0, 0])))
    found = estimate.difference(estimate)
    assert (found.value, found.low, found.high, found.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_one_speaker_has_no_interval():
    with pytest.raises(NoIntervalError, match="1 speaker"):
        jackknife_interval(1.0, np.array([np.nan]))
    single = average_runs(*values_by_fold(np.array([3.0]), np.array([0])))
    assert single.interval.value == 3.0
    assert np.isnan([single.interval.low, single.difference(single).p_value]).all()


def test_different_speakers_are_no_pair():
    one = average_runs(*values_by_fold(np.array([1.0, 2.0, 5.0]), np.array([0, 0, 0])))
    other = average_runs(*values_by_fold(np.array([1.0, 2.0]), np.array([0, 0])))
    with pytest.raises(ValueError, match="expected a pair"):
        one.difference(other)
    with pytest.raises(ValueError, match="expected the same speakers"):
        jackknife_difference(1.0, 1.0, np.ones(3), np.ones(2))
