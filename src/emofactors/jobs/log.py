"""A job's log: everything it says goes there; what a user must act on goes to the terminal as well."""

import ctypes
import errno
import logging
import os
import signal
import sys
import warnings
from pathlib import Path
from types import TracebackType

from emofactors.errors import InputError
from emofactors.jobs.locks import hold_log

#: Linux: the signal a process gets when its parent dies (prctl.h).
_PR_SET_PDEATHSIG = 1


def log_to(path: str) -> None:
    """Send a job's output, warnings, progress and tracebacks to its log file.

    An :class:`InputError` is bad input, not a bug: its message goes to the log
    and to the terminal without a traceback. So does the news that a disk is full.

    The job is this process' alone from now on (:func:`emofactors.jobs.locks.hold_log`),
    and it is told to end when the run that started it is killed.

    Args:
        path: the log file; emptied first.
    """
    _end_with_parent()
    terminal = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, OSError) and _is_full_disk(error):
            lines = [
                f"{error.filename or path}: the disk is full or the quota used up ({error.strerror}); "
                "make room and run the same command again: what is finished is kept"
            ]
        elif isinstance(error, InputError):
            lines = str(error).splitlines()
        else:
            sys.__excepthook__(kind, error, trace)
            return
        for line in lines:
            print(f"emofactors: error: {line}", file=terminal)
            print(f"error: {line}", file=sys.stderr)

    sys.excepthook = report
    log = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    holder = hold_log(log, Path(path))
    os.ftruncate(log, 0)
    os.write(log, f"{holder}\n".encode())
    os.dup2(log, 1)  # file descriptors, so that the words of C libraries land there, too
    os.dup2(log, 2)
    os.close(log)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    logging.captureWarnings(True)
    warnings.simplefilter("default")


def _is_full_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _end_with_parent() -> None:
    """Be told to end when the run dies that started this job: nobody would take its result."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
