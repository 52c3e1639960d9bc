"""Metrics of a row on a task: header and remark, estimate with interval and chance, comparison of two rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import nan

import numpy as np
import pandas as pd

from emofactors.errors import InputError
from emofactors.evaluation.probe_models import HIDDEN_UNITS
from emofactors.evaluation.scores import speaker_confusions
from emofactors.evaluation.statistics.estimates import (
    Difference,
    Estimate,
    Interval,
    Metric,
    run_mean_estimate,
    score_estimate,
    speaker_mean_estimate,
)
from emofactors.evaluation.statistics.metrics import unweighted_accuracy, weighted_accuracy

#: Scores of the confusion counts of test utterances, which every evaluation of a classifier has.
SCORES: dict[str, Metric] = {"ua": unweighted_accuracy, "wa": weighted_accuracy}


# --- estimates -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MetricEstimate:
    """Value of a metric of a row.

    Attributes:
        estimate: the value, a fraction or in nats, with its standard errors.
        chance: the value at chance; NaN if there is none.
        n_utterances: number of utterances per seed.
        n_speakers: number of speakers.
        n_seeds: number of seeds.
        bounds: smallest and largest possible value.
        by_speaker: for means over speakers, the value of each speaker, shape (K, S); otherwise empty.
    """

    estimate: Estimate
    chance: float
    n_utterances: int
    n_speakers: int
    n_seeds: int
    bounds: tuple[float, float] = (0.0, 1.0)
    by_speaker: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))

    @property
    def value(self) -> float:
        """The value."""
        return self.estimate.value

    def interval(self) -> Interval:
        """Return the value with its interval, which ends where the values do."""
        found = self.estimate.interval()
        low, high = (float(np.clip(end, *self.bounds)) for end in (found.low, found.high))
        return replace(found, low=low, high=high)

    def without_seeds(self) -> "MetricEstimate":
        """Return the value of a system that no seed changes."""
        return replace(self, estimate=self.estimate.without_seeds())

    def difference(self, other: "MetricEstimate") -> Difference:
        """Return this value minus that of another row on the same utterances.

        Raises:
            ValueError: if the utterances or the speakers differ.
        """
        if self.n_utterances != other.n_utterances or self.estimate.speakers != other.estimate.speakers:
            raise ValueError(
                f"{self.n_utterances} utterances of {self.n_speakers} speakers and {other.n_utterances} of "
                f"{other.n_speakers}; expected the same"
            )
        return self.estimate.minus(other.estimate).test()


def confusion_score(confusion: pd.DataFrame, classes: Sequence[str], formula: Metric) -> MetricEstimate:
    """Return UA or WA of confusion counts as ``evaluation.scores`` writes them."""
    counts = speaker_confusions(confusion, classes)  # (K, F, S, C, C)
    speakers = tuple(sorted(confusion["speaker"].unique()))
    return MetricEstimate(
        estimate=score_estimate(counts, speakers, formula),
        chance=1 / len(classes) if formula is unweighted_accuracy else nan,
        n_utterances=int(counts[0].sum()),
        n_speakers=len(speakers),
        n_seeds=len(counts),
    )


def speaker_probe(counts: pd.DataFrame) -> MetricEstimate:
    """Return the mean recall of the speakers by a speaker probe.

    Args:
        counts: fold, seed, speaker, truth, prediction, count (``probes.csv``), of one probe; truth is the speaker.

    Raises:
        ValueError: if the seeds were not probed on the same utterances.
    """
    correct = counts.assign(count=counts["count"].where(counts["truth"] == counts["prediction"], 0))
    n_correct, n = _by_run_and_speaker(correct), _by_run_and_speaker(counts)  # (K, F, S)
    if (n != n[0]).any():
        raise ValueError("the seeds were not probed on the same utterances, expected the same")
    total = n[0].sum(axis=0)  # (S,)
    speakers = tuple(sorted(counts["speaker"].unique()))
    n_labels = counts.groupby(["fold", "seed"])["truth"].nunique()
    return _speaker_mean(n_correct / total, n[0] / total, speakers, total, chance=float((1 / n_labels).mean()))


def speaker_ua(confusion: pd.DataFrame, classes: Sequence[str]) -> MetricEstimate:
    """Return the mean UA over the speakers who speak every class.

    Args:
        confusion: counts of the test utterances, as ``evaluation.scores`` writes them.
        classes: the task's classes.

    Raises:
        InputError: if no test speaker speaks every class.
    """
    counts = speaker_confusions(confusion, classes)  # (K, F, S, C, C)
    support = counts[0].sum(axis=3)  # (F, S, C)
    of_speaker = support.sum(axis=0)  # (S, C)
    is_complete = (of_speaker > 0).all(axis=1)
    if not is_complete.any():
        raise InputError(
            f"no test speaker speaks every class ({', '.join(classes)}); expected one, as UA is by speaker"
        )
    of_speaker = of_speaker[is_complete]
    correct = np.diagonal(counts, axis1=3, axis2=4)[:, :, is_complete]  # (K, F, S, C)
    return _speaker_mean(
        (correct / of_speaker).mean(axis=3),
        (support[:, is_complete] / of_speaker).mean(axis=2),
        tuple(np.array(sorted(confusion["speaker"].unique()))[is_complete]),
        of_speaker.sum(axis=1),
        chance=1 / len(classes),
    )


def _speaker_mean(
    values: np.ndarray, shares: np.ndarray, speakers: tuple[str, ...], n_utterances: np.ndarray, chance: float
) -> MetricEstimate:
    """Return the mean of values (K, F, S), which add up over folds to the number of a speaker."""
    return MetricEstimate(
        estimate=speaker_mean_estimate(values, shares, speakers),
        chance=chance,
        n_utterances=int(n_utterances.sum()),
        n_speakers=len(speakers),
        n_seeds=len(values),
        by_speaker=values.sum(axis=1),
    )


def _by_run_and_speaker(counts: pd.DataFrame) -> np.ndarray:
    """Sum counts by seed, fold and speaker, shape (K, F, S), each sorted."""
    keys = ("seed", "fold", "speaker")
    index = [np.unique(counts[key].to_numpy(), return_inverse=True) for key in keys]
    summed = np.zeros([len(names) for names, _ in index], dtype=np.int64)
    np.add.at(summed, tuple(positions for _, positions in index), counts["count"])
    return summed


# --- metrics -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RowEvaluation:
    """Evaluation of one row on one task.

    Attributes:
        confusion: counts of the test utterances: seed, speaker, truth, prediction, count.
        held_out: the same for held-out utterances of training speakers; empty if no metric needs it.
        probes: counts of the probes, see ``evaluation.embedding_probes``; likewise.
        information: mutual information of clusters and labels; likewise.
        scatter: scatter within classes, see ``evaluation.embedding_scatter``; likewise.
    """

    confusion: pd.DataFrame
    held_out: pd.DataFrame
    probes: pd.DataFrame
    information: pd.DataFrame
    scatter: pd.DataFrame

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


def _held_out_gap(of: RowEvaluation, classes: Sequence[str]) -> MetricEstimate:
    held_out, test = (
        confusion_score(counts, classes, unweighted_accuracy) for counts in (of.held_out, of.confusion)
    )
    return replace(
        test,
        estimate=held_out.estimate.minus(test.estimate),
        chance=nan,
        n_utterances=held_out.n_utterances + test.n_utterances,
        bounds=(-1.0, 1.0),
    )


def _speaker_probe(name: str) -> Callable[[RowEvaluation, Sequence[str]], MetricEstimate]:
    return lambda of, classes: speaker_probe(of.probe(name))


def _cluster_information(label: str) -> Callable[[RowEvaluation, Sequence[str]], MetricEstimate]:
    def estimate(of: RowEvaluation, classes: Sequence[str]) -> MetricEstimate:
        information = of.information[of.information["label"] == label]
        # Clusters are of all speakers together, so that there is no value per speaker, and no interval.
        return MetricEstimate(
            estimate=Estimate(float(information["above_null"].to_numpy(dtype=float).mean()), np.empty(0), (), ()),
            chance=0.0,
            n_utterances=int(information.groupby("seed")["n"].sum().iloc[0]),
            n_speakers=of.probe("speaker_linear")["speaker"].nunique(),
            n_seeds=information["seed"].nunique(),
            bounds=(-np.inf, np.inf),
        )

    return estimate


def _scatter(split: str) -> Callable[[RowEvaluation, Sequence[str]], MetricEstimate]:
    def estimate(of: RowEvaluation, classes: Sequence[str]) -> MetricEstimate:
        shares = of.scatter[of.scatter["split"] == split].rename(columns={"share": "value"})
        is_whole = shares["speaker"] == ""
        return MetricEstimate(
            estimate=run_mean_estimate(shares[is_whole], shares[~is_whole]),
            chance=nan,
            n_utterances=int(shares[is_whole].drop_duplicates("fold")["n"].sum()),
            n_speakers=shares.loc[~is_whole, "speaker"].nunique(),
            n_seeds=shares["seed"].nunique(),
        )

    return estimate


_SCATTER = (
    "Scatter within classes: share of the squared distances of embeddings from their mean that is within the "
    "classes; 0 if each class is one point. Mean over trainings."
)
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
    "scatter_train": MetricSpec("scatter within classes, training", _SCATTER, _scatter("train")),
    "scatter_test": MetricSpec("scatter within classes, test", _SCATTER, _scatter("test")),
}
