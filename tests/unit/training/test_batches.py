import numpy as np

from emofactors.training.batches import shuffled_batches, sorted_batches


def lengths(n, low=10, high=100):
    return np.random.default_rng(0).integers(low, high, size=n)


def test_an_epoch_contains_every_utterance_once():
    batches = shuffled_batches(lengths(101), 8, pool_batches=8, seed=0, epoch=0)
    assert max(map(len, batches)) == 8
    assert sorted(np.concatenate(batches)) == list(range(101))


def test_batches_for_scoring_contain_every_utterance_once_shortest_first():
    n_frames = lengths(101)
    order = np.concatenate(list(sorted_batches(n_frames, 8)))
    assert sorted(order) == list(range(101))
    assert (np.diff(n_frames[order]) >= 0).all()


def test_batches_depend_on_seed_and_epoch_alone():
    def order(seed, epoch):
        return np.concatenate(shuffled_batches(lengths(64), 8, pool_batches=8, seed=seed, epoch=epoch)).tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_pools_keep_padding_below_a_tenth():
    n_frames = lengths(500, 100, 900)
    batches = shuffled_batches(n_frames, 16, pool_batches=8, seed=0, epoch=0)
    assert sum(n_frames[b].max() * len(b) for b in batches) / n_frames.sum() < 1.1
