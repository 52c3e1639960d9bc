"""FLOPs of a forward pass."""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from emofactors.systems.base import Batch, System


@torch.inference_mode()
def forward_flops(system: System, batch: Batch) -> int:
    """Return the FLOPs of a forward pass over a batch: convolutions and matrix products, as torch counts them.

    A product and a sum count as two. A copy of the system on the CPU is measured, because torch has no formula
    for the fused recurrent layers of a GPU; nor for fused attention on a CPU, which is disabled.
    """
    system = copy.deepcopy(system).cpu()
    on_cpu: dict[str, Any] = {name: None if value is None else value.cpu() for name, value in vars(batch).items()}
    formulas = {torch.ops.aten.mkldnn_rnn_layer: _recurrent_flops}
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter, sdpa_kernel(SDPBackend.MATH):
        system(Batch(**on_cpu))
    return counter.get_total_flops()


def _recurrent_flops(x: Sequence[int], w_input: Sequence[int], w_state: Sequence[int], *_: Any, **__: Any) -> int:
    """Return the FLOPs of oneDNN's LSTM, which torch has no formula for: shapes (T, B, n) and (4 U, n)."""
    return 2 * x[0] * x[1] * (w_input[0] * w_input[1] + w_state[0] * w_state[1])
