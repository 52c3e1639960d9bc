"""``emofactors report``: open the page of a study."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from emofactors.errors import InputError
from emofactors.plan import paths

EXAMPLES = ("emofactors report", "emofactors report default", "emofactors report --print")


def _pages(directory: Path) -> dict[str, Path]:
    """Return study -> its page, the oldest page first."""
    pages = directory.glob(paths.page("*"))
    return {page.parent.name: page for page in sorted(pages, key=lambda page: page.stat().st_mtime)}


def _studies(incomplete: str) -> list[str]:
    """Return the studies of this folder that have a page, for the completion of a shell."""
    return [name for name in _pages(Path()) if name.startswith(incomplete)]


def command(
    study: Annotated[
        str, typer.Argument(help="Name of a study.", show_default="the newest page", autocompletion=_studies)
    ] = "",
    directory: Annotated[Path, typer.Option("--directory", "-d", help="Folder the study was run in.")] = Path(),
    print_only: Annotated[bool, typer.Option("--print", help="Print the path of the page, open nothing.")] = False,
) -> None:
    """Open the page of a study in the browser."""
    pages = _pages(directory)
    if not pages:
        raise InputError(
            f"{directory / paths.page('*')}: is missing; expected the page of a study: run "
            "`snakemake --cores 8 --configfile config/studies/<study>.yaml` in this folder first"
        )
    if study and study not in pages:
        raise InputError(f"study {study!r}: has no page; expected one of {', '.join(sorted(pages))}")
    page = (pages[study] if study else list(pages.values())[-1]).resolve()
    typer.echo(page)
    if not print_only and not webbrowser.open(page.as_uri()):
        typer.echo("emofactors: no browser was found; open the page by its path", err=True)
