import numpy as np
import pytest
from sklearn.metrics import mutual_info_score, normalized_mutual_info_score

from emofactors.evaluation.statistics.mutual_information import (
    cluster,
    information_with_permutation_null,
    information_with_shift_null,
)


def independent(rng, n, k=10, n_labels=10):
    return rng.integers(0, k, size=n), rng.integers(0, n_labels, size=n)


def test_identical_labelings_share_their_entropy():
    labels = np.repeat(["a", "b", "c"], [10, 20, 30])
    share = np.array([10, 20, 30]) / 60
    shared = information_with_permutation_null(
        np.repeat([2, 0, 1], [10, 20, 30]), labels, groups=np.arange(60), seed=0
    )
    assert shared.nats == pytest.approx(-(share * np.log(share)).sum())
    assert (shared.normalised, shared.adjusted) == pytest.approx((1.0, 1.0))
    assert shared.null_high < 0.3 * shared.nats


def test_bias_of_independent_labelings_is_that_of_the_formula_and_is_removed_by_the_null():
    rng = np.random.default_rng(0)
    shared = [
        information_with_permutation_null(*independent(rng, n=480), groups=np.arange(480), permutations=50, seed=0)
        for _ in range(40)
    ]
    expected = 9 * 9 / (2 * 480)
    assert np.mean([s.nats for s in shared]) == pytest.approx(expected, rel=0.08)
    assert np.mean([s.null_mean for s in shared]) == pytest.approx(expected, rel=0.08)
    assert np.mean([s.above_null for s in shared]) == pytest.approx(0.0, abs=0.006)
    assert np.mean([s.adjusted for s in shared]) == pytest.approx(0.0, abs=0.006)


def test_about_5_percent_of_independent_labelings_exceed_the_95_percent_quantile():
    rng = np.random.default_rng(1)
    n_above = 0
    for _ in range(200):
        shared = information_with_permutation_null(
            *independent(rng, 60, 3, 4), groups=np.arange(60), permutations=99, seed=0
        )
        n_above += shared.nats > shared.null_high
    assert 0.01 <= n_above / 200 <= 0.10


def test_permutation_null_equals_a_loop_over_permutations():
    rng = np.random.default_rng(2)
    one, other = independent(rng, 100, 4, 3)
    expected = [mutual_info_score(one, rng.permutation(other)) for _ in range(1000)]
    shared = information_with_permutation_null(one, other, groups=np.arange(100), permutations=1000, seed=0)
    assert shared.null_mean == pytest.approx(np.mean(expected), rel=0.05)
    assert shared.null_high == pytest.approx(np.quantile(expected, 0.95), rel=0.1)
    assert shared.nats == pytest.approx(mutual_info_score(one, other))


def test_copies_are_permuted_with_their_original():
    rng = np.random.default_rng(3)
    n_above = {"originals": 0, "copies": 0}
    for _ in range(40):
        one, other = (np.repeat(labels, 4) for labels in independent(rng, 50, 5, 4))
        for of, groups in (("originals", np.repeat(np.arange(50), 4)), ("copies", np.arange(200))):
            shared = information_with_permutation_null(one, other, groups=groups, permutations=99, seed=0)
            n_above[of] += shared.nats > shared.null_high
    assert n_above["copies"] > 30
    assert n_above["originals"] <= 7


