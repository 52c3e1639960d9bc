import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from emofactors.evaluation.statistics.mutual_information import cluster, information_with_permutation_null, information_with_shift_null


def independent(rng, n, k=10, n_labels=10):
    return rng.integers(0, k, size=n), rng.integers(0, n_labels, size=n)


def test_labels_that_say_the_same_share_their_entropy():
    labels = np.repeat(["a", "b", "c"], [10, 20, 30])
    share = np.array([10, 20, 30]) / 60
    shared = information_with_permutation_null(np.repeat([2, 0, 1], [10, 20, 30]), labels, groups=np.arange(60), seed=0)
    assert shared.nats == pytest.approx(-(share * np.log(share)).sum())
    assert (shared.normalised, shared.adjusted) == pytest.approx((1.0, 1.0))
    assert shared.null_high < 0.3 * shared.nats


def test_plug_in_of_independent_labels_is_that_of_the_formula_and_the_null_removes_it():
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


def test_independent_labels_are_above_the_quantile_in_5_of_100():
    rng = np.random.default_rng(1)
    above = 0
    for _ in range(200):
        shared = information_with_permutation_null(*independent(rng, 60, 3, 4), groups=np.arange(60), permutations=99, seed=0)
        above += shared.nats > shared.null_high
    assert 0.01 <= above / 200 <= 0.10


def test_null_is_that_of_a_plain_loop_over_permutations():
    rng = np.random.default_rng(2)
    one, other = independent(rng, 100, 4, 3)
    plain = [mutual_info_score(one, rng.permutation(other)) for _ in range(1000)]
    shared = information_with_permutation_null(one, other, groups=np.arange(100), permutations=1000, seed=0)
    assert shared.null_mean == pytest.approx(np.mean(plain), rel=0.05)
    assert shared.null_high == pytest.approx(np.quantile(plain, 0.95), rel=0.1)
    assert shared.nats == pytest.approx(mutual_info_score(one, other))


def test_copies_that_share_a_cluster_are_no_evidence():
    rng = np.random.default_rng(3)
    above = {"originals": 0, "copies": 0}
    for _ in range(40):
        one, other = (np.repeat(labels, 4) for labels in independent(rng, 50, 5, 4))
        for of, groups in (("originals", np.repeat(np.arange(50), 4)), ("copies", np.arange(200))):
            shared = information_with_permutation_null(one, other, groups=groups, permutations=99, seed=0)
            above[of] += shared.nats > shared.null_high
    assert above["copies"] > 30
    assert above["originals"] <= 7


def test_same_seed_same_information_other_seed_other_null():
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


def test_clusters_are_the_heaps_of_the_embedding():
    rng = np.random.default_rng(0)
    heap = np.arange(120) % 10
    found = cluster(rng.normal(size=(120, 3)) + 100 * np.eye(10)[heap, :3] + 1000 * heap[:, None], seed=0)
    assert information_with_permutation_null(found, heap, groups=np.arange(120), permutations=1, seed=0).adjusted == 1.0
    assert set(found) == set(range(10))


def test_a_collapsed_embedding_shares_nothing():
    found = cluster(np.ones((40, 4), dtype=np.float32), seed=0)
    shared = information_with_permutation_null(found, np.arange(40) % 4, groups=np.arange(40), permutations=20, seed=0)
    assert (shared.nats, shared.null_high, shared.normalised) == pytest.approx((0.0, 0.0, 0.0))


def test_labels_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match=r"expected \(N,\) each"):
        information_with_permutation_null(np.zeros(4), np.zeros(5), groups=np.arange(4), seed=0)
    with pytest.raises(ValueError, match="an original and its copy have two labels"):
        information_with_permutation_null(np.zeros(4), np.arange(4), groups=np.array([0, 0, 1, 1]), seed=0)
    with pytest.raises(ValueError, match="n_samples"):
        cluster(np.zeros((9, 2)), seed=0)


def test_centers_of_some_embeddings_are_those_of_all():
    rng = np.random.default_rng(0)
    heap = np.arange(3000) % 3
    embedding = rng.normal(size=(3000, 2)) + 100 * np.eye(3)[heap, :2] + 300 * (heap == 2)[:, None]
    some, every = (cluster(embedding, n_clusters=3, seed=0, starts=3, fit_at_most=n) for n in (200, None))
    assert len(some) == 3000
    assert mutual_info_score(some, heap) == pytest.approx(np.log(3))
    assert mutual_info_score(some, every) == pytest.approx(np.log(3))


def test_labels_along_time_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match="N at least 2"):
        information_with_shift_null(np.zeros(4), np.zeros(5), min_shift=1, seed=0)
    with pytest.raises(ValueError, match="N at least 2"):
        information_with_shift_null(np.zeros(1), np.zeros(1), min_shift=1, seed=0)
