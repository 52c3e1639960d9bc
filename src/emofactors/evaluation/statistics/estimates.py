"""Intervals and tests over speakers and trainings.

A score varies with two things that a study draws: the speakers of the test, and the
trainings, which differ in their seed. Utterances of one speaker are not independent,
and neither are the speakers whom one training tests. The variance of a score is
therefore estimated in two parts:

- over speakers: the jackknife, which leaves out one speaker at a time with all
  utterances, in all trainings;
- over trainings: the variance between seeds of the same fold. If each training tests
  one speaker, as under leave one speaker out, the variance over speakers contains it
  already.

Interval and p-value are those of Student's t with the sum of both. Its degrees of
freedom are those at which the quantile of t is the mean of the two parts' quantiles,
weighted by their variances (Cochran & Cox). The noise of single utterances is
contained in both parts, so that intervals are slightly too wide rather than too narrow
(``docs/statistics.md``).

Folds are held as they are: what other training speakers would have taught is not in
the variance.

Source: jackknife, Tukey 1958, Efron & Stein 1981; quantile of two variances, Cochran & Cox 1957.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from math import nan

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtridf, stdtrit

#: Metric of confusion counts, (..., C, C) -> (...), that depends on the recalls, as UA and WA do.
Metric = Callable[[np.ndarray], np.ndarray]

_COVERAGE = 0.95
#: Numbers below this one are rounding errors.
_ROUNDING = 1e-9

NO_SPEAKERS = "fewer than two speakers, or a class that only one of them speaks"
OTHER_SPEAKERS = "the speakers differ"
ONE_SEED = "one seed, and a training tests several speakers"
NO_VARIANCE = "the difference is the same for every speaker and training"


@dataclass(frozen=True)
class Interval:
    """Number with its 95 % interval and what it is computed from.

    Attributes:
        value: the number.
        low: lower end of the interval; NaN if there is none.
        high: upper end.
        se_speakers: standard error over speakers.
        se_trainings: standard error over trainings, as far as it is not in that over speakers; NaN if unknown.
        df: degrees of freedom of Student's t.
    """

    value: float
    low: float = nan
    high: float = nan
    se_speakers: float = nan
    se_trainings: float = nan
    df: float = nan


@dataclass(frozen=True)
class Difference(Interval):
    """Difference of two numbers with its interval and test.

    Attributes:
        p_value: two-sided, of Student's t under the hypothesis that the difference is 0; NaN if there is none.
        no_p: why there is none; empty if there is one.
    """

    p_value: float = nan
    no_p: str = ""


@dataclass(frozen=True)
class Trainings:
    """What the trainings contribute to a statistic.

    Attributes:
        contributions: shape (K, F): seed by fold; their sum is the statistic, but for a constant.
        share: share of the trainings' variance that is not part of the variance over speakers, in [0, 1].
    """

    contributions: np.ndarray
    share: float

    @property
    def variance(self) -> float:
        """Variance of the statistic over seeds, as far as it is not in that over speakers; NaN for one seed."""
        n_seeds = len(self.contributions)
        if self.share < _ROUNDING:
            return 0.0
        if n_seeds < 2:
            return nan
        return float(self.share * n_seeds * self.contributions.var(axis=0, ddof=1).sum())

    @property
    def df(self) -> int:
        """Degrees of freedom of the variance."""
        n_seeds, n_folds = self.contributions.shape
        return n_folds * (n_seeds - 1)


@dataclass(frozen=True)
class Estimate:
    """Statistic of all speakers and trainings.

    Attributes:
        value: the statistic.
        leave_one_out: the statistic without each speaker, shape (S,).
        speakers: sorted names, S.
        trainings: the trainings: one entry for each set of them that is independent of the others.
    """

    value: float
    leave_one_out: np.ndarray
    speakers: tuple[str, ...]
    trainings: tuple[Trainings, ...]

    def without_seeds(self) -> "Estimate":
        """Return the statistic of a system that no seed changes: its trainings have no variance."""
        return replace(self, trainings=tuple(replace(t, share=0.0) for t in self.trainings))

    def minus(self, other: "Estimate") -> "Estimate":
        """Return the difference of two statistics, paired over speakers and over trainings.

        Trainings of the same fold and seed are a pair, those of other folds independent. One seed beside several
        is repeated: it is that of a system that no seed changes. If the speakers differ, the difference has no
        interval.
        """
        is_paired = self.speakers == other.speakers
        return Estimate(
            value=self.value - other.value,
            leave_one_out=self.leave_one_out - other.leave_one_out if is_paired else np.empty(0),
            speakers=self.speakers if is_paired else (),
            trainings=_subtract(self.trainings, other.trainings),
        )

    def interval(self) -> Interval:
        """Return the value with its interval: over speakers alone if the variance over trainings is unknown."""
        return self._interval([t for t in self.trainings if not np.isnan(t.variance)])

    def test(self) -> Difference:
        """Return the value with its interval and p-value; neither if the variance over trainings is unknown."""
        found = Difference(**asdict(self.interval()))
        if np.isnan(found.se_speakers):
            return replace(found, no_p=NO_SPEAKERS if self.speakers else OTHER_SPEAKERS)
        if np.isnan(found.se_trainings):
            return replace(found, low=nan, high=nan, df=nan, no_p=ONE_SEED)
        error = np.hypot(found.se_speakers, found.se_trainings)
        if error > _ROUNDING:
            return replace(found, p_value=float(2 * stdtr(found.df, -abs(self.value) / error)))
        if abs(self.value) <= _ROUNDING:
            return replace(found, p_value=1.0)
        return replace(found, low=nan, high=nan, df=nan, no_p=NO_VARIANCE)

    def _interval(self, known: list[Trainings]) -> Interval:
        n_speakers = len(self.leave_one_out)
        distances = self.leave_one_out - self.leave_one_out.mean() if n_speakers > 1 else np.array([nan])
        of_speakers = float((n_speakers - 1) / max(n_speakers, 1) * np.square(distances).sum())
        if np.isnan(of_speakers):
            return Interval(self.value)
        of_trainings = sum(t.variance for t in known)
        variance = of_speakers + of_trainings
        df = float(n_speakers - 1)
        if of_trainings > 0:
            # A part without variance has no weight, and may have no degrees of freedom.
            parts = [(of_speakers, n_speakers - 1), *((t.variance, t.df) for t in known if t.variance > 0)]
            quantiles = [stdtrit(df_of_part, (1 + _COVERAGE) / 2) for _, df_of_part in parts]
            quantile = np.average(quantiles, weights=[part for part, _ in parts])
            df = float(stdtridf((1 + _COVERAGE) / 2, quantile))
        half_width = float(stdtrit(df, (1 + _COVERAGE) / 2) * np.sqrt(variance))
        return Interval(
            value=self.value,
            low=self.value - half_width,
            high=self.value + half_width,
            se_speakers=float(np.sqrt(of_speakers)),
            se_trainings=float(np.sqrt(of_trainings)) if len(known) == len(self.trainings) else nan,
            df=df,
        )


def score_estimate(counts: np.ndarray, speakers: tuple[str, ...], metric: Metric) -> Estimate:
    """Estimate a score of confusion counts: pooled over folds and speakers, averaged over seeds.

    Args:
        counts: confusion counts, shape (K, F, S, C, C): seed, fold, speaker, true class, predicted class; the same
            utterances in every seed.
        speakers: sorted names, S.
        metric: UA, WA or another metric of the recalls.

    Returns:
        The estimate; ``leave_one_out`` is NaN where a class is lacking without the speaker.

    Raises:
        ValueError: if the shape is another, a class has no utterance, or the test utterances differ between seeds.

    Example:
        >>> from emofactors.evaluation.statistics.metrics import weighted_accuracy
        >>> of_two_speakers = np.array([[[[[3, 1], [2, 2]], [[4, 0], [1, 3]]]]])  # (1, 1, 2, 2, 2)
        >>> score_estimate(of_two_speakers, ("03", "08"), weighted_accuracy).value
        0.75
    """
    support = _support(counts)  # (F, S, C)
    by_speaker = counts.sum(axis=1)  # (K, S, C, C)
    pooled = by_speaker.sum(axis=1)  # (K, C, C)
    of_class = support.sum(axis=(0, 1))  # (C,)
    is_complete = (of_class - support.sum(axis=0) > 0).all(axis=1)  # (S,)
    leave_one_out = np.full(len(speakers), nan)
    leave_one_out[is_complete] = metric((pooled[:, None] - by_speaker)[:, is_complete]).mean(axis=0)
    # What one more correct utterance of each class adds to the score: constant for UA and WA.
    mean = pooled.mean(axis=0)
    one_more = np.eye(len(mean))[..., None] * (np.eye(len(mean)) - np.roll(np.eye(len(mean)), 1, axis=1))[:, None]
    utterance = metric(mean + one_more) - metric(mean)  # (C,)
    correct = np.diagonal(counts, axis1=3, axis2=4)  # (K, F, S, C)
    return Estimate(
        value=float(metric(pooled).mean()),
        leave_one_out=leave_one_out,
        speakers=speakers,
        trainings=(
            Trainings(
                contributions=(correct.sum(axis=2) @ utterance) / len(counts),
                share=share_beyond_speakers(support @ utterance),
            ),
        ),
    )


def speaker_mean_estimate(values: np.ndarray, shares: np.ndarray, speakers: tuple[str, ...]) -> Estimate:
    """Estimate the mean over speakers of one number per speaker, averaged over seeds.

    Args:
        values: shape (K, F, S): what the trainings of a fold contribute to the number of a speaker; their sum over
            folds is the number.
        shares: shape (F, S): share of the fold in the test utterances of the speaker; the sum over folds is 1.
        speakers: sorted names, S.

    Returns:
        The estimate.

    Example:
        >>> of_two_speakers = np.array([[[0.5, 0.0], [0.0, 1.0]]])  # (1, 2, 2): each speaker in a fold
        >>> speaker_mean_estimate(of_two_speakers, np.eye(2), ("03", "08")).value
        0.75
    """
    means = values.sum(axis=1).mean(axis=0)  # (S,)
    n_speakers = len(means)
    return Estimate(
        value=float(means.mean()),
        leave_one_out=(means.sum() - means) / (n_speakers - 1) if n_speakers > 1 else np.full(n_speakers, nan),
        speakers=speakers,
        trainings=(
            Trainings(
                contributions=values.sum(axis=2) / (n_speakers * len(values)),
                share=share_beyond_speakers(shares / n_speakers),
            ),
        ),
    )


def run_mean_estimate(values: pd.DataFrame, leave_one_out: pd.DataFrame) -> Estimate:
    """Estimate the mean over runs of a statistic that has one value per run, and one without each test speaker.

    For statistics that are no mean over utterances, such as mutual information. Runs of a
    fold have equal weight; a fold has the weight of its number of test speakers. For a
    statistic that is a mean over speakers, leaving out one speaker thus gives the mean over
    the others. A fold whose test lacks the speaker is unchanged; a fold that tests only
    this speaker is dropped.

    Args:
        values: columns fold, seed and value; rows of one run (initialisations of k-means) are averaged.
        leave_one_out: columns fold, seed, speaker and value, likewise; the speakers are those that the fold tests.
            The value is ignored where no speaker remains.

    Returns:
        The estimate; NaN if a value is NaN.

    Raises:
        ValueError: if there is no run, a fold lacks a seed, or a fold has no speaker.
    """
    runs = _mean(values, ["seed", "fold"]).unstack("fold")  # (K, F)
    folds = runs.columns
    without = _mean(leave_one_out, ["fold", "speaker"]).unstack("speaker").reindex(folds)  # (F, S)
    n_rows = leave_one_out.groupby(["fold", "speaker"]).size()
    is_tested = n_rows.unstack("speaker").reindex(folds).notna()  # (F, S)
    n_speakers = is_tested.sum(axis=1)  # (F,)
    if (
        not len(runs)
        or (n_speakers == 0).any()
        or set(zip(values["seed"], values["fold"], strict=True))
        != {(seed, fold) for seed in runs.index for fold in folds}
    ):
        raise ValueError(
            f"values of folds {sorted(set(values['fold']))} and seeds {sorted(set(values['seed']))}: "
            "expected every fold of every seed, and at least one speaker per fold"
        )
    fold_means, weights = runs.mean(skipna=False), n_speakers / n_speakers.sum()
    left_out = []
    for speaker in is_tested.columns:
        means = fold_means.where(~is_tested[speaker], without[speaker])
        left = n_speakers - is_tested[speaker]
        left_out.append(np.average(means[left > 0], weights=left[left > 0]) if left.any() else nan)
    return Estimate(
        value=float((fold_means * weights).sum(skipna=False)),
        leave_one_out=np.array(left_out),
        speakers=tuple(is_tested.columns),
        trainings=(
            Trainings(
                contributions=(runs * weights).to_numpy() / len(runs),
                share=share_beyond_speakers(is_tested.to_numpy() / is_tested.to_numpy().sum()),
            ),
        ),
    )


def share_beyond_speakers(weights: np.ndarray) -> float:
    """Return the share of the trainings' variance that the variance over speakers lacks.

    Where one training tests all speakers, they move together, and the variance between
    them contains nothing of it: 1. Where each training tests one speaker, it contains all: 0.

    Args:
        weights: shape (F, S): share in the statistic of the utterances of a speaker that a fold tests; sum 1.

    Returns:
        The share, in [0, 1].

    Example:
        >>> one_fold, leave_one_out = np.full((1, 4), 0.25), np.eye(4) / 4
        >>> two_groups = np.repeat(np.eye(2), 2, axis=1) / 4
        >>> [round(share_beyond_speakers(weights), 3) for weights in (one_fold, two_groups, leave_one_out)]
        [1.0, 0.667, 0.0]
    """
    n_speakers = weights.shape[1]
    if n_speakers < 2:
        return 1.0
    of_fold, of_speaker = weights.sum(axis=1), weights.sum(axis=0)
    between_speakers = np.square(weights - np.outer(of_fold, of_speaker)).sum() * n_speakers / (n_speakers - 1)
    return float(np.clip(1 - between_speakers / np.square(of_fold).sum(), 0, 1))


def _subtract(one: tuple[Trainings, ...], other: tuple[Trainings, ...]) -> tuple[Trainings, ...]:
    """Return the trainings of a difference: paired where folds and seeds are the same, and otherwise of both."""
    if len(one) != 1 or len(other) != 1:
        return one + other
    (a,), (b,) = one, other
    n_seeds = {len(a.contributions), len(b.contributions)}
    n_folds = a.contributions.shape[1]
    if n_folds != b.contributions.shape[1] or len(n_seeds | {1}) > 2:
        return one + other
    n = max(n_seeds)
    of_a, of_b = (np.broadcast_to(t.contributions * (len(t.contributions) / n), (n, n_folds)) for t in (a, b))
    # Shares differ where the two statistics are of different utterances: the larger one is on the safe side.
    return (Trainings(of_a - of_b, max(a.share, b.share)),)


def _mean(values: pd.DataFrame, keys: list[str]) -> pd.Series:
    """Return the mean value by key; NaN if a value is NaN."""
    return values.groupby(keys)["value"].agg(lambda of: of.mean(skipna=False))


def _support(counts: np.ndarray) -> np.ndarray:
    """Return the number of utterances by fold, speaker and class, shape (F, S, C), after checks of the counts."""
    if counts.ndim != 5 or counts.shape[3] != counts.shape[4] or 0 in counts.shape:
        raise ValueError(f"counts have shape {counts.shape}, expected (K, F, S, C, C)")
    support = counts.sum(axis=4)  # (K, F, S, C)
    if (support != support[0]).any():
        raise ValueError("the seeds were not tested on the same utterances, expected the same")
    absent = np.flatnonzero(support[0].sum(axis=(0, 1)) == 0)
    if len(absent):
        raise ValueError(f"no utterance of class {absent.tolist()}, expected every class")
    return support[0]
