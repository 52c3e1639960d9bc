"""The optimiser of all networks: torch's AdamW, without the import of torch's compiler."""

from inspect import unwrap

import torch


class AdamW(torch.optim.AdamW):
    """torch's AdamW; without weight decay, it equals Adam bit by bit.

    torch wraps the methods of its optimisers for ``torch.compile``. The wrappers import its compiler, which takes
    longer than a small training, although nothing is compiled here. This class calls the wrapped methods directly,
    with equal results; arguments and state are those of torch's class.
    """

    step = torch.no_grad()(unwrap(torch.optim.AdamW.step))
    zero_grad = unwrap(torch.optim.AdamW.zero_grad)
    add_param_group = unwrap(torch.optim.AdamW.add_param_group)
    state_dict = unwrap(torch.optim.AdamW.state_dict)
    load_state_dict = unwrap(torch.optim.AdamW.load_state_dict)
