"""Load the weights of a run into a system."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from emofactors.errors import InputError
from emofactors.features.standardisation import Standardisation
from emofactors.io.atomic import damaged, missing
from emofactors.systems.base import System


def load_weights(system: System, initial: str | Path | None) -> Standardisation | None:
    """Give a system the weights another run ended with; without one its own stay.

    Args:
        system: the system, with fresh weights.
        initial: weights as ``Trained.save`` writes them, or None.

    Returns:
        By which statistics that run standardised its features; None where it did not, or there is none.

    Raises:
        InputError: if the file is missing or damaged, or they are those of another network.
    """
    if initial is None:
        return None
    try:
        weights = load_file(initial)
        standardisation = Standardisation.from_arrays(weights)
    except FileNotFoundError as error:
        raise missing(initial, "the weights of a run") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(initial, f"is no file of weights ({error})", "the weights of a run") from error
    if standardisation is not None:
        weights = {name: tensor for name, tensor in weights.items() if name not in standardisation.to_arrays()}
    try:
        system.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(
            f"{initial}: does not fit the system ({' '.join(str(error).split())}); expected the same network"
        ) from error
    return standardisation
