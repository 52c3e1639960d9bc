"""Entropy of a posterior: how little a classifier can say (Li et al. 2020, entropy loss)."""

from math import log

from torch import Tensor
from torch.nn import functional as F


def posterior_entropy(logits: Tensor) -> Tensor:
    """Mean entropy of the posteriors, as a share of the greatest: that of a guess among all classes.

    Divided by log S, entropies weigh the same whatever the number of speakers.

    Source: Li et al. 2020, entropy of the speaker posterior.

    Args:
        logits: before the softmax, (B, S), S at least 2.

    Returns:
        A scalar in [0, 1]: 1 if all posteriors are uniform, 0 if all are certain.

    Raises:
        ValueError: if there is one class only, of which every posterior is certain.

    Example:
        >>> from torch import tensor
        >>> posterior_entropy(tensor([[3.0, 3.0], [100.0, -100.0]])).item()
        0.5
    """
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise ValueError(f"logits are {tuple(logits.shape)}, expected (B, S), S at least 2")
    log_posterior = F.log_softmax(logits, dim=1)  # (B, S)
    entropy = -(log_posterior.exp() * log_posterior).sum(dim=1)  # (B,)
    return entropy.mean() / log(logits.shape[1])
