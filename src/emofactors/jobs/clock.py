"""Modification times of results."""

import contextlib
import os
import time
from pathlib import Path


def clamp_future_mtimes(folder: Path) -> int:
    """Give what a folder holds a time that has been: a clock was ahead when it was written.

    Snakemake throws a job's results away when they are older than what they were made of.

    Args:
        folder: a folder; links in it are left alone.

    Returns:
        How many files and folders had a time to come.
    """
    now = time.time()
    n_ahead = 0
    for path in folder.rglob("*"):
        # A process that a killed run left behind may still be at work: its files come and go.
        with contextlib.suppress(FileNotFoundError):
            if not path.is_symlink() and path.stat().st_mtime > now:
                os.utime(path, (now, now))
                n_ahead += 1
    return n_ahead
