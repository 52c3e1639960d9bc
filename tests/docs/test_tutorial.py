"""The tutorial shows what is printed."""

import csv
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from emofactors.cli import app
from emofactors.config.corpora import CorpusConfig
from emofactors.corpora.readers.synthetic import synthesize
from emofactors.io.yaml import read_yaml

REPOSITORY = Path(__file__).parents[2]
TUTORIAL = (REPOSITORY / "docs" / "tutorial.md").read_text(encoding="utf-8")


@pytest.fixture
def borrowed(tmp_path, monkeypatch):
    """The CSV of a project's ``data/mine``: the synthetic corpus, as if it were the reader's own."""
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    corpus = CorpusConfig(**read_yaml(tmp_path / "config" / "corpora" / "synthetic.yaml"))
    synthesize(corpus.synthesis, tmp_path / "data" / "mine")
    monkeypatch.chdir(tmp_path)
    files = sorted((tmp_path / "data" / "mine").glob("*.wav"))
    rows = [(file.name, file.stem.split("_")[0], file.stem.split("_")[2]) for file in files]
    table = tmp_path / "data" / "mine" / "mine.csv"
    with table.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text, lineterminator="\n").writerows([("path", "speaker", "emotion"), *rows])
    return table


def test_what_check_corpus_says_of_the_borrowed_corpus(borrowed):
    assert "\n".join(borrowed.read_text(encoding="utf-8").splitlines()[:3]) in TUTORIAL
    checked = CliRunner().invoke(app, ["check-corpus", "data/mine/mine.csv", "--write"])
    assert checked.exit_code == 0, checked.output
    assert f"```text\n{checked.stdout.strip()}\n```" in TUTORIAL


def test_what_check_corpus_says_of_two_mistakes(borrowed):
    text = borrowed.read_text(encoding="utf-8").replace("adam,anger", "adam,angry", 1)
    borrowed.write_text(text.replace("adam_bread_happiness", "adam_bread_hapiness", 1), encoding="utf-8")
    checked = CliRunner().invoke(app, ["check-corpus", "data/mine/mine.csv"])
    assert checked.exit_code == 1
    assert f"```text\n{checked.stdout.strip()}\n```" in TUTORIAL


def test_what_a_missing_corpus_says(fresh_project):
    project = fresh_project()
    said = project.snakemake("--configfile", "config/studies/emodb_quick.yaml").stdout
    faults = [line for line in said.splitlines() if line.startswith("emofactors: error: ")]
    assert len(faults) == 1
    assert f"```text\n{faults[0].replace(f'{project.folder}/', '')}\n```" in TUTORIAL


def test_what_make_says_of_an_old_python():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    assert 'echo "emofactors needs Python 3.11 or newer; choose one: make PYTHON=python3.11"' in makefile
    assert "```text\nemofactors needs Python 3.11 or newer; choose one: make PYTHON=python3.11\n```" in TUTORIAL
