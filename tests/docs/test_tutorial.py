"""The tutorial shows what commands print."""

import csv
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emofactors.cli import app
from emofactors.config.corpora import SyntheticCorpus
from emofactors.corpora.readers.synthetic import synthesize
from emofactors.io.yaml import read_yaml

REPOSITORY = Path(__file__).parents[2]
TUTORIAL = (REPOSITORY / "docs" / "tutorial.md").read_text(encoding="utf-8")


def assert_shown(output):
    """Assert that the tutorial has a block with exactly this text."""
    is_shown = f"```text\n{output}\n```" in TUTORIAL
    assert is_shown, output


@pytest.fixture
def synthetic_as_own(tmp_path, monkeypatch):
    """Return the CSV of ``data/mine``: the synthetic corpus as the reader's own."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    corpus = SyntheticCorpus(**read_yaml(tmp_path / "config" / "corpora" / "synthetic.yaml"))
    synthesize(corpus.synthesis, tmp_path / "data" / "mine")
    monkeypatch.chdir(tmp_path)
    files = sorted((tmp_path / "data" / "mine").glob("*.wav"))
    rows = [(file.name, file.stem.split("_")[0], file.stem.split("_")[2]) for file in files]
    table = tmp_path / "data" / "mine" / "mine.csv"
    with table.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows([("path", "speaker", "emotion"), *rows])
    return table


def test_check_corpus_prints_what_the_tutorial_shows(synthetic_as_own):
    assert "\n".join(synthetic_as_own.read_text(encoding="utf-8").splitlines()[:3]) in TUTORIAL
    checked = CliRunner().invoke(app, ["check-corpus", "data/mine/mine.csv", "--write"])
    assert checked.exit_code == 0, checked.output
    assert_shown(checked.stdout.strip())


def test_check_corpus_prints_two_mistakes_as_shown(synthetic_as_own):
    text = synthetic_as_own.read_text(encoding="utf-8").replace("adam,anger", "adam,angry", 1)
    synthetic_as_own.write_text(text.replace("adam_bread_happiness", "adam_bread_hapiness", 1), encoding="utf-8")
    checked = CliRunner().invoke(app, ["check-corpus", "data/mine/mine.csv"])
    assert checked.exit_code == 1
    assert_shown(checked.stdout.strip())


def test_a_missing_corpus_prints_what_is_shown(fresh_project):
    project = fresh_project()
    output = project.snakemake("--configfile", "config/studies/emodb_quick.yaml").stdout
    errors = [line for line in output.splitlines() if line.startswith("emofactors: error: ")]
    assert len(errors) == 1
    assert_shown(errors[0].replace(f"{project.folder}/", ""))


def test_make_refuses_an_old_python_as_shown():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert 'echo "emofactors needs Python 3.11 or newer; choose one: make PYTHON=python3.11"' in makefile
    assert "```text\nemofactors needs Python 3.11 or newer; choose one: make PYTHON=python3.11\n```" in TUTORIAL
