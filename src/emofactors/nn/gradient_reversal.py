"""Gradient reversal: what a head learns to tell, its encoder learns to hide (Ganin & Lempitsky 2015)."""

from typing import Any

import torch
from torch import Tensor


def reverse_gradient(x: Tensor, weight: Tensor | float) -> Tensor:
    """The same values, through which gradients come back reversed.

    Source: Ganin & Lempitsky 2015, gradient reversal layer.

    Args:
        x: of any shape.
        weight: gradients come back times minus this, a scalar, at least 0; with 0 none comes back.

    Returns:
        ``x``.

    Example:
        >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> reverse_gradient(x, 0.5).square().sum().backward()
        >>> x.grad
        tensor([-1., -2.])
    """
    return _Reversal.apply(x, weight)


def reversal_ramp(progress: Tensor | float) -> Tensor:
    """Share of its full weight that an adversary has: none at first, while its head knows nothing yet.

    Source: Ganin & Lempitsky 2015, ``2 / (1 + exp(-10 p)) - 1``.

    Args:
        progress: share of the training that is over, p, in [0, 1].

    Returns:
        Rises from 0 to nearly 1, in the shape of ``progress``; of a number, a scalar.

    Example:
        >>> reversal_ramp(torch.tensor([0.0, 0.1, 1.0]))
        tensor([0.0000, 0.4621, 0.9999])
    """
    return 2 / (1 + torch.exp(-10 * torch.as_tensor(progress))) - 1


class _Reversal(torch.autograd.Function):
    """Identity forward, minus the weight backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.weight * gradient, None
