"""Mutual information of two labelings: of what an embedding orders utterances by, with who speaks and the emotion.

Unlike a probe, which finds what is there at all, clusters show what the
embedding is arranged by. They are found in it as it is, without
standardisation: a dimension that is small there is small here.

Of labelings along time, as those of codes, neighbours are alike: see
:func:`shifted_information`.
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
        null_mean: mean of the plug-in estimate under permutations (or shifts), in nats.
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
        """Plug-in estimate minus its mean under the null, in nats."""
        return self.nats - self.null_mean


def cluster(
    embedding: np.ndarray,
    *,
    n_clusters: int = 10,
    seed: int,
    starts: int = _STARTS,
    fit_at_most: int | None = None,
) -> np.ndarray:
    """Clusters of embeddings: k-means, the best of several starts.

    Args:
        embedding: shape (N, D), finite.
        n_clusters: number of clusters, K.
        seed: of the starts, and of what is drawn.
        starts: runs from other centers, of which the one with the least inertia is kept.
        fit_at_most: centers are found in so many embeddings, drawn at random; None: in all of them. Every
            embedding has the cluster of its nearest center.

    Returns:
        Cluster in [0, K) of each, shape (N,); fewer than K where there are fewer distinct embeddings.

    Raises:
        ValueError: if there are fewer embeddings than clusters, or one is not finite.
    """
    heard = embedding
    if fit_at_most is not None and len(embedding) > fit_at_most:
        heard = embedding[np.sort(np.random.default_rng(seed).choice(len(embedding), fit_at_most, replace=False))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a collapsed embedding has fewer clusters
        found = KMeans(n_clusters, n_init=starts, random_state=seed).fit(heard)
    return (found.labels_ if heard is embedding else found.predict(embedding)).astype(np.int64)


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
    null = [plug_in_information(i_one, rng.permutation(of_original)[original]) for _ in range(permutations)]
    return _against(np.array(null), i_one, i_other)


def shifted_information(
    one: np.ndarray, other: np.ndarray, *, min_shift: int, shifts: int = 200, seed: int
) -> SharedInformation:
    """How much one labeling along time tells of another, against the same two shifted against each other.

    For the null, ``other`` is shifted around a circle against ``one``. Neighbours
    in time share their labels: a vowel or a pause lasts, so N frames are far fewer
    than N independent draws, and two labelings that have nothing to do with each
    other agree by chance in long stretches. A shift keeps these stretches. A free
    permutation breaks them up: its null is that of N independent draws, far
    too small, and what is left above it is chance. Shifts by less than
    ``min_shift`` are left out, as over these a labeling is still like itself.

    Source: shifted surrogates, Theiler et al. 1992; of the plug-in estimate as for :func:`shared_information`.

    Args:
        one: labels in the order of time, shape (N,).
        other: labels at the same times, shape (N,).
        min_shift: steps of time after which a labeling has forgotten itself; at most a quarter of N is taken.
        shifts: number of shifts, drawn without replacement; fewer where there are no more.
        seed: of the shifts.

    Returns:
        The information they share.

    Raises:
        ValueError: if the two differ in length, or are shorter than 2.

    Example:
        >>> labels = np.arange(1000) // 20 % 2
        >>> round(shifted_information(labels, labels, min_shift=10, seed=0).nats, 3)
        0.693
    """
    one, other = np.asarray(one), np.asarray(other)
    n = len(one)
    if not one.shape == other.shape == (n,) or n < 2:
        raise ValueError(f"labels are {one.shape} and {other.shape}; expected (N,) each, N at least 2")
    _, i_one = np.unique(one, return_inverse=True)
    _, i_other = np.unique(other, return_inverse=True)
    least = max(1, min(min_shift, n // 4))
    possible = np.arange(least, n - least + 1)
    drawn = np.random.default_rng(seed).choice(possible, min(shifts, len(possible)), replace=False)
    around = np.concatenate([i_other, i_other])
    null = [plug_in_information(i_one, around[shift : shift + n]) for shift in drawn]
    return _against(np.array(null), i_one, i_other)


def plug_in_information(one: np.ndarray, other: np.ndarray) -> float:
    """Plug-in estimate of the mutual information of two labelings by index.

    The same as scikit-learn's, whose checks take longer than the counting.

    Args:
        one: indices from 0, shape (N,).
        other: likewise.

    Returns:
        Mutual information in nats, at least 0.
    """
    n_other = other.max() + 1
    counts = np.bincount(one * n_other + other, minlength=(one.max() + 1) * n_other).reshape(-1, n_other)
    joint = counts / len(one)
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    there = joint > 0
    return float((joint[there] * np.log(joint[there] / independent[there])).sum())


def _against(null: np.ndarray, one: np.ndarray, other: np.ndarray) -> SharedInformation:
    """What two labelings by index share, against plug-in estimates without it (P,)."""
    return SharedInformation(
        nats=float(mutual_info_score(one, other)),
        null_mean=float(null.mean()),
        null_high=float(np.quantile(null, 0.95)),
        normalised=float(normalized_mutual_info_score(one, other)),
        adjusted=float(adjusted_mutual_info_score(one, other)),
    )
