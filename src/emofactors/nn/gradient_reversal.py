"""Gradient reversal: adversarial training of an encoder against a classifier (Ganin & Lempitsky 2015)."""

from typing import Any

import torch
from torch import Tensor


def reverse_gradient(x: Tensor, weight: Tensor | float) -> Tensor:
    """Return ``x`` unchanged, with its gradient multiplied by ``-weight``.

    Source: Ganin & Lempitsky 2015, gradient reversal layer.

    Args:
        x: any shape.
        weight: factor of the reversed gradient, a scalar, at least 0.

    Example:
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> reverse_gradient(x, 0.5).square().sum().backward()
        >>> x.grad
        tensor([-1., -2.])
    """
    return _Reversal.apply(x, weight)


def reversal_ramp(progress: Tensor | float) -> Tensor:
    """Return the factor of an adversary's weight, which starts at 0 while its head is untrained.

    Source: Ganin & Lempitsky 2015, ``2 / (1 + exp(-10 p)) - 1``.

    Args:
        progress: completed share of the training, p, in [0, 1].

    Returns:
        Factor rising from 0 to nearly 1, in the shape of ``progress``; a scalar for a number.

    Example:
        >>> reversal_ramp(torch.tensor([0.0, 0.1, 1.0]))
        tensor([0.0000, 0.4621, 0.9999])
    """
    return 2 / (1 + torch.exp(-10 * torch.as_tensor(progress))) - 1


class _Reversal(torch.autograd.Function):
    """Identity in the forward pass, negative weight in the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.weight * gradient, None
