"""Intervals and tests of scores by resampling speakers.

Utterances of one speaker are not independent, and resampling them would make
intervals too narrow. The resampling unit is therefore the speaker, with all of
its utterances.

All functions of confusion matrices take counts of shape (K, S, C, C): seed,
speaker, true class, predicted class. The statistic is a metric of the confusion
matrix pooled over speakers, averaged over seeds.

For a speaker probe, the speakers are the classes, so a resample would lack
classes. There the recalls of the speakers are resampled, with the probe held as
fitted.

Limits: the systems are held as trained, so intervals do not include the variance
over training sets; with few speakers, percentile intervals are too narrow
(``docs/statistics.md``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

#: Metric of confusion counts, (..., C, C) -> (...), from ``emofactors.evaluation.statistics.metrics``.
Metric = Callable[[np.ndarray], np.ndarray]

#: Largest number of speakers for which all 2^S swaps are evaluated; above it, swaps are drawn at random.
MAX_EXACT_SPEAKERS = 12

_PERCENTILES = (2.5, 97.5)


class NoIntervalError(ValueError):
    """The speakers of a task cannot be resampled: too few of them speak every class."""


@dataclass(frozen=True)
class Interval:
    """Score in [0, 1], or difference of two scores in [-1, 1], with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """Difference of two systems with its 95 % interval: of scores in [-1, 1], of gaps in [-2, 2].

    Attributes:
        value: the difference.
        low: lower end of the interval.
        high: upper end of the interval.
        p_value: two-sided, under the hypothesis that the two systems are exchangeable.
    """

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class SpeakerRecalls:
    """Recalls of a speaker probe, over all folds of a seed.

    Attributes:
        recall: in [0, 1], shape (K, S): seed by speaker.
        speakers: sorted names, S.
        n_utterances: number of utterances of each speaker in one seed, shape (S,).
    """

    recall: np.ndarray
    speakers: tuple[str, ...]
    n_utterances: np.ndarray


def pooled_score(counts: np.ndarray, metric: Metric) -> float:
    """Return the metric of each seed's pooled confusion matrix, averaged over the seeds.

    Args:
        counts: confusion counts, shape (K, S, C, C).
        metric: metric to compute.

    Returns:
        The score.

    Raises:
        ValueError: if the metric is undefined, as UA is for a class without utterances.

    Example:
        >>> from emofactors.evaluation.statistics.metrics import weighted_accuracy
        >>> of_two_speakers = np.array([[[[3, 1], [2, 2]], [[4, 0], [1, 3]]]])  # (1, 2, 2, 2)
        >>> pooled_score(of_two_speakers, weighted_accuracy)
        0.75
    """
    return float(metric(counts.sum(axis=1)).mean())


def speaker_interval(counts: np.ndarray, metric: Metric, *, resamples: int, seed: int) -> Interval:
    """Return a score and its 95 % bootstrap percentile interval over speakers.

    Each resample draws S of the S speakers with replacement, the same for every
    training seed. A resample that lacks a class has no UA and is drawn again.

    Source: percentile bootstrap, Efron 1979; of whole clusters, Field & Welsh 2007.

    Args:
        counts: confusion counts, shape (K, S, C, C).
        metric: metric to compute.
        resamples: number of resamples.
        seed: seed of the resamples; the same seed draws the same speakers for every system of a task.

    Returns:
        The score and its interval.

    Raises:
        ValueError: if a class has no utterance, or the test utterances differ between seeds.
        NoIntervalError: if there is only one speaker, or most resamples lack a class.
    """
    support = _support(counts)
    value = pooled_score(counts, metric)
    weights = _resample_speakers(support, resamples, np.random.default_rng(seed))
    scores = metric(_pool(weights, counts)).mean(axis=1)  # (R,)
    low, high = np.percentile(scores, _PERCENTILES)
    return Interval(value=value, low=float(low), high=float(high))


