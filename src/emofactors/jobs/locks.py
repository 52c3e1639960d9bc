"""Locks that allow one run per folder and one process per job.

The kernel releases a lock when its holder ends, even if it is killed. The content
of a lock file only names the holder for messages. Snakemake's own lock remains
after a killed run and has to be removed manually, so the profiles disable it
(``nolock``).
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

#: Errors of file systems without locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


def hold_folder(lock: Path) -> int:
    """Make this process the only run in a folder until it ends.

    Args:
        lock: the lock file; created if it does not exist.

    Returns:
        Descriptor of the lock file; the lock is held while it is open.

    Raises:
        InputError: if another run is active in the folder.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    if not _try_lock(file):
        holder = os.read(file, 1000).decode(errors="replace").strip()
        raise InputError(
            f"{lock.parent.parent.resolve()}: another run is active here ({holder}); expected one at a time: "
            "wait for it or stop it"
        )
    os.ftruncate(file, 0)
    os.write(file, f"{_this_process()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode())
    return file


def hold_log(log: int, path: Path) -> str:
    """Make this process the only one of a job, before its log is emptied.

    A process of a killed run may still work on the same job. If it is on this
    machine, the process that started later sends SIGTERM to the other, as a cluster
    would, and waits until it has ended. A process on another machine is waited for.

    Args:
        log: descriptor of the job's log, open for reading and writing.
        path: path of the log.

    Returns:
        The first line of the log, which names this process.

    Raises:
        SystemExit: if a process that started later holds the log.
    """
    if not _try_lock(log):
        holder = os.pread(log, 1000, 0).decode(errors="replace").partition("\n")[0]
        pid = _local_pid(holder, path)
        if pid is not None and _start_time(pid) > _start_time(os.getpid()):
            raise SystemExit(f"emofactors: {path}: {holder} started this job later; this process ends")
        print(
            f"emofactors: {path}: {holder} of an earlier run still works on this job: waiting until it ends",
            file=sys.stderr,
        )
        with contextlib.suppress(OSError):  # it may have ended, or belong to another user
            if pid is not None:
                os.kill(pid, signal.SIGTERM)
        fcntl.flock(log, fcntl.LOCK_EX)
    return _this_process()


def _try_lock(file: int) -> bool:
    """Lock a file if it is free; return whether it is locked, or the file system has no locks."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
    return True


def _local_pid(holder: str, path: Path) -> int | None:
    """Return the process named in a log if it is on this machine and in this namespace, and has the log open."""
    match = re.fullmatch(rf"process (\d+) on {re.escape(socket.gethostname())}", holder)
    with contextlib.suppress(OSError):
        if match and Path(f"/proc/{match[1]}/fd/1").resolve() == path.resolve():
            return int(match[1])
    return None


def _start_time(pid: int) -> tuple[int, int]:
    """Return the start time of a process in clock ticks, and its id to order processes of the same tick."""
    try:
        # The second field is the name in parentheses, which may contain anything.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]), pid
    except OSError:  # it has ended
        return 0, pid


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"
