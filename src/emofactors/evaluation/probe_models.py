"""Probes: small classifiers that predict a label from frozen embeddings.

A probe is a lower bound: it shows what an embedding contains, but another
classifier may find more. Intervals of a probe's accuracy are in
``emofactors.evaluation.statistics.intervals``.
"""

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from emofactors.evaluation.statistics.metrics import confusion_matrix, unweighted_accuracy, weighted_accuracy

ProbeKind = Literal["linear", "mlp"]

#: Weight of the L2 penalty of both kinds, relative to the sum of the losses: 1 / C.
PENALTY = 1.0
#: Units of the hidden layer of an ``mlp``, and its number of L-BFGS steps.
HIDDEN_UNITS = 64
MLP_STEPS = 100
#: Limit of the L-BFGS steps of a ``linear`` probe, which converges earlier.
_LINEAR_STEPS = 1000


@dataclass(frozen=True)
class ProbePredictions:
    """Predictions of a probe for utterances that it was not fitted to.

    Attributes:
        labels: sorted labels, L.
        truth: index of the true label of each utterance, shape (N,).
        prediction: index of the predicted label, shape (N,).
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
        """Share of utterances predicted correctly, in [0, 1]."""
        return float(weighted_accuracy(self._confusion))

    @property
    def chance_ua(self) -> float:
        """Expected UA of predictions that do not depend on the embedding."""
        return 1 / len(self.labels)

    @property
    def chance_wa(self) -> float:
        """WA of always predicting the most frequent label.

        A probe weights labels equally, so its WA may be lower if the embedding has no information.
        """
        return float(np.bincount(self.truth).max() / len(self.truth))

    @property
    def _confusion(self) -> np.ndarray:
        """Counts, shape (L, L): true label by predicted label."""
        return confusion_matrix(self.truth, self.prediction, len(self.labels))


def cross_validate_probe(
    embedding: np.ndarray,
    label: np.ndarray,
    *,
    groups: np.ndarray,
    kind: ProbeKind,
    folds: int,
    seed: int,
) -> ProbePredictions:
    """Predict a label from frozen embeddings by cross-validation over originals.

    ``linear`` is multinomial logistic regression; ``mlp`` has one hidden layer of
    64 ReLU units and takes at most 100 steps of L-BFGS, without early stopping.
    Both minimise the sum of cross-entropies plus half the squared weights (C = 1),
    with equal weight for each label. Each dimension is standardised on the
    training folds, so the scale of a dimension has no influence. Predictions are
    deterministic on one machine with a fixed number of threads.

    Source: linear probes, Alain & Bengio 2016; limits of probes, Belinkov 2022.

    Args:
        embedding: shape (N, D), finite.
        label: speaker or emotion of each utterance, shape (N,).
        groups: original of each utterance, shape (N,); augmented copies of one original share a fold.
        kind: classifier.
        folds: number of cross-validation folds.
        seed: seed of the folds, and of the initial weights of an ``mlp``.

    Returns:
        A prediction for every utterance, augmented copies included.

    Raises:
        ValueError: if the shapes do not match, an embedding is not finite, there is only one label, or the
            utterances cannot be divided (:func:`assign_folds`).
    """
    embedding, label = np.asarray(embedding, dtype=np.float64), np.asarray(label)
    if embedding.ndim != 2 or label.shape != (len(embedding),):
        raise ValueError(f"embedding is {embedding.shape}, label {label.shape}; expected (N, D) and (N,)")
    if not np.isfinite(embedding).all():
        raise ValueError("embedding has values that are not finite, expected finite numbers")
    labels, truth = _index_labels(label)
    fold_of = assign_folds(label, groups, folds=folds, seed=seed)
    prediction = np.empty_like(truth)
    for fold in range(folds):
        test = fold_of == fold
        prediction[test] = _fit_and_predict(embedding[~test], truth[~test], embedding[test], kind, seed)
    return ProbePredictions(labels=tuple(labels.tolist()), truth=truth, prediction=prediction)


def fit_and_evaluate_probe(
    embedding: np.ndarray, label: np.ndarray, test_embedding: np.ndarray, test_label: np.ndarray
) -> ProbePredictions:
    """Fit a ``linear`` probe (:func:`cross_validate_probe`) to one set of utterances and predict another.

    Args:
        embedding: embeddings to fit, shape (N, D), finite.
        label: their labels, shape (N,).
        test_embedding: embeddings to predict, shape (M, D), finite.
        test_label: their labels, shape (M,); all of them occur in ``label``.

    Returns:
        A prediction for every test utterance.

    Raises:
        ValueError: if a test label does not occur in ``label``, or there is only one label.
    """
    labels, truth = _index_labels(label)
    unknown = sorted(set(test_label.tolist()) - set(labels.tolist()))
    if unknown:
        raise ValueError(f"test label is {unknown[0]!r}, expected one of {', '.join(labels)}")
    prediction = _fit_and_predict(embedding, truth, test_embedding, "linear", seed=0)  # does not use the seed
    return ProbePredictions(
        labels=tuple(labels.tolist()), truth=np.searchsorted(labels, test_label), prediction=prediction
    )


def assign_folds(label: np.ndarray, groups: np.ndarray, *, folds: int, seed: int) -> np.ndarray:
    """Assign each utterance to a cross-validation fold, stratified by label and grouped by original.

    Shuffles the originals of each label and deals them to the folds in turn. Fold
    sizes differ by at most one original, in total and for each label. The result
    depends on names, not on the order of the utterances.

    Args:
        label: label of each utterance, shape (N,).
        groups: original of each utterance, shape (N,).
        folds: number of folds.
        seed: seed of the shuffle.

    Returns:
        Fold in [0, folds) of each utterance, shape (N,).

    Raises:
        ValueError: if an original has two labels, a label has only one original (no fold could train on it), or
            there are fewer originals than folds, or fewer than two folds.
    """
    label, groups = np.asarray(label), np.asarray(groups)
    if label.shape != groups.shape or label.ndim != 1:
        raise ValueError(f"label is {label.shape}, groups {groups.shape}; expected (N,) and (N,)")
    originals, first, original = np.unique(groups, return_index=True, return_inverse=True)
    labels, i_label = np.unique(label[first], return_inverse=True)  # of the originals
    mismatch = np.flatnonzero(label != label[first][original])
    if len(mismatch):
        raise ValueError(f"{groups[mismatch[0]]!s} has two labels, expected the label of its original")
    if not 2 <= folds <= len(originals):
        raise ValueError(f"{folds} folds for {len(originals)} originals, expected at least 2 folds, none empty")
    single = np.flatnonzero(np.bincount(i_label) < 2)
    if len(single):
        raise ValueError(f"{labels[single[0]]!s} has 1 original, expected at least 2 of each label")
    shuffled = np.random.default_rng(seed).permutation(len(originals))
    by_label = shuffled[np.argsort(i_label[shuffled], kind="stable")]
    fold_of = np.empty(len(originals), dtype=np.int64)
    fold_of[by_label] = np.arange(len(originals)) % folds
    return fold_of[original]


def _index_labels(label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the sorted labels (L,) and the index of each utterance's label (N,)."""
    labels, truth = np.unique(label, return_inverse=True)
    if len(labels) < 2:
        raise ValueError(f"label is always {', '.join(map(str, labels))}, expected at least 2 labels")
    return labels, truth


