"""Convolutions over spectrograms of different lengths in one batch."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def mask_frames(x: Tensor, n_frames: Tensor) -> Tensor:
    """Zero what lies beyond each utterance's end.

    Args:
        x: (B, C, T, F).
        n_frames: valid frames of each utterance, (B,).

    Returns:
        ``x`` with zeros at frames ``>= n_frames``.
    """
    valid = torch.arange(x.shape[2], device=x.device) < n_frames[:, None]  # (B, T)
    return x * valid[:, None, :, None].to(x.dtype)


class MaskedConvolution(nn.Module):
    """A valid convolution, ReLU and max pooling that know where each utterance ends.

    An output frame counts as valid if its whole receptive field lies within
    the utterance, so that an utterance gives the same valid frames whatever
    it is batched with.

    Source: Dai et al. 2019, the public code masks by length after each layer.

    Args:
        in_channels: channels that come in.
        out_channels: channels that go out.
        kernel_size: height and width of the kernel.
        stride: of the convolution.
        pool: kernel and stride of the max pooling; 1 is none.
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int, stride: int, pool: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size, stride)
        self.pool = pool

    def forward(self, x: Tensor, n_frames: Tensor) -> tuple[Tensor, Tensor]:
        """Of ``x`` (B, C, T, F) with its valid frames (B,): the same after the layer."""
        x = F.relu(self.convolution(x))
        if self.pool > 1:
            x = F.max_pool2d(x, self.pool)
        n_frames = self.valid_frames(n_frames)
        return mask_frames(x, n_frames), n_frames

    def valid_frames(self, n_frames: Tensor | int) -> Tensor | int:
        """Valid frames that go out for so many that come in; the same holds for frequency bins."""
        kernel_size, stride = self.convolution.kernel_size[0], self.convolution.stride[0]
        n_frames = (n_frames - kernel_size) // stride + 1
        return n_frames // self.pool


class ConvolutionStack(nn.Module):
    """Masked convolutions one after the other.

    Args:
        channels: channels out of each layer.
        kernel_sizes: kernel size of each layer.
        strides: stride of each layer.
        pools: max pooling of each layer.

    Raises:
        ValueError: if the lists differ in length.
    """

    def __init__(
        self,
        channels: Sequence[int],
        kernel_sizes: Sequence[int],
        strides: Sequence[int],
        pools: Sequence[int],
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MaskedConvolution(n_in, n_out, kernel_size=kernel, stride=stride, pool=pool)
            for n_in, n_out, kernel, stride, pool in zip(
                [1, *channels[:-1]], channels, kernel_sizes, strides, pools, strict=True
            )
        )

    def forward(self, x: Tensor, n_frames: Tensor) -> tuple[Tensor, Tensor]:
        """Of ``x`` (B, 1, T, F) with its valid frames (B,): (B, C, T', F') and (B,)."""
        for layer in self.layers:
            x, n_frames = layer(x, n_frames)
        return x, n_frames

    def size_after(self, size: int) -> int:
        """Frames or bins that go out for so many that come in; below 1: too few."""
        for layer in self.layers:
            size = layer.valid_frames(size)
        return size

    @property
    def least_frames(self) -> int:
        """The shortest input that gives one output frame."""
        size = 1
        for layer in reversed(self.layers):
            kernel_size, stride = layer.convolution.kernel_size[0], layer.convolution.stride[0]
            size = (size * layer.pool - 1) * stride + kernel_size
        return size
