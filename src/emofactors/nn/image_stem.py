"""Layers before the patches of an image: convolutions and pixel coordinates."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emofactors.nn.image_convolution import ImageConvolution
from emofactors.nn.instance_norm import instance_norm


class ImageStem(nn.Module):
    """Same-size 3x3 convolutions, each followed by instance norm and GELU.

    Frames beyond an image's end are zeros to the convolutions and excluded from
    the norm, so that the output of an image does not depend on its batch.

    Source: Kim & Lee 2024, teacher's convolutions; public code.

    Args:
        channels: output channels of each convolution; the input has one.

    Example:
        >>> stem, image = ImageStem([4, 8, 1]), torch.rand(2, 1, 12, 16)  # 12 frames of 16 bins
        >>> stem(image).shape
        torch.Size([2, 1, 12, 16])
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            ImageConvolution(n_in, n_out, kernel_size=3, padding=1, pooled=False)
            for n_in, n_out in zip([1, *channels[:-1]], channels, strict=True)
        )

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Map images (B, 1, T, F), zero beyond their valid frames (B, T), to (B, C, T, F), zero there as well."""
        for convolution in self.convolutions:
            x = F.gelu(instance_norm(convolution(x), valid))
        return x


def image_coordinates(x: Tensor, valid: Tensor | None = None) -> Tensor:
    """Return the coordinates of each pixel in its image, from -1 at the first to 1 at the last frame or bin.

    Source: Kim & Lee 2024, image coordinate encoding; public code.

    Args:
        x: images, (B, C, T, F).
        valid: mask of the frames of each image, (B, T), bool, contiguous from the first frame; None: all.

    Returns:
        Coordinates along frames and along bins, (B, 2, T, F), float32; above 1 beyond an image's end.

    Example:
        >>> image = torch.rand(1, 1, 3, 5)
        >>> along_frames, along_bins = image_coordinates(image)[0]
        >>> along_frames[:, 0], along_bins[0]
        (tensor([-1.,  0.,  1.]), tensor([-1.0000, -0.5000,  0.0000,  0.5000,  1.0000]))
        >>> torch.cat([image, image_coordinates(image)], dim=1).shape
        torch.Size([1, 3, 3, 5])
    """
    n_images, _, n_frames, n_bins = x.shape
    frame, bin_ = torch.arange(n_frames, device=x.device), torch.arange(n_bins, device=x.device)
    last_frame = frame[-1:] if valid is None else valid.sum(dim=1) - 1  # (1,) or (B,)
    along_frames = frame / last_frame.clamp(min=1)[:, None]  # (1 or B, T)
    along_bins = bin_ / max(n_bins - 1, 1)  # (F,)
    size = (n_images, n_frames, n_bins)
    return 2 * torch.stack([along_frames[:, :, None].expand(size), along_bins.expand(size)], dim=1) - 1
