"""Holm's correction for multiple comparisons."""

import numpy as np


def holm(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values for the number of comparisons by Holm's step-down method.

    Rejecting where the adjusted value is at most 0.05 keeps the family-wise
    error rate at 5 % or less, under any dependence between the tests.

    Source: Holm 1979.

    Args:
        p_values: shape (M,), in [0, 1].

    Returns:
        Adjusted p-values, shape (M,), in [0, 1], at least as large as the given ones.

    Example:
        >>> holm(np.array([0.01, 0.04, 0.03])).round(6).tolist()
        [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    steps = p_values[order] * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
