"""Mutual information of two labelings, such as clusters of embeddings and speakers.

A probe finds any information in an embedding; clusters show the main structure
of an embedding. Clusters are computed without standardisation, so a dimension
with small variance has little influence.

Consecutive labels along time, such as those of codes, are not independent: use
:func:`information_with_shift_null` for these.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_mutual_info_score, mutual_info_score, normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

#: Runs of k-means from different initial centers; the one with the smallest inertia is the result.
_N_INIT = 10


@dataclass(frozen=True)
class MutualInformation:
    """Mutual information of two labelings of the same utterances.

    Attributes:
        nats: plug-in estimate; for N samples of independent labels its mean is about (K - 1)(L - 1) / 2N, not 0.
        null_mean: mean of the plug-in estimate under permutations (or shifts), in nats.
        null_high: 95 % quantile of the same, in nats; an estimate below it is not significant.
        permuted_mean: mean of the plug-in estimate under permutations of single samples, in nats; exact.
        normalised: ``nats`` divided by the mean of the two entropies, in [0, 1].
        adjusted: ``nats`` adjusted for chance: 0 at its mean under permutations of single utterances, 1 at the
            mean of the two entropies; too large where the utterances include augmented copies.
    """

    nats: float
    null_mean: float
    null_high: float
    permuted_mean: float
    normalised: float
    adjusted: float

    @property
    def above_null(self) -> float:
        """Plug-in estimate minus its mean under the null hypothesis, in nats."""
        return self.nats - self.null_mean

    @property
    def above_permuted(self) -> float:
        """Plug-in estimate minus its mean under permutations of single samples, in nats."""
        return self.nats - self.permuted_mean


def cluster(
    embedding: np.ndarray,
    *,
    n_clusters: int = 10,
    seed: int,
    n_init: int = _N_INIT,
    max_fit_samples: int | None = None,
) -> np.ndarray:
    """Cluster embeddings by k-means.

    Args:
        embedding: shape (N, D), finite.
        n_clusters: number of clusters, K.
        seed: seed of the initial centers and of the fitted samples.
        n_init: runs from different initial centers; the one with the smallest inertia is the result.
        max_fit_samples: number of randomly drawn embeddings to fit the centers to; None: all of them. Every
            embedding is assigned to its nearest center.

    Returns:
        Cluster in [0, K) of each embedding, shape (N,); fewer than K if there are fewer distinct embeddings.

    Raises:
        ValueError: if there are fewer embeddings than clusters, or one is not finite.
    """
    samples = embedding
    if max_fit_samples is not None and len(embedding) > max_fit_samples:
        drawn = np.random.default_rng(seed).choice(len(embedding), max_fit_samples, replace=False)
        samples = embedding[np.sort(drawn)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a collapsed embedding has fewer clusters
        kmeans = KMeans(n_clusters, n_init=n_init, random_state=seed).fit(samples)
    return (kmeans.labels_ if samples is embedding else kmeans.predict(embedding)).astype(np.int64)


def information_with_permutation_null(
    one: np.ndarray, other: np.ndarray, *, groups: np.ndarray, permutations: int = 1000, seed: int
) -> MutualInformation:
    """Estimate the mutual information of two labelings, with a permutation null.

    The labels of ``other`` are permuted over *originals* together with their
    augmented copies. Copies of one original are in the same cluster for any label,
    so permuting single utterances would give too small a null.

    Source: bias of the plug-in estimate, Miller 1955; normalised and adjusted, Vinh et al. 2010.

    Args:
        one: clusters, or any other labels, shape (N,).
        other: speakers or emotions, shape (N,).
        groups: original of each utterance, shape (N,).
        permutations: number of permutations.
        seed: seed of the permutations.

    Returns:
        The mutual information.

    Raises:
        ValueError: if the arrays differ in length, or an original has two labels in ``other``.

    Example:
        >>> labels = np.arange(1000) % 2
        >>> found = information_with_permutation_null(labels, labels, groups=np.arange(1000), seed=0)
        >>> round(found.nats, 3), round(found.above_null, 2), round(found.normalised, 3)
        (0.693, 0.69, 1.0)
    """
    one, other, groups = map(np.asarray, (one, other, groups))
    if not one.shape == other.shape == groups.shape == (len(one),):
        raise ValueError(f"labels are {one.shape}, {other.shape}, groups {groups.shape}; expected (N,) each")
    _, i_one = np.unique(one, return_inverse=True)
    _, i_other = np.unique(other, return_inverse=True)
    _, first, original = np.unique(groups, return_index=True, return_inverse=True)
    labels = i_other[first]  # of the originals
    if (labels[original] != i_other).any():
        raise ValueError("an original and its copy have different labels, expected the same")
    rng = np.random.default_rng(seed)
    null = [plug_in_information(i_one, rng.permutation(labels)[original]) for _ in range(permutations)]
    return _compare_with_null(np.array(null), i_one, i_other)


def information_with_shift_null(
    one: np.ndarray, other: np.ndarray, *, min_shift: int, shifts: int = 200, seed: int
) -> MutualInformation:
    """Estimate the mutual information of two labelings along time, with a null of circular shifts.

    Consecutive labels are correlated, so N frames are fewer than N independent
    samples, and two independent labelings agree by chance over long stretches.
    Circular shifts of ``other`` preserve this autocorrelation; free permutations
    destroy it and would give too small a null. Shifts below ``min_shift`` are
    excluded, because the shifted labels are still similar to the original ones.

    Labels are usually ordered by speaker, so most shifts compare a speaker with the
    same one: what two labelings share through the speaker is part of this null, and
    not of what is above it. It is above the mean under permutations, together with
    agreement by chance over long stretches.

    Source: shifted surrogates, Theiler et al. 1992; otherwise as
    :func:`information_with_permutation_null`.

    Args:
        one: labels in the order of time, shape (N,).
        other: labels at the same times, shape (N,).
        min_shift: smallest shift, in steps of time; limited to a quarter of N.
        shifts: number of shifts, drawn without replacement; fewer if fewer exist.
        seed: seed of the shifts.

    Returns:
        The mutual information.

    Raises:
        ValueError: if the arrays differ in length, or are shorter than 2.

    Example:
        >>> labels = np.arange(1000) // 20 % 2
        >>> round(information_with_shift_null(labels, labels, min_shift=10, seed=0).nats, 3)
        0.693
    """
    one, other = np.asarray(one), np.asarray(other)
    n = len(one)
    if not one.shape == other.shape == (n,) or n < 2:
        raise ValueError(f"labels are {one.shape} and {other.shape}; expected (N,) each, N at least 2")
    _, i_one = np.unique(one, return_inverse=True)
    _, i_other = np.unique(other, return_inverse=True)
    min_shift = max(1, min(min_shift, n // 4))
    possible = np.arange(min_shift, n - min_shift + 1)
    drawn = np.random.default_rng(seed).choice(possible, min(shifts, len(possible)), replace=False)
    doubled = np.concatenate([i_other, i_other])
    null = [plug_in_information(i_one, doubled[shift : shift + n]) for shift in drawn]
    return _compare_with_null(np.array(null), i_one, i_other)


def plug_in_information(one: np.ndarray, other: np.ndarray) -> float:
    """Return the plug-in estimate of the mutual information of two labelings.

    Equal to scikit-learn's ``mutual_info_score``, without its input checks, which
    take longer than the counting.

    Args:
        one: label indices from 0, shape (N,).
        other: label indices from 0, shape (N,).

    Returns:
        Mutual information in nats, at least 0.
    """
    n_other = other.max() + 1
    counts = np.bincount(one * n_other + other, minlength=(one.max() + 1) * n_other).reshape(-1, n_other)
    joint = counts / len(one)
    independent = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
    occurs = joint > 0
    return float((joint[occurs] * np.log(joint[occurs] / independent[occurs])).sum())


def _compare_with_null(null: np.ndarray, one: np.ndarray, other: np.ndarray) -> MutualInformation:
    """Return the mutual information of two labelings by index, given estimates (P,) under the null hypothesis."""
    return MutualInformation(
        nats=float(mutual_info_score(one, other)),
        null_mean=float(null.mean()),
        null_high=float(np.quantile(null, 0.95)),
        permuted_mean=float(expected_mutual_information(contingency_matrix(one, other, sparse=True), len(one))),
        normalised=float(normalized_mutual_info_score(one, other)),
        adjusted=float(adjusted_mutual_info_score(one, other)),
    )
