"""Convolutions for batches of spectrograms of different lengths."""

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emofactors.nn.image_convolution import ImageConvolution

Size = TypeVar("Size", Tensor, int)

#: Utterances that are convolved together on a CPU.
_GROUP = 8


class ValidConvolution(nn.Module):
    """A convolution without padding, max pooling and ReLU, which counts the valid frames.

    An output frame is valid if its whole receptive field lies within the
    utterance. Padding of the batch never affects a valid frame, so no mask is
    needed: later layers read the valid frames only.

    Source: Dai et al. 2019, network; the public code masks by length after each layer, which is equivalent.

    Args:
        in_channels: input channels.
        out_channels: output channels.
        kernel_size: height and width of the kernel.
        stride: stride of the convolution.
        pool: kernel size and stride of the max pooling; 1: no pooling.

    Example:
        >>> from torch import randn
        >>> layer = ValidConvolution(1, 48, kernel_size=7, stride=2, pool=1)
        >>> layer(randn(2, 1, 101, 128)).shape
        torch.Size([2, 48, 48, 61])
        >>> layer.size_after(101), layer.size_after(128)
        (48, 61)
    """

    def __init__(self, in_channels: int, out_channels: int, *, kernel_size: int, stride: int, pool: int) -> None:
        super().__init__()
        self.convolution = ImageConvolution(in_channels, out_channels, kernel_size, stride=stride, pooled=True)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (B, C, T, F) to (B, C', T', F')."""
        x = self.convolution(x)
        if self.pool > 1:
            x = F.max_pool2d(x, self.pool)  # before ReLU: the same values with a quarter of the operations
        return F.relu(x, inplace=True)

    def size_after(self, size: Size) -> Size:
        """Return the number of valid output frames for a number of input frames; also valid for frequency bins."""
        kernel_size, stride = self.convolution.kernel_size[0], self.convolution.stride[0]
        return ((size - kernel_size) // stride + 1) // self.pool


class ConvolutionStack(nn.Module):
    """A sequence of :class:`ValidConvolution` layers.

    On a CPU, utterances are convolved in groups of similar length, so that less
    padding is computed: a tenth of the frames of a batch of similar lengths.

    Args:
        channels: output channels of each layer.
        kernel_sizes: kernel size of each layer.
        strides: stride of each layer.
        pools: max pooling of each layer.

    Raises:
        ValueError: if the lists differ in length.

    Example:
        >>> from torch import randn, tensor
        >>> stack = ConvolutionStack([48, 64], kernel_sizes=[7, 3], strides=[2, 1], pools=[1, 2])
        >>> x, n_frames = stack(randn(2, 1, 101, 128), tensor([101, 60]))
        >>> x.shape, n_frames  # the second utterance is valid up to frame 12
        (torch.Size([2, 64, 23, 29]), tensor([23, 12]))
        >>> stack.min_frames
        13
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
            ValidConvolution(n_in, n_out, kernel_size=kernel, stride=stride, pool=pool)
            for n_in, n_out, kernel, stride, pool in zip(
                [1, *channels[:-1]], channels, kernel_sizes, strides, pools, strict=True
            )
        )

    def forward(self, x: Tensor, n_frames: Tensor) -> tuple[Tensor, Tensor]:
        """Map ``x`` (B, 1, T, F) with ``n_frames`` valid frames (B,) to (B, C, T', F') and (B,)."""
        if x.device.type != "cpu":
            return self._convolve(x), self.size_after(n_frames)
        order = n_frames.argsort(stable=True)
        groups = [self._convolve(x[group, :, : n_frames[group[-1]]]) for group in order.split(_GROUP)]
        longest = groups[-1].shape[2]
        padded = torch.cat([F.pad(group, (0, 0, 0, longest - group.shape[2])) for group in groups])
        return padded[order.argsort()], self.size_after(n_frames)

    def _convolve(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

    def size_after(self, size: Size) -> Size:
        """Return the output frames or bins for a number of input frames or bins; below 1: too few."""
        for layer in self.layers:
            assert isinstance(layer, ValidConvolution)
            size = layer.size_after(size)
        return size

    @property
    def min_frames(self) -> int:
        """Frames of the shortest input that gives one output frame."""
        size = 1
        for layer in reversed(self.layers):
            assert isinstance(layer, ValidConvolution)
            kernel_size, stride = layer.convolution.kernel_size[0], layer.convolution.stride[0]
            size = (size * layer.pool - 1) * stride + kernel_size
        return size
