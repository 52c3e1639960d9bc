"""Live view at the bottom of a terminal; all other output appears above it."""

import os
import sys
import threading
import time

from rich.ansi import AnsiDecoder
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from snakemake_logger_plugin_emofactors.run import Run, format_duration, format_progress

_FRAMES_PER_S = 2.0
#: Size of a terminal that does not report one.
_COLUMNS, _LINES = 80, 24
#: Maximum number of lines for running jobs, and lines reserved for other output.
_MAX_JOBS, _RESERVED_LINES = 16, 5


class LiveView:
    """Draw a run at the bottom of the terminal until it is stopped.

    Jobs inherit stderr and may write to it at any time. It is therefore replaced by
    a pipe, whose lines are printed above the view.

    Args:
        run: state to draw.
        lock: lock held during changes of the state.
        no_color: draw without colors, as with the environment variable NO_COLOR.
    """

    def __init__(self, run: Run, lock: threading.Lock, *, no_color: bool = False) -> None:
        self._run, self._lock = run, lock
        sys.stderr.flush()
        sys.stdout.flush()
        # Copies of descriptor 2, and of 1 if it is the terminal.
        self._saved = {number: os.dup(number) for number in (2, 1) if os.isatty(number)}
        terminal = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="replace")
        self._console = Console(file=terminal, force_terminal=True, no_color=no_color or None, highlight=False)
        reading_end, writing_end = os.pipe()
        for number in self._saved:
            os.dup2(writing_end, number)
        os.close(writing_end)
        self._logs_read_at = 0.0
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            refresh_per_second=_FRAMES_PER_S,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        self._reader = threading.Thread(target=self._print_above, args=(reading_end,), daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """Remove the view and restore the descriptors."""
        sys.stderr.flush()
        sys.stdout.flush()
        for number, saved in self._saved.items():
            os.dup2(saved, number)
            os.close(saved)
        self._reader.join(timeout=2.0)  # a remaining process may keep the pipe open
        self._live.stop()

    def _print_above(self, reading_end: int) -> None:
        """Print complete lines from the pipe above the view."""
        decoder, partial_line = AnsiDecoder(), b""
        while chunk := os.read(reading_end, 65536):
            *lines, partial_line = (partial_line + chunk).split(b"\n")
            if lines:
                self._print(decoder, b"\n".join(lines))
        if partial_line:
            self._print(decoder, partial_line)
        os.close(reading_end)

    def _print(self, decoder: AnsiDecoder, content: bytes) -> None:
        lines = [decoder.decode_line(line) for line in content.decode(errors="replace").split("\n")]
        self._console.print(Text("\n").join(lines), soft_wrap=True)

    def _render(self) -> RenderableType:
        columns, lines = self._size()
        self._console.size = (columns, lines)
        now = time.time()
        with self._lock:
            if now - self._logs_read_at >= 1.0:
                self._logs_read_at = now
                self._run.read_logs()
            return render(self._run, now, columns, lines)

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._console.file.fileno())
        except OSError:
            return _COLUMNS, _LINES
        return size.columns or _COLUMNS, size.lines or _LINES


def render(run: Run, now: float, columns: int, lines: int) -> RenderableType:
    """Render a summary line and one line per running job, the longest running first.

    Args:
        run: the run.
        now: seconds since 1970.
        columns: width of the terminal.
        lines: height of the terminal.

    Returns:
        At most ``lines - 2`` lines, each at most ``columns`` wide.
    """
    summary = f"{run.done} of {run.total} jobs"
    remaining_s = run.remaining_s(now)
    if remaining_s is not None:
        summary += f", about {format_duration(remaining_s)} left"
    head = Table.grid(padding=(0, 1))
    cells: list[RenderableType] = [Text(summary)]
    if columns >= len(summary) + 20:
        cells.append(
            ProgressBar(total=max(run.total, 1), completed=run.done, width=min(30, columns - len(summary) - 14))
        )
    if run.failed:
        cells.append(Text(f"{len(run.failed)} failed", style="red"))
    for _ in cells:
        head.add_column(no_wrap=True, overflow="ellipsis")
    head.add_row(*cells)

    jobs = [job for job in run.running.values() if job.log is not None]
    n_shown = max(1, min(_MAX_JOBS, lines - _RESERVED_LINES))
    if len(jobs) > n_shown:
        n_shown = max(1, n_shown - 1)  # the last line counts the others
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    grid.add_column(no_wrap=True, justify="right")
    for job in jobs[:n_shown]:
        grid.add_row(Text(f"  {job.label}"), Text(format_progress(job, now, columns)))
    if len(jobs) > n_shown:
        grid.add_row(Text(f"  and {len(jobs) - n_shown} more"), Text(""))
    return Group(head, grid) if jobs else head