def test_the_same_seed_gives_the_same_result_and_another_seed_another():
    embedding = np.random.default_rng(0).normal(size=(100, 4))
    speaker = np.arange(100) % 5
    first, again, other = (
        information_with_permutation_null(
            cluster(embedding, seed=seed), speaker, groups=np.arange(100), permutations=20, seed=seed
        )
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_well_separated_groups_are_found_as_clusters():
    rng = np.random.default_rng(0)
    group = np.arange(120) % 10
    found = cluster(rng.normal(size=(120, 3)) + 100 * np.eye(10)[group, :3] + 1000 * group[:, None], seed=0)
    assert (
        information_with_permutation_null(found, group, groups=np.arange(120), permutations=1, seed=0).adjusted
        == 1.0
    )
    assert set(found) == set(range(10))


def test_a_constant_embedding_has_no_information():
    found = cluster(np.ones((40, 4), dtype=np.float32), seed=0)
    shared = information_with_permutation_null(
        found, np.arange(40) % 4, groups=np.arange(40), permutations=20, seed=0
    )
    assert (shared.nats, shared.null_high, shared.normalised) == pytest.approx((0.0, 0.0, 0.0))


def test_mismatched_labels_are_refused():
    with pytest.raises(ValueError, match=r"expected \(N,\) each"):
        information_with_permutation_null(np.zeros(4), np.zeros(5), groups=np.arange(4), seed=0)
    with pytest.raises(ValueError, match="an original and its copy have different labels"):
        information_with_permutation_null(np.zeros(4), np.arange(4), groups=np.array([0, 0, 1, 1]), seed=0)
    with pytest.raises(ValueError, match="n_samples"):
        cluster(np.zeros((9, 2)), seed=0)


def test_centers_can_be_fitted_to_a_subset():
    rng = np.random.default_rng(0)
    group = np.arange(3000) % 3
    embedding = rng.normal(size=(3000, 2)) + 100 * np.eye(3)[group, :2] + 300 * (group == 2)[:, None]
    subset, everything = (
        cluster(embedding, n_clusters=3, seed=0, n_init=3, max_fit_samples=n) for n in (200, None)
    )
    assert len(subset) == 3000
    assert mutual_info_score(subset, group) == pytest.approx(np.log(3))
    assert mutual_info_score(subset, everything) == pytest.approx(np.log(3))


def test_mismatched_labels_along_time_are_refused():
    with pytest.raises(ValueError, match="N at least 2"):
        information_with_shift_null(np.zeros(4), np.zeros(5), min_shift=1, seed=0)
    with pytest.raises(ValueError, match="N at least 2"):
        information_with_shift_null(np.zeros(1), np.zeros(1), min_shift=1, seed=0)


def autocorrelated(rng, n, k=4, stay=0.95):
    """A labeling along time that changes every 1 / (1 - stay) steps on average."""
    changes = rng.random(n) > stay
    return rng.integers(0, k, size=n)[np.maximum.accumulate(np.where(changes, np.arange(n), 0))]


def test_shifts_give_the_estimates_of_scikit_learn():
    one = np.array([0, 0, 1, 1, 2, 2] * 50)
    other = np.array([0, 0, 1, 1, 1, 1] * 50)
    found = information_with_shift_null(one, other, min_shift=10, shifts=50, seed=0)
    assert found.nats == pytest.approx(np.log(3) - 2 / 3 * np.log(2))  # the entropy of the coarser labeling
    assert found.nats == pytest.approx(mutual_info_score(one, other))
    assert found.normalised == pytest.approx(normalized_mutual_info_score(one, other))


def test_shift_null_equals_a_loop_over_shifts_from_the_smallest_allowed():
    rng = np.random.default_rng(2)
    one, other = autocorrelated(rng, 300), autocorrelated(rng, 300)
    expected = [mutual_info_score(one, np.roll(other, -shift)) for shift in range(50, 251)]
    found = information_with_shift_null(one, other, min_shift=50, shifts=1000, seed=0)  # all possible shifts
    assert found.null_mean == pytest.approx(np.mean(expected))
    assert found.null_high == pytest.approx(np.quantile(expected, 0.95))


def test_autocorrelated_labels_need_shifts_because_permutations_give_too_small_a_null():
    rng = np.random.default_rng(3)
    pairs = [(autocorrelated(rng, 1500), autocorrelated(rng, 1500)) for _ in range(40)]
    shifted = [information_with_shift_null(*pair, min_shift=60, shifts=60, seed=0) for pair in pairs]
    permuted = [
        information_with_permutation_null(*pair, groups=np.arange(1500), permutations=60, seed=0) for pair in pairs
    ]
    above = np.array([found.above_null for found in shifted])
    error = above.std(ddof=1) / np.sqrt(len(above))
    assert abs(above.mean()) < 3 * error
    assert np.mean([found.above_null for found in permuted]) > 10 * error
    assert sum(found.nats > found.null_high for found in shifted) <= 7
    assert sum(found.nats > found.null_high for found in permuted) >= 35


def test_the_mean_under_permutations_is_exact():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 4, 300), rng.integers(0, 3, 300)
    found = information_with_permutation_null(one, other, groups=np.arange(300), permutations=4000, seed=0)
    assert found.permuted_mean == pytest.approx(found.null_mean, rel=0.03)
    assert found.above_permuted == found.nats - found.permuted_mean


def test_what_goes_through_the_speaker_is_above_permutations_and_not_above_shifts():
    """Ten speakers of 200 codes each prefer one label in both labelings, which are otherwise independent."""
    rng = np.random.default_rng(1)
    speaker = np.repeat(np.arange(10), 200)
    one, other = (np.where(rng.random(2000) < 0.6, speaker % 4, rng.integers(0, 4, 2000)) for _ in range(2))
    found = information_with_shift_null(one, other, min_shift=20, shifts=200, seed=0)
    assert found.above_permuted > 0.1
    assert found.above_null < 0.85 * found.above_permuted


def test_slow_independent_labels_agree_above_permutations_and_not_above_shifts():
    rng = np.random.default_rng(2)
    above = {"shifts": [], "permutations": []}
    for seed in range(20):
        one, other = (np.repeat(rng.integers(0, 4, 100), rng.integers(20, 61, 100))[:2000] for _ in range(2))
        found = information_with_shift_null(one, other, min_shift=60, shifts=100, seed=seed)
        above["shifts"].append(found.above_null)
        above["permutations"].append(found.above_permuted)
    assert np.mean(above["permutations"]) > 0.05
    assert abs(np.mean(above["shifts"])) < 0.01
