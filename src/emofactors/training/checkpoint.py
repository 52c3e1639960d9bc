"""Where a training stands, on disk: so that a killed one goes on, bit by bit as if nothing had been."""

import errno
import io
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import torch

log = logging.getLogger(__name__)

#: Seconds between two checkpoints: what a kill may cost.
INTERVAL_S = 30.0


class Checkpoint:
    """One file that a training writes to on a timer and when told to end, and removes when it succeeds.

    It lies outside the declared outputs, which Snakemake deletes before a job
    starts again. Its name is a hash of settings, data and code, so a training
    that would not be the same never finds it.

    Args:
        path: the file.
        interval_s: seconds between two writes.
    """

    def __init__(self, path: Path, interval_s: float = INTERVAL_S) -> None:
        self.path = path
        self.interval_s = interval_s
        # One name for every process: what a killed one left half-written, the next one finds and removes.
        self._unfinished = path.with_suffix(".unfinished")
        self._written_at = time.monotonic()
        self._told_to_end: int | None = None  # the signal

    def load(self) -> dict[str, Any] | None:
        """The state last written, or None. A damaged file is removed and the training starts anew."""
        if not self.path.exists():
            return None
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:
            # Any damage shows as another exception type; starting anew is always right.
            log.warning("checkpoint %s cannot be read (%s): starting anew", self.path, error)
            self.path.unlink()
            return None

    def offer(self, state: Callable[[], dict[str, Any]]) -> None:
        """Write the state if it is time to, or if the job was told to end.

        Raises:
            SystemExit: after writing, if the job was told to end.
        """
        if self._told_to_end is None and time.monotonic() - self._written_at < self.interval_s:
            return
        self._written_at = time.monotonic()
        content = io.BytesIO()  # torch hides what the system says of a file it cannot write
        torch.save(state(), content)
        is_kept = self._write(content.getbuffer())
        if self._told_to_end is not None:
            if is_kept:
                log.info("told to end: state is kept in %s; run again to go on from here", self.path)
            raise SystemExit(128 + self._told_to_end)

    def _write(self, content: memoryview) -> bool:
        """Replace the file; whether there was room for it. A training goes on without."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._unfinished.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            self._unfinished.replace(self.path)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            log.warning("checkpoint %s cannot be written (%s): going on without", self.path, error.strerror)
            return False
        finally:
            self._unfinished.unlink(missing_ok=True)
        return True

    def end_on_signals(self) -> None:
        """From now on SIGTERM and SIGINT end the training at the next :meth:`offer`, with its state written."""

        def remember(number: int, frame: FrameType | None) -> None:
            self._told_to_end = number

        signal.signal(signal.SIGTERM, remember)
        signal.signal(signal.SIGINT, remember)

    def remove(self) -> None:
        """The training succeeded: its state is not needed any more."""
        self.path.unlink(missing_ok=True)
        self._unfinished.unlink(missing_ok=True)
