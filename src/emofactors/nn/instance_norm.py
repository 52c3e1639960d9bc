"""Instance norm for batches of images of different lengths."""

import torch
from torch import Tensor
from torch.nn import functional as F


def instance_norm(x: Tensor, valid: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Normalise each channel of each image to mean 0 and variance 1, without learned scale or shift.

    Source: Ulyanov et al. 2016.

    Args:
        x: images, (B, C, T, F).
        valid: mask of the frames of each image, (B, T), bool, contiguous from the first frame; None: all.
        eps: added to the variance.

    Returns:
        (B, C, T, F), in the precision of ``x``; zero where a frame is not valid.

    Example:
        >>> x, valid = torch.tensor([[[[1.0], [3.0], [9.0]]]]), torch.tensor([[True, True, False]])
        >>> instance_norm(x, valid).flatten()
        tensor([-1.0000,  1.0000,  0.0000])
    """
    channels_last = x.is_contiguous(memory_format=torch.channels_last)
    if x.device.type == "cpu" and (channels_last or valid is not None):
        return _image_by_image(x, valid, eps)
    return _all_at_once(x, valid, eps)


def _image_by_image(x: Tensor, valid: Tensor | None, eps: float) -> Tensor:
    """Normalise image by image, which is fast on CPUs: the kernels of one image skip its invalid frames."""
    norm = _batch_norm if x.is_contiguous(memory_format=torch.channels_last) else _group_norm
    if valid is None:
        return torch.cat([norm(image, eps) for image in x.split(1)])
    normed = []
    for image, length in zip(x.split(1), valid.sum(dim=1).tolist(), strict=True):
        inside = norm(image[:, :, :length], eps)
        normed.append(F.pad(inside, (0, 0, 0, x.shape[2] - length)))
    return torch.cat(normed)


def _batch_norm(image: Tensor, eps: float) -> Tensor:
    """Batch norm of one image (1, C, T, F), the only norm that is fast on CPUs in channels-last layout."""
    return F.batch_norm(image, None, None, training=True, eps=eps)


def _group_norm(x: Tensor, eps: float) -> Tensor:
    """Group norm with one group per channel, the fastest norm of contiguous images."""
    return F.group_norm(x, x.shape[1], eps=eps)


def _all_at_once(x: Tensor, valid: Tensor | None, eps: float) -> Tensor:
    """Normalise all images with few operations, which suits a GPU, and contiguous images without padding."""
    if valid is None:
        return _group_norm(x, eps)
    inside = valid[:, None, :, None].float()  # (B, 1, T, 1)
    n_values = inside.sum(dim=2, keepdim=True) * x.shape[3]  # (B, 1, 1, 1)
    mean = (x.float() * inside).sum(dim=(2, 3), keepdim=True) / n_values  # (B, C, 1, 1)
    centered = (x.float() - mean) * inside
    variance = centered.square().sum(dim=(2, 3), keepdim=True) / n_values
    return (centered * (variance + eps).rsqrt()).to(x.dtype)
