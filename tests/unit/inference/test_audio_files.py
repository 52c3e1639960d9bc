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
from emofactors.inference import audio_files as recordings
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


def trained(folder, posterior=None, classes=CLASSES, **changes):
    """A run that says of each recording what a function makes of its features; else how long it is."""

    def share_of_a_second(features):
        p = min(1.0, len(features) / 101)
        return [p, 1 - p]

    say = posterior or share_of_a_second
    about = {"task": "t", "corpus": "c", "system": "s", "variant": "v", "fold": 0, "seed": 0, "method": "network"}
    limits = {"max_heard_s": np.inf, "max_s": np.inf} | {k: v for k, v in changes.items() if k.startswith("max_")}
    return SavedModel(
        folder=folder,
        input_spec=InputSpec(**about, classes=classes, features=changes.get("features", MEL)),
        code="c0de",
        weights_sha256="abc",
        posteriors=lambda heard: np.array([say(heard[name]) for name in heard.utterances]),
        **limits,
    )


def noise(seconds, rate=16_000, channels=1):
    return 0.1 * np.random.default_rng(0).standard_normal((round(seconds * rate), channels)).clip(-3, 3)


@pytest.fixture
def say(tmp_path):
    """Writes a recording of some seconds."""

    def write(name, seconds=0.5, rate=16_000, channels=1, **how):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, noise(seconds, rate, channels), rate, **how)
        return path

    return write


def heard(files, *runs, threads=2):
    return list(predict_files(files, runs, feature_transform, threads=threads))


def test_recordings_come_in_the_order_of_the_files_whatever_the_threads(say, tmp_path):
    files = [say(f"{i}.wav", seconds) for i, seconds in enumerate([0.9, 0.1, 0.5, 0.3, 0.7])]
    for threads in (1, 3):
        found = heard([*files, files[0]], trained(tmp_path), threads=threads)
        assert [recording.path for recording in found] == [*files, files[0]]
        p = [recording.posterior[0] for recording in found]
        np.testing.assert_allclose(p, [0.9, 0.11, 0.505, 0.307, 0.703, 0.9], atol=0.005)
        assert [round(recording.duration_s, 3) for recording in found] == [0.9, 0.1, 0.5, 0.3, 0.7, 0.9]


def test_several_runs_are_averaged_class_by_class(say, tmp_path):
    runs = [
        trained(tmp_path, lambda _: [0.9, 0.1]),
        trained(tmp_path, lambda _: [0.2, 0.8], classes=CLASSES[::-1]),
        trained(tmp_path, lambda _: [0.1, 0.9]),
    ]
    (recording,) = heard([say("a.wav")], *runs)
    np.testing.assert_allclose(recording.posterior, [0.6, 0.4])
    table = as_table([recording], runs)
    assert table.loc[0, ["prediction", "n_models"]].tolist() == ["calm", 3]


def test_runs_of_other_classes_are_refused(say, tmp_path):
    runs = [trained(tmp_path / "one"), trained(tmp_path / "two", classes=("calm", "fear"))]
    with pytest.raises(InputError, match=r"two: has the classes calm, fear, expected those of .*one: calm, anger"):
        heard([say("a.wav")], *runs)


def test_features_are_made_once_for_all_runs_that_hear_the_same(say, tmp_path):
    made = []

    def counted(settings):
        return lambda waveforms: made.append(settings) or [np.zeros((3, settings.n_mels), np.float32)]

    other = MEL.model_copy(update={"n_mels": 10})
    runs = [trained(tmp_path), trained(tmp_path), trained(tmp_path, features=other)]
    list(predict_files([say("a.wav"), say("b.wav")], runs, counted, threads=1))
    assert sorted(settings.n_mels for settings in made) == [10, 10, 20, 20]


