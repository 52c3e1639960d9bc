"""Runs of the smoke study hear recordings: their own corpus as they heard it in training, and files of any kind."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
import torch
from typer.testing import CliRunner

from emofactors.cli import app

#: A run of each system and method that hears recordings, and of each kind of features.
HEARING = [
    "tones2_groups2/cnn_bigru/mel_center",
    "tones2_groups2/factor_classifier/raw",
    "tones2_groups2_held_out/functionals_svm/functionals",
    "tones2_groups2_held_out/speaker_adversarial/both",
    "tones2_groups2_augmented/vit_transfer/teacher",
    "tones2_random2_leaky/vit_transfer/student",
]


def predict(*arguments):
    """What the command says; torch is imported once for all of them."""
    threads = torch.get_num_threads()
    try:
        return CliRunner().invoke(app, ["predict", "--threads", "1", *map(str, arguments)])
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def runs(finished):
    return finished.folder / "results" / "training"


@pytest.fixture(scope="module")
def tones(finished):
    return finished.folder / "data" / "tones"


@pytest.mark.parametrize("variant", HEARING)
def test_a_run_hears_its_corpus_as_it_did_in_training_wherever_its_folder_lies(variant, runs, tones, tmp_path):
    folder = runs / variant / "fold0" / "seed0"
    moved, out = tmp_path / "moved", tmp_path / "out.csv"
    moved.mkdir()
    for name in ("run.json", "model.safetensors"):
        shutil.copy(folder / name, moved / name)
    expected = pd.read_csv(folder / "predictions.csv")
    expected = expected[~expected["utterance"].str.contains("~")]  # copies are no files
    files = [next(tones.glob(f"{name}.*")) for name in expected["utterance"]]
    found = predict(moved, *files, "--format", "csv", "--output", out)
    assert (found.exit_code, found.stdout) == (0, ""), found.stderr
    table = pd.read_csv(out)
    columns = ["p_anger", "p_sadness"]
    # Written to six digits both; the batches are others, so that the last bits of a float32 may be.
    np.testing.assert_allclose(table[columns], expected[columns], rtol=0, atol=2e-6)
    assert table["prediction"].tolist() == expected["prediction"].tolist()
    assert expected["p_anger"].std() > 0.02, "what is compared differs from file to file"


def test_all_runs_below_a_folder_and_others_are_averaged(runs, tones):
    files = sorted(tones.glob("ada_*"))
    center, softmax = (runs / "tones2_groups2" / "cnn_bigru" / name for name in ("mel_center", "mel_softmax"))
    single = [
        json.loads(predict(run, *files, "--format", "json").stdout)["recordings"]
        for run in (center / "fold0", center / "fold1", softmax)
    ]
    both = json.loads(predict(center, *files, "--also", softmax, "--format", "json").stdout)
    weights = (0.25, 0.25, 0.5)  # softmax has two folds as well
    for i, file in enumerate(files):
        row = both["recordings"][i]
        assert (row["file"], row["n_models"]) == (str(file), 4)
        mean = sum(w * one[i]["posteriors"]["anger"] for w, one in zip(weights, single, strict=True))
        assert row["posteriors"]["anger"] == pytest.approx(mean, abs=2e-6)
    models = both["models"]
    assert [(m["variant"], m["fold"]) for m in models] == [
        *(("mel_center", fold) for fold in (0, 1)),
        *(("mel_softmax", fold) for fold in (0, 1)),
    ]
    assert {m["corpus"] for m in models} == {"tones"}
    assert len({m["weights_sha256"] for m in models}) == 4
    assert both["classes"] == ["anger", "sadness"]


def test_a_bad_file_has_a_line_of_its_own_and_status_1(runs, tones, tmp_path):
    (tmp_path / "bad.wav").write_text("no audio")
    found = predict(
        runs / HEARING[0], tones / "ada_anger_0.wav", tmp_path / "bad.wav", tones / "ben_sadness_1.flac"
    )
    assert found.exit_code == 1
    header, _, *lines = found.stdout.splitlines()
    assert header.split() == ["file", "seconds", "prediction", "anger", "sadness"]
    assert [line.split()[0] for line in lines] == [
        *(str(file) for file in (tones / "ada_anger_0.wav", tmp_path / "bad.wav", tones / "ben_sadness_1.flac"))
    ]
    assert lines[1].split(maxsplit=1)[1] == "cannot be decoded"
    assert found.stderr == "2 model(s): tones2_groups2/cnn_bigru/mel_center; trained on tones\n"


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ("tones2_groups2/speechflow/cycle_small", "takes speech apart and knows no emotions"),
        ("tones2_groups2/factor_classifier/cycle_small_all", "hears speech that a decomposer reconstructs"),
        ("tones2_random2_leaky/vit_transfer/matched", "has not learnt the classes"),
        ("tones2_groups2/nothing", "is no folder"),
    ],
)
def test_runs_that_hear_no_recordings_are_refused_in_one_line(variant, reason, runs, tones):
    found = predict(runs / variant, tones)
    assert (found.exit_code, found.stdout) == (2, "")
    (line,) = found.stderr.splitlines()
    assert line.startswith(f"emofactors: error: {runs / variant}")
    assert reason in line


#: Ways to write one recording at 16 kHz: how, at which rate, on how many channels.
FORMATS = {
    "16.wav": ({"subtype": "PCM_16"}, 16_000, 1),
    "24.wav": ({"subtype": "PCM_24"}, 16_000, 1),
    "float.wav": ({"subtype": "FLOAT"}, 16_000, 1),
    "16_stereo.flac": ({"subtype": "PCM_16"}, 16_000, 2),
    "48_stereo.wav": ({"subtype": "PCM_24"}, 48_000, 2),
    "44_stereo.flac": ({"subtype": "PCM_24"}, 44_100, 2),
    "vorbis.ogg": ({"subtype": "VORBIS"}, 44_100, 2),
    "opus.ogg": ({"subtype": "OPUS"}, 48_000, 1),
    "22_stereo.mp3": ({}, 22_050, 2),
    "8.wav": ({"subtype": "PCM_16"}, 8_000, 1),
}
#: Those that say the same up to the step of 16 bit ...
EXACT = ("16.wav", "24.wav", "float.wav", "16_stereo.flac")
#: ... and one that does not: of what is above 4 kHz it has nothing.
NARROW = "8.wav"


@pytest.mark.parametrize("variant", HEARING)
def test_the_same_recording_is_heard_alike_in_every_format(variant, runs, tones, tmp_path):
    speech, rate = soundfile.read(tones / "cleo_anger_1.wav")
    for name, (how, written_rate, channels) in FORMATS.items():
        samples = soxr.resample(speech, rate, written_rate)
        soundfile.write(tmp_path / name, np.stack([samples] * channels, axis=1), written_rate, **how)
    found = predict(runs / variant, *(tmp_path / name for name in FORMATS), "--format", "json")
    rows = dict(zip(FORMATS, json.loads(found.stdout)["recordings"], strict=True))
    assert [row["problem"] for row in rows.values()] == [None] * len(FORMATS)
    p = {name: row["posteriors"]["anger"] for name, row in rows.items()}
    assert max(p[name] for name in EXACT) - min(p[name] for name in EXACT) < 1e-3
    # Functionals have the edge of the band, which every resampling and every codec moves, among their percentiles.
    tolerance = 0.2 if "svm" in variant else 0.05
    assert max(abs(p[name] - p["16.wav"]) for name in FORMATS if name != NARROW) < tolerance
