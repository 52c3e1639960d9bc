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
    """FLOPs of one pass over a batch, as torch counts them: those of convolutions and matrix products.

    A product and a sum are two. They are counted on a copy on the processor: a GPU's recurrent layers are
    one operation that torch has no formula for, a processor's fused attention another.
    """
    system = copy.deepcopy(system).cpu()
    moved: dict[str, Any] = {name: None if value is None else value.cpu() for name, value in vars(batch).items()}
    formulas = {torch.ops.aten.mkldnn_rnn_layer: _recurrent_flops}
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter, sdpa_kernel(SDPBackend.MATH):
        system(Batch(**moved))
    return counter.get_total_flops()


def _recurrent_flops(x: Sequence[int], w_input: Sequence[int], w_state: Sequence[int], *_: Any, **__: Any) -> int:
    """FLOPs of oneDNN's LSTM, one operation torch has no formula for: of shapes (T, B, n) and (4 U, n)."""
    return 2 * x[0] * x[1] * (w_input[0] * w_input[1] + w_state[0] * w_state[1])
