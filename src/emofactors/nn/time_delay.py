"""Dilated convolutions over time for batches of utterances of different lengths."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TimeDelayLayer(nn.Module):
    """A same-length dilated convolution over time, batch norm and ReLU.

    Frames beyond an utterance's end are zeros, like those beyond the batch, and
    batch norm uses the statistics of valid frames only, so that the output does
    not depend on the padding of the batch.

    Source: Waibel et al. 1989, time-delay network; Peddinti et al. 2015, dilations that grow with depth.

    Args:
        n_in: input features of a frame.
        n_out: output features of a frame.
        kernel_size: kernel size in frames, odd.
        dilation: dilation in frames.

    Raises:
        ValueError: if ``kernel_size`` is even, which would change the number of frames.

    Example:
        >>> layer = TimeDelayLayer(40, 128, kernel_size=5, dilation=2)
        >>> n_frames = torch.tensor([50, 30])
        >>> valid = torch.arange(50) < n_frames[:, None]  # (B, T)
        >>> layer(torch.randn(2, 40, 50), valid).shape
        torch.Size([2, 128, 50])
    """

    def __init__(self, n_in: int, n_out: int, *, kernel_size: int, dilation: int) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}, expected odd")
        reach = dilation * (kernel_size // 2)
        # No bias, because the norm has one.
        self.convolution = nn.Conv1d(n_in, n_out, kernel_size, dilation=dilation, padding=reach, bias=False)
        self.norm = nn.BatchNorm1d(n_out)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Map ``x`` (B, n_in, T) with its valid frames (B, T) to (B, n_out, T), valid where ``x`` is."""
        x = self.convolution(x.masked_fill(~valid[:, None], 0.0))
        return F.relu(self._normed(x, valid))

    def _normed(self, x: Tensor, valid: Tensor) -> Tensor:
        """Apply batch norm to (B, C, T); in training, frames that are not valid become zero."""
        if not self.training:
            return self.norm(x)
        frames = x.transpose(1, 2).flatten(0, 1)  # (B * T, C)
        rows = valid.flatten().nonzero().squeeze(1)
        normed = self.norm(frames.index_select(0, rows))
        frames = torch.zeros_like(frames).index_copy(0, rows, normed)
        return frames.unflatten(0, valid.shape).transpose(1, 2)


class TimeDelayStack(nn.Module):
    """A sequence of :class:`TimeDelayLayer`.

    Args:
        n_in: input features of a frame.
        channels: output features of each layer, C.
        kernel_size: kernel size of each layer in frames, odd.
        dilations: dilation of each layer.

    Example:
        >>> stack = TimeDelayStack(40, 128, kernel_size=5, dilations=[1, 2, 3])
        >>> n_frames = torch.tensor([50, 30])
        >>> valid = torch.arange(50) < n_frames[:, None]  # (B, T)
        >>> stack(torch.randn(2, 50, 40), valid).shape
        torch.Size([2, 50, 128])
    """

    def __init__(self, n_in: int, channels: int, *, kernel_size: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TimeDelayLayer(n, channels, kernel_size=kernel_size, dilation=dilation)
            for n, dilation in zip([n_in, *[channels] * (len(dilations) - 1)], dilations, strict=True)
        )

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Map ``x`` (B, T, n_in) with its valid frames (B, T) to (B, T, C), valid where ``x`` is."""
        x = x.transpose(1, 2)  # (B, n_in, T)
        for layer in self.layers:
            x = layer(x, valid)
        return x.transpose(1, 2)
