"""Probes: how much of the speaker, and of the emotion, is left in a frozen embedding.

A probe is a small classifier that learns a label from embeddings that no
longer change, and is tested on utterances it has not seen. What it finds, the
embedding holds; what it does not find, another classifier might.

How sure a probe's accuracy is, ``emofactors.evaluation.statistics.intervals`` says.
"""

import warnings
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
from emofactors.evaluation.statistics.metrics import confusion_matrix, unweighted_accuracy, weighted_accuracy
from emofactors.io.npz import read_npz

ProbeKind = Literal["linear", "mlp"]

#: Weight of the squared weights beside the sum of the losses, of both kinds: 1 / C.
PENALTY = 1.0
#: Units of the one hidden layer of an ``mlp``, and its steps of L-BFGS.
HIDDEN_UNITS = 64
MLP_STEPS = 100
#: Steps of L-BFGS within which a ``linear`` probe has long converged.
_LINEAR_STEPS = 1000

_ARRAYS = ("embedding", "utterance", "split", "emotion", "speaker")


@dataclass(frozen=True)
class Embeddings:
    """What one run made of every utterance of its fold.

    Attributes:
        embedding: shape (N, D), float32.
        utterance: name of each, shape (N,); names are text.
        split: train, dev or test, shape (N,).
        emotion: shape (N,).
        speaker: shape (N,).
    """

    embedding: np.ndarray
    utterance: np.ndarray
    split: np.ndarray
    emotion: np.ndarray
    speaker: np.ndarray

    def of_split(self, split: str) -> Self:
        """Those of one split; a speaker probe takes ``train``, the speakers the system was to forget."""
        return self.chosen(self.split == split)

    def chosen(self, which: np.ndarray) -> Self:
        """Those at some places: indices or a mask, shape (N,)."""
        return type(self)(**{name: getattr(self, name)[which] for name in _ARRAYS})


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


def read_embeddings(path: str | Path) -> Embeddings:
    """Read ``embeddings.npz`` of a run.

    Args:
        path: the file.

    Returns:
        Its arrays.

    Raises:
        InputError: if it is no such file, or its arrays do not fit together.
    """
    arrays = read_npz(path, "the embeddings.npz of a run", _ARRAYS)
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
        prediction[held_out] = _learn(embedding[~held_out], truth[~held_out], embedding[held_out], kind, seed)
    return ProbeResult(labels=tuple(labels.tolist()), truth=truth, prediction=prediction)


def probe_others(heard: Embeddings, others: Embeddings, label: Literal["speaker", "emotion"]) -> ProbeResult:
    """Learn a label from all of some embeddings with a ``linear`` :func:`probe`, and find it in others.

    Args:
        heard: embeddings to learn from.
        others: embeddings of other utterances, whose labels all occur in ``heard``.
        label: what to learn.

    Returns:
        A prediction of every one of the others.

    Raises:
        ValueError: if a label of the others is not among those heard, or there is one label only.
    """
    labels, truth = np.unique(getattr(heard, label), return_inverse=True)
    if len(labels) < 2:
        raise ValueError(f"{label} is {labels.tolist()} alone, expected at least 2 labels")
    to_find = getattr(others, label)
    unheard = sorted(set(to_find.tolist()) - set(labels.tolist()))
    if unheard:
        raise ValueError(f"{label} {unheard[0]!r} is not among those heard, expected one of {', '.join(labels)}")
    prediction = _learn(heard.embedding, truth, others.embedding, "linear", seed=0)  # a linear probe draws nothing
    return ProbeResult(
        labels=tuple(labels.tolist()), truth=np.searchsorted(labels, to_find), prediction=prediction
    )


def _learn(embedding: np.ndarray, truth: np.ndarray, others: np.ndarray, kind: ProbeKind, seed: int) -> np.ndarray:
    """Labels (M,) that a classifier, fitted to embeddings (N, D) with labels (N,), gives to others (M, D)."""
    standardise = StandardScaler().fit(embedding.astype(np.float64))
    counts = np.bincount(truth)
    weight = len(truth) / np.count_nonzero(counts) / counts[truth]  # mean 1, the same sum for each label
    classifier = _classifier(kind, seed)
    with warnings.catch_warnings():
        if kind == "mlp":  # its number of steps is a setting, not a failure
            warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(standardise.transform(embedding.astype(np.float64)), truth, sample_weight=weight)
    return classifier.predict(standardise.transform(others.astype(np.float64)))


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
    ``scores.speaker_confusions`` makes counts (K, S, C, C) of, for emotion
    probes; and what ``intervals.speaker_recalls`` takes, for speaker probes.

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
