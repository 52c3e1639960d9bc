import logging

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from emofactors.errors import InputError
from emofactors.features import extract as extract_module
from emofactors.features.archive import FeatureArchive
from emofactors.features.extract import extract


def manifest_of(rows):
    return pd.DataFrame(rows, columns=["utterance", "path", "start_s", "end_s", "duration_s"])


@pytest.fixture
def corpus(tmp_path, speech_like):
    """Root and manifest of ten utterances of several rates, lengths, channels and codecs."""
    rows = []
    for i, sample_rate_hz in enumerate([8_000, 16_000, 22_050, 44_100, 48_000] * 2):
        duration_s = 0.3 + 0.37 * i
        samples = 0.5 * speech_like(i, round(duration_s * sample_rate_hz), sample_rate_hz)
        if i % 2:
            samples = np.stack([samples, 0.5 * samples], axis=1)
        path = f"{i:02d}.{'flac' if i % 3 == 0 else 'wav'}"
        soundfile.write(tmp_path / path, samples, sample_rate_hz)
        rows.append((f"u{i:02d}", path, np.nan, np.nan, duration_s))
    return tmp_path, manifest_of(rows)


def bytes_of(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_any_rate_and_channels_become_the_features_librosa_makes(corpus, log_mel):
    root, manifest = corpus
    extract(manifest, root, log_mel, root / "features", threads=2)
    archive = FeatureArchive(root / "features")
    assert archive.utterances == tuple(manifest["utterance"])
    for row in manifest.itertuples():
        waveform, _ = librosa.load(root / row.path, sr=16_000, mono=True)
        power = librosa.feature.melspectrogram(
            y=waveform,
            n_fft=1_024,
            win_length=640,
            hop_length=160,
            window="hamming",
            pad_mode="reflect",
            sr=16_000,
        )
        expected = librosa.power_to_db(power).T
        # Resampled length may differ by a sample: the last frames reflect another end.
        n_frames = min(archive.n_frames(row.utterance), len(expected))
        assert abs(archive.n_frames(row.utterance) - len(expected)) <= 1
        difference = np.abs(archive[row.utterance][: n_frames - 5] - expected[: n_frames - 5])
        assert difference.max() < 1e-2  # at the edge of the resampler's stopband; elsewhere far less
        assert np.median(difference) < 1e-4


@pytest.mark.parametrize("kind", ["log_mel", "log_stft"])
def test_threads_do_not_change_a_byte(request, kind, corpus, monkeypatch):
    monkeypatch.setattr(extract_module, "GROUP_S", 1.5)
    root, manifest = corpus
    settings = request.getfixturevalue(kind)
    threads_of_torch = torch.get_num_threads()
    for threads in (1, 2, 5):
        extract(manifest, root, settings, root / f"features{threads}", threads)
    assert torch.get_num_threads() == threads_of_torch
    one = bytes_of(root / "features1")
    assert set(one) == {"index.csv", "shard000.npy"}
    assert bytes_of(root / "features2") == one
    assert bytes_of(root / "features5") == one


@pytest.mark.parametrize("sample_rate_hz", [16_000, 44_100])
def test_a_segment_equals_the_same_audio_in_a_file_of_its_own(tmp_path, speech_like, log_mel, sample_rate_hz):
    recording = speech_like(4, 6 * sample_rate_hz, sample_rate_hz)
    soundfile.write(tmp_path / "long.wav", recording, sample_rate_hz, subtype="FLOAT")
    segments = {"first": (0.0, 1.25), "inner": (2.1234, 3.987), "last": (5.0, 6.0)}
    rows = []
    for name, (start_s, end_s) in segments.items():
        part = recording[round(start_s * sample_rate_hz) : round(end_s * sample_rate_hz)]
        soundfile.write(tmp_path / f"{name}.wav", part, sample_rate_hz, subtype="FLOAT")
        rows.append((f"{name} as segment", "long.wav", start_s, end_s, end_s - start_s))
        rows.append((f"{name} as file", f"{name}.wav", np.nan, np.nan, end_s - start_s))
    extract(manifest_of(rows), tmp_path, log_mel, tmp_path / "features", threads=1)
    archive = FeatureArchive(tmp_path / "features")
    for name in segments:
        np.testing.assert_allclose(archive[f"{name} as segment"], archive[f"{name} as file"], atol=1e-4)


def test_groups_hold_neighbours_up_to_their_limit(monkeypatch, corpus):
    monkeypatch.setattr(extract_module, "GROUP_S", 4.0)
    _, manifest = corpus
    utterances = [
        extract_module._Utterance(row.utterance, row.path, None, None, row.duration_s)
        for row in manifest.itertuples()
    ]
    groups = list(extract_module._groups(utterances))
    assert [utterance for group in groups for utterance in group] == utterances
    assert len(groups) > 2
    assert all(sum(u.duration_s for u in group) <= 4.0 for group in groups if len(group) > 1)


def test_an_interrupted_extraction_leaves_nothing(corpus, log_mel, monkeypatch):
    monkeypatch.setattr(extract_module, "GROUP_S", 1.0)
    root, manifest = corpus
    before = set(root.iterdir())
    transform, calls = extract_module.log_spectrograms, []

    def interrupted(waveforms, settings):
        calls.append(len(waveforms))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return transform(waveforms, settings)

    monkeypatch.setattr(extract_module, "log_spectrograms", interrupted)
    with pytest.raises(KeyboardInterrupt):
        extract(manifest, root, log_mel, root / "features", threads=1)
    assert set(root.iterdir()) == before


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.full(16_000, np.nan), r"bad\.wav: features of utterance 'bad' are not finite"),
        (np.r_[np.ones(8_000), np.inf, np.ones(8_000)], r"bad\.wav: features of utterance 'bad' are not finite"),
        (np.ones(320), r"bad\.wav: utterance 'bad' has 320 samples at 16000 Hz, expected at least 321"),
        (np.ones(0), r"bad\.wav: utterance 'bad' has 0 samples"),
        (None, r"bad\.wav: is missing"),
    ],
)
def test_bad_audio_is_named(corpus, log_mel, samples, message):
    root, manifest = corpus
    if samples is not None:
        soundfile.write(root / "bad.wav", samples, 16_000, subtype="FLOAT")
    rows = pd.concat([manifest, manifest_of([("bad", "bad.wav", np.nan, np.nan, 1.0)])])
    with pytest.raises(InputError, match=message):
        extract(rows, root, log_mel, root / "features", threads=2)
    assert not (root / "features").exists()


def test_digital_silence_is_the_floor(tmp_path, log_mel):
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    manifest = manifest_of([("silent", "silent.wav", np.nan, np.nan, 1.0)])
    extract(manifest, tmp_path, log_mel, tmp_path / "features", threads=1)
    np.testing.assert_allclose(FeatureArchive(tmp_path / "features")["silent"], -100)


def test_progress_is_said(corpus, log_mel, monkeypatch, caplog):
    monkeypatch.setattr(extract_module, "PROGRESS_S", 0.0)
    monkeypatch.setattr(extract_module, "GROUP_S", 1.0)
    root, manifest = corpus
    with caplog.at_level(logging.INFO):
        extract(manifest, root, log_mel, root / "features", threads=1)
    assert "features of 10 of 10 utterances" in caplog.text
    assert "features of 10 utterances, 0.01 h" in caplog.text
