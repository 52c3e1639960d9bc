"""``emofactors verify``: whether a study made here says what the kept results of it say."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from emofactors.errors import InputError

EXAMPLES = (
    "emofactors verify emodb_quick",
    "emofactors verify emodb_quick --kept docs/results --made results/report/tables",
)

_KEPT = Path("docs/results")


def _studies(incomplete: str) -> list[str]:
    """Studies whose repetitions are kept: what can be verified."""
    kept = sorted(path.parent.name for path in _KEPT.glob("*/repetitions"))
    return [study for study in kept if study.startswith(incomplete)]


def command(
    study: Annotated[str, typer.Argument(help="A study with kept results.", autocompletion=_studies)],
    kept: Annotated[Path, typer.Option(help="Folder of kept results.")] = _KEPT,
    made: Annotated[Path, typer.Option(help="Tables made here.")] = Path("results/report/tables"),
) -> None:
    """Hold the tables made in this folder against kept ones, number by number.

    A number is the same, within what a repetition on another processor may differ by, or outside; with any
    outside the exit code is 1.
    """
    from tabulate import tabulate

    from emofactors.report.verification import verify

    if not (kept / study).is_dir():
        raise InputError(f"{kept / study}: no such results are kept; expected one of {', '.join(_studies(''))}")
    checks = verify(kept / study, made)
    rows = [[c.table, c.row, c.metric, c.kept, c.made, c.made - c.kept, c.tolerance, c.verdict] for c in checks]
    headers = ["table", "row", "metric", "kept", "here", "difference", "tolerance", "verdict"]
    typer.echo(
        tabulate(rows, headers, floatfmt=("", "", "", ".1f", ".1f", "+.1f", ".1f", ""), disable_numparse=[0, 1])
    )
    found = Counter(check.verdict for check in checks)
    typer.echo(
        f"\n{study}: {len(checks)} numbers, {found['same']} the same, {found['within']} within tolerance, "
        f"{found['outside']} outside"
    )
    if found["outside"]:
        raise typer.Exit(1)
