import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from emofactors.config.features import FeatureSettings
from emofactors.corpora import audio
from emofactors.errors import InputError
from emofactors.features import feature_transform
from emofactors.inference import audio_files as audio_files_module
from emofactors.inference.audio_files import as_json, as_table, audio_files, predict_files
from emofactors.inference.saved_model import SavedModel
from emofactors.training.input_spec import InputSpec

CLASSES = ("calm", "anger")
MEL = FeatureSettings(
    kind="log_mel",
    sample_rate_hz=16_000,
    window="hann",
    win_ms=25,
    hop_ms=10,
    n_fft=512,
    n_mels=20,
    pad_mode="reflect",
)


def saved_model(folder, posterior=None, classes=CLASSES, max_s=np.inf, features=MEL):
    """A model whose posteriors are a function of the features; by default, of their number of frames."""

    def share_of_a_second(frames):
        p = min(1.0, len(frames) / 101)
        return [p, 1 - p]

    posterior = posterior or share_of_a_second
    identity = {"task": "t", "corpus": "c", "system": "s", "variant": "v", "fold": 0, "seed": 0}
    return SavedModel(
        folder=folder,
        input_spec=InputSpec(**identity, method="network", classes=classes, features=features),
        code="c0de",
        weights_sha256="abc",
        max_used_s=np.inf,
        max_s=max_s,
        posteriors=lambda recordings: np.array([posterior(recordings[name]) for name in recordings.utterances]),
    )


def noise(seconds, rate=16_000, channels=1):
    return 0.1 * np.random.default_rng(0).standard_normal((round(seconds * rate), channels)).clip(-3, 3)


@pytest.fixture
def record(tmp_path):
    """Function that writes a recording."""

    def write(name, seconds=0.5, rate=16_000, channels=1):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, noise(seconds, rate, channels), rate)
        return path

    return write


def predicted(files, *models, threads=2):
    return list(predict_files(files, models, feature_transform, threads=threads))


def test_predictions_are_in_the_order_of_the_files_for_any_number_of_threads(record, tmp_path):
    files = [record(f"{i}.wav", seconds) for i, seconds in enumerate([0.9, 0.1, 0.5, 0.3, 0.7])]
    for threads in (1, 3):
        predictions = predicted([*files, files[0]], saved_model(tmp_path), threads=threads)
        assert [prediction.path for prediction in predictions] == [*files, files[0]]
        p = [prediction.posterior[0] for prediction in predictions]
        np.testing.assert_allclose(p, [0.9, 0.11, 0.505, 0.307, 0.703, 0.9], atol=0.005)
        assert [round(prediction.duration_s, 3) for prediction in predictions] == [0.9, 0.1, 0.5, 0.3, 0.7, 0.9]


def test_posteriors_of_several_models_are_averaged_by_class(record, tmp_path):
    models = [
        saved_model(tmp_path, lambda _: [0.9, 0.1]),
        saved_model(tmp_path, lambda _: [0.2, 0.8], classes=CLASSES[::-1]),
        saved_model(tmp_path, lambda _: [0.1, 0.9]),
    ]
    (prediction,) = predicted([record("a.wav")], *models)
    np.testing.assert_allclose(prediction.posterior, [0.6, 0.4])
    table = as_table([prediction], models)
    assert table.loc[0, ["prediction", "n_models"]].tolist() == ["calm", 3]


def test_models_with_other_classes_are_refused(record, tmp_path):
    models = [saved_model(tmp_path / "one"), saved_model(tmp_path / "two", classes=("calm", "fear"))]
    with pytest.raises(InputError, match=r"two: has the classes calm, fear, expected those of .*one: calm, anger"):
        predicted([record("a.wav")], *models)


def test_models_with_equal_features_share_them(record, tmp_path):
    computed = []

    def counting_transform(settings):
        return lambda waveforms: computed.append(settings) or [np.zeros((3, settings.n_mels), np.float32)]

    other = MEL.model_copy(update={"n_mels": 10})
    models = [saved_model(tmp_path), saved_model(tmp_path), saved_model(tmp_path, features=other)]
    list(predict_files([record("a.wav"), record("b.wav")], models, counting_transform, threads=1))
    assert sorted(settings.n_mels for settings in computed) == [10, 10, 20, 20]


def test_chunks_do_not_change_predictions(record, tmp_path, monkeypatch):
    files = [record(f"{i}.wav", 0.1 * (i + 1)) for i in range(7)]
    files.insert(3, tmp_path / "missing.wav")
    expected = predicted(files, saved_model(tmp_path))
    monkeypatch.setattr(audio_files_module, "CHUNK_S", 0.35)
    for one, other in itertools.zip_longest(predicted(files, saved_model(tmp_path)), expected):
        assert (one.path, one.fault) == (other.path, other.fault)
        assert one.posterior is other.posterior is None or (one.posterior == other.posterior).all()


