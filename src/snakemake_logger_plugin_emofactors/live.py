"""The live view on a terminal. All else that is printed meanwhile, by whomever, appears above it, line by line."""

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

from snakemake_logger_plugin_emofactors.run import Run, duration, standing_words

_FRAMES_PER_S = 2.0
#: Of an unreadable terminal.
_COLUMNS, _LINES = 80, 24
#: Lines of running jobs at most, and lines of the terminal that are left to others.
_MOST_JOBS, _OTHERS = 16, 5


class LiveView:
    """Draws a run at the bottom of the terminal until it is stopped.

    Jobs inherit stderr and may write to it at any time. Meanwhile it is therefore a pipe, whose lines are
    printed above the view; the view itself has the terminal.

    Args:
        run: what is shown.
        lock: held by whoever changes it.
        no_color: plain text; the environment's NO_COLOR does the same.
    """

    def __init__(self, run: Run, lock: threading.Lock, *, no_color: bool = False) -> None:
        self._run, self._lock = run, lock
        sys.stderr.flush()
        sys.stdout.flush()
        # Descriptors 1 and 2 as they were, by number; stdout only where it is the terminal.
        self._saved = {number: os.dup(number) for number in (2, 1) if os.isatty(number)}
        terminal = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="replace")
        self._console = Console(file=terminal, force_terminal=True, no_color=no_color or None, highlight=False)
        said, pipe = os.pipe()
        for number in self._saved:
            os.dup2(pipe, number)
        os.close(pipe)
        self._looked_at = 0.0
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=_FRAMES_PER_S,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        self._reader = threading.Thread(target=self._print_above, args=(said,), daemon=True)
        self._reader.start()

    def stop(self) -> None:
        """Take the view away; descriptors are as they were."""
        sys.stderr.flush()
        sys.stdout.flush()
        for number, saved in self._saved.items():
            os.dup2(saved, number)
            os.close(saved)
        self._reader.join(timeout=2.0)  # a process that was left behind may still hold the pipe
        self._live.stop()

    def _print_above(self, said: int) -> None:
        """Print what comes through the pipe, in whole lines."""
        decoder, rest = AnsiDecoder(), b""
        while chunk := os.read(said, 65536):
            *lines, rest = (rest + chunk).split(b"\n")
            if lines:
                self._print(decoder, b"\n".join(lines))
        if rest:
            self._print(decoder, rest)
        os.close(said)

    def _print(self, decoder: AnsiDecoder, content: bytes) -> None:
        lines = [decoder.decode_line(line) for line in content.decode(errors="replace").split("\n")]
        self._console.print(Text("\n").join(lines), soft_wrap=True)

    def _draw(self) -> RenderableType:
        columns, lines = self._size()
        self._console.size = (columns, lines)
        now = time.time()
        with self._lock:
            if now - self._looked_at >= 1.0:
                self._looked_at = now
                self._run.look()
            return draw(self._run, now, columns, lines)

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._console.file.fileno())
        except OSError:
            return _COLUMNS, _LINES
        return size.columns or _COLUMNS, size.lines or _LINES


def draw(run: Run, now: float, columns: int, lines: int) -> RenderableType:
    """A run as it is to be seen: a line for all, then a line for each running job, longest running first.

    Args:
        run: the run.
        now: seconds since 1970.
        columns: width of the terminal.
        lines: its height.

    Returns:
        At most ``lines - 2`` lines, none of them longer than the terminal is wide.
    """
    words = f"{run.done} of {run.total} jobs"
    left_s = run.left_s(now)
    if left_s is not None:
        words += f", about {duration(left_s)} left"
    head = Table.grid(padding=(0, 1))
    cells: list[RenderableType] = [Text(words)]
    if columns >= len(words) + 20:
        cells.append(
            ProgressBar(total=max(run.total, 1), completed=run.done, width=min(30, columns - len(words) - 14))
        )
    if run.failed:
        cells.append(Text(f"{len(run.failed)} failed", style="red"))
    for _ in cells:
        head.add_column(no_wrap=True, overflow="ellipsis")
    head.add_row(*cells)

    jobs = [job for job in run.running.values() if job.log is not None]
    shown = max(1, min(_MOST_JOBS, lines - _OTHERS))
    if len(jobs) > shown:
        shown = max(1, shown - 1)  # the last line is for the others
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    grid.add_column(no_wrap=True, justify="right")
    for job in jobs[:shown]:
        grid.add_row(Text(f"  {job.words}"), Text(standing_words(job, now, columns)))
    if len(jobs) > shown:
        grid.add_row(Text(f"  and {len(jobs) - shown} more"), Text(""))
    return Group(head, grid) if jobs else head
