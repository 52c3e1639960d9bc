"""Convolutions over spectrograms of different lengths in one batch."""

from collections.abc import Sequence
from typing import TypeVar

from torch import Tensor, nn
from torch.nn import functional as F

Size = TypeVar("Size", Tensor, int)


class ValidConvolution(nn.Module):
    """A convolution without padding, max pooling and ReLU, with the number of frames that are valid.

    An output frame is valid if its whole receptive field lies within the
    utterance. What lies beyond an utterance's end in its batch never reaches
    a valid frame, so nothing has to be masked here: who reads the output
    reads the valid frames alone.

    Source: Dai et al. 2019, network; the public code masks by length after each layer, to the same end.

    Args:
        in_channels: channels that come in.
        out_channels: channels that go out.
        kernel_size: height and width of the kernel.
        stride: of the convolution.
        pool: kernel and stride of the max pooling; 1 is none.

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
        self.convolution = nn.Conv2d(in_channels, out_channels, kernel_size, stride)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Of ``x`` (B, C, T, F): the same after the layer."""
        x = self.convolution(x)
        if self.pool > 1:
            x = F.max_pool2d(x, self.pool)  # before ReLU: the same values, a quarter of the work
        return F.relu(x, inplace=True)

    def size_after(self, size: Size) -> Size:
        """Valid frames that go out for so many that come in; the same holds for frequency bins."""
        kernel_size, stride = self.convolution.kernel_size[0], self.convolution.stride[0]
        return ((size - kernel_size) // stride + 1) // self.pool


class ConvolutionStack(nn.Module):
    """Valid convolutions one after the other.

    Args:
        channels: channels out of each layer.
        kernel_sizes: kernel size of each layer.
        strides: stride of each layer.
        pools: max pooling of each layer.

    Raises:
        ValueError: if the lists differ in length.

    Example:
        >>> from torch import randn, tensor
        >>> stack = ConvolutionStack([48, 64], kernel_sizes=[7, 3], strides=[2, 1], pools=[1, 2])
        >>> x, n_frames = stack(randn(2, 1, 101, 128), tensor([101, 60]))
        >>> x.shape, n_frames  # of the second utterance what lies beyond frame 12 is not to be read
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
        """Of ``x`` (B, 1, T, F) with its valid frames (B,): (B, C, T', F') and (B,)."""
        for layer in self.layers:
            x = layer(x)
        return x, self.size_after(n_frames)

    def size_after(self, size: Size) -> Size:
        """Frames or bins that go out for so many that come in; below 1: too few."""
        for layer in self.layers:
            assert isinstance(layer, ValidConvolution)
            size = layer.size_after(size)
        return size

    @property
    def min_frames(self) -> int:
        """The shortest input that gives one output frame."""
        size = 1
        for layer in reversed(self.layers):
            assert isinstance(layer, ValidConvolution)
            kernel_size, stride = layer.convolution.kernel_size[0], layer.convolution.stride[0]
            size = (size * layer.pool - 1) * stride + kernel_size
        return size
