"""Jackknife over speakers, for statistics that a bootstrap would bias.

A bootstrap draws some speakers more than once. The plug-in estimate of mutual
information is then too large in every resample, because copies of an utterance
agree in all their labels. The jackknife leaves out one speaker at a time and
makes no copies.

Speakers are the unit, because utterances of one speaker are not independent.
The systems are held as trained, clusters and probes as fitted.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from emofactors.evaluation.statistics.intervals import Interval, NoIntervalError, PairedDifference

_COVERAGE = 0.95


@dataclass(frozen=True)
class JackknifeEstimate:
    """Statistic averaged over the runs of a variant, for all speakers and without each speaker.

    Attributes:
        value: for all speakers.
        leave_one_out: without each speaker, shape (S,).
        speakers: sorted names, S.
    """

    value: float
    leave_one_out: np.ndarray
    speakers: tuple[str, ...]

    @property
    def interval(self) -> Interval:
        """Value and its 95 % interval; the ends are NaN for a single speaker."""
        try:
            return jackknife_interval(self.value, self.leave_one_out)
        except NoIntervalError:
            return Interval(value=self.value, low=np.nan, high=np.nan)

    def difference(self, other: "JackknifeEstimate") -> PairedDifference:
        """Return this estimate minus that of another variant; interval and p-value are NaN for a single speaker.

        Raises:
            ValueError: if the two estimates have different speakers.
        """
        if self.speakers != other.speakers:
            raise ValueError(
                f"{len(self.speakers)} and {len(other.speakers)} speakers are not the same; expected a pair"
            )
        try:
            return jackknife_difference(self.value, other.value, self.leave_one_out, other.leave_one_out)
        except NoIntervalError:
            return PairedDifference(value=self.value - other.value, low=np.nan, high=np.nan, p_value=np.nan)


def average_runs(values: pd.DataFrame, leave_one_out: pd.DataFrame) -> JackknifeEstimate:
    """Average a statistic over runs, for all speakers and without each speaker.

    Runs within a fold have equal weight; a fold has the weight of its number of
    test speakers. For a statistic that is a mean over speakers, leaving out one
    speaker thus gives the mean over the others, and the jackknife gives the usual
    standard error for any assignment of speakers to folds. A fold whose test
    split lacks the speaker is unchanged; a fold that tests only this speaker is
    dropped.

    Args:
        values: columns fold and value; one row per run (seed, initialisation of k-means).
        leave_one_out: columns fold, speaker and value; one row per run and test speaker of the fold. The value is
            ignored where no speaker remains.

    Returns:
        The averages; NaN if a value is NaN.

    Raises:
        ValueError: if there is no run, or a fold has no speaker.
    """
    fold_means = values.groupby("fold")["value"].agg(lambda of: of.mean(skipna=False))
    left_out = leave_one_out.groupby(["speaker", "fold"])["value"].agg(lambda of: of.mean(skipna=False))
    n_speakers = leave_one_out.groupby("fold")["speaker"].nunique().reindex(fold_means.index)
    if fold_means.empty or n_speakers.isna().any():
        raise ValueError(
            f"folds {fold_means.index.tolist()} have no speakers; expected at least one run and speaker"
        )
    speakers = tuple(sorted(leave_one_out["speaker"].unique()))
    averages = []
    for speaker in speakers:
        changed = left_out[speaker]
        means, weights = fold_means.copy(), n_speakers.copy()
        means[changed.index] = changed
        weights[changed.index] -= 1
        averages.append(_weighted_mean(means, weights))
    return JackknifeEstimate(
        value=_weighted_mean(fold_means, n_speakers), leave_one_out=np.array(averages), speakers=speakers
    )


def jackknife_interval(value: float, leave_one_out: np.ndarray) -> Interval:
    """Return a 95 % interval from the jackknife standard error and Student's t with S - 1 degrees of freedom.

    Source: Tukey 1958; Efron & Stein 1981.

    Args:
        value: statistic of all speakers.
        leave_one_out: statistic without each speaker, shape (S,).

    Returns:
        The value and its interval, symmetric around it.

    Raises:
        NoIntervalError: if there is only one speaker.

    Example:
        >>> mean = jackknife_interval(2.0, np.array([2.5, 2.0, 1.5]))  # of 1, 2 and 3
        >>> round(mean.low, 3), round(mean.high, 3)
        (-0.484, 4.484)
    """
    error = _standard_error(leave_one_out)
    half_width = float(student.ppf((1 + _COVERAGE) / 2, len(leave_one_out) - 1)) * error
    return Interval(value=value, low=value - half_width, high=value + half_width)


def jackknife_difference(
    value: float, other: float, leave_one_out: np.ndarray, other_leave_one_out: np.ndarray
) -> PairedDifference:
    """Return the difference of two systems on the same speakers, each speaker left out of both.

    The p-value is that of Student's t with S - 1 degrees of freedom under the
    hypothesis that the difference is 0.

    Args:
        value: statistic of the first system.
        other: statistic of the second system, which is subtracted.
        leave_one_out: of the first system without each speaker, shape (S,).
        other_leave_one_out: of the second system, in the same order of speakers.

    Returns:
        The difference, its interval and p-value.

    Raises:
        ValueError: if the numbers of speakers differ.
        NoIntervalError: if there is only one speaker.
    """
    if np.shape(leave_one_out) != np.shape(other_leave_one_out):
        raise ValueError(
            f"leave_one_out is {np.shape(leave_one_out)} and {np.shape(other_leave_one_out)}; "
            "expected the same speakers"
        )
    difference = value - other
    left_out = np.asarray(leave_one_out) - np.asarray(other_leave_one_out)
    interval = jackknife_interval(difference, left_out)
    error = _standard_error(left_out)
    if error > 0:
        p_value = float(2 * student.sf(abs(difference) / error, len(left_out) - 1))
    else:  # the difference is the same for every speaker, as between a system and itself
        p_value = np.nan if np.isnan(error) else float(difference == 0)
    return PairedDifference(value=difference, low=interval.low, high=interval.high, p_value=p_value)


def _standard_error(leave_one_out: np.ndarray) -> float:
    """Return the jackknife standard error of leave-one-out values (S,)."""
    n = len(leave_one_out)
    if n < 2:
        raise NoIntervalError(f"{n} speaker(s), expected at least 2")
    return float(np.sqrt((n - 1) / n * np.square(leave_one_out - np.mean(leave_one_out)).sum()))


def _weighted_mean(fold_means: pd.Series, weights: pd.Series) -> float:
    """Return the mean over the folds with a positive weight; NaN if there is none."""
    weighted = weights > 0
    return float(np.average(fold_means[weighted], weights=weights[weighted])) if weighted.any() else np.nan
