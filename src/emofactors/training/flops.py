"""FLOPs of a forward pass."""

import copy
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode

from emofactors.systems.base import Batch, System


@torch.no_grad()
def forward_flops(system: System, batch: Batch) -> int:
    """Return the FLOPs of a forward pass over a batch: convolutions and matrix products.

    A product and a sum count as two. A copy of the system on the CPU is measured, whose recurrent layers are
    visible: as matrix products, or as one layer of oneDNN. Fused attention is disabled, so that it consists of
    matrix products.
    """
    system = copy.deepcopy(system).cpu()
    on_cpu: dict[str, Any] = {name: None if value is None else value.cpu() for name, value in vars(batch).items()}
    with _FlopCounter() as counter, sdpa_kernel(SDPBackend.MATH):
        system(Batch(**on_cpu))
    return counter.flops


class _FlopCounter(TorchDispatchMode):
    """Count the FLOPs of operators while it is entered.

    Equals torch's FlopCounterMode, which imports triton and torch's compiler.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # True wraps the method below, and the wrapper imports the compiler

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        formula = _FORMULAS.get(func.overloadpacket)
        if formula is None:
            with self:  # the operators that it consists of are counted, if there are any
                result = func.decompose(*args, **(kwargs or {}))
            if result is not NotImplemented:
                return result
        output = func(*args, **(kwargs or {}))
        if formula is not None:
            self.flops += formula(output, *args)
        return output


def _product_flops(output: Tensor, a: Tensor, b: Tensor, *_: Any) -> int:
    """Return the FLOPs of a matrix product, or of a batch of them: (…, m, k) by (…, k, n)."""
    return 2 * a.numel() * b.shape[-1]


def _sum_and_product_flops(output: Tensor, _: Tensor, a: Tensor, b: Tensor, *__: Any) -> int:
    """Return the FLOPs of a matrix product that is added to a tensor; the addition does not count."""
    return _product_flops(output, a, b)


def _convolution_flops(output: Tensor, x: Tensor, weight: Tensor, *options: Any) -> int:
    """Return the FLOPs of a convolution: the weights (C_out, C_in / groups, …) at each position of its output."""
    *_, transposed, _padding, _groups = options
    positions = x if transposed else output
    return 2 * weight.numel() * len(x) * prod(positions.shape[2:])


def _recurrent_flops(_: Any, x: Tensor, w_input: Tensor, w_state: Tensor, *__: Any) -> int:
    """Return the FLOPs of oneDNN's LSTM: x (T, B, n), weights (4 U, n) and (4 U, U)."""
    return 2 * x.shape[0] * x.shape[1] * (w_input.numel() + w_state.numel())


#: FLOPs of an operator, by its output and positional arguments; all others are free.
_FORMULAS: Mapping[Any, Callable[..., int]] = {
    torch.ops.aten.mm: _product_flops,
    torch.ops.aten.bmm: _product_flops,
    torch.ops.aten.addmm: _sum_and_product_flops,
    torch.ops.aten.baddbmm: _sum_and_product_flops,
    torch.ops.aten.convolution: _convolution_flops,
    torch.ops.aten.mkldnn_rnn_layer: _recurrent_flops,
}
