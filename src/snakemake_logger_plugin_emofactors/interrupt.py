"""Ctrl-C: the first one stops jobs in an orderly way, the second one kills them."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Set
from queue import Empty, SimpleQueue
from types import FrameType, TracebackType

import psutil

_EXIT_STATUS = 128 + signal.SIGINT
#: Seconds between two searches for jobs that have just started.
_SEARCH_INTERVAL_S = 0.2
#: Clear the line, show the cursor, clear everything below it.
_CLEAR = "\r\x1b[2K\x1b[?25h\x1b[J"


class Interrupt:
    """Handler of SIGINT.

    Snakemake would raise KeyboardInterrupt at any point. While jobs run on this
    machine, Snakemake is instead asked to stop scheduling, as on SIGTERM, and the jobs,
    which ignore SIGINT (``common.smk``), receive SIGTERM. Otherwise (while the workflow is
    parsed; for jobs of a cluster, which Snakemake cancels) KeyboardInterrupt is raised,
    but without a traceback.

    Args:
        say: prints a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.is_requested = False
        self._say = say
        self._are_jobs_local = False
        self._requests: SimpleQueue[str] = SimpleQueue()  # put() is safe in a signal handler
        self._is_closed = False
        self._terminal = os.dup(2)  # independent of later redirections of stderr
        is_main = threading.current_thread() is threading.main_thread()
        # SIGINT stays ignored if the parent process ignores it (nohup, background jobs of scripts).
        if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._on_signal)
            threading.Thread(target=self._handle_requests, daemon=True).start()

    def set_jobs_local(self) -> None:
        """Record that jobs are child processes of this one."""
        self._are_jobs_local = True

    def close(self) -> None:
        """Ignore further signals: the run has ended, and Snakemake only cleans up."""
        self._is_closed = True

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._is_closed:
            return
        is_first, self.is_requested = not self.is_requested, True
        if not is_first:
            self._requests.put("kill")
        elif self._are_jobs_local and callable(
            signal.getsignal(signal.SIGTERM)
        ):  # Snakemake's scheduler is active
            self._requests.put("stop")
        else:
            sys.excepthook = _exit_without_traceback
            raise KeyboardInterrupt

    def _handle_requests(self) -> None:
        """Wait for Ctrl-C; stop the jobs, and kill them after a second one."""
        if self._requests.get() == "stop":
            self._say("emofactors: stopping: trainings save their state (press Ctrl-C again to kill all jobs)")
            # Not in the signal handler, because it takes a lock that the interrupted thread may hold.
            stop_scheduling = signal.getsignal(signal.SIGTERM)
            if callable(stop_scheduling):
                stop_scheduling(signal.SIGTERM, None)
            signalled: set[int] = set()
            is_kill_requested = False
            while not is_kill_requested:
                signalled |= _signal_children(signal.SIGTERM, exclude=signalled)
                with contextlib.suppress(Empty):
                    is_kill_requested = self._requests.get(timeout=_SEARCH_INTERVAL_S) == "kill"
        _signal_children(signal.SIGKILL)
        clear = _CLEAR if os.isatty(self._terminal) else ""
        line = f"{clear}emofactors: killed; run the same command again to continue\n"
        os.write(self._terminal, line.encode())
        os._exit(_EXIT_STATUS)


def _exit_without_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Replace the traceback of a KeyboardInterrupt by a silent exit."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(_EXIT_STATUS)  # no job is running; a normal exit would report interrupted coroutines


def _signal_children(number: int, exclude: Set[int] = frozenset()) -> set[int]:
    """Send a signal to all processes started by this process, directly or not; return their ids."""
    pids = {child.pid for child in psutil.Process().children(recursive=True)} - exclude
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return pids
