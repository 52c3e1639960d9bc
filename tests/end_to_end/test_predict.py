"""Saved models of the smoke study predict their corpus as in training, and files of other formats."""

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

#: A run of each system that predicts new audio, and of each kind of features.
RUNS = [
    "tones2_groups2/cnn_bigru/mel_center",
    "tones2_groups2/factor_classifier/raw",
    "tones2_groups2_held_out/functionals_svm/functionals",
    "tones2_groups2_held_out/speaker_adversarial/both",
    "tones2_groups2_augmented/vit_transfer/teacher",
    "tones2_random2_leaky/vit_transfer/student",
]


def predict(*arguments):
    """Run the command in this process, so that torch is imported once."""
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


@pytest.mark.parametrize("variant", RUNS)
def test_a_run_predicts_its_corpus_as_in_training_from_any_folder(variant, runs, tones, tmp_path):
    folder = runs / variant / "fold0" / "seed0"
    moved, out = tmp_path / "moved", tmp_path / "out.csv"
    moved.mkdir()
    for name in ("run.json", "model.safetensors"):
        shutil.copy(folder / name, moved / name)
    expected = pd.read_csv(folder / "predictions.csv")
    expected = expected[~expected["utterance"].str.contains("~")]  # augmented copies are not files
    files = [next(tones.glob(f"{name}.*")) for name in expected["utterance"]]
    result = predict(moved, *files, "--format", "csv", "--output", out)
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr
    table = pd.read_csv(out)
    columns = ["p_anger", "p_sadness"]
    # Both have six digits; other batches may change the last bits of a float32.
    np.testing.assert_allclose(table[columns], expected[columns], rtol=0, atol=2e-6)
    assert table["prediction"].tolist() == expected["prediction"].tolist()
    assert expected["p_anger"].std() > 0.02, "the posteriors differ from file to file"


def test_posteriors_of_all_runs_below_several_folders_are_averaged(runs, tones):
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


def test_an_unusable_file_has_its_own_line_and_exit_status_1(runs, tones, tmp_path):
    (tmp_path / "bad.wav").write_text("no audio")
    result = predict(runs / RUNS[0], tones / "ada_anger_0.wav", tmp_path / "bad.wav", tones / "ben_sadness_1.flac")
    assert result.exit_code == 1
    header, _, *lines = result.stdout.splitlines()
    assert header.split() == ["file", "seconds", "prediction", "anger", "sadness"]
    assert [line.split()[0] for line in lines] == [
        *(str(file) for file in (tones / "ada_anger_0.wav", tmp_path / "bad.wav", tones / "ben_sadness_1.flac"))
    ]
    assert lines[1].split(maxsplit=1)[1] == "cannot be decoded"
    assert result.stderr == "2 model(s): tones2_groups2/cnn_bigru/mel_center; trained on tones\n"


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ("tones2_groups2/speechflow/cycle_small", "is a decomposer, which predicts no emotions"),
        ("tones2_groups2/factor_classifier/cycle_small_all", "reads speech reconstructed by a decomposer"),
        ("tones2_groups2/factor_classifier/raw_speaker_normalised", "standardises features by speaker"),
        ("tones2_random2_leaky/vit_transfer/matched", "not trained on the classes"),
        ("tones2_groups2/nothing", "is not a folder"),
    ],
)
def test_runs_that_predict_no_emotions_of_new_audio_are_refused_in_one_line(variant, reason, runs, tones):
    result = predict(runs / variant, tones)
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"emofactors: error: {runs / variant}")
    assert reason in line


#: Formats of one recording at 16 kHz: options of soundfile, sample rate, channels.
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
#: Formats that differ by the quantisation of 16 bits at most ...
EXACT = ("16.wav", "24.wav", "float.wav", "16_stereo.flac")
#: ... and one without frequencies above 4 kHz.
NARROW = "8.wav"


@pytest.mark.parametrize("variant", RUNS)
def test_posteriors_hardly_depend_on_the_format_of_a_file(variant, runs, tones, tmp_path):
    speech, rate = soundfile.read(tones / "cleo_anger_1.wav")
    for name, (options, written_rate, channels) in FORMATS.items():
        samples = soxr.resample(speech, rate, written_rate)
        soundfile.write(tmp_path / name, np.stack([samples] * channels, axis=1), written_rate, **options)
    result = predict(runs / variant, *(tmp_path / name for name in FORMATS), "--format", "json")
    rows = dict(zip(FORMATS, json.loads(result.stdout)["recordings"], strict=True))
    assert [row["problem"] for row in rows.values()] == [None] * len(FORMATS)
    p = {name: row["posteriors"]["anger"] for name, row in rows.items()}
    assert max(p[name] for name in EXACT) - min(p[name] for name in EXACT) < 1e-3
    # Percentiles of functionals include the edge of the band, which every resampling and codec moves.
    tolerance = 0.2 if "svm" in variant else 0.05
    assert max(abs(p[name] - p["16.wav"]) for name in FORMATS if name != NARROW) < tolerance
