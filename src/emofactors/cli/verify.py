"""``emofactors verify``: compare the tables of a study with reference tables."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from emofactors.errors import InputError
from emofactors.plan import paths

EXAMPLES = (
    "emofactors verify emodb_quick",
    "emofactors verify emodb_quick --reference docs/results --current results/report/emodb_quick/tables",
)

_REFERENCE = Path("docs/results")


def _studies(incomplete: str) -> list[str]:
    """Return the studies with reference tables and repetitions, for the completion of a shell."""
    studies = sorted(path.parent.name for path in _REFERENCE.glob("*/repetitions"))
    return [study for study in studies if study.startswith(incomplete)]


def command(
    study: Annotated[str, typer.Argument(help="A study with reference tables.", autocompletion=_studies)],
    reference: Annotated[Path, typer.Option(help="Folder of the reference tables of all studies.")] = _REFERENCE,
    current: Annotated[
        Path | None, typer.Option(help="Folder of the current tables.", show_default="results/report/STUDY/tables")
    ] = None,
) -> None:
    """Compare the tables of this folder with reference tables, number by number.

    A number is the same, within the variation between processors, or outside. If any number is outside, the exit
    code is 1.
    """
    from tabulate import tabulate

    from emofactors.report.verification import verify

    if not (reference / study).is_dir():
        raise InputError(
            f"{reference / study}: has no reference tables; expected one of {', '.join(_studies(''))}"
        )
    checks = verify(reference / study, current or Path(paths.table_file(study, "*", "csv")).parent)
    rows = [
        [c.table, c.row, c.metric, c.reference, c.current, c.current - c.reference, c.tolerance, c.verdict]
        for c in checks
    ]
    headers = ["table", "row", "metric", "reference", "current", "difference", "tolerance", "verdict"]
    formats = ("", "", "", ".1f", ".1f", "+.1f", ".1f", "")
    typer.echo(tabulate(rows, headers, floatfmt=formats, disable_numparse=[0, 1]))
    found = Counter(check.verdict for check in checks)
    typer.echo(
        f"\n{study}: {len(checks)} numbers, {found['same']} the same, {found['within']} within tolerance, "
        f"{found['outside']} outside"
    )
    if found["outside"]:
        raise typer.Exit(1)
