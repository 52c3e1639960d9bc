"""Snakemake's logger plugin ``emofactors``: a live view on a terminal, plain lines elsewhere.

Snakemake finds the plugin by the name of this package and imports it in every
Snakemake process. Slow imports (rich) are therefore delayed until a run starts.
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
from snakemake_logger_plugin_emofactors.run import Job, Run, closing_line, format_duration, format_result

if TYPE_CHECKING:
    from snakemake_logger_plugin_emofactors.live import LiveView

#: Starts of messages of Snakemake that are not shown; its own log contains them. All others are shown.
_HIDDEN = (
    "Building DAG of jobs",
    "Updating checkpoint dependencies",
    "Using shell: ",
    "Select jobs to execute",
    "DAG of jobs will be updated",
    "Removing temporary output",
    "Complete log(s): ",
    "Elapsed time: ",
)

#: Start of the message on SIGTERM, which Snakemake repeats in each of its remaining scheduling rounds.
_STOPPING = "Will exit after finishing currently running jobs"

#: Events that the view or the lines show in another form.
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

#: Seconds without a line after which any finished job prints one, if there is no terminal.
_QUIET_S = 30.0


def _parse_show(value: str) -> str:
    if value not in ("auto", "lines", "snakemake"):
        raise ValueError(f"{value!r}: expected auto, lines or snakemake")
    return value


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Settings of the plugin.

    Attributes:
        show: ``auto``, ``lines`` or ``snakemake``.
    """

    show: str = field(
        default="auto",
        metadata={
            "help": "auto: a live view on a terminal, otherwise plain lines; lines: always plain lines; "
            "snakemake: the output of Snakemake itself.",
            "parse_func": _parse_show,
            "unparse_func": str,
        },
    )


class LogHandler(LogHandlerBase):
    """Handle Snakemake's log messages and show the state of a run.

    Commands that run nothing (``-n``, ``--report``, ``--dag`` …), and runs with ``--quiet``,
    ``--verbose`` or ``--printshellcmds``, print the output of Snakemake itself.
    """

    settings: LogHandlerSettings

    def __post_init__(self) -> None:
        settings = self.common_settings
        stream = sys.stdout if settings.stdout else sys.stderr
        nocolor = settings.nocolor or bool(os.environ.get("NO_COLOR"))
        self._snakemake_handler = ColorizingTextHandler(nocolor=nocolor, stream=stream)
        is_own_output = settings.dryrun or settings.quiet or settings.verbose or settings.debug_dag
        self._show = "snakemake" if is_own_output or settings.printshellcmds else self.settings.show
        if self._show == "auto" and not (sys.stderr.isatty() and os.environ.get("TERM") != "dumb"):
            self._show = "lines"
        self._run: Run | None = None
        # Not the handler's own lock, which is held while lines are printed above the view.
        self._run_lock = threading.Lock()
        self._view: LiveView | None = None
        self._last_line_at = time.monotonic()
        self._is_stopping = False
        self._is_closed = False
        self._interrupt = Interrupt(self._print_line)

    @property
    def writes_to_stream(self) -> bool:
        """Whether it writes to the terminal."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Whether it writes a log file; Snakemake writes its own."""
        return False

    @property
    def has_filter(self) -> bool:
        """Whether it filters messages; Snakemake's filter implements ``--quiet``."""
        return False

    @property
    def has_formatter(self) -> bool:
        """Whether it formats messages; Snakemake's formatter is used."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """Whether it needs the graph of rules."""
        return False

    def emit(self, record: LogRecord) -> None:
        """Handle one message."""
        event = getattr(record, "event", None)
        if event == LogEvent.RESOURCES_INFO and hasattr(record, "cores"):
            self._interrupt.set_jobs_local()
        finished = self._update_run(record, event)
        if self._show == "snakemake" or not self._is_hidden(record, event):
            if not self._is_repeated(record):
                self._snakemake_handler.setFormatter(self.formatter)
                self._snakemake_handler.emit(record)
        elif finished is not None and self._run is not None and self._show == "lines":
            self._print_finished(finished, self._run)

    def _update_run(self, record: LogRecord, event: LogEvent | None) -> Job | None:
        """Update the state of the run; return the job that has finished, if any."""
        if event == LogEvent.WORKFLOW_STARTED:
            self._run = Run()
        if self._run is None:
            return None
        if event == LogEvent.JOB_ERROR and self._interrupt.is_requested:  # it was stopped and did not fail
            return None
        with self._run_lock:
            finished = self._run.update(record, time.time())
        if event == LogEvent.RUN_INFO and self._show == "auto":
            from snakemake_logger_plugin_emofactors.live import LiveView

            self._view = LiveView(self._run, self._run_lock, no_color=self.common_settings.nocolor)
        return finished

    def _is_hidden(self, record: LogRecord, event: LogEvent | None) -> bool:
        """Return whether a message is not printed, because it is shown in another form or is irrelevant."""
        if self._run is None:
            return False
        if self._interrupt.is_requested:  # errors of stopped jobs; the closing line reports the stop
            return True
        return event in _EVENTS_OF_VIEW or (record.levelno == INFO and record.getMessage().startswith(_HIDDEN))

    def _is_repeated(self, record: LogRecord) -> bool:
        """Return whether a message repeats the one on SIGTERM."""
        if not record.getMessage().startswith(_STOPPING):
            return False
        was_stopping, self._is_stopping = self._is_stopping, True
        return was_stopping

    def _print_finished(self, job: Job, run: Run) -> None:
        """Print a line for each finished training, and for another job if there was no line for a while."""
        now = time.monotonic()
        if job.log is None or not (job.is_training or now - self._last_line_at > _QUIET_S):
            return
        self._last_line_at = now
        remaining_s = run.remaining_s(time.time())
        remaining = ""
        if remaining_s is not None and run.done < run.total:
            remaining = f", about {format_duration(remaining_s)} left"
        self._print_line(f"[{run.done} of {run.total}{remaining}] {format_result(job, time.time())}")

    def _print_line(self, line: str) -> None:
        # A terminal prints ^C at the cursor; the live view removes it.
        if self._interrupt.is_requested and self._view is None and sys.stderr.isatty():
            line = f"\n{line}"
        print(line, file=sys.stderr, flush=True)

    def close(self) -> None:
        """Restore the terminal and print the closing line of the run."""
        if self._is_closed:  # Snakemake closes the handler, and logging closes it again at exit
            return
        self._is_closed = True
        if self._view is not None:
            self._view.stop()
        if self._interrupt.is_requested or self._show != "snakemake":
            line = closing_line(self._run, time.time(), is_stopped=self._interrupt.is_requested)
            if line is not None:
                self._print_line(line)
        self._interrupt.close()
        super().close()
