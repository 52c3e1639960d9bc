"""Metrics of a confusion matrix: UA, WA, macro F1 and the recall of each class.

All metrics take counts of shape (..., C, C), true class by predicted class, and
broadcast over the leading axes, such as those of resampled matrices.
"""

import numpy as np


def confusion_matrix(truth: np.ndarray, prediction: np.ndarray, n_classes: int) -> np.ndarray:
    """Count the pairs of true and predicted class.

    Args:
        truth: true class index of each utterance, shape (N,).
        prediction: predicted class index of each utterance, shape (N,).
        n_classes: number of classes of the task, C, whether or not all occur.

    Returns:
        Counts, shape (C, C): true class by predicted class.

    Raises:
        ValueError: if the arrays differ in length, or an index is not in [0, C).

    Example:
        >>> confusion_matrix(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), n_classes=2)
        array([[2, 1],
               [0, 1]])
    """
    truth, prediction = np.asarray(truth, dtype=np.int64), np.asarray(prediction, dtype=np.int64)
    if truth.shape != prediction.shape or truth.ndim != 1:
        raise ValueError(f"truth is {truth.shape}, prediction {prediction.shape}; expected (N,) and (N,)")
    for name, index in (("truth", truth), ("prediction", prediction)):
        if ((index < 0) | (index >= n_classes)).any():
            raise ValueError(f"{name} has classes {index.min()} to {index.max()}, expected 0 to {n_classes - 1}")
    counts = np.bincount(truth * n_classes + prediction, minlength=n_classes**2)
    return counts.reshape(n_classes, n_classes)


def class_recalls(confusion: np.ndarray) -> np.ndarray:
    """Return the recall of each class.

    Args:
        confusion: counts, shape (..., C, C): true class by predicted class.

    Returns:
        Recalls in [0, 1], shape (..., C); NaN for a class without utterances.
    """
    support = confusion.sum(axis=-1)
    correct = np.diagonal(confusion, axis1=-2, axis2=-1)
    return np.where(support > 0, correct / np.maximum(support, 1), np.nan)


def unweighted_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Return UA, the mean recall over the classes (also UAR or balanced accuracy).

    Source: Dai et al. 2019, evaluation criteria.

    Args:
        confusion: counts, shape (..., C, C): true class by predicted class.

    Returns:
        UA in [0, 1], shape (...).

    Raises:
        ValueError: if a class of the task has no utterance, because its recall
            is undefined.

    Example:
        >>> float(unweighted_accuracy(np.array([[2, 1], [0, 1]])))
        0.8333333333333333
    """
    _check_every_class(confusion)
    return class_recalls(confusion).mean(axis=-1)


def weighted_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Return WA, the share of utterances predicted correctly (accuracy).

    Source: Dai et al. 2019, evaluation criteria.

    Args:
        confusion: counts, shape (..., C, C): true class by predicted class.

    Returns:
        WA in [0, 1], shape (...).

    Raises:
        ValueError: if there is no utterance.

    Example:
        >>> float(weighted_accuracy(np.array([[2, 1], [0, 1]])))
        0.75
    """
    n = confusion.sum(axis=(-2, -1))
    if (n == 0).any():
        raise ValueError("no utterance to score, expected at least one")
    return np.trace(confusion, axis1=-2, axis2=-1) / n


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Return the mean over the classes of F1, the harmonic mean of precision and recall.

    A class that is never predicted has F1 = 0.

    Source: Sokolova & Lapalme 2009; the mean of the F1 scores, not the F1 of the mean precision and recall.

    Args:
        confusion: counts, shape (..., C, C): true class by predicted class.

    Returns:
        Macro F1 in [0, 1], shape (...).

    Raises:
        ValueError: if a class of the task has no utterance.

    Example:
        >>> round(float(macro_f1(np.array([[2, 1], [0, 1]]))), 4)
        0.7333
    """
    _check_every_class(confusion)
    correct = np.diagonal(confusion, axis1=-2, axis2=-1)
    return (2 * correct / (confusion.sum(axis=-1) + confusion.sum(axis=-2))).mean(axis=-1)


def _check_every_class(confusion: np.ndarray) -> None:
    """Raise a ValueError if a class of the task has no utterance."""
    absent = (confusion.sum(axis=-1) == 0).reshape(-1, confusion.shape[-1]).any(axis=0)
    if absent.any():
        raise ValueError(f"no utterance of class {np.flatnonzero(absent).tolist()}, expected every class")
