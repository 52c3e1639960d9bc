"""Recurrent layers for batches of utterances of different lengths."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence


class LastStateBigru(nn.Module):
    """A bidirectional GRU that returns the last state of each direction, one vector per utterance.

    The last state is the one after the last valid frame in the forward direction
    and the one after frame 0 in the backward direction, so padding has no effect.

    Source: Dai et al. 2019, network.

    Args:
        n_in: features of a frame.
        n_units: units of each direction, half the size of the vector.

    Example:
        >>> bigru, x = LastStateBigru(480, 128), torch.randn(2, 30, 480)
        >>> bigru(x, torch.tensor([30, 12])).shape
        torch.Size([2, 256])
    """

    def __init__(self, n_in: int, n_units: int) -> None:
        super().__init__()
        self.gru = nn.GRU(n_in, n_units, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, n_frames: Tensor) -> Tensor:
        """Map ``x`` (B, T, n_in) with ``n_frames`` valid frames (B,) to (B, 2 * n_units)."""
        packed = pack_padded_sequence(x, n_frames.cpu(), batch_first=True, enforce_sorted=False)
        _, last = self.gru(packed)  # (2, B, n_units): forward, backward
        return torch.cat([last[0], last[1]], dim=1)
