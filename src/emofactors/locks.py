"""One run a folder, one process a job: locks the kernel takes back when their holder dies, however it dies.

A lock file says who holds it, for the words of whoever finds it held; whether
it is held only the kernel says. Snakemake's own lock outlives a killed run and
must be removed by hand, so the profiles turn it off (``nolock``).
"""

import contextlib
import errno
import fcntl
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

from emofactors.errors import InputError

#: Errors of a file system that has no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


def hold_folder(lock: Path) -> int:
    """Make this process the only run in a folder, until it ends.

    Args:
        lock: the lock file; made if it is not there.

    Returns:
        Descriptor of the lock file: the lock is held while it is open.

    Raises:
        InputError: if another run is at work in the folder.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    if not _is_locked_by_us(file):
        holder = os.read(file, 1000).decode(errors="replace").strip()
        raise InputError(
            f"{lock.parent.parent.resolve()}: another run is at work here ({holder}); expected one at a time: "
            "wait for it or end it, nothing of it is touched"
        )
    os.ftruncate(file, 0)
    os.write(file, f"{_this_process()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
    return file


def hold_log(log: int, path: Path) -> str:
    """Make this process the only one at a job, before its log is emptied.

    A job may still be run by a process that a killed run left behind: on this
    machine it is told to end, as a cluster would, and it is waited for.

    Args:
        log: descriptor of the job's log, open for reading and writing.
        path: where it lies.

    Returns:
        The first line of the log: who holds it.
    """
    if not _is_locked_by_us(log):
        holder = os.pread(log, 1000, 0).decode(errors="replace").partition("\n")[0]
        print(
            f"emofactors: {path}: {holder} is still at this job, from a run that is gone: waiting for it to end",
            file=sys.stderr,
        )
        _end_if_here(holder, path)
        fcntl.flock(log, fcntl.LOCK_EX)
    return _this_process()


def _is_locked_by_us(file: int) -> bool:
    """Take the lock of a file if it is free; where a file system has no locks all are free."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def _end_if_here(holder: str, path: Path) -> None:
    """Tell the process that a log names to end, if it is on this machine and has that log open."""
    named = re.fullmatch(rf"process (\d+) on {re.escape(socket.gethostname())}", holder)
    # It may have just ended, or be somebody else's, or be told by another name space.
    with contextlib.suppress(OSError):
        if named and Path(f"/proc/{named[1]}/fd/1").resolve() == path.resolve():
            os.kill(int(named[1]), signal.SIGTERM)


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"
