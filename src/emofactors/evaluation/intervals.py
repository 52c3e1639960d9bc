"""How sure a score is: intervals and tests that resample speakers.

The utterances of a speaker are alike, so they are no independent draws, and
resampling them would make intervals far too narrow. Here speakers are drawn,
each with all of its utterances.

Everything starts from confusion counts of shape (K, S, C, C): seed, speaker,
true class, predicted class. The statistic is always a metric of the confusion
pooled over speakers, averaged over seeds.

What this cannot do: the systems are held as trained, so the spread over
training sets is not in the interval; and with few speakers a percentile
interval is optimistic, that is too narrow (``docs/statistics.md``).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: A score of confusion counts, (..., C, C) -> (...): one of ``emofactors.evaluation.metrics``.
Metric = Callable[[np.ndarray], np.ndarray]

#: Up to this number of speakers every one of the 2^S swaps is made; above, a random sample of them.
MAX_EXACT_SPEAKERS = 12

_PERCENTILES = (2.5, 97.5)


class NoIntervalError(ValueError):
    """The speakers of a task cannot be resampled: too few of them speak every class."""


@dataclass(frozen=True)
class Interval:
    """A score in [0, 1], or a gap between two in [-1, 1], with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """A score of one system minus that of another, in [-1, 1], with its 95 % interval.

    Attributes:
        value: the difference.
        low: lower end of the interval.
        high: upper end.
        p_value: two-sided, of the hypothesis that it makes no difference which system is which.
    """

    value: float
    low: float
    high: float
    p_value: float


def pooled_score(counts: np.ndarray, metric: Metric) -> float:
    """The statistic: the metric of each seed's pooled confusion, averaged over the seeds.

    Args:
        counts: confusion counts, shape (K, S, C, C).
        metric: what to compute.

    Returns:
        The score.

    Raises:
        ValueError: if the metric is undefined, as UA is where a class is spoken by nobody.
    """
    return float(metric(counts.sum(axis=1)).mean())


def speaker_interval(counts: np.ndarray, metric: Metric, *, resamples: int, seed: int) -> Interval:
    """A score and its 95 % percentile interval over resampled speakers.

    S speakers are drawn from the S with replacement, the same for every seed
    of training; the interval spans the middle 95 % of the scores of such
    draws. A draw that lacks a class has no UA and is drawn again.

    Source: percentile bootstrap, Efron 1979; of whole clusters, Field & Welsh 2007.

    Args:
        counts: confusion counts, shape (K, S, C, C).
        metric: what to compute.
        resamples: number of draws.
        seed: of the draws; the same seed draws the same speakers for every system of a task.

    Returns:
        The score and its interval.

    Raises:
        ValueError: if a class is spoken by nobody, or the seeds were not tested on the same utterances.
        NoIntervalError: if there is one speaker only, or most draws lack a class.
    """
    support = _support(counts)
    value = pooled_score(counts, metric)
    weights = _resampled_speakers(support, resamples, np.random.default_rng(seed))
    scores = metric(_pool(weights, counts)).mean(axis=1)  # (R,)
    low, high = np.percentile(scores, _PERCENTILES)
    return Interval(value=value, low=float(low), high=float(high))


def paired_difference(
    counts: np.ndarray, minus: np.ndarray, metric: Metric, *, resamples: int, seed: int
) -> PairedDifference:
    """A score of one system minus that of another on the same utterances.

    The interval is that of :func:`speaker_interval`, with the same draw of
    speakers for both. The p-value is that of a randomisation test: were the
    two systems alike, then all predictions of a speaker could as well have
    come from the other one. It is the share of such swaps, speaker by
    speaker, with a difference at least as large, of either sign. Up to 12
    speakers all 2^S swaps are made; above, ``resamples`` random ones, and the
    observed assignment counts as one of them. No p-value is below 2 / 2^S.

    Source: randomisation test, Fisher 1935, of systems, Yeh 2000; the one that is added, Davison &
    Hinkley 1997; bootstrap as for :func:`speaker_interval`.

    Args:
        counts: confusion counts of the system, shape (K, S, C, C).
        minus: those of the other, same shape, same seeds and speakers.
        metric: what to compute.
        resamples: number of draws, and of random swaps.
        seed: of the draws and swaps.

    Returns:
        The difference, its interval and p-value.

    Raises:
        ValueError: as for :func:`speaker_interval`; or if the two were not tested on the same
            utterances, or with another number of seeds.
        NoIntervalError: as for :func:`speaker_interval`.
    """
    support = _support(counts)
    if counts.shape != minus.shape or (support != _support(minus)).any():
        raise ValueError(
            f"counts {counts.shape} and {minus.shape} are not of the same seeds and test utterances; "
            "expected a pair"
        )
    rng = np.random.default_rng(seed)
    weights = _resampled_speakers(support, resamples, rng)
    differences = (metric(_pool(weights, counts)) - metric(_pool(weights, minus))).mean(axis=1)  # (R,)
    low, high = np.percentile(differences, _PERCENTILES)
    return PairedDifference(
        value=pooled_score(counts, metric) - pooled_score(minus, metric),
        low=float(low),
        high=float(high),
        p_value=_swap_p_value(counts, minus, metric, resamples, rng),
    )


