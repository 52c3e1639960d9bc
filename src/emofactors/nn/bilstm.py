"""A bidirectional LSTM over utterances of different lengths in one batch."""

import torch
from torch import Tensor, nn


class ValidBilstm(nn.Module):
    """Bidirectional LSTM whose backward direction begins at the last valid frame, so that padding has no effect.

    Each utterance is reversed within its valid frames instead of packing the
    batch: on CPUs torch has fast kernels for padded batches only.

    Source: Schuster & Paliwal 1997, bidirectional recurrent networks.

    Args:
        n_in: features of a frame.
        n_units: units of each direction, U.

    Example:
        >>> bilstm, x = ValidBilstm(40, 8), torch.randn(2, 50, 40)
        >>> padded = bilstm(x, torch.tensor([50, 30]))
        >>> padded.shape
        torch.Size([2, 50, 16])
        >>> alone = bilstm(x[1:, :30], torch.tensor([30]))
        >>> padded[1:, :30].allclose(alone, atol=1e-6)
        True
    """

    def __init__(self, n_in: int, n_units: int) -> None:
        super().__init__()
        self.forward_lstm = nn.LSTM(n_in, n_units, batch_first=True)
        self.backward_lstm = nn.LSTM(n_in, n_units, batch_first=True)

    def forward(self, x: Tensor, n_frames: Tensor) -> Tensor:
        """Map ``x`` (B, T, n_in) with ``n_frames`` valid frames (B,) to (B, T, 2 U), valid where ``x`` is."""
        frame = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])  # (B, T)
        last = n_frames[:, None] - 1
        reverse = torch.where(frame <= last, last - frame, frame)  # its own inverse
        forward, _ = self.forward_lstm(x)  # (B, T, U)
        backward, _ = self.backward_lstm(_reordered(x, reverse))
        return torch.cat([forward, _reordered(backward, reverse)], dim=2)


def _reordered(x: Tensor, order: Tensor) -> Tensor:
    """Reorder the frames (B, T, D) of each utterance by indices (B, T)."""
    return x.gather(1, order[:, :, None].expand_as(x))
