"""``emofactors report``: the page of the study that was run in this folder."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from emofactors.errors import InputError

EXAMPLES = ("emofactors report", "emofactors report --print")

#: Where a study leaves its page.
PAGE = Path("results/report/index.html")


def command(
    print_only: Annotated[
        bool, typer.Option("--print", help="Print where the page is, and open nothing.")
    ] = False,
) -> None:
    """Open the report of this folder's study in the browser."""
    if not PAGE.is_file():
        raise InputError(
            f"{PAGE}: is missing; expected the page of a study: run "
            "`snakemake --cores 8 --configfile config/studies/<study>.yaml` in this folder first"
        )
    page = PAGE.resolve()
    typer.echo(page)
    if not print_only and not webbrowser.open(page.as_uri()):
        typer.echo("emofactors: no browser was found; open the page by its path", err=True)
