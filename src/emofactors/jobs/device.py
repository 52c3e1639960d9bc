"""Device, memory and precision of a training."""

import contextlib
import ctypes
import logging
import os
import platform
import re

import torch

from emofactors.errors import InputError
from emofactors.jobs.gpu_lease import lease_slot, locks_folder

log = logging.getLogger(__name__)

#: Parameters of glibc's mallopt (malloc.h): number of blocks allocated with mmap; free memory at the end of
#: the heap above which it is returned to the system (-1: never).
_M_MMAP_MAX, _M_TRIM_THRESHOLD = -4, -1


def choose_device(name: str) -> torch.device:
    """Return the device of a study.

    Args:
        name: ``auto`` (cuda, then mps, then cpu), ``cpu``, ``cuda`` or ``mps``.

    Raises:
        InputError: if the machine lacks it.
    """
    is_available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    available = [kind for kind, there in is_available.items() if there]
    if name == "auto":
        name = available[0]
    if name not in available:
        raise InputError(f"compute: device: is {name!r}, expected one this machine has: {', '.join(available)}")
    return torch.device(name)


def lease_device(name: str, slots_per_gpu: int) -> torch.device:
    """Return the device of a study; lease a slot until this process ends if it is a GPU.

    Waits while all slots of this machine are leased. Under SLURM, a job that sees
    one GPU has it from the scheduler and needs no lease; a job that sees
    several shares them with other jobs of the same allocation.

    Args:
        name: see :func:`choose_device`.
        slots_per_gpu: trainings that may share a GPU.

    Returns:
        The device; a leased GPU has an index and is the current device.

    Raises:
        InputError: if the machine lacks the device, or its lock files cannot be used.
    """
    device = choose_device(name)
    if device.type != "cuda" or ("SLURM_JOB_ID" in os.environ and torch.cuda.device_count() == 1):
        return device
    gpus = [gpu_identity(index) for index in range(torch.cuda.device_count())]
    device = torch.device("cuda", lease_slot(gpus, slots_per_gpu, locks_folder()))
    torch.cuda.set_device(device)
    log.info("running on %s: %s", device, torch.cuda.get_device_name(device))
    return device


def gpu_identity(index: int) -> str:
    """Return an identifier of a GPU that is the same in every process, whatever its CUDA_VISIBLE_DEVICES.

    Args:
        index: torch's index among the devices that this process sees.

    Returns:
        Its UUID; the entry in CUDA_VISIBLE_DEVICES for a part of a GPU (MIG), or if the UUID is unknown. Valid
        as part of a file name.
    """
    visible = [entry.strip() for entry in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    entry = visible[index] if index < len(visible) and visible[index] else str(index)
    uuid = getattr(torch.cuda.get_device_properties(index), "uuid", None)
    identity = entry if uuid is None or entry.startswith("MIG-") else str(uuid)
    return re.sub(r"[^\w-]", "_", identity.removeprefix("MIG-").removeprefix("GPU-"))


def keep_freed_memory() -> None:
    """Make this process reuse the memory that it frees.

    glibc returns large blocks to the system at once, and the next batch takes page
    faults for them: a fifth of the time of a training on a CPU. Other C libraries have
    no such parameters and are left unchanged.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, -1)


def device_description(device: torch.device) -> str:
    """Return the device and its model, as in the metadata of a run."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    return f"{device.type} ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """Run convolutions and matrix products in bfloat16 if that is the precision; weights stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