def test_chunks_change_nothing(say, tmp_path, monkeypatch):
    files = [say(f"{i}.wav", 0.1 * (i + 1)) for i in range(7)]
    files.insert(3, tmp_path / "missing.wav")
    whole = heard(files, trained(tmp_path))
    monkeypatch.setattr(recordings, "CHUNK_S", 0.35)
    for one, other in itertools.zip_longest(heard(files, trained(tmp_path)), whole):
        assert (one.path, one.fault) == (other.path, other.fault)
        assert one.posterior is other.posterior is None or (one.posterior == other.posterior).all()


def test_one_bad_file_does_not_lose_the_others(say, tmp_path):
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "none.wav").write_bytes(b"")
    soundfile.write(tmp_path / "silent.wav", np.zeros(8_000), 16_000)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    soundfile.write(tmp_path / "nan.wav", np.full(8_000, np.nan), 16_000, subtype="FLOAT")
    names = ["gone", "text", "none", "silent", "empty", "nan", "short"]
    say("short.wav", 0.01)
    files = [say("first.wav"), *(tmp_path / f"{name}.wav" for name in names), say("last.wav")]
    found = heard(files, trained(tmp_path))
    assert [recording.fault for recording in found] == [
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
    assert (found[0].posterior == found[-1].posterior).all()
    table = as_table(found, [trained(tmp_path)])
    assert table["n_models"].tolist() == [1] + 7 * [0] + [1]
    assert table["p_calm"].isna().tolist() == [False] + 7 * [True] + [False]
    rows = as_json(found, [trained(tmp_path)])["recordings"]
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


def test_when_no_file_can_be_heard_all_say_why(tmp_path):
    found = heard([tmp_path / "a.wav", tmp_path / "b.wav"], trained(tmp_path))
    assert [recording.fault for recording in found] == ["is missing", "is missing"]
    assert as_table(found, [trained(tmp_path)])["prediction"].tolist() == ["", ""]


def test_a_recording_too_long_to_be_heard_whole_is_refused_alone(say, tmp_path):
    found = heard([say("a.wav", 2.0), say("b.wav", 0.5)], trained(tmp_path, max_s=1.0), trained(tmp_path))
    assert [recording.fault for recording in found] == [
        "has 2.0 s, expected at most 1 s for a run that hears it whole",
        None,
    ]


def test_any_rate_and_any_channels_become_what_a_run_hears(say, tmp_path):
    frames = []
    run = trained(tmp_path, lambda features: frames.append(features.shape) or [1, 0])
    files = [
        say("a.wav", 1.0, 8_000),
        say("b.wav", 1.0, 48_000, 2),
        say("c.flac", 1.0, 44_100),
        say("d.ogg", 1.0, 22_050, 2),
        say("e.mp3", 1.0, 22_050, 2),
    ]
    assert [recording.fault for recording in heard(files, run)] == [None] * 5
    assert {n_bins for _, n_bins in frames} == {20}
    assert all(100 <= n_frames <= 106 for n_frames, _ in frames), "mp3 has some silence at its ends"


def test_a_recording_longer_than_is_decoded_at_once_says_so(say, tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "MAX_DURATION_S", 1.0)
    found = heard([say("a.wav", 1.5), say("b.wav", 1.0)], trained(tmp_path))
    assert found[0].fault.startswith("has 1.5 s in 1 channel(s) at 16,000 Hz to decode at once, where 1 s and")
    assert found[1].fault is None


def test_names_no_terminal_can_show_are_written_as_their_codes(say, tmp_path):
    files = [say("a\x1b[31m.wav"), tmp_path / "no_\udcff_utf8.wav"]
    found, run = heard(files, trained(tmp_path)), trained(tmp_path)
    names = [Path(name).name for name in as_table(found, [run])["file"]]
    assert names == ["a\\x1b[31m.wav", "no_\\udcff_utf8.wav"]
    assert [recording.fault for recording in found] == [None, "has a name that is no UTF-8"]
    json.dumps(as_json(found, [run]), ensure_ascii=False).encode("utf-8")


def test_of_a_folder_all_audio_below_it_is_heard_in_order(say, tmp_path):
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
    with pytest.raises(InputError, match=r"empty: has no audio below it, expected files ending in \.wav"):
        audio_files([tmp_path / "empty"])
