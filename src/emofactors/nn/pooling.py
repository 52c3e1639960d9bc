"""Pooling over time: an utterance of any length becomes one vector."""

import torch
from torch import Tensor

#: Variances are no smaller than this: at 0 the square root has no gradient.
VARIANCE_FLOOR = 1e-10


def mean_and_std(x: Tensor, valid: Tensor) -> Tensor:
    """Mean and standard deviation over the valid frames, side by side.

    Source: Snyder et al. 2018, statistics pooling.

    Args:
        x: frames, (B, T, D).
        valid: the frames that belong to each utterance, at least one, (B, T), bool.

    Returns:
        (B, 2 D): means, then stds, which are those of a whole population (divided by the frames).

    Example:
        >>> x, valid = torch.tensor([[[1.0], [5.0], [9.0]]]), torch.tensor([[True, True, False]])
        >>> mean_and_std(x, valid)
        tensor([[3., 2.]])
    """
    outside = ~valid[:, :, None]  # (B, T, 1)
    n_frames = valid.sum(dim=1)[:, None]  # (B, 1)
    mean = x.masked_fill(outside, 0.0).sum(dim=1) / n_frames  # (B, D)
    centered = (x - mean[:, None]).masked_fill(outside, 0.0)
    variance = centered.square().sum(dim=1) / n_frames  # (B, D)
    return torch.cat([mean, variance.clamp(min=VARIANCE_FLOOR).sqrt()], dim=1)
