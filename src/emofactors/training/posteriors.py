"""Posteriors of logits. Equals scipy.special, which takes longer to import than many a run takes to predict."""

import numpy as np


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return the posterior of each class, (N, C), for finite logits (N, C)."""
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the logarithm of the posterior of each class, (N, C), for finite logits (N, C)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
