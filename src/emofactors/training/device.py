"""Where a training runs, and in which precision."""

import contextlib
import platform

import torch

from emofactors.errors import InputError


def choose_device(name: str) -> torch.device:
    """The device a study asks for.

    Args:
        name: ``auto`` (cuda, then mps, then cpu), ``cpu``, ``cuda`` or ``mps``.

    Raises:
        InputError: if the machine lacks it.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(kind for kind, there in available.items() if there)
    if not available[name]:
        here = ", ".join(kind for kind, there in available.items() if there)
        raise InputError(f"compute: device: is {name!r}, expected one this machine has: {here}")
    return torch.device(name)


def device_words(device: torch.device) -> str:
    """The device as a result's provenance names it."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"{device.type} ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """Convolutions and matrix products in bfloat16 if ``precision`` says so; weights stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
