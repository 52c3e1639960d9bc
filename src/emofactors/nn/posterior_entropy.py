"""Entropy of a classifier's posterior (Li et al. 2020, entropy loss)."""

from math import log

from torch import Tensor
from torch.nn import functional as F


def posterior_entropy(logits: Tensor) -> Tensor:
    """Return the mean entropy of the posteriors, relative to that of a uniform posterior.

    Division by log S makes the entropy independent of the number of speakers.

    Source: Li et al. 2020, entropy of the speaker posterior.

    Args:
        logits: before the softmax, (B, S), S at least 2.

    Returns:
        A scalar in [0, 1]: 1 if all posteriors are uniform, 0 if all are certain.

    Raises:
        ValueError: if there is only one class, whose entropy is always 0.

    Example:
        >>> from torch import tensor
        >>> posterior_entropy(tensor([[3.0, 3.0], [100.0, -100.0]])).item()
        0.5
    """
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise ValueError(f"logits are {tuple(logits.shape)}, expected (B, S) with S at least 2")
    log_posterior = F.log_softmax(logits, dim=1)  # (B, S)
    entropy = -(log_posterior.exp() * log_posterior).sum(dim=1)  # (B,)
    return entropy.mean() / log(logits.shape[1])
