"""How sure a number is that cannot be had of resampled speakers: speakers are left out, one at a time.

A bootstrap draws some speakers twice. Of mutual information that is harm: two
copies of an utterance agree in whatever they are labelled by, so the plug-in
estimate of a draw is above that of the speakers it is drawn from, in
every draw. Leaving one speaker out makes copies of nobody.

Utterances of a speaker are alike, so speakers, not utterances, are what is left out.
The systems are held as trained, and clusters and probes as found.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from emofactors.evaluation.statistics.intervals import Interval, NoIntervalError, PairedDifference

_COVERAGE = 0.95


@dataclass(frozen=True)
class Averaged:
    """A number averaged over the runs of a variant, of all speakers and without each.

    Attributes:
        value: of all speakers.
        without: without each of them, shape (S,).
        speakers: their names, sorted, S.
    """

    value: float
    without: np.ndarray
    speakers: tuple[str, ...]

    @property
    def interval(self) -> Interval:
        """The number with its interval, or with none (NaN) where there is one speaker only."""
        try:
            return jackknife_interval(self.value, self.without)
        except NoIntervalError:
            return Interval(value=self.value, low=np.nan, high=np.nan)

    def difference(self, minus: "Averaged") -> PairedDifference:
        """How much more it is than that of another variant; NaN where there is one speaker only.

        Raises:
            ValueError: if the two are not of the same speakers.
        """
        if self.speakers != minus.speakers:
            raise ValueError(
                f"{len(self.speakers)} and {len(minus.speakers)} speakers are not the same; expected a pair"
            )
        try:
            return jackknife_difference(self.value, minus.value, self.without, minus.without)
        except NoIntervalError:
            return PairedDifference(value=self.value - minus.value, low=np.nan, high=np.nan, p_value=np.nan)


def average_runs(values: pd.DataFrame, without: pd.DataFrame) -> Averaged:
    """Average a number over runs, of all speakers and without each in turn.

    Within a fold the runs count alike, whatever their number; a fold counts as
    often as its test has speakers. So a number that is a mean over speakers is,
    without one of them, the mean over the others, and its jackknife the
    usual standard error, however the speakers are dealt to folds. A
    fold whose test lacks the speaker stays as it is, and one that tests nobody else is left out.

    Args:
        values: columns fold and value, a row a run (seed, start of k-means).
        without: columns fold, speaker and value, a row a run and speaker of the fold's test; where nobody
            is left, the value is not looked at.

    Returns:
        The averages; NaN if a value is.

    Raises:
        ValueError: if there is no run, or a fold has no speaker.
    """
    of_fold = values.groupby("fold")["value"].agg(lambda of: of.mean(skipna=False))
    left_out = without.groupby(["speaker", "fold"])["value"].agg(lambda of: of.mean(skipna=False))
    n_speakers = without.groupby("fold")["speaker"].nunique().reindex(of_fold.index)
    if of_fold.empty or n_speakers.isna().any():
        raise ValueError(f"folds {of_fold.index.tolist()} have no speakers; expected at least one run and speaker")
    speakers = tuple(sorted(without["speaker"].unique()))
    of_others = []
    for speaker in speakers:
        changed = left_out[speaker]
        remaining, weight = of_fold.copy(), n_speakers.copy()
        remaining[changed.index] = changed
        weight[changed.index] -= 1
        of_others.append(_weighted(remaining, weight))
    return Averaged(value=_weighted(of_fold, n_speakers), without=np.array(of_others), speakers=speakers)


def jackknife_interval(value: float, without: np.ndarray) -> Interval:
    """A number and its 95 % interval from leaving each speaker out.

    The standard error is the jackknife's, the interval Student's with S - 1
    degrees of freedom: few speakers say little of how speakers vary, and the
    interval is as much wider.

    Source: Tukey 1958; Efron & Stein 1981.

    Args:
        value: of all speakers.
        without: without each, shape (S,).

    Returns:
        The number and its interval, symmetric around it.

    Raises:
        NoIntervalError: if there is one speaker only.

    Example:
        >>> mean = jackknife_interval(2.0, np.array([2.5, 2.0, 1.5]))  # of 1, 2 and 3
        >>> round(mean.low, 3), round(mean.high, 3)
        (-0.484, 4.484)
    """
    reach = float(student.ppf((1 + _COVERAGE) / 2, len(without) - 1)) * _standard_error(without)
    return Interval(value=value, low=value - reach, high=value + reach)


def jackknife_difference(
    value: float, minus: float, without: np.ndarray, minus_without: np.ndarray
) -> PairedDifference:
    """A number of one system minus that of another, of the same speakers, each left out of both.

    The p-value is that of Student's t with S - 1 degrees of freedom, of the
    hypothesis that the difference is 0.

    Args:
        value: of the system.
        minus: of the other.
        without: of the system without each speaker, shape (S,).
        minus_without: of the other, likewise, in the same order.

    Returns:
        The difference, its interval and p-value.

    Raises:
        ValueError: if there are not as many speakers in both.
        NoIntervalError: if there is one speaker only.
    """
    if np.shape(without) != np.shape(minus_without):
        raise ValueError(
            f"without is {np.shape(without)} and {np.shape(minus_without)}; expected the same speakers"
        )
    difference = value - minus
    left_out = np.asarray(without) - np.asarray(minus_without)
    interval = jackknife_interval(difference, left_out)
    error = _standard_error(left_out)
    if error > 0:
        p_value = float(2 * student.sf(abs(difference) / error, len(left_out) - 1))
    else:  # the same for every speaker, as of a system and itself
        p_value = np.nan if np.isnan(error) else float(difference == 0)
    return PairedDifference(value=difference, low=interval.low, high=interval.high, p_value=p_value)


def _standard_error(without: np.ndarray) -> float:
    """The jackknife's standard error from numbers without each speaker (S,)."""
    n = len(without)
    if n < 2:
        raise NoIntervalError(f"{n} speaker(s), expected at least 2 of whom one can be left out")
    return float(np.sqrt((n - 1) / n * np.square(without - np.mean(without)).sum()))


def _weighted(of_fold: pd.Series, weight: pd.Series) -> float:
    """Mean over the folds with some weight; NaN where there is none."""
    there = weight > 0
    return float(np.average(of_fold[there], weights=weight[there])) if there.any() else np.nan
