"""Metrics of a row on a task: header and remark, estimate with interval and chance, comparison of two rows."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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

#: Scores of the confusion counts of test utterances, which every evaluation of a classifier has.
SCORES: dict[str, intervals.Metric] = {"ua": unweighted_accuracy, "wa": weighted_accuracy}


# --- estimates -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MetricEstimate(ABC):
    """Value of a metric with what its interval is computed from.

    Attributes:
        value: the value, a fraction or in nats.
        chance: the value at chance; NaN if there is none.
        n_utterances: number of utterances per seed.
        n_speakers: number of speakers.
    """

    value: float
    chance: float
    n_utterances: int
    n_speakers: int

    def interval(self, settings: IntervalSettings) -> Interval:
        """Return the value with its interval; the ends are NaN if the speakers cannot be resampled."""
        try:
            return self._interval(settings)
        except NoIntervalError:
            return Interval(value=self.value, low=nan, high=nan)

    def difference(self, other: Self, settings: IntervalSettings) -> PairedDifference:
        """Return this value minus that of another row, paired over speakers; NaN likewise."""
        try:
            return self._difference(other, settings)
        except NoIntervalError:
            return PairedDifference(value=self.value - other.value, low=nan, high=nan, p_value=nan)

    @abstractmethod
    def _interval(self, settings: IntervalSettings) -> Interval: ...

    @abstractmethod
    def _difference(self, other: Self, settings: IntervalSettings) -> PairedDifference: ...


@dataclass(frozen=True)
class ConfusionScore(MetricEstimate):
    """Score of confusion counts.

    Attributes:
        counts: shape (K, S, C, C): seed, speaker, true class, predicted class.
        formula: the score.
        speakers: sorted names, S.
    """

    counts: np.ndarray
    formula: intervals.Metric
    speakers: tuple[str, ...]

    def gap(self, other: "ConfusionScore", settings: IntervalSettings) -> Interval:
        """Return this score minus that of other test utterances; without interval if the speakers differ."""
        if self.speakers == other.speakers:
            try:
                return protocol_gap(self.counts, other.counts, self.formula, **settings.model_dump())
            except NoIntervalError:
                pass
        return Interval(value=self.value - other.value, low=nan, high=nan)

    def _interval(self, settings: IntervalSettings) -> Interval:
        return speaker_interval(self.counts, self.formula, **settings.model_dump())

    def _difference(self, other: Self, settings: IntervalSettings) -> PairedDifference:
        one, two = _same_seeds(self.counts, other.counts)
        return paired_difference(one, two, self.formula, **settings.model_dump())


@dataclass(frozen=True)
class HeldOutGap(MetricEstimate):
    """UA on held-out utterances of training speakers minus UA on test speakers.

    Attributes:
        held_out: UA on the held-out utterances.
        test: UA on the test utterances.
    """

    held_out: ConfusionScore
    test: ConfusionScore

    def _interval(self, settings: IntervalSettings) -> Interval:
        self._expect_same_speakers()
        counts = self.held_out.counts, self.test.counts
        return protocol_gap(*counts, unweighted_accuracy, **settings.model_dump())

    def _difference(self, other: Self, settings: IntervalSettings) -> PairedDifference:
        self._expect_same_speakers()
        held_out, other_held_out = _same_seeds(self.held_out.counts, other.held_out.counts)
        test, other_test = _same_seeds(self.test.counts, other.test.counts)
        pairs = (held_out, test), (other_held_out, other_test)
        return gap_difference(*pairs, unweighted_accuracy, **settings.model_dump())

    def _expect_same_speakers(self) -> None:
        if self.held_out.speakers != self.test.speakers:
            raise NoIntervalError("training and test speakers differ over all folds; expected the same speakers")


@dataclass(frozen=True)
class SpeakerMean(MetricEstimate):
    """Mean over speakers of one fraction per speaker: recall of a speaker probe, or the speaker's own UA.

    Attributes:
        recalls: the fractions.
    """

    recalls: SpeakerRecalls

    def _interval(self, settings: IntervalSettings) -> Interval:
        return recall_interval(self.recalls, **settings.model_dump())

    def _difference(self, other: Self, settings: IntervalSettings) -> PairedDifference:
        one, two = _same_seeds(self.recalls.recall, other.recalls.recall)
        pair = replace(self.recalls, recall=one), replace(other.recalls, recall=two)
        return recall_difference(*pair, **settings.model_dump())


@dataclass(frozen=True)
class ClusterInformation(MetricEstimate):
    """Mutual information of clusters with a label, above its null, in nats; it has no value per speaker."""

    def _interval(self, settings: IntervalSettings) -> Interval:
        raise NoIntervalError("clusters are of all speakers together; expected one value per speaker")

    def _difference(self, other: Self, settings: IntervalSettings) -> PairedDifference:
        raise NoIntervalError("clusters are of all speakers together; expected one value per speaker")


def confusion_score(confusion: pd.DataFrame, classes: Sequence[str], formula: intervals.Metric) -> ConfusionScore:
    """Return a score of confusion counts as ``evaluation.scores`` writes them."""
    counts = speaker_confusions(confusion, classes)  # (K, S, C, C)
    speakers = tuple(sorted(confusion["speaker"].unique()))
    return ConfusionScore(
        value=pooled_score(counts, formula),
        chance=1 / len(classes) if formula is unweighted_accuracy else nan,
        n_utterances=int(counts[0].sum()),
        n_speakers=len(speakers),
        counts=counts,
        formula=formula,
        speakers=speakers,
    )


def speaker_mean(recalls: SpeakerRecalls, *, chance: float) -> SpeakerMean:
    """Return the mean of the recalls of all speakers."""
    return SpeakerMean(
        value=float(recalls.recall.mean()),
        chance=chance,
        n_utterances=int(recalls.n_utterances.sum()),
        n_speakers=len(recalls.speakers),
        recalls=recalls,
    )


def speaker_ua(confusion: pd.DataFrame, classes: Sequence[str]) -> SpeakerMean:
    """Return the mean UA over the speakers who speak every class.

    Args:
        confusion: counts of the test utterances, as ``evaluation.scores`` writes them.
        classes: the task's classes.

    Raises:
        InputError: if no test speaker speaks every class.
    """
    counts = speaker_confusions(confusion, classes)  # (K, S, C, C)
    support = counts[0].sum(axis=2)  # (S, C)
    is_complete = (support > 0).all(axis=1)
    if not is_complete.any():
        raise InputError(
            f"no test speaker speaks every class ({', '.join(classes)}); expected one, as UA is by speaker"
        )
    speakers = np.array(sorted(confusion["speaker"].unique()))
    recalls = SpeakerRecalls(
        recall=unweighted_accuracy(counts[:, is_complete]),
        speakers=tuple(speakers[is_complete]),
        n_utterances=support[is_complete].sum(axis=1),
    )
    return speaker_mean(recalls, chance=1 / len(classes))


def _same_seeds(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays (K, ...) with the same seeds: a row that no seed changes (K = 1) is repeated."""
    if one.shape[1:] != other.shape[1:] or 1 not in (len(one), len(other)):
        return one, other
    n_seeds = max(len(one), len(other))
    return np.broadcast_to(one, (n_seeds, *one.shape[1:])), np.broadcast_to(other, (n_seeds, *other.shape[1:]))


