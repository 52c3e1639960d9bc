"""Load the weights of a run into a system."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from emofactors.errors import InputError
from emofactors.features.standardisation import Standardisation
from emofactors.io.atomic import damaged, missing
from emofactors.systems.base import System


def load_weights(system: System, weights: str | Path) -> Standardisation | None:
    """Load the weights of a finished run into a system.

    Args:
        system: the system.
        weights: a file written by ``Trained.save``.

    Returns:
        Statistics that standardised the features of that run; None if they were not standardised.

    Raises:
        InputError: if the file is missing or damaged, or belongs to another network.
    """
    try:
        state = load_file(weights)
        standardisation = Standardisation.from_arrays(state)
    except FileNotFoundError as error:
        raise missing(weights, "the weights of a run") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(weights, f"is not a file of weights ({error})", "the weights of a run") from error
    if standardisation is not None:
        state = {name: tensor for name, tensor in state.items() if name not in standardisation.to_arrays()}
    try:
        system.load_state_dict(state)
    except RuntimeError as error:
        raise InputError(
            f"{weights}: does not fit the system ({' '.join(str(error).split())}); expected the same network"
        ) from error
    return standardisation
