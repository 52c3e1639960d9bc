"""Log of a job: all output goes to its file; errors that the user can fix also go to the terminal."""

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

#: Linux: signal that a process receives when its parent dies (prctl.h).
_PR_SET_PDEATHSIG = 1


def log_to(path: str) -> None:
    """Redirect a job's output, warnings, log messages and tracebacks to its log file.

    An :class:`InputError` is printed to the log and to the terminal without a
    traceback. So is the error of a full disk.

    Makes this process the only one of its job (:func:`emofactors.jobs.locks.hold_log`),
    which ends when the run that started it is killed.

    Args:
        path: the log file; its earlier content is discarded.
    """
    end_with_parent()
    terminal = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            lines = [
                f"{error.filename or path}: the disk is full or the quota is exceeded ({error.strerror}); "
                "free some space and run the same command again: finished results are kept"
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
    os.dup2(log, 1)  # descriptors, because C libraries write to them directly
    os.dup2(log, 2)
    os.close(log)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    logging.captureWarnings(True)
    warnings.simplefilter("default")


def end_with_parent() -> None:
    """Ask Linux to end this process by SIGTERM when the process that started it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
