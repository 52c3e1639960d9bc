"""Tests of emofactors check-corpus in a copy of config/: output, exit status and written files."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from typer.testing import CliRunner

from emofactors.cli import app

CONFIG = Path(__file__).parents[3] / "config"
FILES = ("config/corpora/mine.yaml", "config/tasks/mine2_speakers.yaml", "config/studies/mine.yaml")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with a copy of config/, as the working directory."""
    shutil.copytree(CONFIG, tmp_path / "project" / "config")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def write_corpus(folder, name="mine.csv", header=("path", "speaker", "emotion")):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = [
        (f"{speaker}_{emotion}_{number}.wav", speaker, emotion)
        for speaker in ("ada", "ben", "cleo")
        for emotion in ("anger", "sadness")
        for number in range(4)
    ]
    for path, *_ in rows:
        soundfile.write(folder / path, rng.normal(scale=0.1, size=2_000), 8_000)
    with (folder / name).open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return folder / name


def run(*arguments):
    return CliRunner().invoke(app, ["check-corpus", *map(str, arguments)])


def test_without_faults_a_summary_and_the_files_are_printed_but_not_written(project):
    write_corpus(project / "data" / "mine")
    result = run("data/mine/mine.csv")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0] == "data/mine/mine.csv: 24 utterances, 3 speakers, 0.00 h, 8,000 Hz"
    assert [line.split() for line in lines[2:8]] == [
        ["speaker", "anger", "sadness", "total"],
        ["---------", "-------", "---------", "-------"],
        *([name, "4", "4", "8"] for name in ("ada", "ben", "cleo")),
        ["total", "12", "12", "24"],
    ]
    for file in FILES:
        assert file in lines
        assert not (project / file).exists()
    assert lines[-1] == "Next: the same command with --write, to write these files"


def test_the_printed_files_are_written_and_the_next_command_is_printed(project):
    write_corpus(project / "data" / "mine")
    shown = run("data/mine/mine.csv").stdout
    result = run("data/mine/mine.csv", "--write", "--title", "Mine, 2026")
    assert result.exit_code == 0
    assert [f"{file}: written" in result.stdout for file in FILES] == [True] * 3
    assert result.stdout.splitlines()[-1] == "Next: snakemake --cores 8 --configfile config/studies/mine.yaml"
    written = yaml.safe_load((project / FILES[0]).read_text(encoding="utf-8"))
    assert written == {"reader": "table", "folder": "mine", "file": "mine.csv", "title": "Mine, 2026"}
    task = (project / FILES[1]).read_text(encoding="utf-8")
    assert "".join(f"    {line}\n" for line in task.splitlines()) in shown


def test_existing_files_are_not_overwritten_and_equal_files_are_accepted(project):
    write_corpus(project / "data" / "mine")
    run("data/mine/mine.csv", "--write")
    again = run("data/mine/mine.csv", "--write")
    assert again.exit_code == 0
    assert again.stdout.count(": unchanged") == 3
    (project / FILES[2]).write_text("study: other\n", encoding="utf-8")
    (project / FILES[1]).unlink()
    rejected = run("data/mine/mine.csv", "--write")
    assert rejected.exit_code == 2
    assert rejected.stderr == (
        f"emofactors: error: {FILES[2]}: exists; expected another --name, or the file deleted\n"
    )
    assert (project / FILES[2]).read_text(encoding="utf-8") == "study: other\n"
    assert not (project / FILES[1]).exists()


def test_faults_and_warnings_are_listed_and_the_status_is_1(project):
    file = write_corpus(project / "data" / "mine")
    with file.open("a", encoding="utf-8") as table:
        table.write("gone.wav,ada,angry\n")
    shutil.copy(file.parent / "ada_anger_0.wav", file.parent / "ada_anger_1.wav")
    result = run("data/mine/mine.csv", "--write")
    assert result.exit_code == 1
    lines = [line.removeprefix("data/mine/mine.csv: ") for line in result.stdout.splitlines()]
    assert lines[0].startswith("fault: line 26: emotion is 'angry', expected one of anger")
    assert lines[1] == "fault: line 26: gone.wav: is missing"
    assert lines[2].startswith("warning: lines 2, 3: ada_anger_0.wav and ada_anger_1.wav have the same audio")
    assert lines[3:] == ["2 fault(s), 1 warning(s)"]
    assert not any((project / name).exists() for name in FILES)


def test_one_speaker_is_a_fault_and_two_leave_tables_out(project):
    file = write_corpus(project / "data" / "mine")
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(lines[:9]), encoding="utf-8")
    alone = run("data/mine/mine.csv")
    assert alone.exit_code == 1
    assert "fault: no task is possible with 1 speaker(s)" in alone.stdout
    file.write_text("\n".join(lines[:17]), encoding="utf-8")
    two = run("data/mine/mine.csv")
    assert two.exit_code == 0
    assert "left out: table adversarial: needs at least 2 training speakers in each fold, has 1" in two.stdout


def test_a_corpus_may_be_in_any_folder_and_have_other_column_names(project, tmp_path):
    file = write_corpus(tmp_path / "path" / "to it", "labels.csv", header=("file", "actor", "label"))
    columns = [f"--column={pair}" for pair in ("path=file", "speaker=actor", "emotion=label")]
    result = run(file, "--write", "--name", "mine", *columns)
    assert result.exit_code == 0, result.stdout
    corpus, _, study = (yaml.safe_load((project / name).read_text(encoding="utf-8")) for name in FILES)
    assert study["corpora_root"] == str(tmp_path / "path")
    assert (corpus["folder"], corpus["file"]) == ("to it", "labels.csv")
    assert corpus["columns"] == {"path": "file", "speaker": "actor", "emotion": "label"}


def test_a_link_below_corpora_root_is_a_corpus_there(project, tmp_path):
    write_corpus(tmp_path / "elsewhere")
    (project / "data").mkdir()
    (project / "data" / "mine").symlink_to(tmp_path / "elsewhere")
    assert run("data/mine/mine.csv", "--write").exit_code == 0
    assert yaml.safe_load((project / FILES[0]).read_text(encoding="utf-8"))["folder"] == "mine"
    assert yaml.safe_load((project / FILES[2]).read_text(encoding="utf-8"))["corpora_root"] == "data"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["data/gone/mine.csv"],
            "data/gone/mine.csv: cannot be read, expected a table with columns path, speaker",
        ),
        (["data/mine/mine.csv", "--name", "my corpus"], "name: is 'my corpus', expected letters, digits"),
        (["data/mine/mine.csv", "--title", "a\nb"], r"--title: is 'a\nb', expected printable text"),
        (["data/mine/mine.csv", "--column", "speaker"], "--column: is 'speaker', expected ours=yours"),
        (["data/mine/mine.csv", "--column", "who=me"], "'columns' maps who; expected some of path"),
    ],
)
def test_an_invalid_command_is_one_line_with_status_2(project, arguments, message):
    write_corpus(project / "data" / "mine")
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("emofactors: error: ")
    assert message in line


def test_another_working_directory_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("mine.csv")
    assert result.exit_code == 2
    assert "config/config.yaml: is missing; expected the project folder as the working directory" in result.stderr
