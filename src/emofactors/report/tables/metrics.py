"""What a table may show of a row: each metric with its interval and its chance, and how two rows compare."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Self

import numpy as np
import pandas as pd

from emofactors.config.evaluation import IntervalSettings
from emofactors.errors import InputError
from emofactors.evaluation.probe_models import HIDDEN_UNITS
from emofactors.evaluation.scores import speaker_confusions
from emofactors.evaluation.statistics import intervals
from emofactors.evaluation.statistics.intervals import (
    Interval,
    NoIntervalError,
    PairedDifference,
    SpeakerRecalls,
    gap_difference,
    paired_difference,
    pooled_score,
    protocol_gap,
    recall_difference,
    recall_interval,
    speaker_interval,
    speaker_recalls,
)
from emofactors.evaluation.statistics.metrics import unweighted_accuracy, weighted_accuracy

#: Metrics of the test utterances, which every evaluation has.
METRICS: dict[str, intervals.Metric] = {"ua": unweighted_accuracy, "wa": weighted_accuracy}


@dataclass(frozen=True)
class Words:
    """How a metric is printed.

    Attributes:
        header: of its column.
        remark: what it is, in a sentence below the table.
        unit: what a number is multiplied by before it is printed: 100 for percent.
        decimals: digits after the point.
    """

    header: str
    remark: str
    unit: float = 100.0
    decimals: int = 1


_PROBED = "learnt from frozen embeddings of the training utterances"
_INFORMATION = (
    "MI: mutual information of k-means clusters of the training embeddings with the label, less its mean under "
    "permuted labels, in nats; the mean over trainings."
)
WORDS = {
    "ua": Words("UA", "UA: mean recall over the classes."),
    "wa": Words("WA", "WA: correct / all."),
    "held_out_ua": Words(
        "UA, seen speakers", "UA, seen speakers: of held-out utterances of the training speakers, same models."
    ),
    "held_out_gap": Words("gap", "Gap: UA of seen speakers minus UA of unseen ones, in points."),
    "speaker_ua": Words(
        "UA by speaker", "UA by speaker: each speaker's mean recall over the classes, averaged over speakers."
    ),
    "speaker_linear": Words(
        "speaker, linear probe",
        f"Speaker, linear probe: how often logistic regression, {_PROBED}, tells their speaker, cross-validated; "
        "the mean over speakers.",
    ),
    "speaker_mlp": Words(
        "speaker, MLP probe",
        f"Speaker, MLP probe: how often a network with one hidden layer of {HIDDEN_UNITS} units, {_PROBED}, tells "
        "their speaker, likewise.",
    ),
    "speaker_held_out": Words(
        "speaker, held-out",
        "Speaker, held-out: the linear probe, learnt from all training utterances, on held-out ones of the same "
        "speakers.",
    ),
    "emotion_linear": Words(
        "emotion probe, UA", f"Emotion probe: UA of logistic regression, {_PROBED}, on the unseen test speakers."
    ),
    "speaker_information": Words(
        "MI with speaker / nats",
        _INFORMATION,
        unit=1.0,
        decimals=3,
    ),
    "emotion_information": Words("MI with emotion / nats", _INFORMATION, unit=1.0, decimals=3),
}


class MetricEstimate(ABC):
    """One metric of one row, as a share (or in nats)."""

    @property
    @abstractmethod
    def value(self) -> float:
        """The number."""

    @property
    @abstractmethod
    def chance(self) -> float:
        """What nothing known would give; NaN where there is no such number."""

    @property
    @abstractmethod
    def n_utterances(self) -> int:
        """Utterances of a seed it rests on."""

    @property
    @abstractmethod
    def n_speakers(self) -> int:
        """Their speakers."""

    @abstractmethod
    def _interval(self, settings: IntervalSettings) -> Interval: ...

    @abstractmethod
    def _difference(self, minus: Self, settings: IntervalSettings) -> PairedDifference: ...

    def interval(self, settings: IntervalSettings) -> Interval:
        """The number with its interval, or with none (NaN) where speakers cannot be resampled."""
        try:
            return self._interval(settings)
        except NoIntervalError:
            return Interval(value=self.value, low=nan, high=nan)

    def difference(self, minus: Self, settings: IntervalSettings) -> PairedDifference:
        """How much more it is than that of another row, paired; NaN where speakers cannot be resampled."""
        try:
            return self._difference(minus, settings)
        except NoIntervalError:
            return PairedDifference(value=self.value - minus.value, low=nan, high=nan, p_value=nan)


@dataclass(frozen=True)
class Recognition(MetricEstimate):
    """A score of confusion counts (K, S, C, C)."""

    counts: np.ndarray
    formula: intervals.Metric

    @property
    def value(self) -> float:
        """The number."""
        return pooled_score(self.counts, self.formula)

    @property
    def chance(self) -> float:
        """What a guess would give, of UA; NaN of others."""
        return 1 / self.counts.shape[-1] if self.formula is unweighted_accuracy else nan

    @property
    def n_utterances(self) -> int:
        """Utterances of a seed."""
        return int(self.counts[0].sum())

    @property
    def n_speakers(self) -> int:
        """Speakers of these."""
        return self.counts.shape[1]

    def _interval(self, settings: IntervalSettings) -> Interval:
        return speaker_interval(self.counts, self.formula, **settings.model_dump())

    def _difference(self, minus: Self, settings: IntervalSettings) -> PairedDifference:
        one, other = _same_seeds(self.counts, minus.counts)
        return paired_difference(one, other, self.formula, **settings.model_dump())


@dataclass(frozen=True)
class HeldOutGap(MetricEstimate):
    """UA of seen speakers minus UA of unseen ones, of counts (K, S, C, C) each."""

    held_out: np.ndarray
    unseen: np.ndarray
    same_speakers: bool

    @property
    def value(self) -> float:
        """The number."""
        return pooled_score(self.held_out, unweighted_accuracy) - pooled_score(self.unseen, unweighted_accuracy)

    @property
    def chance(self) -> float:
        """None is known."""
        return nan

    @property
    def n_utterances(self) -> int:
        """Utterances of a seed."""
        return int(self.held_out[0].sum() + self.unseen[0].sum())

    @property
    def n_speakers(self) -> int:
        """Speakers of these."""
        return self.unseen.shape[1]

    def _interval(self, settings: IntervalSettings) -> Interval:
        self._expect_same_speakers()
        return protocol_gap(self.held_out, self.unseen, unweighted_accuracy, **settings.model_dump())

    def _difference(self, minus: Self, settings: IntervalSettings) -> PairedDifference:
        self._expect_same_speakers()
        (held_out, other_seen), (unseen, other_unseen) = (
            _same_seeds(*pair) for pair in ((self.held_out, minus.held_out), (self.unseen, minus.unseen))
        )
        return gap_difference(
            (held_out, unseen), (other_seen, other_unseen), unweighted_accuracy, **settings.model_dump()
        )

    def _expect_same_speakers(self) -> None:
        if not self.same_speakers:
            raise NoIntervalError("seen and unseen speakers are not the same over all folds, so nothing is paired")


@dataclass(frozen=True)
class ProbeAccuracy(MetricEstimate):
    """The mean over speakers of a share of each: how well a probe tells them, or their emotions are recognised."""

    recalls: SpeakerRecalls
    by_chance: float

    @property
    def value(self) -> float:
        """The number."""
        return float(self.recalls.recall.mean())

    @property
    def chance(self) -> float:
        """What a guess would give."""
        return self.by_chance

    @property
    def n_utterances(self) -> int:
        """Utterances of a seed."""
        return int(self.recalls.n_utterances.sum())

    @property
    def n_speakers(self) -> int:
        """Speakers of these."""
        return len(self.recalls.speakers)

    def _interval(self, settings: IntervalSettings) -> Interval:
        return recall_interval(self.recalls, **settings.model_dump())

    def _difference(self, minus: Self, settings: IntervalSettings) -> PairedDifference:
        one, other = _same_seeds(self.recalls.recall, minus.recalls.recall)
        return recall_difference(
            *(
                SpeakerRecalls(recall=recall, speakers=of.speakers, n_utterances=of.n_utterances)
                for recall, of in ((one, self.recalls), (other, minus.recalls))
            ),
            **settings.model_dump(),
        )


@dataclass(frozen=True)
class Information(MetricEstimate):
    """Mutual information above its null, in nats, of each training (K); it is of clusters, not of speakers."""

    nats: np.ndarray
    of_utterances: int
    of_speakers: int

    @property
    def value(self) -> float:
        """The number."""
        return float(self.nats.mean())

    @property
    def chance(self) -> float:
        """Its null."""
        return 0.0

    @property
    def n_utterances(self) -> int:
        """Utterances of a seed."""
        return self.of_utterances

    @property
    def n_speakers(self) -> int:
        """Speakers of these."""
        return self.of_speakers

    def _interval(self, settings: IntervalSettings) -> Interval:
        raise NoIntervalError("clusters are of all speakers together, so none can be drawn")

    def _difference(self, minus: Self, settings: IntervalSettings) -> PairedDifference:
        raise NoIntervalError("clusters are of all speakers together, so none can be drawn")


def measure(
    metric: str,
    classes: Sequence[str],
    *,
    confusion: pd.DataFrame,
    held_out: pd.DataFrame | None = None,
    probes: pd.DataFrame | None = None,
    information: pd.DataFrame | None = None,
) -> MetricEstimate:
    """One metric of one row.

    Args:
        metric: one of ``WORDS``.
        classes: the task's classes.
        confusion: counts of the test utterances, as ``evaluation.scores`` writes them.
        held_out: counts of the held-out utterances of seen speakers; needed by ``held_out_ua`` and ``held_out_gap``.
        probes: counts of the probes, as ``evaluation.probing`` writes them; needed by the probes' metrics.
        information: likewise of mutual information.

    Returns:
        The metric.
    """
    match metric:
        case "ua" | "wa" | "held_out_ua":
            counted = _needed(held_out, metric) if metric == "held_out_ua" else confusion
            counts = speaker_confusions(counted, classes)
            return Recognition(counts, METRICS.get(metric, unweighted_accuracy))
        case "held_out_gap":
            held_out = _needed(held_out, metric)
            return HeldOutGap(
                held_out=speaker_confusions(held_out, classes),
                unseen=speaker_confusions(confusion, classes),
                same_speakers=set(held_out["speaker"]) == set(confusion["speaker"]),
            )
        case "speaker_ua":
            return speaker_ua(confusion, classes)
        case "emotion_linear":
            told = _needed(probes, metric)
            counts = speaker_confusions(told[told["probe"] == metric], classes)
            return Recognition(counts, unweighted_accuracy)
        case "speaker_linear" | "speaker_mlp" | "speaker_held_out":
            told = _needed(probes, metric)
            told = told[told["probe"] == metric]
            n_labels = told.groupby(["fold", "seed"])["truth"].nunique()
            return ProbeAccuracy(speaker_recalls(told), by_chance=float((1 / n_labels).mean()))
        case "speaker_information" | "emotion_information":
            shared, told = _needed(information, metric), _needed(probes, metric)
            of_label = shared[shared["label"] == metric.removesuffix("_information")]
            return Information(
                nats=of_label["above_null"].to_numpy(dtype=float),
                of_utterances=int(of_label.groupby("seed")["n"].sum().iloc[0]),
                of_speakers=told.loc[told["probe"] == "speaker_linear", "speaker"].nunique(),
            )
    raise ValueError(f"metric is {metric!r}, expected one of {', '.join(WORDS)}")


def speaker_ua(confusion: pd.DataFrame, classes: Sequence[str]) -> ProbeAccuracy:
    """The metric ``speaker_ua`` of one row.

    Args:
        confusion: counts of the test utterances, as ``evaluation.scores`` writes them.
        classes: the task's classes.

    Raises:
        InputError: if no test speaker speaks every class.
    """
    return ProbeAccuracy(_own_recalls(confusion, classes), by_chance=1 / len(classes))


def _needed(table: pd.DataFrame | None, metric: str) -> pd.DataFrame:
    """A table that a metric is made of."""
    if table is None:
        raise ValueError(f"the table that {metric} is made of is not given")
    return table


def _own_recalls(confusion: pd.DataFrame, classes: Sequence[str]) -> SpeakerRecalls:
    """UA of each speaker who speaks every class, by seed; of others there is none."""
    counts = speaker_confusions(confusion, classes)  # (K, S, C, C)
    support = counts[0].sum(axis=2)  # (S, C)
    is_complete = (support > 0).all(axis=1)
    if not is_complete.any():
        raise InputError(
            f"no test speaker speaks every class ({', '.join(classes)}); expected one, as UA is by speaker"
        )
    speakers = np.array(sorted(confusion["speaker"].unique()))
    return SpeakerRecalls(
        recall=unweighted_accuracy(counts[:, is_complete]),
        speakers=tuple(speakers[is_complete]),
        n_utterances=support[is_complete].sum(axis=1),
    )


def _same_seeds(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays (K, ...) of as many seeds: one that no seed changes (K = 1) is the same in all."""
    if one.shape[1:] != other.shape[1:] or 1 not in (len(one), len(other)):
        return one, other
    n_seeds = max(len(one), len(other))
    return np.broadcast_to(one, (n_seeds, *one.shape[1:])), np.broadcast_to(other, (n_seeds, *other.shape[1:]))
