"""Snakemake's logger plugin ``emofactors``: one live view of a run, plain lines where there is no terminal.

Snakemake finds it by the name of this package, and imports it in every snakemake process: what is costly (rich) is
imported where a run begins.
"""

import os
import sys
import threading
import time
from dataclasses import dataclass, field
from logging import INFO, LogRecord
from typing import TYPE_CHECKING

from snakemake.logging import ColorizingTextHandler
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

from snakemake_logger_plugin_emofactors.interrupt import Interrupt
from snakemake_logger_plugin_emofactors.run import Job, Run, duration, ending, result_words

if TYPE_CHECKING:
    from snakemake_logger_plugin_emofactors.live import LiveView

#: Remarks of Snakemake on itself; all of them are in its own log, too. What is not listed here is shown.
_REMARKS = (
    "Building DAG of jobs",
    "Updating checkpoint dependencies",
    "Using shell: ",
    "Select jobs to execute",
    "DAG of jobs will be updated",
    "Removing temporary output",
    "Complete log(s): ",
    "Elapsed time: ",
)

#: What the view says itself.
_EVENTS_OF_VIEW = {
    LogEvent.WORKFLOW_STARTED,
    LogEvent.RUN_INFO,
    LogEvent.RESOURCES_INFO,
    LogEvent.JOB_INFO,
    LogEvent.JOB_STARTED,
    LogEvent.JOB_FINISHED,
    LogEvent.PROGRESS,
    LogEvent.SHELLCMD,
    LogEvent.RULEGRAPH,
}

#: Seconds after which a line is printed for whatever job ends, where there is no terminal.
_QUIET_S = 30.0


def _one_of_views(value: str) -> str:
    if value not in ("auto", "lines", "snakemake"):
        raise ValueError(f"{value!r}: expected auto, lines or snakemake")
    return value


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Settings of the view.

    Attributes:
        show: ``auto``, ``lines`` or ``snakemake``.
    """

    show: str = field(
        default="auto",
        metadata={
            "help": "auto: one live view on a terminal, else plain lines; lines: always lines; "
            "snakemake: all that Snakemake itself would print.",
            "parse_func": _one_of_views,
            "unparse_func": str,
        },
    )


class LogHandler(LogHandlerBase):
    """Takes what Snakemake has to say of a run, and shows what its user wants to know of it.

    What is no run (``-n``, ``--report``, ``--dag`` …), and a run with ``--quiet``, ``--verbose`` or
    ``--printshellcmds``, prints what Snakemake prints without this plugin.
    """

    settings: LogHandlerSettings

    def __post_init__(self) -> None:
        settings = self.common_settings
        stream = sys.stdout if settings.stdout else sys.stderr
        nocolor = settings.nocolor or bool(os.environ.get("NO_COLOR"))
        self._plain = ColorizingTextHandler(nocolor=nocolor, stream=stream)
        asked = settings.dryrun or settings.quiet or settings.verbose or settings.debug_dag
        self._show = "snakemake" if asked or settings.printshellcmds else self.settings.show
        if self._show == "auto" and not (sys.stderr.isatty() and os.environ.get("TERM") != "dumb"):
            self._show = "lines"
        self._run: Run | None = None
        # Not the lock of the handler: it is held while lines are printed, and the view is drawn meanwhile.
        self._run_lock = threading.Lock()
        self._view: LiveView | None = None
        self._line_at = time.monotonic()
        self._is_closed = False
        self._interrupt = Interrupt(self._say)

    @property
    def writes_to_stream(self) -> bool:
        """It is the one that writes to the terminal."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake writes its own log."""
        return False

    @property
    def has_filter(self) -> bool:
        """Snakemake's filter knows ``--quiet``."""
        return False

    @property
    def has_formatter(self) -> bool:
        """Snakemake's words are printed as Snakemake would."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """Counts of jobs are enough."""
        return False

    def emit(self, record: LogRecord) -> None:
        """Take one message of Snakemake's."""
        event = getattr(record, "event", None)
        if event == LogEvent.RESOURCES_INFO and hasattr(record, "cores"):
            self._interrupt.jobs_are_local()
        finished = self._follow(record, event)
        if self._show == "snakemake" or not self._is_for_view(record, event):
            self._plain.setFormatter(self.formatter)
            self._plain.emit(record)
        elif finished is not None and self._run is not None and self._show == "lines":
            self._say_finished(finished, self._run)

    def _follow(self, record: LogRecord, event: LogEvent | None) -> Job | None:
        """Count what happened; the job that has ended well, if one has."""
        if event == LogEvent.WORKFLOW_STARTED:
            self._run = Run()
        if self._run is None:
            return None
        if event == LogEvent.JOB_ERROR and self._interrupt.is_asked:  # it was told to end
            return None
        with self._run_lock:
            finished = self._run.take(record, time.time())
        if event == LogEvent.RUN_INFO and self._show == "auto":
            from snakemake_logger_plugin_emofactors.live import LiveView

            self._view = LiveView(self._run, self._run_lock, no_color=self.common_settings.nocolor)
        return finished

    def _is_for_view(self, record: LogRecord, event: LogEvent | None) -> bool:
        """Whether a message is not to be printed as it is: the view shows it, or nobody wants to know."""
        if self._run is None:
            return False
        if self._interrupt.is_asked:  # jobs that were told to end did not fail, and the end is said in a line
            return True
        return event in _EVENTS_OF_VIEW or (record.levelno == INFO and record.getMessage().startswith(_REMARKS))

    def _say_finished(self, job: Job, run: Run) -> None:
        """A line for each training; of other jobs one where nothing was said for a while."""
        now = time.monotonic()
        if self._run is None or job.log is None or not (job.is_training or now - self._line_at > _QUIET_S):
            return
        self._line_at = now
        left_s = run.left_s(time.time())
        left = "" if left_s is None or run.done == run.total else f", about {duration(left_s)} left"
        self._say(f"[{run.done} of {run.total}{left}] {result_words(job, time.time())}")

    def _say(self, line: str) -> None:
        # A terminal shows ^C where the cursor is; the view wipes it out.
        if self._interrupt.is_asked and self._view is None and sys.stderr.isatty():
            line = f"\n{line}"
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """The run is over: the terminal is as it was, with a line on how it ended."""
        if self._is_closed:  # Snakemake closes it, and logging once more when Python ends
            return
        self._is_closed = True
        if self._view is not None:
            self._view.stop()
        if self._interrupt.is_asked or self._show != "snakemake":
            line = ending(self._run, time.time(), is_stopped=self._interrupt.is_asked)
            if line is not None:
                self._say(line)
        self._interrupt.close()
        super().close()
