from pathlib import Path
from shutil import copytree

import pytest
from typer.testing import CliRunner

from emofactors.cli import app, verify

RESULTS = Path(__file__).parents[3] / "docs" / "results"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to be in, with kept results and the same results as if made here."""
    monkeypatch.chdir(tmp_path)
    copytree(RESULTS / "emodb_quick", tmp_path / "docs" / "results" / "emodb_quick")
    copytree(
        RESULTS / "emodb_quick",
        tmp_path / "results" / "report" / "tables",
        ignore=lambda _, names: {"repetitions"} & set(names),
    )
    return tmp_path


def run(study="emodb_quick"):
    return CliRunner().invoke(app, ["verify", study])


def test_the_same_tables_are_the_same(folder):
    result = run()
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].endswith("0 within tolerance, 0 outside")


def test_a_number_outside_ends_with_status_1(folder):
    made = folder / "results" / "report" / "tables" / "center_loss.csv"
    text = made.read_text(encoding="utf-8")
    value = next(line for line in text.splitlines() if ",ua," in line).split(",ua,")[1].split(",")[0]
    made.write_text(text.replace(f",ua,{value},", ",ua,99,", 1), encoding="utf-8")
    result = run()
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].endswith(", 1 outside")
    assert "99.0" in result.stdout


def test_what_is_not_kept_names_what_is(folder):
    result = run("nemo")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "docs/results/nemo: no such results are kept; expected one of emodb_quick" in result.stderr


def test_completion_knows_what_can_be_verified(folder):
    assert verify._studies("emo") == ["emodb_quick"]
    assert verify._studies("x") == []
