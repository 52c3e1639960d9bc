"""Statistics pooling over time: one vector per utterance of any length."""

import torch
from torch import Tensor

#: Lower limit of variances: the square root has no gradient at 0.
VARIANCE_FLOOR = 1e-10


def mean_and_std(x: Tensor, valid: Tensor) -> Tensor:
    """Concatenate mean and standard deviation over the valid frames.

    Source: Snyder et al. 2018, statistics pooling.

    Args:
        x: frames, (B, T, D).
        valid: mask of the frames of each utterance, at least one, (B, T), bool.

    Returns:
        Means, then population stds, (B, 2 D).

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
