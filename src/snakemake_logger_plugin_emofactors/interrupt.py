"""Ctrl-C: jobs are told to end, what is done is kept; a second Ctrl-C ends all at once."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Set
from queue import Empty, SimpleQueue
from types import FrameType, TracebackType

import psutil

_EXIT = 128 + signal.SIGINT
#: Seconds between two looks for jobs that were started just before.
_AGAIN_S = 0.2
#: Clear the line, show the cursor, clear what is below it.
_CLEARED = "\r\x1b[2K\x1b[?25h\x1b[J"


class Interrupt:
    """What a run does on SIGINT.

    Snakemake itself would raise KeyboardInterrupt wherever it is. While jobs run on this machine it is asked
    instead to start no more, as it is by SIGTERM, and the jobs, which ignore SIGINT (``common.smk``), are told to
    end. At other times (parsing; jobs of a cluster, which Snakemake cancels) KeyboardInterrupt is right, only that
    its traceback helps nobody.

    Args:
        say: prints a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.is_asked = False
        self._say = say
        self._are_local = False
        self._asked: SimpleQueue[str] = SimpleQueue()  # put() is safe in a handler of a signal
        self._is_over = False
        self._terminal = os.dup(2)  # whatever becomes of stderr
        is_main = threading.current_thread() is threading.main_thread()
        # Ignored by whoever started this (nohup, a script in the background) it stays ignored.
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._on_signal)
            threading.Thread(target=self._wait, daemon=True).start()

    def jobs_are_local(self) -> None:
        """Jobs are processes of this one."""
        self._are_local = True

    def close(self) -> None:
        """The run is over: what is left is to end, which takes no time and is not to be disturbed."""
        self._is_over = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._is_over:
            return
        is_first, self.is_asked = not self.is_asked, True
        if not is_first:
            self._asked.put("at once")
        elif self._are_local and callable(signal.getsignal(signal.SIGTERM)):  # Snakemake's scheduler is at work
            self._asked.put("in order")
        else:
            sys.excepthook = _end_quietly
            raise KeyboardInterrupt

    def _wait(self) -> None:
        """Wait for Ctrl-C; tell jobs to end, and wait for another."""
        if self._asked.get() == "in order":
            self._say("emofactors: stopping: trainings write their state (Ctrl-C again ends all at once)")
            # Here and not in the handler: it takes a lock that the interrupted thread may hold.
            start_no_more = signal.getsignal(signal.SIGTERM)
            if callable(start_no_more):
                start_no_more(signal.SIGTERM, None)
            told: set[int] = set()
            is_asked_again = False
            while not is_asked_again:
                told |= _signal_children(signal.SIGTERM, but=told)
                with contextlib.suppress(Empty):
                    is_asked_again = self._asked.get(timeout=_AGAIN_S) == "at once"
        _signal_children(signal.SIGKILL)
        cleared = _CLEARED if os.isatty(self._terminal) else ""
        line = f"{cleared}emofactors: ended at once; run the same command again to go on\n"
        os.write(self._terminal, line.encode())
        os._exit(_EXIT)


def _end_quietly(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """In place of the traceback of a KeyboardInterrupt; what was to be said is said."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_EXIT)  # no job is under way; coroutines that were interrupted would complain


def _signal_children(number: int, but: Set[int] = frozenset()) -> set[int]:
    """Send a signal to the processes that this one started; their numbers."""
    pids = {child.pid for child in psutil.Process().children()} - but
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return pids