def paired_difference(
    counts: np.ndarray, other: np.ndarray, metric: Metric, *, resamples: int, seed: int
) -> PairedDifference:
    """Return the difference between the scores of two systems on the same utterances.

    The interval is that of :func:`speaker_interval`, with the same resampled
    speakers for both systems. The p-value is that of a randomisation test: under
    the null hypothesis, the predictions of the two systems can be swapped for any
    speaker. It is the share of swaps whose difference has at least the observed
    magnitude. All 2^S swaps are evaluated for up to 12 speakers, so that the
    p-value is at least 2 / 2^S; above, ``resamples`` random swaps that include the
    observed assignment.

    Source: randomisation test, Fisher 1935, of systems, Yeh 2000; the observed assignment among random swaps,
    Davison & Hinkley 1997; bootstrap as for :func:`speaker_interval`.

    Args:
        counts: confusion counts of the first system, shape (K, S, C, C).
        other: counts of the second system, which is subtracted: same shape, seeds and speakers.
        metric: metric to compute.
        resamples: number of resamples, and of random swaps.
        seed: seed of the resamples and swaps.

    Returns:
        The difference, its interval and p-value.

    Raises:
        ValueError: as for :func:`speaker_interval`; or if the two systems have different test utterances or
            numbers of seeds.
        NoIntervalError: as for :func:`speaker_interval`.
    """
    return _paired_difference([_Term(counts, other)], metric, resamples, seed)


def protocol_gap(counts: np.ndarray, other: np.ndarray, metric: Metric, *, resamples: int, seed: int) -> Interval:
    """Return the difference between the scores under two protocols: same speakers, different test utterances.

    The interval is that of :func:`speaker_interval`, with the same resampled
    speakers for both protocols. A resample that lacks a class under either
    protocol is drawn again. There is no p-value, because predictions of different
    utterances cannot be swapped.

    Args:
        counts: confusion counts under the first protocol, shape (K, S, C, C).
        other: counts under the second protocol, shape (K', S, C, C): the same speakers, in the same order.
        metric: metric to compute.
        resamples: number of resamples.
        seed: seed of the resamples.

    Returns:
        The gap in [-1, 1] and its interval.

    Raises:
        ValueError: as for :func:`speaker_interval`; or if the numbers of speakers or classes differ.
        NoIntervalError: as for :func:`speaker_interval`.
    """
    support = [_support(counts), _support(other)]
    if support[0].shape != support[1].shape:
        raise ValueError(
            f"counts {counts.shape} and {other.shape} have different speakers or classes; "
            "expected protocols of one corpus"
        )
    weights = _resample_speakers(np.concatenate(support, axis=1), resamples, np.random.default_rng(seed))
    scores, other_scores = (metric(_pool(weights, c)).mean(axis=1) for c in (counts, other))  # (R,)
    low, high = np.percentile(scores - other_scores, _PERCENTILES)
    return Interval(
        value=pooled_score(counts, metric) - pooled_score(other, metric), low=float(low), high=float(high)
    )


def speaker_recalls(counts: pd.DataFrame) -> SpeakerRecalls:
    """Return the recall of each speaker by a speaker probe; their mean is the UA over all folds of a seed.

    Args:
        counts: seed, speaker, truth, prediction, count (``probes.csv``); of all folds and seeds.

    Returns:
        The recalls.

    Raises:
        ValueError: if the probed utterances differ between seeds.
    """
    counts = counts.assign(correct=counts["count"].where(counts["truth"] == counts["prediction"], 0))
    correct, n = (
        counts.pivot_table(index="seed", columns="speaker", values=column, aggfunc="sum")
        for column in ("correct", "count")
    )
    if (n != n.iloc[0]).any(axis=None):
        raise ValueError("the seeds were not probed on the same utterances, expected the same")
    return SpeakerRecalls(
        recall=(correct / n).to_numpy(),
        speakers=tuple(n.columns),
        n_utterances=n.iloc[0].to_numpy(dtype=np.int64),
    )


def recall_interval(recalls: SpeakerRecalls, *, resamples: int, seed: int) -> Interval:
    """Return the mean recall of the speakers with its 95 % bootstrap percentile interval.

    Each resample draws S of the S speakers with replacement, the same for every
    training seed, and averages their recalls. The probe is held as fitted: refitting
    would give a speaker that is drawn twice two labels.

    Source: percentile bootstrap, Efron 1979.

    Args:
        recalls: recalls of one variant.
        resamples: number of resamples.
        seed: seed of the resamples; the same seed draws the same speakers for every variant.

    Returns:
        The mean recall, averaged over seeds, and its interval.

    Raises:
        NoIntervalError: if there is only one speaker.
    """
    means = recalls.recall.mean(axis=0)  # (S,)
    low, high = _mean_interval(means, resamples, np.random.default_rng(seed))
    return Interval(value=float(means.mean()), low=low, high=high)


