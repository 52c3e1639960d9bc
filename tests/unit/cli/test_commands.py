import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version

import pytest
import typer
from typer.testing import CliRunner

from emofactors.cli import COMMANDS, app, report
from emofactors.errors import InputError

GROUP = typer.main.get_command(app)


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_help_lists_every_command():
    assert list(GROUP.commands) == [module.__name__.rpartition(".")[2].replace("_", "-") for module in COMMANDS]
    text = run("--help").stdout
    for name, command in GROUP.commands.items():
        assert re.search(rf"^  {name} +{re.escape(command.help.split()[0])}", text, flags=re.MULTILINE)


def test_help_of_each_command_lists_its_examples():
    for module in COMMANDS:
        text = run(module.__name__.rpartition(".")[2].replace("_", "-"), "--help").stdout
        assert len(module.EXAMPLES) >= 1
        assert text.split("Examples:\n\n")[1].splitlines() == [f"    {example}" for example in module.EXAMPLES]


def test_examples_are_valid_command_lines():
    for module in COMMANDS:
        for example in module.EXAMPLES:
            program, command, *arguments = shlex.split(example)
            assert program == "emofactors"
            GROUP.commands[command].make_context(command, arguments)  # raises for an unknown argument
    with pytest.raises(Exception, match="No such option"):
        GROUP.commands["report"].make_context("report", ["--no-such-option"])


def test_help_is_fast():
    heavy = ("numpy", "pandas", "pydantic", "scipy", "soundfile", "torch")
    code = f"import emofactors.cli, sys; print(*(name for name in {heavy} if name in sys.modules))"
    loaded = python(code)
    assert (loaded.returncode, loaded.stdout.strip()) == (0, "")


def test_version():
    assert run("--version").stdout == f"emofactors {version('emofactors')}\n"


def test_invalid_input_is_reported_without_a_traceback(monkeypatch):
    def fail(directory):
        raise InputError("mine.csv: is missing\nmine.yaml: is missing")

    monkeypatch.setattr(report, "_pages", fail)
    result = run("report")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "emofactors: error: mine.csv: is missing\nemofactors: error: mine.yaml: is missing\n"


def test_an_interrupt_ends_a_command_silently(monkeypatch):
    def interrupt(directory):
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "_pages", interrupt)
    result = run("report")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("typed", "completed"), [("emofactors ch", "check-corpus"), ("emofactors report --p", "--print")]
)
def test_commands_and_options_are_completed(typed, completed):
    request = {"_EMOFACTORS_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    code = "import sys; sys.argv[0] = 'emofactors'; from emofactors.cli import app; app()"
    process = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | request, capture_output=True, text=True, check=False
    )
    assert process.stdout.split() == [completed]


def test_an_unknown_command_suggests_the_nearest():
    result = run("reprot")
    assert result.exit_code == 2
    assert "Did you mean 'report'?" in result.stderr
