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
EXAMPLES = [example for module in COMMANDS for example in module.EXAMPLES]


def run(*arguments):
    return CliRunner().invoke(app, list(arguments))


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_help_names_every_command_with_what_it_does():
    assert list(GROUP.commands) == [module.__name__.rpartition(".")[2].replace("_", "-") for module in COMMANDS]
    text = run("--help").stdout
    for name, command in GROUP.commands.items():
        assert re.search(rf"^  {name} +{re.escape(command.help.split()[0])}", text, flags=re.MULTILINE)


@pytest.mark.parametrize("module", COMMANDS, ids=lambda module: module.__name__)
def test_help_of_a_command_shows_its_examples_whole(module):
    text = run(module.__name__.rpartition(".")[2].replace("_", "-"), "--help").stdout
    assert len(module.EXAMPLES) >= 1
    assert text.split("Examples:\n\n")[1].splitlines() == [f"    {example}" for example in module.EXAMPLES]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_are_commands_that_are_understood(example):
    program, command, *arguments = shlex.split(example)
    assert program == "emofactors"
    GROUP.commands[command].make_context(command, arguments)  # exits where it does not understand an argument


def test_an_example_that_is_not_understood_would_be_noticed():
    with pytest.raises(Exception, match="No such option"):
        GROUP.commands["report"].make_context("report", ["--no-such-option"])


def test_help_loads_nothing_that_takes_time():
    heavy = ("numpy", "pandas", "pydantic", "scipy", "soundfile", "torch")
    code = f"import emofactors.cli, sys; print(*(name for name in {heavy} if name in sys.modules))"
    loaded = python(code)
    assert (loaded.returncode, loaded.stdout.strip()) == (0, "")


def test_version():
    assert run("--version").stdout == f"emofactors {version('emofactors')}\n"


def test_bad_input_is_said_a_line_a_fault_without_a_traceback(tmp_path, monkeypatch):
    def is_bad(_):
        raise InputError("mine.csv: is missing\nmine.yaml: is too")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "_pages", is_bad)
    result = run("report")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "emofactors: error: mine.csv: is missing\nemofactors: error: mine.yaml: is too\n"


def test_an_interrupt_ends_a_command_without_a_word(tmp_path, monkeypatch):
    def is_interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "_pages", is_interrupted)
    result = run("report")
    assert (result.exit_code, result.stdout, result.stderr) == (130, "", "")


@pytest.mark.parametrize(
    ("typed", "offered"), [("emofactors ch", "check-corpus"), ("emofactors report --p", "--print")]
)
def test_commands_and_options_are_completed(typed, offered):
    asked = {"_EMOFACTORS_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    code = "import sys; sys.argv[0] = 'emofactors'; from emofactors.cli import app; app()"
    said = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert said.stdout.split() == [offered]


def test_an_unknown_command_is_named_with_the_nearest():
    result = run("reprot")
    assert result.exit_code == 2
    assert "Did you mean 'report'?" in result.stderr
