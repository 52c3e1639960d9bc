"""A user's own corpus from a CSV to the page in three commands: three speakers, stereo MP3, no code."""

import csv
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

PITCH_HZ = {"ada": 110, "ben": 150, "cleo": 200}
EMOTIONS = {"anger": 25, "sadness": 3, "neutral": 8}  # harmonics
N_EACH = 5
RATE_HZ = 22_050

STUDY = ("--configfile", "config/studies/mine.yaml")

#: One row per system and the baseline.
TABLE = """\
title: Every system
caption: One row per system.
unseen_speakers: true
rows:
  cnn_bigru/mel_softmax: CNN-BiGRU
  vit_transfer/teacher: ViT
  speaker_adversarial/both: adversary
  factor_classifier/raw: classifier
  functionals_svm/functionals: SVM
"""
#: Changes of the written study: this table only, and very small networks.
TINY = """\
tables: [every_system]
figures: []
audio_examples: {}
compute: {device: cpu, threads: 1}
systems:
  cnn_bigru:
    conv_channels: [2, 2, 2, 2]
    gru_units: 4
    embedding_dim: 4
    warm_up_steps: 2
    max_steps: 4
    select_after_step: 2
    evaluate_every_steps: 2
  vit_transfer: {stem_channels: [2, 1], teacher_depth: 1, dim: 8, heads: 2, dim_head: 4, mlp_dim: 8, max_epochs: 1}
  speaker_adversarial:
    conv_channels: 4
    lstm_units: 4
    embedding_dim: 6
    emotion_hidden: 4
    speaker_hidden: 4
    max_epochs: 2
  factor_classifier:
    conv_channels: [2, 2]
    linear_units: 4
    lstm_units: 2
    embedding_dim: 4
    max_steps: 4
    evaluate_every_steps: 2
"""


def write_corpus(folder):
    """Write half a second of stereo harmonics per utterance, and the CSV."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    seconds = np.arange(RATE_HZ // 2) / RATE_HZ
    rows = []
    for speaker, pitch_hz in PITCH_HZ.items():
        for emotion, n_harmonics in EMOTIONS.items():
            for number in range(N_EACH):
                f0_hz = pitch_hz * rng.uniform(0.95, 1.05)
                voice = sum(np.sin(2 * np.pi * k * f0_hz * seconds) / k for k in range(1, n_harmonics + 1))
                samples = 0.1 * voice + rng.normal(scale=0.002, size=len(seconds))
                path = f"{speaker}/{emotion}_{number}.mp3"
                (folder / speaker).mkdir(exist_ok=True)
                soundfile.write(folder / path, np.stack([samples, 0.5 * samples], axis=1), RATE_HZ)
                rows.append([path, speaker, emotion])
    with (folder / "mine.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["path", "speaker", "emotion"], *rows])


@pytest.fixture(scope="module")
def project(fresh_project):
    project = fresh_project()
    write_corpus(project.folder / "data" / "mine")
    return project


def emofactors(project, *arguments):
    return subprocess.run(
        [sys.executable, "-c", "from emofactors.cli import app; app()", *arguments],
        cwd=project.folder,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def written(project):
    """The project with the files written by check-corpus."""
    checked = emofactors(project, "check-corpus", "data/mine/mine.csv", "--write")
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "45 utterances, 3 speakers, 0.01 h, 22,050 Hz" in checked.stdout
    assert checked.stdout.splitlines()[-1].endswith(" ".join(STUDY))
    return project


def test_the_written_study_runs_every_system(written):
    jobs = written.jobs(*STUDY)
    assert jobs["fit_svm"] == 3  # folds
    # Center loss 4, transfer 4 with the matched, adversary 4, classifiers 20.
    assert jobs["train"] == 3 * (4 + 4 + 4 + 20)
    assert jobs["train_decomposer"] == 3 * 2


def test_from_the_csv_to_the_page(written):
    (written.folder / "config" / "tables" / "every_system.yaml").write_text(TABLE, encoding="utf-8")
    studies = written.folder / "config" / "studies"
    study = yaml.safe_load((studies / "mine.yaml").read_text(encoding="utf-8")) | yaml.safe_load(TINY)
    (studies / "tiny.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    run = written.snakemake("--configfile", "config/studies/tiny.yaml")
    assert run.returncode == 0, run.stdout
    results = written.folder / "results"
    manifest = pd.read_csv(results / "corpora" / "manifests" / "mine.csv")
    assert set(manifest["sample_rate_hz"]) == {RATE_HZ}
    table = pd.read_csv(results / "report" / "mine" / "tables" / "every_system.csv")
    ours = table[(table["metric"] == "ua") & table["n_speakers"].notna()]
    assert set(ours["row"]) >= {"CNN-BiGRU", "ViT", "adversary", "classifier", "SVM"}
    assert set(ours["n_speakers"]) == {3}
    assert set(ours["n_utterances"]) == {len(manifest)}
    page = emofactors(written, "report", "--print")
    assert (page.returncode, page.stdout.strip()) == (0, str(results / "report" / "mine" / "index.html"))