def protocol_gap(counts: np.ndarray, minus: np.ndarray, metric: Metric, *, resamples: int, seed: int) -> Interval:
    """A score under one protocol minus that under another: the same speakers, other test utterances.

    The interval is that of :func:`speaker_interval`, with the same draw of
    speakers for both, each with all it says in the test of either protocol. A
    draw in which either lacks a class is drawn again. There is no p-value:
    predictions of other utterances cannot be swapped.

    Args:
        counts: confusion counts under the one protocol, shape (K, S, C, C).
        minus: those under the other, shape (K', S, C, C): the same speakers, in the same order.
        metric: what to compute.
        resamples: number of draws.
        seed: of the draws.

    Returns:
        The gap in [-1, 1] and its interval.

    Raises:
        ValueError: as for :func:`speaker_interval`; or if speakers or classes are not as many in both.
        NoIntervalError: as for :func:`speaker_interval`.
    """
    support = [_support(counts), _support(minus)]
    if support[0].shape != support[1].shape:
        raise ValueError(
            f"counts {counts.shape} and {minus.shape} are not of the same speakers and classes; "
            "expected protocols of one corpus"
        )
    weights = _resampled_speakers(np.concatenate(support, axis=1), resamples, np.random.default_rng(seed))
    one, other = (metric(_pool(weights, of)).mean(axis=1) for of in (counts, minus))  # (R,)
    low, high = np.percentile(one - other, _PERCENTILES)
    return Interval(
        value=pooled_score(counts, metric) - pooled_score(minus, metric), low=float(low), high=float(high)
    )


def smallest_p_value(n_speakers: int) -> float:
    """The p-value of :func:`paired_difference` where every speaker favours the same system."""
    return min(1.0, 2.0 / 2.0**n_speakers)


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values for the number of comparisons, step by step from the smallest.

    Whoever rejects where the adjusted value is at most 0.05 makes a false
    rejection among all comparisons in at most 5 % of cases, however they
    depend on each other.

    Source: Holm 1979.

    Args:
        p_values: shape (M,), in [0, 1].

    Returns:
        Adjusted p-values, shape (M,), in [0, 1], never below the given ones.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03])).round(6).tolist()
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def _support(counts: np.ndarray) -> np.ndarray:
    """Utterances by speaker and class, shape (S, C); the same in every seed, and every class there."""
    if counts.ndim != 4 or counts.shape[2] != counts.shape[3] or 0 in counts.shape:
        raise ValueError(f"counts have shape {counts.shape}, expected (K, S, C, C)")
    support = counts.sum(axis=3)  # (K, S, C)
    if (support != support[0]).any():
        raise ValueError("the seeds were not tested on the same utterances, expected the same")
    unspoken = np.flatnonzero(support[0].sum(axis=0) == 0)
    if len(unspoken):
        raise ValueError(f"class {unspoken.tolist()} is spoken by nobody, expected every class")
    return support[0]


def _resampled_speakers(support: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each speaker is drawn, shape (R, S); every class is spoken in every draw."""
    n_speakers = len(support)
    if n_speakers < 2:
        raise NoIntervalError("1 speaker cannot be resampled, expected at least 2")
    kept: list[np.ndarray] = []
    while sum(map(len, kept)) < resamples:
        drawn = rng.multinomial(n_speakers, np.full(n_speakers, 1 / n_speakers), size=resamples)
        complete = drawn[((drawn.astype(float) @ (support > 0)) > 0).all(axis=1)]
        # Where most draws are refused, those that are left say little of how speakers vary.
        if len(complete) < resamples / 2:
            raise NoIntervalError(
                f"{resamples - len(complete)} of {resamples} draws of {n_speakers} speakers lack a class; "
                "expected at most half"
            )
        kept.append(complete)
    return np.concatenate(kept)[:resamples]


def _pool(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Counts (K, S, C, C) summed over speakers under weights (R, S), shape (R, K, C, C)."""
    return np.tensordot(weights.astype(float), counts.astype(float), axes=(1, 1))


def _swap_p_value(
    counts: np.ndarray, minus: np.ndarray, metric: Metric, resamples: int, rng: np.random.Generator
) -> float:
    """Two-sided p-value of the swap of two systems, speaker by speaker."""
    n_speakers = counts.shape[1]
    if n_speakers <= MAX_EXACT_SPEAKERS:
        swaps = (np.arange(2**n_speakers)[:, None] >> np.arange(n_speakers)) & 1  # (2^S, S)
    else:
        swaps = rng.integers(0, 2, size=(resamples, n_speakers))
    swaps[0] = 0  # the observed assignment: one of them, so p is never 0
    swapped = metric(_pool(1 - swaps, counts) + _pool(swaps, minus)).mean(axis=1)
    swapped_minus = metric(_pool(swaps, counts) + _pool(1 - swaps, minus)).mean(axis=1)
    differences = np.abs(swapped - swapped_minus)
    # What differs by less than rounding may counts as equal, which is the safe side.
    return float((differences >= differences[0] - 1e-10).mean())
