"""Pieces of the attention-based convolutional recurrent network (ACRNN) over segments of equal length."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SameConvolutions(nn.Module):
    """Convolutions that keep the size of a spectrogram, with one max pooling, after the first; leaky ReLU.

    Zeros are read beyond its edges. Weights are drawn so that the variance of
    what goes through them stays: torch's own draw would halve it several
    times over.

    Source: Chen et al. 2018, network; He et al. 2015, draw of the weights.

    Args:
        in_channels: channels that come in.
        channels: channels out of each convolution.
        kernel_size: frames and bins a convolution reads, odd both.
        pool_size: frames and bins the pooling makes one; what is left over at the end is not read.
        slope: of the leaky ReLU below 0.

    Raises:
        ValueError: if a size of the kernel is even: what comes out would be smaller than what comes in.

    Example:
        >>> layers = SameConvolutions(3, [8, 16], kernel_size=(5, 3), pool_size=(2, 4), slope=0.01)
        >>> layers(torch.randn(2, 3, 192, 80)).shape  # static, delta, delta-delta
        torch.Size([2, 16, 96, 20])
    """

    def __init__(
        self,
        in_channels: int,
        channels: Sequence[int],
        *,
        kernel_size: tuple[int, int],
        pool_size: tuple[int, int],
        slope: float,
    ) -> None:
        super().__init__()
        if kernel_size[0] % 2 == 0 or kernel_size[1] % 2 == 0:
            raise ValueError(f"kernel_size is {tuple(kernel_size)}, expected odd both")
        padding = (kernel_size[0] // 2, kernel_size[1] // 2)
        convolutions = [
            nn.Conv2d(n_in, n_out, kernel_size, padding=padding)
            for n_in, n_out in zip([in_channels, *channels[:-1]], channels, strict=True)
        ]
        for convolution in convolutions:
            nn.init.kaiming_normal_(convolution.weight, a=slope)
            if convolution.bias is not None:
                nn.init.zeros_(convolution.bias)
        self.convolutions = nn.ModuleList(convolutions)
        self.pool_size = pool_size
        self.slope = slope
        # With the channels of a pixel side by side processors multiply them faster.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types lack it

    def forward(self, x: Tensor) -> Tensor:
        """Of ``x`` (B, n, T, F): (B, C, T', F'), pooled once."""
        for i, convolution in enumerate(self.convolutions):
            x = convolution(x)
            if i == 0:
                x = F.max_pool2d(x, self.pool_size)  # before the ReLU: the same values, less work
            x = F.leaky_relu(x, self.slope, inplace=True)
        return x


class AttentionPooling(nn.Module):
    """Frames weighted by how much each matters become one vector.

    The score of a frame is a weighted sum of ``n_scores`` sigmoids of it; the
    weights of the frames are the softmax of their scores over time.

    Source: Chen et al. 2018, attention; Yang et al. 2016, with tanh for the sigmoid.

    Args:
        n_in: features of a frame, D.
        n_scores: sigmoids a score is made of.

    Example:
        >>> pool, frames = AttentionPooling(n_in=256, n_scores=1), torch.randn(2, 96, 256)
        >>> pool(frames).shape
        torch.Size([2, 256])
        >>> pool.weights(frames).sum(dim=1).allclose(torch.ones(2))
        True
    """

    def __init__(self, n_in: int, n_scores: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_in, n_scores)
        self.score = nn.Linear(n_scores, 1, bias=False)  # the softmax knows no shift

    def weights(self, x: Tensor) -> Tensor:
        """Of frames ``x`` (B, T, D): their weights (B, T), each row sums to 1."""
        return self.score(self.hidden(x).sigmoid()).squeeze(2).softmax(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Of frames ``x`` (B, T, D): their weighted mean (B, D)."""
        return (self.weights(x)[:, :, None] * x).sum(dim=1)
