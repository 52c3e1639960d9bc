"""Mutual information of what an embedding orders utterances by, with who speaks and with the emotion.

Unlike a probe, which finds what is there at all, clusters show what the
embedding is arranged by. They are found in it as it is, without
standardisation: a dimension that is small there is small here.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score, normalized_mutual_info_score

#: Runs of k-means from other centers, of which the one with the least inertia is kept.
_STARTS = 10


@dataclass(frozen=True)
class SharedInformation:
    """Mutual information of two labelings of the same utterances.

    Attributes:
        nats: plug-in estimate; of N utterances it is above 0 even if the two have nothing to do
            with each other, by about (K - 1)(L - 1) / 2N.
        null_mean: mean of the plug-in estimate under permutations, in nats.
        null_high: their 95 % quantile, in nats; ``nats`` below it may be chance.
        normalised: ``nats`` over the mean of the two entropies, in [0, 1].
        adjusted: how far ``nats`` is from its mean under shuffles (0) to the mean of the two entropies
            (1); shuffles of single utterances, so that copies make it too large.
    """

    nats: float
    null_mean: float
    null_high: float
    normalised: float
    adjusted: float

    @property
    def above_null(self) -> float:
        """Plug-in estimate minus its mean under permutations, in nats."""
        return self.nats - self.null_mean


def cluster(embedding: np.ndarray, *, n_clusters: int = 10, seed: int) -> np.ndarray:
    """Clusters of embeddings: k-means, the best of 10 starts.

    Args:
        embedding: shape (N, D), finite.
        n_clusters: number of clusters, K.
        seed: of the starts.

    Returns:
        Cluster in [0, K) of each, shape (N,); fewer than K where there are fewer distinct embeddings.

    Raises:
        ValueError: if there are fewer embeddings than clusters, or one is not finite.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a collapsed embedding has fewer clusters
        return KMeans(n_clusters, n_init=_STARTS, random_state=seed).fit_predict(embedding).astype(np.int64)


def shared_information(
    one: np.ndarray, other: np.ndarray, *, groups: np.ndarray, permutations: int = 1000, seed: int
) -> SharedInformation:
    """How much one labeling tells of another, against labels dealt out at random.

    For the null, the labels of ``other`` are permuted over *originals*, with all their
    copies: copies of one original share a cluster whatever they are labelled,
    so permuting them one by one would make the null too small.

    Source: bias of the plug-in estimate, Miller 1955; normalised and adjusted, Vinh et al. 2010.

    Args:
        one: clusters, or any other labels, shape (N,).
        other: speakers or emotions, shape (N,).
        groups: original of each utterance, shape (N,).
        permutations: number of permutations.
        seed: of the permutations.

    Returns:
        The information they share.

    Raises:
        ValueError: if the three differ in length, or an original has two labels in ``other``.

    Example:
        >>> labels = np.arange(1000) % 2
        >>> shared = shared_information(labels, labels, groups=np.arange(1000), seed=0)
        >>> round(shared.nats, 3), round(shared.above_null, 2), round(shared.normalised, 3)
        (0.693, 0.69, 1.0)
    """
    one, other, groups = map(np.asarray, (one, other, groups))
    if not one.shape == other.shape == groups.shape == (len(one),):
        raise ValueError(f"labels are {one.shape}, {other.shape}, groups {groups.shape}; expected (N,) each")
    _, i_one = np.unique(one, return_inverse=True)
    _, i_other = np.unique(other, return_inverse=True)
    _, first, original = np.unique(groups, return_index=True, return_inverse=True)
    of_original = i_other[first]
    if (of_original[original] != i_other).any():
        raise ValueError("an original and its copy have two labels, expected one")
    rng = np.random.default_rng(seed)
    null = [_plug_in(i_one, rng.permutation(of_original)[original]) for _ in range(permutations)]
    return SharedInformation(
        nats=float(mutual_info_score(i_one, i_other)),
        null_mean=float(np.mean(null)),
        null_high=float(np.quantile(null, 0.95)),
        normalised=float(normalized_mutual_info_score(i_one, i_other)),
        adjusted=float(adjusted_mutual_info_score(i_one, i_other)),
    )


def _plug_in(one: np.ndarray, other: np.ndarray) -> float:
    """Mutual information in nats of two labelings by index; scikit-learn's checks take longer than this."""
    n_other = other.max() + 1
    counts = np.bincount(one * n_other + other, minlength=(one.max() + 1) * n_other).reshape(-1, n_other)
    joint = counts / len(one)
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    there = joint > 0
    return float((joint[there] * np.log(joint[there] / independent[there])).sum())