def recall_difference(
    recalls: SpeakerRecalls, other: SpeakerRecalls, *, resamples: int, seed: int
) -> PairedDifference:
    """Return the difference between the mean speaker recalls of two variants.

    The interval is that of :func:`recall_interval`, with the same resampled
    speakers for both. The p-value is that of a randomisation test: under the null
    hypothesis, the difference of any speaker can have either sign. All 2^S signs
    are evaluated for up to 12 speakers, so that the p-value is at least 2 / 2^S;
    above, ``resamples`` random signs that include the observed ones.

    Source: randomisation test, Fisher 1935.

    Args:
        recalls: recalls of the first variant.
        other: recalls of the second variant, which is subtracted, on the same utterances.
        resamples: number of resamples, and of random signs.
        seed: seed of the resamples and signs.

    Returns:
        The difference, its interval and p-value.

    Raises:
        ValueError: if the probed utterances, speakers or numbers of seeds differ.
        NoIntervalError: if there is only one speaker.
    """
    if (
        recalls.recall.shape != other.recall.shape
        or recalls.speakers != other.speakers
        or (recalls.n_utterances != other.n_utterances).any()
    ):
        raise ValueError("recalls have different seeds, speakers or utterances; expected a pair")
    differences = (recalls.recall - other.recall).mean(axis=0)  # (S,)
    rng = np.random.default_rng(seed)
    low, high = _mean_interval(differences, resamples, rng)
    return PairedDifference(
        value=float(differences.mean()), low=low, high=high, p_value=_sign_p_value(differences, resamples, rng)
    )


def gap_difference(
    gap: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
    metric: Metric,
    *,
    resamples: int,
    seed: int,
) -> PairedDifference:
    """Return the difference between the gaps of two systems, each gap between two sets of test utterances.

    Interval and p-value are those of :func:`paired_difference`, with the same
    resampled or swapped speakers in both sets.

    Args:
        gap: confusion counts of the first system on the first and on the second set, each of shape (K, S, C, C):
            the same speakers, in the same order.
        other: counts of the second system, which is subtracted.
        metric: metric to compute.
        resamples: number of resamples, and of random swaps.
        seed: seed of the resamples and swaps.

    Returns:
        The difference of the gaps in [-2, 2], its interval and p-value.

    Raises:
        ValueError: as for :func:`paired_difference`.
        NoIntervalError: as for :func:`speaker_interval`.
    """
    terms = [_Term(gap[0], other[0]), _Term(gap[1], other[1], sign=-1)]
    return _paired_difference(terms, metric, resamples, seed)


def smallest_p_value(n_speakers: int) -> float:
    """Return the smallest p-value of :func:`paired_difference`: every speaker favours the same system.

    Example:
        >>> [smallest_p_value(n_speakers) for n_speakers in (1, 4, 10)]
        [1.0, 0.125, 0.001953125]
    """
    return min(1.0, 2.0 / 2.0**n_speakers)


def _support(counts: np.ndarray) -> np.ndarray:
    """Return the number of utterances by speaker and class, shape (S, C), after checks of the counts."""
    if counts.ndim != 4 or counts.shape[2] != counts.shape[3] or 0 in counts.shape:
        raise ValueError(f"counts have shape {counts.shape}, expected (K, S, C, C)")
    support = counts.sum(axis=3)  # (K, S, C)
    if (support != support[0]).any():
        raise ValueError("the seeds were not tested on the same utterances, expected the same")
    absent = np.flatnonzero(support[0].sum(axis=0) == 0)
    if len(absent):
        raise ValueError(f"no utterance of class {absent.tolist()}, expected every class")
    return support[0]


