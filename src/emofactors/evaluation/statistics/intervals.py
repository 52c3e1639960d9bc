"""How sure a score is: intervals and tests that resample speakers.

The utterances of a speaker are alike, so they are no independent draws, and
resampling them would make intervals far too narrow. Here speakers are drawn,
each with all of its utterances.

Everything starts from confusion counts of shape (K, S, C, C): seed, speaker,
true class, predicted class. The statistic is always a metric of the confusion
pooled over speakers, averaged over seeds.

Of a speaker probe the label *is* the unit: a draw of speakers lacks labels, so
what is resampled are the recalls of the speakers, with the probe held as
fitted.

What this cannot do: the systems are held as trained, so the spread over
training sets is not in the interval; and with few speakers a percentile
interval is optimistic, that is too narrow (``docs/statistics.md``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

#: A score of confusion counts, (..., C, C) -> (...): one of ``emofactors.evaluation.statistics.metrics``.
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
    """A score of one system minus that of another, in [-1, 1], with its 95 % interval; of gaps, in [-2, 2].

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


@dataclass(frozen=True)
class SpeakerRecalls:
    """Share of each speaker's utterances that a probe got right, over all folds of a seed.

    Attributes:
        recall: in [0, 1], shape (K, S): seed by speaker.
        speakers: names, sorted, S.
        n_utterances: of each speaker in one seed, shape (S,).
    """

    recall: np.ndarray
    speakers: tuple[str, ...]
    n_utterances: np.ndarray


