"""Where a training runs, and in which precision."""

import contextlib
import ctypes
import platform

import torch

from emofactors.errors import InputError

#: Parameters of glibc's mallopt (malloc.h): blocks taken from the system one by one; free memory at
#: which the heap's end is given back (-1: never).
_M_MMAP_MAX, _M_TRIM_THRESHOLD = -4, -1


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


def keep_freed_memory() -> None:
    """Let this process keep the memory it frees, for the next batch.

    glibc returns large blocks to the system at once, and the next batch pays
    for them page by page: a fifth of the time of a training on a processor.
    Other C libraries have no such switch and are left as they are.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, -1)


def device_words(device: torch.device) -> str:
    """The device as a result's provenance names it."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"{device.type} ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """Convolutions and matrix products in bfloat16 if ``precision`` says so; weights stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
