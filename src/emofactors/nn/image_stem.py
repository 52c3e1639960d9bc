"""What comes before the patches of an image: convolutions, and where each pixel stands."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emofactors.nn.instance_norm import instance_norm


class ImageStem(nn.Module):
    """Convolutions 3x3 that keep an image's size, each followed by instance norm and GELU.

    An image's end is its border: beyond it a convolution reads zeros, and the
    norm counts nothing, so an image gives the same whatever stands beside it.

    Source: Kim & Lee 2024, teacher's convolutions; public code.

    Args:
        channels: channels out of each convolution; one comes in.

    Example:
        >>> stem, image = ImageStem([4, 8, 1]), torch.rand(2, 1, 12, 16)  # 12 frames of 16 bins
        >>> stem(image).shape
        torch.Size([2, 1, 12, 16])
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(n_in, n_out, kernel_size=3, padding=1)
            for n_in, n_out in zip([1, *channels[:-1]], channels, strict=True)
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's types lack it

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """Of images (B, 1, T, F), zero beyond their valid frames (B, T) or all valid: (B, C, T, F), likewise."""
        for convolution in self.convolutions:
            x = F.gelu(instance_norm(convolution(x), valid))
        return x


def image_coordinates(x: Tensor, valid: Tensor | None = None) -> Tensor:
    """Where each pixel stands in its image, from -1 at the first to 1 at the last.

    Source: Kim & Lee 2024, image coordinate encoding; public code.

    Args:
        x: images, (B, C, T, F).
        valid: the frames that belong to each image, (B, T), bool, from the first on; None: all.

    Returns:
        Along the frames and along the bins, (B, 2, T, F), float32; beyond an image's end it exceeds 1.

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
