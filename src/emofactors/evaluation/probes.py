"""Probes: how much of the speaker, and of the emotion, is left in a frozen embedding.

A probe is a small classifier that learns a label from embeddings that no
longer change, and is tested on utterances it has not seen. What it finds, the
embedding holds; what it does not find, another classifier might.

The utterances of a speaker are the unit of every interval here, as in
``emofactors.evaluation.intervals``. Of an emotion probe the intervals are the
ones there. Of a speaker probe the label *is* the unit: a draw of speakers
lacks labels, so what is resampled are the recalls of the speakers, with the
probe held as fitted (``docs/statistics.md``).
"""

import warnings
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from emofactors.errors import InputError
from emofactors.evaluation.intervals import MAX_EXACT_SPEAKERS, Interval, NoIntervalError, PairedDifference
from emofactors.evaluation.metrics import confusion_matrix, unweighted_accuracy, weighted_accuracy

ProbeKind = Literal["linear", "mlp"]

#: Weight of the squared weights beside the sum of the losses, of both kinds: 1 / C.
PENALTY = 1.0
#: Units of the one hidden layer of an ``mlp``, and its steps of L-BFGS.
HIDDEN_UNITS = 64
MLP_STEPS = 100
#: Steps of L-BFGS within which a ``linear`` probe has long converged.
_LINEAR_STEPS = 1000

_ARRAYS = ("embedding", "utterance", "role", "emotion", "speaker")
_PERCENTILES = (2.5, 97.5)


@dataclass(frozen=True)
class Embeddings:
    """What one run made of every utterance of its fold.

    Attributes:
        embedding: shape (N, D), float32.
        utterance: name of each, shape (N,); names are text.
        role: train, dev or test, shape (N,).
        emotion: shape (N,).
        speaker: shape (N,).
    """

    embedding: np.ndarray
    utterance: np.ndarray
    role: np.ndarray
    emotion: np.ndarray
    speaker: np.ndarray

    def of_role(self, role: str) -> Self:
        """Those of one role; a speaker probe takes ``train``, the speakers the system was to forget."""
        chosen = self.role == role
        return type(self)(**{name: getattr(self, name)[chosen] for name in _ARRAYS})


@dataclass(frozen=True)
class ProbeResult:
    """What a probe takes each utterance for, by the part of it that did not see the utterance.

    Attributes:
        labels: the labels, sorted, L.
        truth: index of the true label of each utterance, shape (N,).
        prediction: index of the predicted one, shape (N,).
    """

    labels: tuple[str, ...]
    truth: np.ndarray
    prediction: np.ndarray

    @property
    def ua(self) -> float:
        """Mean recall over the labels, in [0, 1]."""
        return float(unweighted_accuracy(self._confusion))

    @property
    def wa(self) -> float:
        """Share of the utterances that is right, in [0, 1]."""
        return float(weighted_accuracy(self._confusion))

    @property
    def chance_ua(self) -> float:
        """UA to be expected of any answer that does not look at the embedding."""
        return 1 / len(self.labels)

    @property
    def chance_wa(self) -> float:
        """WA of the best answer that does not look: share of the largest label.

        A probe weighs labels alike, so with nothing to find its WA may be below.
        """
        return float(np.bincount(self.truth).max() / len(self.truth))

    @property
    def _confusion(self) -> np.ndarray:
        """Counts, shape (L, L): true label by predicted label."""
        return confusion_matrix(self.truth, self.prediction, len(self.labels))


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


