"""Where a training stands, on disk: so that a killed one goes on, bit by bit as if nothing had been."""

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
    """One file that a training writes to on a timer and on SIGTERM, and removes when it succeeds.

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
        self._terminated = False

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
        if not self._terminated and time.monotonic() - self._written_at < self.interval_s:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._unfinished.open("wb") as file:
                torch.save(state(), file)
                file.flush()
                os.fsync(file.fileno())
            self._unfinished.replace(self.path)
        finally:
            self._unfinished.unlink(missing_ok=True)
        self._written_at = time.monotonic()
        if self._terminated:
            log.info("told to end: state is kept in %s; run again to go on from here", self.path)
            raise SystemExit(128 + signal.SIGTERM)

    def end_on_sigterm(self) -> None:
        """From now on SIGTERM ends the training at the next :meth:`offer`, with its state written."""

        def remember(number: int, frame: FrameType | None) -> None:
            self._terminated = True

        signal.signal(signal.SIGTERM, remember)

    def remove(self) -> None:
        """The training succeeded: its state is not needed any more."""
        self.path.unlink(missing_ok=True)
        self._unfinished.unlink(missing_ok=True)
