"""Read the files of all runs (folds and seeds) of one variant."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from emofactors.plan.paths import parse_run

T = TypeVar("T")


def read_runs(paths: Iterable[str | Path], read: Callable[[str | Path], T]) -> dict[tuple[int, int], T]:
    """Read one file per run.

    Args:
        paths: files below ``.../fold{fold}/seed{seed}/``.
        read: reads one file.

    Returns:
        (fold, seed) -> content of the file.

    Raises:
        InputError: if ``read`` raises it.
        ValueError: if a path has no fold and seed, or two paths have the same.
    """
    runs: dict[tuple[int, int], T] = {}
    for path in paths:
        run = parse_run(path)
        if (run.fold, run.seed) in runs:
            raise ValueError(f"{path}: fold {run.fold} of seed {run.seed} occurs twice, expected once")
        runs[run.fold, run.seed] = read(path)
    return runs
