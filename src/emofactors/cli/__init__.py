"""The command ``emofactors``: tasks before and after the run of a study.

A command is a module of this package with two names: ``command``, a function
whose docstring is the text of ``--help`` and whose annotated parameters are the
arguments, and ``EXAMPLES``, complete command lines. It is listed in ``COMMANDS`` and
named after its module (``check_corpus`` is ``emofactors check-corpus``).

``--help`` and completion import all modules of this package, so slow imports (numpy,
pandas, torch) are inside functions. Fingerprints do not follow these imports, which
is safe because no script imports this package.
"""

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from emofactors.cli import check_corpus, predict, report, verify
from emofactors.errors import InputError

#: Modules of the commands, in the order of the help.
COMMANDS = (check_corpus, report, predict, verify)


class _Commands(TyperGroup):
    """Group of all commands, which reports invalid input without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; print an InputError to stderr, one line per fault, and exit with status 2."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            for line in str(error).splitlines():
                typer.echo(f"emofactors: error: {line}", err=True)
            raise typer.Exit(2) from None


app = typer.Typer(
    name="emofactors",
    cls=_Commands,
    help="Check a corpus, open the report of a study, predict emotions of audio files, verify results. "
    "Studies are run by snakemake.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(is_requested: bool) -> None:
    if is_requested:
        typer.echo(f"emofactors {version('emofactors')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for module in COMMANDS:
    app.command(
        module.__name__.rpartition(".")[2].replace("_", "-"),
        epilog="\n\n".join(["Examples:", "\b\n" + "\n".join(f"  {example}" for example in module.EXAMPLES)]),
    )(module.command)
