"""Leases of GPUs that studies and users of a workstation share: one training, one slot.

A lease is a lock (``flock``) on a small file, one per GPU and slot. The kernel
releases it when its process ends for any reason: no lease outlives a killed
training, and a file that remains has no effect.
"""

import contextlib
import fcntl
import logging
import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from emofactors.errors import InputError

log = logging.getLogger(__name__)

#: Folder of the lock files: local to the machine, and common to all of its users. TMPDIR often differs by user or
#: job, and machines may share results/.
LOCKS = Path("/tmp/emofactors-gpus")
#: Environment variable with another folder, for example for containers that share GPUs but not /tmp.
LOCKS_VARIABLE = "EMOFACTORS_GPU_LOCKS"

#: Seconds between two attempts to lease a slot.
_RETRY_S = 0.2
#: Seconds between two log lines while waiting.
_LOG_INTERVAL_S = 300.0


def locks_folder() -> Path:
    """Return the folder of the lock files on this machine."""
    return Path(os.environ.get(LOCKS_VARIABLE) or LOCKS)


def lease_slot(gpus: Sequence[str], slots_per_gpu: int, folder: Path) -> int:
    """Lease a slot of a GPU until this process ends; wait while all are leased.

    Of several GPUs with a free slot, the one with the fewest trainings is leased.
    Slots are numbered from 0, and only the first ``slots_per_gpu`` of a GPU are
    tried: if studies have different numbers, the largest is the limit.

    Args:
        gpus: identifier of each GPU, the same in every process of the machine, valid as part of a file name.
        slots_per_gpu: trainings that may share a GPU.
        folder: folder of the lock files; created with access for every user if missing.

    Returns:
        Index of the leased GPU in ``gpus``.

    Raises:
        InputError: if the folder or a lock file cannot be used.
    """
    logged_at = -_LOG_INTERVAL_S
    while True:
        with _exclusive(folder) as directory:
            # Only one process tries at a time, so every locked slot is leased.
            free = [_free_slots(gpu, slots_per_gpu, folder, directory) for gpu in gpus]
            index = max(range(len(gpus)), key=lambda i: len(free[i]))
            leased = min(free[index], default=None)
            for i, slots in enumerate(free):
                for slot, file in slots.items():
                    if (i, slot) != (index, leased):
                        os.close(file)
        # The file of the lease stays open until the process ends.
        if leased is not None:
            log.info("leased slot %d of %d of GPU %s", leased + 1, slots_per_gpu, gpus[index])
            return index
        if time.monotonic() - logged_at >= _LOG_INTERVAL_S:
            log.info(
                "waiting for a GPU: all slots are leased, %d of each of %s (locks in %s)",
                *(slots_per_gpu, ", ".join(gpus), folder),
            )
            logged_at = time.monotonic()
        time.sleep(_RETRY_S)


def _free_slots(gpu: str, slots_per_gpu: int, folder: Path, directory: int) -> dict[int, int]:
    """Lock all free slots of a GPU; return slot -> open file."""
    locked = {}
    for slot in range(slots_per_gpu):
        name = f"{gpu}.slot{slot}.lock"
        with _input_error(folder / name):
            file = _open_lock(name, directory)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
            else:
                locked[slot] = file
    return locked


@contextlib.contextmanager
def _exclusive(folder: Path) -> Iterator[int]:
    """Lock the folder, so that one process at a time tries to lease; yield the open folder."""
    with _input_error(folder):
        umask = os.umask(0)
        try:
            # The mode of /tmp: every user may add files, and remove only their own.
            folder.mkdir(mode=0o1777, exist_ok=True)
        finally:
            os.umask(umask)
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        fcntl.flock(directory, fcntl.LOCK_EX)
    try:
        yield directory
    finally:
        os.close(directory)


def _open_lock(name: str, directory: int) -> int:
    """Open a lock file, created if missing; read-only, because it may belong to another user.

    Raises:
        OSError: if it cannot be opened, or is not a regular file.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        file = os.open(name, flags, dir_fd=directory)
    except FileNotFoundError:
        # In two steps: Linux refuses O_CREAT for an existing file of another user (fs.protected_regular).
        file = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=directory)
        os.fchmod(file, 0o644)  # independent of the umask
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError("not a regular file")
    return file


@contextlib.contextmanager
def _input_error(path: Path) -> Iterator[None]:
    """Convert an OSError to an InputError that names the lock."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: cannot be locked ({error.strerror or error}), expected regular files in a folder that "
            f"every user of this machine can write to; set {LOCKS_VARIABLE} to another folder"
        ) from error
