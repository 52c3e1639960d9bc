"""Checkpoints: a training that was killed resumes from its last state, bit by bit equal."""

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

#: Seconds between two checkpoints: the most work that a kill can lose.
INTERVAL_S = 30.0


class Checkpoint:
    """The state of one training in a file, written at intervals and on signals, removed when training succeeds.

    The file is not a declared output, because Snakemake deletes those before a
    job restarts. Its name is a hash of settings, data and code, so only an
    identical training finds it.

    Args:
        path: the file.
        interval_s: seconds between two writes.
    """

    def __init__(self, path: Path, interval_s: float = INTERVAL_S) -> None:
        self.path = path
        self.interval_s = interval_s
        # The same name in every process, so that the next process removes what a killed one left.
        self._unfinished = path.with_suffix(".unfinished")
        self._written_at = time.monotonic()
        self._signal: int | None = None  # received

    def load(self) -> dict[str, Any] | None:
        """Return the last state, or None. A damaged file is removed, so that training starts from scratch."""
        if not self.path.exists():
            return None
        try:
            return torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:
            # Damage raises exceptions of many types; starting from scratch is always correct.
            log.warning("checkpoint %s cannot be read (%s): starting from scratch", self.path, error)
            self.path.unlink()
            return None

    def offer(self, state: Callable[[], dict[str, Any]]) -> None:
        """Write the state if the interval has passed or a signal was received.

        Raises:
            SystemExit: after writing, if a signal was received.
        """
        if self._signal is None and time.monotonic() - self._written_at < self.interval_s:
            return
        self._written_at = time.monotonic()
        content = io.BytesIO()  # torch hides the OSError of a file that it cannot write
        torch.save(state(), content)
        is_written = self._write(content.getbuffer())
        if self._signal is not None:
            if is_written:
                log.info("stopped by a signal: state saved in %s; run again to resume", self.path)
            raise SystemExit(128 + self._signal)

    def _write(self, content: memoryview) -> bool:
        """Replace the file; return False if the disk is full, which does not stop a training."""
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
            log.warning("checkpoint %s cannot be written (%s): continuing without", self.path, error.strerror)
            return False
        finally:
            self._unfinished.unlink(missing_ok=True)
        return True

    def end_on_signals(self) -> None:
        """Make SIGTERM and SIGINT end the training at the next :meth:`offer`, after its state is written."""

        def remember(number: int, frame: FrameType | None) -> None:
            self._signal = number

        signal.signal(signal.SIGTERM, remember)
        signal.signal(signal.SIGINT, remember)

    def remove(self) -> None:
        """Remove the file after a training that succeeded."""
        self.path.unlink(missing_ok=True)
        self._unfinished.unlink(missing_ok=True)
