"""Dilated convolutions over time, of utterances of different lengths in one batch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TimeDelayLayer(nn.Module):
    """A dilated convolution over time, batch norm and ReLU; as many frames go out as come in.

    Frames beyond an utterance's end are read as zeros, as those beyond the
    batch are, and batch norm takes its statistics from valid frames alone: an
    utterance's frames do not depend on how far its batch was padded.

    Source: Waibel et al. 1989, time-delay network; Peddinti et al. 2015, dilations that grow with depth.

    Args:
        n_in: features of a frame that come in.
        n_out: features that go out.
        kernel_size: frames the convolution reads, odd.
        dilation: frames from each of them to the next.

    Raises:
        ValueError: if ``kernel_size`` is even: there would be a frame less.

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
        # The norm has a shift of its own.
        self.convolution = nn.Conv1d(n_in, n_out, kernel_size, dilation=dilation, padding=reach, bias=False)
        self.norm = nn.BatchNorm1d(n_out)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Of ``x`` (B, n_in, T) with its valid frames (B, T): (B, n_out, T), valid where ``x`` is."""
        x = self.convolution(x.masked_fill(~valid[:, None], 0.0))
        return F.relu(self._normed(x, valid))

    def _normed(self, x: Tensor, valid: Tensor) -> Tensor:
        """Batch norm of (B, C, T); in training frames that are not valid become zero."""
        if not self.training:
            return self.norm(x)
        frames = x.transpose(1, 2).flatten(0, 1)  # (B * T, C)
        rows = valid.flatten().nonzero().squeeze(1)
        normed = self.norm(frames.index_select(0, rows))
        frames = torch.zeros_like(frames).index_copy(0, rows, normed)
        return frames.unflatten(0, valid.shape).transpose(1, 2)


class TimeDelayStack(nn.Module):
    """Time-delay layers one after the other.

    Args:
        n_in: features of a frame that come in.
        channels: features that go out of each layer, C.
        kernel_size: of each layer, odd.
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
        """Of ``x`` (B, T, n_in) with its valid frames (B, T): (B, T, C), valid where ``x`` is."""
        x = x.transpose(1, 2)  # (B, n_in, T)
        for layer in self.layers:
            x = layer(x, valid)
        return x.transpose(1, 2)