# --- metrics -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RowEvaluation:
    """Evaluation of one row on one task.

    Attributes:
        confusion: counts of the test utterances: seed, speaker, truth, prediction, count.
        held_out: the same for held-out utterances of training speakers; empty if no metric needs it.
        probes: counts of the probes, see ``evaluation.embedding_probes``; likewise.
        information: mutual information of clusters and labels; likewise.
    """

    confusion: pd.DataFrame
    held_out: pd.DataFrame
    probes: pd.DataFrame
    information: pd.DataFrame

    def probe(self, name: str) -> pd.DataFrame:
        """Return the counts of one probe."""
        return self.probes[self.probes["probe"] == name]


@dataclass(frozen=True)
class MetricSpec:
    """Definition of a metric.

    Attributes:
        header: header of its column.
        remark: definition, in a sentence below the table.
        estimate: computes it from an evaluation and the task's classes.
        finding: start of the sentence that lists its values in the findings; empty for none.
        scale: factor of displayed numbers: 100 for percent.
        decimals: decimals of displayed numbers.
    """

    header: str
    remark: str
    estimate: Callable[[RowEvaluation, Sequence[str]], MetricEstimate]
    finding: str = ""
    scale: float = 100.0
    decimals: int = 1

    @property
    def is_percentage(self) -> bool:
        """Whether displayed numbers are percentages, which have intervals over speakers."""
        return self.scale == 100


