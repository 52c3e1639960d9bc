"""Quantisation of normalised log-F0 into 257 bins."""

import torch
from torch import Tensor

#: Steps of a voiced frame from 0 to 1.
_STEPS = 255
#: Bin 0 is unvoiced; 1 to 256 are voiced.
N_PITCH_BINS = _STEPS + 2


def pitch_bins(pitch: Tensor) -> Tensor:
    """Return the pitch bin of each frame.

    Source: public code of SpeechSplit, quantisation of F0.

    Args:
        pitch: log-F0 normalised by speaker to [0, 1], any shape; 0 or less is unvoiced.

    Returns:
        0 where unvoiced, else ``round(255 pitch) + 1``; the shape of ``pitch``, int64.

    Example:
        >>> pitch_bins(torch.tensor([-1e10, 0.0, 0.001, 0.5, 1.0])).tolist()
        [0, 0, 1, 129, 256]
    """
    return torch.where(pitch > 0, (pitch * _STEPS).round() + 1, 0.0).long()