def _fit_and_predict(
    embedding: np.ndarray, truth: np.ndarray, test_embedding: np.ndarray, kind: ProbeKind, seed: int
) -> np.ndarray:
    """Fit a classifier to embeddings (N, D) with labels (N,); return predictions (M,) for others (M, D)."""
    scaler = StandardScaler().fit(embedding.astype(np.float64))
    counts = np.bincount(truth)
    weight = len(truth) / np.count_nonzero(counts) / counts[truth]  # mean 1, the same sum for each label
    classifier = _make_classifier(kind, seed)
    with warnings.catch_warnings():
        if kind == "mlp":  # its number of steps is fixed, so it does not converge
            warnings.simplefilter("ignore", ConvergenceWarning)
        classifier.fit(scaler.transform(embedding.astype(np.float64)), truth, sample_weight=weight)
    return classifier.predict(scaler.transform(test_embedding.astype(np.float64)))


def _make_classifier(kind: ProbeKind, seed: int) -> LogisticRegression | MLPClassifier:
    """Return an unfitted classifier; both kinds have the same penalty."""
    match kind:
        case "linear":
            return LogisticRegression(C=1 / PENALTY, max_iter=_LINEAR_STEPS)
        case "mlp":
            return MLPClassifier(
                (HIDDEN_UNITS,), solver="lbfgs", alpha=PENALTY, max_iter=MLP_STEPS, random_state=seed
            )
        case _:
            raise ValueError(f"kind is {kind!r}, expected linear or mlp")
