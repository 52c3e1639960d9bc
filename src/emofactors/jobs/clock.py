"""Modification times of results."""

import contextlib
import os
import time
from pathlib import Path


def clamp_future_mtimes(folder: Path) -> int:
    """Reset modification times in the future, left by a clock that was ahead, to the current time.

    Snakemake would otherwise rerun jobs whose results are older than their inputs.

    Args:
        folder: folder to search; links in it are not changed.

    Returns:
        Number of files and folders that were reset.
    """
    now = time.time()
    n_reset = 0
    for path in folder.rglob("*"):
        # A process of a killed run may still create and delete files.
        with contextlib.suppress(FileNotFoundError):
            if not path.is_symlink() and path.stat().st_mtime > now:
                os.utime(path, (now, now))
                n_reset += 1
    return n_reset
