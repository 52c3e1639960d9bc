"""Convolutions of images in the memory layout that is fastest on the device; no other module chooses layouts."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ImageConvolution(nn.Conv2d):
    """A two-dimensional convolution in channels-last layout, except on processors with AVX2 but without AVX-512.

    Channels-last is the fastest layout elsewhere. On a processor with AVX2 only,
    oneDNN has no kernel for the gradient of the weights in this layout and takes up
    to four times as long. So on such a processor

    - layers whose output is pooled remain channels-last, because pooling in
      contiguous layout takes twelve times as long; only the gradient of the weights
      is computed from contiguous copies. With one channel it is fast without copies.
    - other layers are contiguous. Their instance norm and GELU are faster, too.

    Measured with torch 2.11 as processor time of one thread, forward and backward, in ms
    (the stem as the sum of its convolutions, norms and GELUs):

    ====================================  =============  ==========  ===========
    layers                                channels-last  contiguous  from copies
    ====================================  =============  ==========  ===========
    cnn_bigru, 32 of 280 frames, AVX2     923            1,007       833
    cnn_bigru, 32 of 280 frames, AVX-512  734            834         765
    image stem, 16 of 128x128, AVX2       1,750          1,110       1,260
    image stem, 16 of 128x128, AVX-512    1,090          1,090       1,190
    ====================================  =============  ==========  ===========

    The choice follows from torch's name of the processor's capability and never
    from a measurement, so that repeated runs on one machine give the same numbers.

    Args:
        in_channels: input channels.
        out_channels: output channels.
        kernel_size: height and width of the kernel.
        stride: stride.
        padding: zeros on each side.
        pooled: whether max pooling follows, at once or after further such layers.

    Example:
        >>> layer = ImageConvolution(3, 8, kernel_size=3, padding=1, pooled=True)
        >>> layer(torch.randn(2, 3, 50, 80)).shape
        torch.Size([2, 8, 50, 80])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
        pooled: bool,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding)
        self.pooled = pooled
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types lack it

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (B, C, T, F) to (B, C', T', F')."""
        if x.device.type != "cpu" or torch.backends.cpu.get_cpu_capability() != "AVX2":
            return super().forward(x)
        if not self.pooled:
            weight = self.weight.clone(memory_format=torch.contiguous_format)
            return self._conv_forward(x.contiguous(), weight, self.bias)
        if self.in_channels == 1 or torch.is_autocast_enabled("cpu"):  # autocast would not reach the gradients
            return super().forward(x)
        output: Tensor = _WeightGradientFromCopies.apply(x, self.weight, self.bias, self.stride, self.padding)
        return output


class _WeightGradientFromCopies(torch.autograd.Function):
    """A convolution whose weight gradient is computed in contiguous layout."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: Any, padding: Any) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        settings = ([len(weight)], ctx.stride, ctx.padding, (1, 1), False, (0, 0), 1)
        backward = torch.ops.aten.convolution_backward
        of_x, _, _ = backward(gradient, x, weight, *settings, [ctx.needs_input_grad[0], False, False])
        copies = [tensor.contiguous() for tensor in (gradient, x, weight)]
        _, of_weight, of_bias = backward(*copies, *settings, [False, True, True])
        return of_x, of_weight, of_bias, None, None
