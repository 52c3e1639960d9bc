from pathlib import Path
from shutil import copytree

import pytest
from typer.testing import CliRunner

from emofactors.cli import app, verify

RESULTS = Path(__file__).parents[3] / "docs" / "results"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Working directory with reference tables and the same tables as results."""
    monkeypatch.chdir(tmp_path)
    copytree(RESULTS / "emodb_quick", tmp_path / "docs" / "results" / "emodb_quick")
    copytree(
        RESULTS / "emodb_quick",
        tmp_path / "results" / "report" / "emodb_quick" / "tables",
        ignore=lambda _, names: {"repetitions"} & set(names),
    )
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["verify", *arguments])


def test_equal_tables_are_the_same(folder):
    result = run("emodb_quick")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1].endswith("0 within tolerance, 0 outside")


def test_tables_of_other_folders_are_compared(folder):
    (folder / "results" / "report" / "emodb_quick").rename(folder / "elsewhere")
    result = run("emodb_quick", "--reference", "docs/results", "--current", "elsewhere/tables")
    assert result.exit_code == 0, result.output
    assert "results/report/emodb_quick/tables/center_compactness.csv" in run("emodb_quick").stderr


def test_a_number_outside_ends_with_status_1(folder):
    table = folder / "results" / "report" / "emodb_quick" / "tables" / "center_loss.csv"
    text = table.read_text(encoding="utf-8")
    value = next(line for line in text.splitlines() if ",ua," in line).split(",ua,")[1].split(",")[0]
    table.write_text(text.replace(f",ua,{value},", ",ua,99,", 1), encoding="utf-8")
    result = run("emodb_quick")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].endswith(", 1 outside")
    assert "99.0" in result.stdout


def test_a_study_without_reference_tables_is_refused_with_those_that_have_some(folder):
    result = run("nemo")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "docs/results/nemo: has no reference tables; expected one of emodb_quick" in result.stderr


def test_completion_offers_studies_with_reference_tables(folder):
    assert verify._studies("emo") == ["emodb_quick"]
    assert verify._studies("x") == []
