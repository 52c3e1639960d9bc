"""Several studies in one folder, and folders with unusual names."""

import shutil
import sys
from pathlib import Path

import yaml

FIRST = "results/report/smoke"
SECOND = "results/report/second"
TRAINING = "results/training/tones2_groups2/cnn_bigru/mel_softmax/fold0/seed0"


def contents(folder):
    return {file.relative_to(folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def modified(folder):
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_a_second_study_reuses_trainings_and_keeps_the_report_of_the_first(finished, copy_of):
    project = copy_of(finished)
    studies = project.folder / "config" / "studies"
    smoke = yaml.safe_load((studies / "smoke.yaml").read_text(encoding="utf-8"))
    # A table of the same name.
    second = smoke | {
        "study": "second",
        "tasks": ["tones2_groups2"],
        "tables": ["smoke_lambda"],
        "figures": ["smoke_lambda"],
        "systems": {"cnn_bigru": smoke["systems"]["cnn_bigru"]},
    }
    del second["tested_on"], second["audio_examples"]
    (studies / "second.yaml").write_text(yaml.safe_dump(second), encoding="utf-8")
    study = ("--configfile", "config/studies/second.yaml")
    report, shared = contents(project.folder / FIRST), modified(project.folder / "results" / "training")
    times = modified(project.folder / FIRST)
    assert len(report) > 50
    assert len(shared) > 50

    of_the_report = {
        "make_table": 1,
        "make_claims": 1,
        "make_figure": 1,
        "plot_corpus": 1,
        "make_page": 1,
        "all": 1,
    }
    assert project.jobs(*study) == of_the_report
    run = project.snakemake(*study)
    assert run.returncode == 0, run.stdout
    assert contents(project.folder / FIRST) == report
    assert modified(project.folder / FIRST) == times
    assert modified(project.folder / "results" / "training") == shared
    assert (project.folder / SECOND / "tables" / "smoke_lambda.csv").is_file()
    for configfile in ("smoke", "second"):
        assert project.jobs("--configfile", f"config/studies/{configfile}.yaml") == {}


def test_folders_of_the_project_and_of_python_may_have_any_name(finished, fresh_smoke, tmp_path, monkeypatch):
    lab = tmp_path / "my lab's Käfig 50% {x} $HOME"
    project = type(finished)(Path(shutil.copytree(fresh_smoke().folder, lab / "emo factors")))
    environment = lab / "my lab's venv"
    environment.symlink_to(sys.prefix)
    monkeypatch.setattr(sys, "executable", str(environment / "bin" / "python"))

    run = project.snakemake("--configfile", "config/studies/smoke.yaml", "--", f"{TRAINING}/predictions.csv")
    assert run.returncode == 0, run.stdout
    for name in ("model.safetensors", "predictions.csv"):
        assert (project.folder / TRAINING / name).read_bytes() == (finished.folder / TRAINING / name).read_bytes()