def _held_out_gap(of: RowEvaluation, classes: Sequence[str]) -> HeldOutGap:
    held_out, test = (
        confusion_score(counts, classes, unweighted_accuracy) for counts in (of.held_out, of.confusion)
    )
    return HeldOutGap(
        value=held_out.value - test.value,
        chance=nan,
        n_utterances=held_out.n_utterances + test.n_utterances,
        n_speakers=test.n_speakers,
        held_out=held_out,
        test=test,
    )


def _speaker_probe(name: str) -> Callable[[RowEvaluation, Sequence[str]], SpeakerMean]:
    def estimate(of: RowEvaluation, classes: Sequence[str]) -> SpeakerMean:
        counts = of.probe(name)
        n_speakers = counts.groupby(["fold", "seed"])["truth"].nunique()
        return speaker_mean(speaker_recalls(counts), chance=float((1 / n_speakers).mean()))

    return estimate


def _cluster_information(label: str) -> Callable[[RowEvaluation, Sequence[str]], ClusterInformation]:
    def estimate(of: RowEvaluation, classes: Sequence[str]) -> ClusterInformation:
        information = of.information[of.information["label"] == label]
        return ClusterInformation(
            value=float(information["above_null"].to_numpy(dtype=float).mean()),
            chance=0.0,
            n_utterances=int(information.groupby("seed")["n"].sum().iloc[0]),
            n_speakers=of.probe("speaker_linear")["speaker"].nunique(),
        )

    return estimate


_PROBED = "trained on frozen embeddings of the training utterances"
_INFORMATION = (
    "MI: mutual information of k-means clusters of the training embeddings with the label, minus its mean under "
    "permuted labels, in nats; mean over trainings."
)
METRICS = {
    "ua": MetricSpec(
        "UA",
        "UA: mean recall over the classes.",
        lambda of, classes: confusion_score(of.confusion, classes, unweighted_accuracy),
    ),
    "wa": MetricSpec(
        "WA",
        "WA: correct / all.",
        lambda of, classes: confusion_score(of.confusion, classes, weighted_accuracy),
    ),
    "held_out_ua": MetricSpec(
        "UA, training speakers",
        "UA, training speakers: UA of the same models on held-out utterances of the training speakers.",
        lambda of, classes: confusion_score(of.held_out, classes, unweighted_accuracy),
    ),
    "held_out_gap": MetricSpec(
        "gap", "Gap: UA on training speakers minus UA on unseen speakers, in points.", _held_out_gap
    ),
    "speaker_ua": MetricSpec(
        "UA by speaker",
        "UA by speaker: mean recall over the classes of each speaker, averaged over speakers.",
        lambda of, classes: speaker_ua(of.confusion, classes),
    ),
    "speaker_linear": MetricSpec(
        "speaker, linear probe",
        f"Speaker, linear probe: cross-validated accuracy of logistic regression, {_PROBED}, in predicting their "
        "speaker; mean over speakers.",
        _speaker_probe("speaker_linear"),
        "A linear probe on frozen embeddings recognises the training speakers",
    ),
    "speaker_mlp": MetricSpec(
        "speaker, MLP probe",
        f"Speaker, MLP probe: the same for a network with one hidden layer of {HIDDEN_UNITS} units, {_PROBED}.",
        _speaker_probe("speaker_mlp"),
        "A probe with a hidden layer on frozen embeddings recognises the training speakers",
    ),
    "speaker_held_out": MetricSpec(
        "speaker, held-out",
        "Speaker, held-out: accuracy of the linear probe, trained on all training utterances, on held-out "
        "utterances of the same speakers.",
        _speaker_probe("speaker_held_out"),
        "A linear probe on frozen embeddings recognises the training speakers in held-out utterances",
    ),
    "emotion_linear": MetricSpec(
        "emotion probe, UA",
        f"Emotion probe: UA of logistic regression, {_PROBED}, on the unseen test speakers.",
        lambda of, classes: confusion_score(of.probe("emotion_linear"), classes, unweighted_accuracy),
    ),
    "speaker_information": MetricSpec(
        "MI with speaker / nats", _INFORMATION, _cluster_information("speaker"), scale=1.0, decimals=3
    ),
    "emotion_information": MetricSpec(
        "MI with emotion / nats", _INFORMATION, _cluster_information("emotion"), scale=1.0, decimals=3
    ),
}
