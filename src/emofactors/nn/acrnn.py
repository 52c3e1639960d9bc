"""Layers of the attention-based convolutional recurrent network (ACRNN), for segments of equal length."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from emofactors.nn.image_convolution import ImageConvolution


class SameConvolutions(nn.Module):
    """Same-size convolutions with leaky ReLU and one max pooling after the first of them.

    Inputs are padded with zeros. The weights are initialised to preserve the
    variance of the activations, which torch's default would halve in each layer.

    Source: Chen et al. 2018, network; He et al. 2015, initialisation.

    Args:
        in_channels: input channels.
        channels: output channels of each convolution.
        kernel_size: kernel size in frames and bins, both odd.
        pool_size: size of the pooling in frames and bins; a remainder at the end is dropped.
        slope: negative slope of the leaky ReLU.

    Raises:
        ValueError: if a kernel size is even, which would change the size of the output.

    Example:
        >>> import torch
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
            raise ValueError(f"kernel_size is {tuple(kernel_size)}, expected two odd sizes")
        padding = (kernel_size[0] // 2, kernel_size[1] // 2)
        convolutions = [
            ImageConvolution(n_in, n_out, kernel_size, padding=padding, pooled=layer == 0)
            for layer, (n_in, n_out) in enumerate(zip([in_channels, *channels[:-1]], channels, strict=True))
        ]
        for convolution in convolutions:
            nn.init.kaiming_normal_(convolution.weight, a=slope)
            if convolution.bias is not None:
                nn.init.zeros_(convolution.bias)
        self.convolutions = nn.ModuleList(convolutions)
        self.pool_size = pool_size
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (B, n, T, F) to (B, C, T', F'), pooled once."""
        for i, convolution in enumerate(self.convolutions):
            x = convolution(x)
            if i == 0:
                x = F.max_pool2d(x, self.pool_size)  # before the ReLU: the same values with fewer operations
            x = F.leaky_relu(x, self.slope, inplace=True)
        return x


class AttentionPooling(nn.Module):
    """Weighted mean of frames over time, with learned attention weights.

    The score of a frame is a weighted sum of ``n_scores`` sigmoid units; the
    weights are the softmax of the scores over time.

    Source: Chen et al. 2018, attention; Yang et al. 2016, with tanh for the sigmoid.

    Args:
        n_in: features of a frame, D.
        n_scores: sigmoid units of a score.

    Example:
        >>> import torch
        >>> pool, frames = AttentionPooling(n_in=256, n_scores=1), torch.randn(2, 96, 256)
        >>> pool(frames).shape
        torch.Size([2, 256])
        >>> pool.weights(frames).sum(dim=1).allclose(torch.ones(2))
        True
    """

    def __init__(self, n_in: int, n_scores: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_in, n_scores)
        self.score = nn.Linear(n_scores, 1, bias=False)  # the softmax is invariant to a bias

    def weights(self, x: Tensor) -> Tensor:
        """Return the weights (B, T) of frames ``x`` (B, T, D); each row sums to 1."""
        return self.score(self.hidden(x).sigmoid()).squeeze(2).softmax(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return the weighted mean (B, D) of frames ``x`` (B, T, D)."""
        return (self.weights(x)[:, :, None] * x).sum(dim=1)
