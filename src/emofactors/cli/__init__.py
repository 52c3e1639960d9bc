"""The command ``emofactors``: what is done by hand before a study runs and after it.

A command is a module of this package with two names: ``command``, a function
whose docstring is what ``--help`` says and whose annotations are its arguments,
and ``EXAMPLES``, command lines as a user types them. It stands in ``COMMANDS``,
under the module's name (``check_corpus`` is ``emofactors check-corpus``).

No rule's script reaches this package, so its commands may import what they work
with inside their functions, and must where that takes time: ``--help`` and
completion load all modules here, and nothing of numpy, pandas or torch.
"""

from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from emofactors.cli import check_corpus, predict, report, verify
from emofactors.errors import InputError

#: The modules of the commands, in the order of the help.
COMMANDS = (check_corpus, report, predict, verify)


class _Commands(TyperGroup):
    """All commands; bad input ends any of them in one line a fault, without a traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an InputError goes to stderr and ends with status 2."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            for line in str(error).splitlines():
                typer.echo(f"emofactors: error: {line}", err=True)
            raise typer.Exit(2) from None


app = typer.Typer(
    name="emofactors",
    cls=_Commands,
    help="Which factors of speech carry emotion: your own corpus, the report, and what a model makes of a file. "
    "Studies themselves are run by snakemake.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
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
