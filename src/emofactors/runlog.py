"""A job's log: everything it says goes there; what a user must act on goes to the terminal as well."""

import logging
import os
import sys
import warnings
from types import TracebackType

from emofactors.errors import InputError


def log_to(path: str) -> None:
    """Send a job's output, warnings, progress and tracebacks to its log file.

    An :class:`InputError` is bad input, not a bug: its message goes to the log
    and to the terminal without a traceback.

    Args:
        path: the log file; emptied first.
    """
    terminal = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="replace")
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(log, 1)  # file descriptors, so that the words of C libraries land there, too
    os.dup2(log, 2)
    os.close(log)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    logging.captureWarnings(True)
    warnings.simplefilter("default")

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, InputError):
            for line in str(error).splitlines():
                print(f"error: {line}", file=sys.stderr)
                print(f"emofactors: error: {line}", file=terminal)
        else:
            sys.__excepthook__(kind, error, trace)

    sys.excepthook = report
