"""One training, one slot of a GPU: leases that a workstation's studies and users take from each other.

A lease is a lock (``flock``) on a small file, one a GPU and slot. The kernel
frees it with the process that holds it, however that ends: no lease outlives
a training that was killed, and a file that is left behind says nothing.
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

#: Where the lock files lie: on the machine itself, and one place for all of its users. TMPDIR is often another
#: for each user or job; results/ may be shared by machines.
LOCKS = Path("/tmp/emofactors-gpus")
#: Environment variable that names another folder, for containers, say, that share GPUs but no /tmp.
LOCKS_VARIABLE = "EMOFACTORS_GPU_LOCKS"

#: Seconds between two looks for a free slot.
_LOOK_S = 0.2
#: Seconds between two lines that say what is waited for.
_SAY_S = 300.0


def locks_folder() -> Path:
    """The folder of the lock files on this machine."""
    return Path(os.environ.get(LOCKS_VARIABLE) or LOCKS)


def take_slot(gpus: Sequence[str], slots_per_gpu: int, folder: Path) -> int:
    """Lease a slot of a GPU for as long as this process lives; wait while all are taken.

    Of several GPUs with a free slot, that with the fewest trainings is taken.
    Slots are numbered from 0, and a training looks at the first
    ``slots_per_gpu`` of a GPU alone: where studies disagree, a GPU has never
    more trainings than the largest number allows.

    Args:
        gpus: identity of each GPU, the same in every process of the machine, fit for a file's name.
        slots_per_gpu: trainings that may share a GPU.
        folder: of the lock files; made if it is missing, and open to every user.

    Returns:
        Index of the leased GPU in ``gpus``.

    Raises:
        InputError: if the folder or a lock file cannot be used.
    """
    said_at = -_SAY_S
    while True:
        with _turn(folder) as directory:
            # Only one process looks at a time, so what is locked is leased.
            free = [_free_slots(gpu, slots_per_gpu, folder, directory) for gpu in gpus]
            index = max(range(len(gpus)), key=lambda i: len(free[i]))
            leased = min(free[index], default=None)
            for i, slots in enumerate(free):
                for slot, file in slots.items():
                    if (i, slot) != (index, leased):
                        os.close(file)
        # The file of the lease stays open: its number is forgotten, and the kernel closes it with the process.
        if leased is not None:
            log.info("leased slot %d of %d of GPU %s", leased + 1, slots_per_gpu, gpus[index])
            return index
        if time.monotonic() - said_at >= _SAY_S:
            log.info(
                "waiting for a GPU: all slots are taken, %d of each of %s (locks in %s)",
                *(slots_per_gpu, ", ".join(gpus), folder),
            )
            said_at = time.monotonic()
        time.sleep(_LOOK_S)


def _free_slots(gpu: str, slots_per_gpu: int, folder: Path, directory: int) -> dict[int, int]:
    """Slots of a GPU that nobody holds -> their files, locked."""
    locked = {}
    for slot in range(slots_per_gpu):
        name = f"{gpu}.slot{slot}.lock"
        with _clear_error(folder / name):
            file = _open_lock(name, directory)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
            else:
                locked[slot] = file
    return locked


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[int]:
    """Wait for this process' turn to look for slots; yields the open folder."""
    with _clear_error(folder):
        umask = os.umask(0)
        try:
            # As /tmp itself: everyone may add a file, nobody remove another's.
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
    """Open a lock file, which is made if it is missing; only ever read, so that it may be another user's.

    Raises:
        OSError: if it cannot be opened, or is a link or anything but a file.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        file = os.open(name, flags, dir_fd=directory)
    except FileNotFoundError:
        # Not at once: Linux refuses O_CREAT where a file of another user is there (fs.protected_regular).
        file = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=directory)
        os.fchmod(file, 0o644)  # whatever the umask
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError("no regular file")
    return file


@contextlib.contextmanager
def _clear_error(path: Path) -> Iterator[None]:
    """Say in one line which lock cannot be used."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: cannot be locked ({error.strerror or error}), expected plain files in a folder that "
            f"every user of this machine can write to; {LOCKS_VARIABLE} names another folder"
        ) from error
