"""Where a training runs, and in which precision."""

import contextlib
import ctypes
import logging
import os
import platform
import re

import torch

from emofactors.errors import InputError
from emofactors.jobs.gpu_lease import locks_folder, take_slot

log = logging.getLogger(__name__)

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


def lease_device(name: str, slots_per_gpu: int) -> torch.device:
    """The device a study asks for; if it is a GPU, one that this process holds a slot of until it ends.

    Waits while all slots of this machine are taken. Under SLURM a job that sees
    one GPU was given it by the scheduler and needs no lease; one that sees
    several shares them with other jobs of the same allocation.

    Args:
        name: see :func:`choose_device`.
        slots_per_gpu: trainings that may share a GPU.

    Returns:
        The device; a GPU is named with its index, and is the current one.

    Raises:
        InputError: if the machine lacks the device, or its leases cannot be used.
    """
    device = choose_device(name)
    if device.type != "cuda" or ("SLURM_JOB_ID" in os.environ and torch.cuda.device_count() == 1):
        return device
    gpus = [gpu_identity(index) for index in range(torch.cuda.device_count())]
    device = torch.device("cuda", take_slot(gpus, slots_per_gpu, locks_folder()))
    torch.cuda.set_device(device)
    log.info("running on %s: %s", device, torch.cuda.get_device_name(device))
    return device


def gpu_identity(index: int) -> str:
    """What a GPU is called in every process, whatever CUDA_VISIBLE_DEVICES makes of its index.

    Args:
        index: of torch, among the devices this process sees.

    Returns:
        Its UUID. A part of a GPU (MIG) is always named by its own, and what no UUID is known of by its entry in
        CUDA_VISIBLE_DEVICES. Fit for a file's name.
    """
    visible = [entry.strip() for entry in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    entry = visible[index] if index < len(visible) and visible[index] else str(index)
    uuid = getattr(torch.cuda.get_device_properties(index), "uuid", None)
    identity = entry if uuid is None or entry.startswith("MIG-") else str(uuid)
    return re.sub(r"[^\w-]", "_", identity.removeprefix("MIG-").removeprefix("GPU-"))


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
