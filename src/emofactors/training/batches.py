"""Batches of utterances of similar length, so that little is padded."""

from collections.abc import Iterator

import numpy as np


def shuffled_batches(
    n_frames: np.ndarray, batch_size: int, *, pool_batches: int, seed: int, epoch: int
) -> list[np.ndarray]:
    """Return one epoch of batches of similar length, in random order.

    The utterances are shuffled and cut into pools of ``pool_batches`` batches;
    each pool is sorted by length. The order depends on ``seed`` and ``epoch``
    alone and not on a global generator, so a resumed training repeats it.

    Args:
        n_frames: frames of each utterance, (N,).
        batch_size: utterances per batch, B; the last batches of the epoch may have fewer.
        pool_batches: batches per pool.
        seed: seed of the training.
        epoch: number of the epoch, from 0.

    Returns:
        Index arrays that contain every utterance once.
    """
    generator = np.random.default_rng([seed, epoch])
    order = generator.permutation(len(n_frames))
    batches = []
    for first in range(0, len(order), pool_batches * batch_size):
        pool = order[first : first + pool_batches * batch_size]
        pool = pool[np.argsort(n_frames[pool], kind="stable")]
        batches += [pool[i : i + batch_size] for i in range(0, len(pool), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]


def sorted_batches(n_frames: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Yield batches of all utterances once, shortest first: for scoring, where order does not matter."""
    order = np.argsort(n_frames, kind="stable")
    for first in range(0, len(order), batch_size):
        yield order[first : first + batch_size]
