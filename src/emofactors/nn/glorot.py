"""Initial weights as TensorFlow 1 draws them by default."""

import torch
from torch import nn
from torch.nn import init


@torch.no_grad()
def draw_glorot(network: nn.Module) -> None:
    """Draw all weights of a network as TensorFlow 1 does where no initialiser is given.

    Kernels are uniform in ± sqrt(6 / (fan_in + fan_out)), from torch's global
    generator. Biases are 0, except that those of the gates of a GRU are 1: torch
    has two and adds them, so one is 1. The slope of a PReLU is 0.

    TensorFlow's GRUCell has one kernel from input and state to both gates, and one
    to the candidate, whose fans also apply to the separate matrices of torch.

    Source: Glorot & Bengio, AISTATS 2010; TensorFlow 1, ``get_variable``, ``GRUCell``, ``keras.layers.PReLU``.

    Args:
        network: all its parameters must be those of linear layers, two-dimensional convolutions, GRUs of one layer
            or PReLUs.

    Raises:
        ValueError: if another layer has parameters.

    Example:
        >>> network = nn.Sequential(nn.Linear(20, 10), nn.PReLU())
        >>> draw_glorot(network)
        >>> bool(network[0].weight.abs().max() <= (6 / 30) ** 0.5), network[1].weight.item()
        (True, 0.0)
    """
    for layer in network.modules():
        match layer:
            case nn.Linear() | nn.Conv2d():
                init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    init.zeros_(layer.bias)
            case nn.GRU(num_layers=1):
                for name, parameter in layer.named_parameters():
                    _draw_gru_parameter(name, parameter, layer)
            case nn.PReLU():
                init.zeros_(layer.weight)
            case _ if next(layer.parameters(recurse=False), None) is not None:
                raise ValueError(
                    f"{layer} has parameters, expected those of Linear, Conv2d, a GRU of one layer or PReLU only"
                )


def _draw_gru_parameter(name: str, parameter: nn.Parameter, gru: nn.GRU) -> None:
    """Draw one parameter of a GRU, whose rows are reset gate, update gate and candidate."""
    for rows in parameter.split([2 * gru.hidden_size, gru.hidden_size]):
        if name.startswith("weight"):
            limit = (6 / (gru.input_size + gru.hidden_size + len(rows))) ** 0.5
            init.uniform_(rows, -limit, limit)
        else:
            is_gates = len(rows) == 2 * gru.hidden_size
            init.constant_(rows, float(is_gates and name.startswith("bias_ih")))
