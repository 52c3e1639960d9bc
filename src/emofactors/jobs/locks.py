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

    A job may still be run by a process that a killed run left behind. Of two on
    this machine the one that was started later is right: it tells the other to end,
    as a cluster would, and waits for it. One on another machine is waited for.

    Args:
        log: descriptor of the job's log, open for reading and writing.
        path: where it lies.

    Returns:
        The first line of the log: who holds it.

    Raises:
        SystemExit: if this process is the one that was left behind.
    """
    if not _is_locked_by_us(log):
        holder = os.pread(log, 1000, 0).decode(errors="replace").partition("\n")[0]
        pid = _pid_if_here(holder, path)
        if pid is not None and _started(pid) > _started(os.getpid()):
            raise SystemExit(f"emofactors: {path}: {holder} was started later for this job, which is left to it")
        print(
            f"emofactors: {path}: {holder} is still at this job, from a run that is gone: waiting for it to end",
            file=sys.stderr,
        )
        with contextlib.suppress(OSError):  # it may have just ended, or be somebody else's
            if pid is not None:
                os.kill(pid, signal.SIGTERM)
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


def _pid_if_here(holder: str, path: Path) -> int | None:
    """The process that a log names, if it is on this machine, in this name space, and has that log open."""
    named = re.fullmatch(rf"process (\d+) on {re.escape(socket.gethostname())}", holder)
    with contextlib.suppress(OSError):
        if named and Path(f"/proc/{named[1]}/fd/1").resolve() == path.resolve():
            return int(named[1])
    return None


def _started(pid: int) -> tuple[int, int]:
    """When a process was started, to compare by; of two at the same tick the larger id is the later."""
    try:
        # The second field is a name in parentheses, which may hold anything.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]), pid
    except OSError:  # it has just ended
        return 0, pid


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"