def pooled_score(counts: np.ndarray, metric: Metric) -> float:
    """The statistic: the metric of each seed's pooled confusion, averaged over the seeds.

    Args:
        counts: confusion counts, shape (K, S, C, C).
        metric: what to compute.

    Returns:
        The score.

    Raises:
        ValueError: if the metric is undefined, as UA is where a class is spoken by nobody.

    Example:
        >>> from emofactors.evaluation.statistics.metrics import weighted_accuracy
        >>> of_two_speakers = np.array([[[[3, 1], [2, 2]], [[4, 0], [1, 3]]]])  # (1, 2, 2, 2)
        >>> pooled_score(of_two_speakers, weighted_accuracy)
        0.75
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
    observed assignment counts as one of them. With all of them no p-value is
    below 2 / 2^S.

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
    return _paired([_Term(counts, minus)], metric, resamples, seed)


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


def speaker_recalls(counts: pd.DataFrame) -> SpeakerRecalls:
    """Recall of each speaker by a speaker probe; their mean is its UA over all folds of a seed.

    Args:
        counts: seed, speaker, truth, prediction, count (``probes.probe_counts``); of all folds and seeds.

    Returns:
        The recalls.

    Raises:
        ValueError: if the seeds were not probed on as many utterances of the same speakers.
    """
    counts = counts.assign(right=counts["count"].where(counts["truth"] == counts["prediction"], 0))
    right, n = (
        counts.pivot_table(index="seed", columns="speaker", values=of, aggfunc="sum") for of in ("right", "count")
    )
    if (n != n.iloc[0]).any(axis=None):
        raise ValueError("the seeds were not probed on the same utterances, expected the same")
    return SpeakerRecalls(
        recall=(right / n).to_numpy(),
        speakers=tuple(n.columns),
        n_utterances=n.iloc[0].to_numpy(dtype=np.int64),
    )


def recall_interval(recalls: SpeakerRecalls, *, resamples: int, seed: int) -> Interval:
    """Mean recall of the speakers, averaged over seeds, with its 95 % interval over resampled speakers.

    S speakers are drawn from the S with replacement, the same for every seed
    of training; a draw's score is the mean of their recalls. The probe is held
    as fitted: each speaker stays one of S who were to be told apart. Fitted
    anew, a speaker drawn twice would be two labels of the same utterances.

    Source: percentile bootstrap, Efron 1979.

    Args:
        recalls: of one variant.
        resamples: number of draws.
        seed: of the draws; the same seed draws the same speakers for every variant.

    Returns:
        The mean recall and its interval.

    Raises:
        NoIntervalError: if there is one speaker only.
    """
    of_speaker = recalls.recall.mean(axis=0)  # (S,)
    low, high = _resampled_means(of_speaker, resamples, np.random.default_rng(seed))
    return Interval(value=float(of_speaker.mean()), low=low, high=high)


def recall_difference(
    recalls: SpeakerRecalls, minus: SpeakerRecalls, *, resamples: int, seed: int
) -> PairedDifference:
    """Mean recall of the speakers in one variant's embeddings minus that in another's.

    The interval is that of :func:`recall_interval`, with the same draw of
    speakers for both. The p-value is that of a randomisation test: were the
    variants alike, the difference of any speaker could as well have the other
    sign. Up to 12 speakers all 2^S signs are tried; above, ``resamples``
    random ones, the observed among them. With all of them no p-value is below 2 / 2^S.

    Source: randomisation test, Fisher 1935.

    Args:
        recalls: of the variant.
        minus: of the other, on the same utterances.
        resamples: number of draws, and of random signs.
        seed: of the draws and signs.

    Returns:
        The difference, its interval and p-value.

    Raises:
        ValueError: if the two were not probed on as many utterances of the same speakers, or with
            another number of seeds.
        NoIntervalError: if there is one speaker only.
    """
    if (
        recalls.recall.shape != minus.recall.shape
        or recalls.speakers != minus.speakers
        or (recalls.n_utterances != minus.n_utterances).any()
    ):
        raise ValueError("recalls are not of the same seeds, speakers and utterances; expected a pair")
    of_speaker = (recalls.recall - minus.recall).mean(axis=0)  # (S,)
    rng = np.random.default_rng(seed)
    low, high = _resampled_means(of_speaker, resamples, rng)
    return PairedDifference(
        value=float(of_speaker.mean()), low=low, high=high, p_value=_sign_p_value(of_speaker, resamples, rng)
    )


def gap_difference(
    gap: tuple[np.ndarray, np.ndarray],
    minus: tuple[np.ndarray, np.ndarray],
    metric: Metric,
    *,
    resamples: int,
    seed: int,
) -> PairedDifference:
    """The gap between two sets of test utterances under one system minus that under another.

    Interval and p-value are those of :func:`paired_difference`, with the same draw of speakers, or the same
    swap, in both sets.

    Args:
        gap: confusion counts of the system, of the one set of utterances and of the other, each of
            shape (K, S, C, C): the same speakers, in the same order.
        minus: those of the other system.
        metric: what to compute.
        resamples: number of draws, and of random swaps.
        seed: of the draws and swaps.

    Returns:
        The difference of the gaps in [-2, 2], its interval and p-value.

    Raises:
        ValueError: as for :func:`paired_difference`.
        NoIntervalError: as for :func:`speaker_interval`.
    """
    return _paired([_Term(gap[0], minus[0]), _Term(gap[1], minus[1], sign=-1)], metric, resamples, seed)


def smallest_p_value(n_speakers: int) -> float:
    """The p-value of :func:`paired_difference` where every speaker favours the same system.

    Example:
        >>> [smallest_p_value(n_speakers) for n_speakers in (1, 4, 10)]
        [1.0, 0.125, 0.001953125]
    """
    return min(1.0, 2.0 / 2.0**n_speakers)


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


@dataclass(frozen=True)
class _Term:
    """Counts (K, S, C, C) of two systems on one set of utterances, and the sign with which their scores count."""

    counts: np.ndarray
    minus: np.ndarray
    sign: int = 1


def _paired(terms: Sequence[_Term], metric: Metric, resamples: int, seed: int) -> PairedDifference:
    """The signed sum of scores of one system minus that of another, resampled and swapped speaker by speaker."""
    for term in terms:
        if term.counts.shape != term.minus.shape or (_support(term.counts) != _support(term.minus)).any():
            raise ValueError(
                f"counts {term.counts.shape} and {term.minus.shape} are not of the same seeds and test "
                "utterances; expected a pair"
            )
        if term.counts.shape[1:] != terms[0].counts.shape[1:]:
            raise ValueError(
                f"counts {terms[0].counts.shape} and {term.counts.shape} are not of the same speakers and "
                "classes; expected those of one gap"
            )
    rng = np.random.default_rng(seed)
    support = np.concatenate([_support(term.counts) for term in terms], axis=1)
    weights = _resampled_speakers(support, resamples, rng)
    of_terms = [
        term.sign * (metric(_pool(weights, term.counts)) - metric(_pool(weights, term.minus))) for term in terms
    ]
    differences = sum(of_terms, start=np.zeros(())).mean(axis=1)  # (R,)
    low, high = np.percentile(differences, _PERCENTILES)
    value = sum(
        term.sign * (pooled_score(term.counts, metric) - pooled_score(term.minus, metric)) for term in terms
    )
    return PairedDifference(
        value=value, low=float(low), high=float(high), p_value=_swap_p_value(terms, metric, resamples, rng)
    )


def _swap_p_value(terms: Sequence[_Term], metric: Metric, resamples: int, rng: np.random.Generator) -> float:
    """Two-sided p-value of the swap of two systems, speaker by speaker."""
    n_speakers = terms[0].counts.shape[1]
    if n_speakers <= MAX_EXACT_SPEAKERS:
        swaps = (np.arange(2**n_speakers)[:, None] >> np.arange(n_speakers)) & 1  # (2^S, S)
    else:
        swaps = rng.integers(0, 2, size=(resamples, n_speakers))
    swaps[0] = 0  # the observed assignment: one of them, so p is never 0
    differences = np.zeros(len(swaps))
    for term in terms:
        swapped = metric(_pool(1 - swaps, term.counts) + _pool(swaps, term.minus)).mean(axis=1)
        swapped_minus = metric(_pool(swaps, term.counts) + _pool(1 - swaps, term.minus)).mean(axis=1)
        differences += term.sign * (swapped - swapped_minus)
    return _share_as_large(np.abs(differences))


def _share_as_large(differences: np.ndarray) -> float:
    """Share of differences at least as large as the first; what differs by rounding may counts as equal."""
    return float((differences >= differences[0] - 1e-10).mean())


def _resampled_means(of_speaker: np.ndarray, resamples: int, rng: np.random.Generator) -> tuple[float, float]:
    """The middle 95 % of the means of as many values (S,), drawn with replacement."""
    n_speakers = len(of_speaker)
    if n_speakers < 2:
        raise NoIntervalError("1 speaker cannot be resampled, expected at least 2")
    drawn = rng.multinomial(n_speakers, np.full(n_speakers, 1 / n_speakers), size=resamples)  # (R, S)
    low, high = np.percentile(drawn @ of_speaker / n_speakers, _PERCENTILES)
    return float(low), float(high)


def _sign_p_value(of_speaker: np.ndarray, resamples: int, rng: np.random.Generator) -> float:
    """Two-sided p-value of the mean of differences (S,) under other signs of the speakers."""
    n_speakers = len(of_speaker)
    if n_speakers <= MAX_EXACT_SPEAKERS:
        flips = (np.arange(2**n_speakers)[:, None] >> np.arange(n_speakers)) & 1  # (2^S, S)
    else:
        flips = rng.integers(0, 2, size=(resamples, n_speakers))
    flips[0] = 0  # the observed signs: one of them, so p is never 0
    return _share_as_large(np.abs((1 - 2 * flips) @ of_speaker) / n_speakers)