def test_an_unusable_file_does_not_affect_the_others(record, tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "none.wav").write_bytes(b"")
    soundfile.write(tmp_path / "silent.wav", np.zeros(8_000), 16_000)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    soundfile.write(tmp_path / "nan.wav", np.full(8_000, np.nan), 16_000, subtype="FLOAT")
    names = ["gone", "text", "none", "silent", "empty", "nan", "short"]
    record("short.wav", 0.01)
    files = [record("first.wav"), *(tmp_path / f"{name}.wav" for name in names), record("last.wav")]
    predictions = predicted(files, saved_model(tmp_path))
    assert [prediction.fault for prediction in predictions] == [
        None,
        "is missing",
        "cannot be decoded",
        "cannot be decoded",
        "is silent",
        "is empty",
        "has samples that are not finite",
        "utterance 'short.wav' has 160 samples at 16000 Hz, expected at least 201",
        None,
    ]
    assert (predictions[0].posterior == predictions[-1].posterior).all()
    table = as_table(predictions, [saved_model(tmp_path)])
    assert table["n_models"].tolist() == [1] + 7 * [0] + [1]
    assert table["p_calm"].isna().tolist() == [False] + 7 * [True] + [False]
    rows = as_json(predictions, [saved_model(tmp_path)])["recordings"]
    assert rows[1] == {
        "file": str(files[1]),
        "duration_s": None,
        "prediction": None,
        "posteriors": None,
        "n_models": 0,
        "problem": "is missing",
    }
    assert rows[0]["problem"] is None
    assert sum(rows[0]["posteriors"].values()) == pytest.approx(1, abs=1e-5)


def test_all_files_may_be_unusable(tmp_path):
    predictions = predicted([tmp_path / "a.wav", tmp_path / "b.wav"], saved_model(tmp_path))
    assert [prediction.fault for prediction in predictions] == ["is missing", "is missing"]
    assert as_table(predictions, [saved_model(tmp_path)])["prediction"].tolist() == ["", ""]


def test_a_file_too_long_for_a_model_is_unusable(record, tmp_path):
    predictions = predicted(
        [record("a.wav", 2.0), record("b.wav", 0.5)], saved_model(tmp_path, max_s=1.0), saved_model(tmp_path)
    )
    assert [prediction.fault for prediction in predictions] == [
        "has 2.0 s, expected at most 1 s for a model that reads it whole",
        None,
    ]


def test_files_of_any_sample_rate_and_channels_are_converted_to_the_features_of_a_model(record, tmp_path):
    frames = []
    model = saved_model(tmp_path, lambda features: frames.append(features.shape) or [1, 0])
    files = [
        record("a.wav", 1.0, 8_000),
        record("b.wav", 1.0, 48_000, 2),
        record("c.flac", 1.0, 44_100),
        record("d.ogg", 1.0, 22_050, 2),
        record("e.mp3", 1.0, 22_050, 2),
    ]
    assert [prediction.fault for prediction in predicted(files, model)] == [None] * 5
    assert {n_bins for _, n_bins in frames} == {20}
    assert all(100 <= n_frames <= 106 for n_frames, _ in frames), "mp3 has some silence at its ends"


def test_a_file_too_long_to_decode_is_unusable(record, tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "MAX_DURATION_S", 1.0)
    predictions = predicted([record("a.wav", 1.5), record("b.wav", 1.0)], saved_model(tmp_path))
    assert predictions[0].fault.startswith("has 1.5 s in 1 channel(s) at 16,000 Hz, more than 1 s or")
    assert predictions[1].fault is None


def test_control_characters_and_invalid_utf8_in_names_are_escaped(record, tmp_path):
    files = [record("a\x1b[31m.wav"), tmp_path / "no_\udcff_utf8.wav"]
    predictions, model = predicted(files, saved_model(tmp_path)), saved_model(tmp_path)
    names = [Path(name).name for name in as_table(predictions, [model])["file"]]
    assert names == ["a\\x1b[31m.wav", "no_\\udcff_utf8.wav"]
    assert [prediction.fault for prediction in predictions] == [None, "has a name that is not UTF-8"]
    json.dumps(as_json(predictions, [model]), ensure_ascii=False).encode("utf-8")


def test_a_folder_stands_for_all_audio_below_it_in_order(record, tmp_path):
    for name in ("b/2.WAV", "b/1.flac", "a.mp3", "b/._1.flac", "c.ogg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "b" / "notes.txt").write_text("no audio")
    named = tmp_path / "z.raw"
    assert audio_files([named, tmp_path]) == [
        named,
        *(tmp_path / n for n in ("a.mp3", "b/1.flac", "b/2.WAV", "c.ogg")),
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: contains no audio, expected files ending in \.wav"):
        audio_files([tmp_path / "empty"])