def read_embeddings(path: str | Path) -> Embeddings:
    """Read ``embeddings.npz`` of a run.

    Args:
        path: the file.

    Returns:
        Its arrays.

    Raises:
        InputError: if it is no such file, or its arrays do not fit together.
    """
    try:
        with np.load(path) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "is no archive of arrays"
        raise InputError(f"{path}: {reason}; expected the embeddings.npz of a run") from error
    lacking = [name for name in _ARRAYS if name not in arrays]
    if lacking:
        raise InputError(f"{path}: lacks {', '.join(lacking)}; expected arrays {', '.join(_ARRAYS)}")
    shapes = {name: arrays[name].shape for name in _ARRAYS}
    n = len(arrays["embedding"]) if arrays["embedding"].ndim == 2 else 0
    if n == 0 or any(shapes[name] != (n,) for name in _ARRAYS[1:]):
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise InputError(f"{path}: has {found}; expected embedding (N, D) and the others (N,)")
    if arrays["embedding"].dtype.kind != "f" or not np.isfinite(arrays["embedding"]).all():
        raise InputError(f"{path}: embedding: is not finite in every place; expected finite numbers")
    return Embeddings(**{name: arrays[name] for name in _ARRAYS})


def probe(
    embedding: np.ndarray,
    label: np.ndarray,
    *,
    groups: np.ndarray,
    kind: ProbeKind,
    folds: int,
    seed: int,
) -> ProbeResult:
    """Learn a label from frozen embeddings, cross-validated over originals.

    ``linear`` is multinomial logistic regression, ``mlp`` has one hidden layer
    of 64 ReLU units and does at most 100 steps of L-BFGS, without early
    stopping. Both minimise the sum of cross-entropies plus half the squared
    weights (C = 1), each label weighing alike. Each dimension is standardised
    by the training part of a split, so an embedding does not hide anything
    by making it small. On one machine, and with one number of threads, the same
    input gives the same predictions.

    Source: linear probes, Alain & Bengio 2016; what they can and cannot say, Belinkov 2022.

    Args:
        embedding: shape (N, D), finite.
        label: speaker or emotion of each, shape (N,).
        groups: original of each utterance, shape (N,): copies of one original are never divided.
        kind: the classifier.
        folds: parts; each is predicted by a classifier fitted on the others.
        seed: of the partition, and of the first weights of an ``mlp``.

    Returns:
        A prediction of every utterance, copies included.

    Raises:
        ValueError: if the arrays do not fit together, an embedding is not finite, there is one label
            only, or utterances cannot be divided (:func:`probe_parts`).
    """
    embedding, label = np.asarray(embedding, dtype=np.float64), np.asarray(label)
    if embedding.ndim != 2 or label.shape != (len(embedding),):
        raise ValueError(f"embedding is {embedding.shape}, label {label.shape}; expected (N, D) and (N,)")
    if not np.isfinite(embedding).all():
        raise ValueError("embedding is not finite in every place, expected finite numbers")
    labels, truth = np.unique(label, return_inverse=True)
    if len(labels) < 2:
        raise ValueError(f"label is {labels.tolist()} alone, expected at least 2 labels")
    part = probe_parts(label, groups, folds=folds, seed=seed)
    prediction = np.empty_like(truth)
    for fold in range(folds):
        held_out = part == fold
        standardise = StandardScaler().fit(embedding[~held_out])
        heard = truth[~held_out]
        weight = len(heard) / len(labels) / np.bincount(heard)[heard]  # mean 1, the same sum for each label
        classifier = _classifier(kind, seed)
        with warnings.catch_warnings():
            if kind == "mlp":  # its number of steps is a setting, not a failure
                warnings.simplefilter("ignore", ConvergenceWarning)
            classifier.fit(standardise.transform(embedding[~held_out]), heard, sample_weight=weight)
        prediction[held_out] = classifier.predict(standardise.transform(embedding[held_out]))
    return ProbeResult(labels=tuple(labels.tolist()), truth=truth, prediction=prediction)


