"""Instance norm over images of different lengths in one batch."""

import torch
from torch import Tensor
from torch.nn import functional as F


def instance_norm(x: Tensor, valid: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Each channel of each image brought to mean 0 and variance 1, without learned scale or shift.

    Source: Ulyanov et al. 2016.

    Args:
        x: (B, C, T, F).
        valid: the frames that belong to each image, (B, T), bool; None: all.
        eps: added to the variance.

    Returns:
        (B, C, T, F), in the precision of ``x``; zero where a frame is not valid.
    """
    if valid is None:
        if x.device.type == "cpu":
            # Of one image, batch norm is instance norm; it alone has fast kernels for channels-last images.
            return torch.cat([F.batch_norm(image, None, None, training=True, eps=eps) for image in x.split(1)])
        return F.group_norm(x, x.shape[1], eps=eps)
    inside = valid[:, None, :, None].float()  # (B, 1, T, 1)
    n_values = inside.sum(dim=2, keepdim=True) * x.shape[3]  # (B, 1, 1, 1)
    mean = (x.float() * inside).sum(dim=(2, 3), keepdim=True) / n_values  # (B, C, 1, 1)
    centered = (x.float() - mean) * inside
    variance = centered.square().sum(dim=(2, 3), keepdim=True) / n_values
    return (centered * (variance + eps).rsqrt()).to(x.dtype)
