"""Delta features by linear regression over neighbouring frames."""

import torch
from torch import Tensor


def deltas(x: Tensor, window: int) -> Tensor:
    """Compute the slope of each feature at each frame, by a linear fit over ``2 window + 1`` frames.

    The first and last frame are repeated beyond the ends.

    Source: Young et al., The HTK Book, delta coefficients; as python_speech_features computes them.

    Args:
        x: frames, all valid, (B, T, F).
        window: frames on either side, at least 1.

    Returns:
        Change per frame, (B, T, F).

    Raises:
        ValueError: if ``window`` is below 1.

    Example:
        >>> deltas(torch.tensor([[[0.0], [1.0], [2.0], [3.0], [4.0]]]), window=1).flatten()
        tensor([0.5000, 1.0000, 1.0000, 1.0000, 0.5000])
    """
    if window < 1:
        raise ValueError(f"window is {window}, expected at least 1")
    n_frames = x.shape[1]
    first, last = x[:, :1].expand(-1, window, -1), x[:, -1:].expand(-1, window, -1)
    padded = torch.cat([first, x, last], dim=1)  # (B, T + 2 window, F)
    slope = torch.zeros_like(x)
    for step in range(1, window + 1):
        later = padded[:, window + step : window + step + n_frames]
        earlier = padded[:, window - step : window - step + n_frames]
        slope += step * (later - earlier)
    return slope / (2 * sum(step**2 for step in range(1, window + 1)))