def probe_parts(label: np.ndarray, groups: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """Part of each utterance: the originals of each label are shuffled and dealt out in turn.

    Parts differ by at most one original, in all and of each label. They follow
    from names alone, whatever the order of the utterances.

    Args:
        label: of each utterance, shape (N,).
        groups: original of each utterance, shape (N,).
        folds: number of parts.
        seed: of the shuffle.

    Returns:
        Part in [0, folds) of each utterance, shape (N,).

    Raises:
        ValueError: if an original has two labels, a label has one original only (it would have to be
            recognised unheard), or there are fewer originals than parts, or fewer than two parts.
    """
    label, groups = np.asarray(label), np.asarray(groups)
    if label.shape != groups.shape or label.ndim != 1:
        raise ValueError(f"label is {label.shape}, groups {groups.shape}; expected (N,) and (N,)")
    originals, first, original = np.unique(groups, return_index=True, return_inverse=True)
    labels, of_original = np.unique(label[first], return_inverse=True)
    divided = np.flatnonzero(label != label[first][original])
    if len(divided):
        raise ValueError(f"{groups[divided[0]]!s} has two labels, expected the label of its original")
    if not 2 <= folds <= len(originals):
        raise ValueError(f"{folds} parts of {len(originals)} originals, expected 2 parts or more, none empty")
    alone = np.flatnonzero(np.bincount(of_original) < 2)
    if len(alone):
        raise ValueError(f"{labels[alone[0]]!s} has 1 original, expected at least 2 of each label")
    shuffled = np.random.default_rng(seed).permutation(len(originals))
    in_turn = shuffled[np.argsort(of_original[shuffled], kind="stable")]
    part = np.empty(len(originals), dtype=np.int64)
    part[in_turn] = np.arange(len(originals)) % folds
    return part[original]


def probe_counts(result: ProbeResult, speaker: np.ndarray, *, seed: int) -> pd.DataFrame:
    """Confusion counts of a probe by speaker, in the columns of ``confusion.csv``.

    Those of all folds and seeds, one after the other, are what
    ``emofactors.evaluation.scores.speaker_confusions`` makes counts
    (K, S, C, C) of, for intervals and paired differences of emotion probes;
    and what :func:`speaker_recalls` takes, for speaker probes.

    Args:
        result: of one run's embeddings.
        speaker: speaker of each utterance, shape (N,), in the order of the probe's.
        seed: the seed of that run.

    Returns:
        seed, speaker, truth, prediction, count; counts above zero only.

    Raises:
        ValueError: if there are not as many speakers as predictions.
    """
    if np.shape(speaker) != result.truth.shape:
        raise ValueError(f"speaker is {np.shape(speaker)}, expected {result.truth.shape}: one each utterance")
    labels = np.asarray(result.labels)
    said = pd.DataFrame(
        {"speaker": speaker, "truth": labels[result.truth], "prediction": labels[result.prediction]}
    )
    counts = said.groupby(list(said.columns), sort=True).size().rename("count").reset_index()
    counts.insert(0, "seed", seed)
    return counts


def speaker_recalls(counts: pd.DataFrame) -> SpeakerRecalls:
    """Recall of each speaker by a speaker probe; their mean is its UA over all folds of a seed.

    Args:
        counts: seed, speaker, truth, prediction, count (:func:`probe_counts`); of all folds and seeds.

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
    random ones, the observed among them. No p-value is below 2 / 2^S.

    Source: randomisation test, Fisher 1935; as in ``emofactors.evaluation.intervals``.

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


def _classifier(kind: ProbeKind, seed: int) -> LogisticRegression | MLPClassifier:
    """The classifier, not fitted; both kinds have the same penalty for each utterance heard."""
    match kind:
        case "linear":
            return LogisticRegression(C=1 / PENALTY, max_iter=_LINEAR_STEPS)
        case "mlp":
            return MLPClassifier(
                (HIDDEN_UNITS,), solver="lbfgs", alpha=PENALTY, max_iter=MLP_STEPS, random_state=seed
            )
        case _:
            raise ValueError(f"kind is {kind!r}, expected linear or mlp")


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
    differences = np.abs((1 - 2 * flips) @ of_speaker) / n_speakers
    # What differs by less than rounding may counts as equal, which is the safe side.
    return float((differences >= differences[0] - 1e-10).mean())