def _resample_speakers(support: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return the number of times each speaker is drawn, shape (R, S); every resample has every class."""
    n_speakers = len(support)
    if n_speakers < 2:
        raise NoIntervalError("1 speaker cannot be resampled, expected at least 2")
    accepted: list[np.ndarray] = []
    while sum(map(len, accepted)) < resamples:
        drawn = rng.multinomial(n_speakers, np.full(n_speakers, 1 / n_speakers), size=resamples)
        complete = drawn[((drawn.astype(float) @ (support > 0)) > 0).all(axis=1)]
        # If most resamples are rejected, the others do not represent the variance over speakers.
        if len(complete) < resamples / 2:
            raise NoIntervalError(
                f"{resamples - len(complete)} of {resamples} resamples of {n_speakers} speakers lack a class; "
                "expected at most half"
            )
        accepted.append(complete)
    return np.concatenate(accepted)[:resamples]


def _pool(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Sum counts (K, S, C, C) over speakers with weights (R, S); return (R, K, C, C)."""
    return np.tensordot(weights.astype(float), counts.astype(float), axes=(1, 1))


@dataclass(frozen=True)
class _Term:
    """Counts (K, S, C, C) of two systems on one set of utterances, and the sign of their difference in the sum."""

    counts: np.ndarray
    other: np.ndarray
    sign: int = 1


def _paired_difference(terms: Sequence[_Term], metric: Metric, resamples: int, seed: int) -> PairedDifference:
    """Return the signed sum of the differences of all terms, its interval and p-value."""
    for term in terms:
        if term.counts.shape != term.other.shape or (_support(term.counts) != _support(term.other)).any():
            raise ValueError(
                f"counts {term.counts.shape} and {term.other.shape} have different seeds or test utterances; "
                "expected a pair"
            )
        if term.counts.shape[1:] != terms[0].counts.shape[1:]:
            raise ValueError(
                f"counts {terms[0].counts.shape} and {term.counts.shape} have different speakers or classes; "
                "expected both sets of one gap"
            )
    rng = np.random.default_rng(seed)
    support = np.concatenate([_support(term.counts) for term in terms], axis=1)
    weights = _resample_speakers(support, resamples, rng)
    by_term = [
        term.sign * (metric(_pool(weights, term.counts)) - metric(_pool(weights, term.other))) for term in terms
    ]
    differences = sum(by_term, start=np.zeros(())).mean(axis=1)  # (R,)
    low, high = np.percentile(differences, _PERCENTILES)
    value = sum(
        term.sign * (pooled_score(term.counts, metric) - pooled_score(term.other, metric)) for term in terms
    )
    return PairedDifference(
        value=value, low=float(low), high=float(high), p_value=_swap_p_value(terms, metric, resamples, rng)
    )


def _swap_p_value(terms: Sequence[_Term], metric: Metric, resamples: int, rng: np.random.Generator) -> float:
    """Return the two-sided p-value under swaps of the two systems by speaker."""
    swaps = _binary_assignments(terms[0].counts.shape[1], resamples, rng)
    differences = np.zeros(len(swaps))
    for term in terms:
        swapped = metric(_pool(1 - swaps, term.counts) + _pool(swaps, term.other)).mean(axis=1)
        swapped_other = metric(_pool(swaps, term.counts) + _pool(1 - swaps, term.other)).mean(axis=1)
        differences += term.sign * (swapped - swapped_other)
    return _share_as_large(np.abs(differences))


def _sign_p_value(differences: np.ndarray, resamples: int, rng: np.random.Generator) -> float:
    """Return the two-sided p-value of the mean of differences (S,) under sign flips by speaker."""
    flips = _binary_assignments(len(differences), resamples, rng)
    return _share_as_large(np.abs((1 - 2 * flips) @ differences) / len(differences))


def _binary_assignments(n_speakers: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return 0 or 1 per speaker: all 2^S assignments, or random ones; the first is the observed one (zeros)."""
    if n_speakers <= MAX_EXACT_SPEAKERS:
        assignments = (np.arange(2**n_speakers)[:, None] >> np.arange(n_speakers)) & 1  # (2^S, S)
    else:
        assignments = rng.integers(0, 2, size=(resamples, n_speakers))
    assignments[0] = 0
    return assignments


def _share_as_large(differences: np.ndarray) -> float:
    """Return the share of differences at least as large as the first, with a tolerance for rounding."""
    return float((differences >= differences[0] - 1e-10).mean())


def _mean_interval(values: np.ndarray, resamples: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % bootstrap percentile interval of the mean of values (S,)."""
    n_speakers = len(values)
    if n_speakers < 2:
        raise NoIntervalError("1 speaker cannot be resampled, expected at least 2")
    drawn = rng.multinomial(n_speakers, np.full(n_speakers, 1 / n_speakers), size=resamples)  # (R, S)
    low, high = np.percentile(drawn @ values / n_speakers, _PERCENTILES)
    return float(low), float(high)
