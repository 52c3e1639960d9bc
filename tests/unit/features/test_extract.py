import logging
from concurrent.futures import ThreadPoolExecutor

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from emofactors.corpora.audio import read_waveform
from emofactors.corpora.augmentations import copy_name
from emofactors.errors import InputError
from emofactors.features import extract as extract_module
from emofactors.features import feature_transform
from emofactors.features.archive import FeatureArchive
from emofactors.features.audio import resampled
from emofactors.features.augment import augmented
from emofactors.features.extract import extract, map_in_order
from emofactors.features.spectrogram import log_spectrograms


def bytes_of(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_any_rate_and_channels_give_the_features_of_librosa(corpus, log_mel):
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
        # Resampled lengths may differ by a sample, so the reflections in the last frames differ.
        n_frames = min(archive.n_frames(row.utterance), len(expected))
        assert abs(archive.n_frames(row.utterance) - len(expected)) <= 1
        difference = np.abs(archive[row.utterance][: n_frames - 5] - expected[: n_frames - 5])
        assert difference.max() < 1e-2  # at the edge of the resampler's stopband; elsewhere far less
        assert np.median(difference) < 1e-4


@pytest.mark.parametrize("copies", [False, True])
@pytest.mark.parametrize("kind", ["log_mel", "log_stft", "log_mel_image"])
def test_bytes_do_not_depend_on_threads(request, kind, copies, corpus, monkeypatch):
    monkeypatch.setattr(extract_module, "GROUP_S", 1.5)
    root, manifest = corpus
    settings = request.getfixturevalue(kind)
    augmentation = request.getfixturevalue("augmentation") if copies else None
    threads_before = torch.get_num_threads()
    for threads in (1, 2, 5):
        extract(manifest, root, settings, root / f"features{threads}", threads, augmentation=augmentation)
    assert torch.get_num_threads() == threads_before
    one = bytes_of(root / "features1")
    assert set(one) == {"index.csv", "shard000.npy"}
    assert bytes_of(root / "features2") == one
    assert bytes_of(root / "features5") == one


@pytest.mark.parametrize(
    "name", ["log_mel_128", "log_mel_40", "log_stft_513", "log_mel_128x128", "functionals", "f0"]
)
def test_features_do_not_depend_on_neighbours(corpus, settings_of, name, monkeypatch):
    """The features of a shard must not depend on the rest of the corpus."""
    root, manifest = corpus
    settings = settings_of(name)
    longest_s = manifest["duration_s"].max()
    archives = []
    for group_s, rows in [(0.0, manifest), (7.5, manifest), (100.0, manifest[::-1])]:
        monkeypatch.setattr(extract_module, "GROUP_S", group_s)
        folder = root / f"features{group_s}"
        extract(rows, root, settings, folder, 1, longest_s=longest_s, transform=feature_transform(settings))
        archives.append(FeatureArchive(folder))
    for utterance in manifest["utterance"]:
        alone, *others = (archive[utterance] for archive in archives)
        for other in others:
            np.testing.assert_array_equal(alone, other)


def test_shard_is_padded_to_the_longest_of_the_corpus(corpus, log_mel_image):
    root, manifest = corpus
    settings = log_mel_image.model_copy(update={"image_frames": None})
    longest_s = manifest["duration_s"].max()
    extract(manifest, root, settings, root / "whole", threads=1)
    extract(manifest[:4], root, settings, root / "shard", threads=1, longest_s=longest_s)
    whole, shard = FeatureArchive(root / "whole"), FeatureArchive(root / "shard")
    assert len(shard.utterances) == 4
    for utterance in shard.utterances:
        np.testing.assert_array_equal(shard[utterance], whole[utterance])


@pytest.mark.parametrize("kind", ["log_mel", "log_mel_image"])
def test_shard_without_utterances_is_an_empty_archive(request, corpus, kind):
    root, manifest = corpus
    extract(manifest[:0], root, request.getfixturevalue(kind), root / "none", threads=2)
    assert bytes_of(root / "none") == {"index.csv": b"utterance,shard,offset,n_frames\n"}


def test_copies_have_the_features_of_augmented_audio(corpus, log_mel, augmentation):
    root, manifest = corpus
    extract(manifest, root, log_mel, root / "copies", threads=2, augmentation=augmentation)
    archive = FeatureArchive(root / "copies")
    kinds = ("noise", "shift", "speed")
    assert archive.utterances == tuple(copy_name(u, kind) for u in manifest["utterance"] for kind in kinds)
    for row in manifest.itertuples():
        samples = resampled(read_waveform(root / row.path), 16_000).samples
        for kind in kinds:
            (expected,) = log_spectrograms([augmented(samples, row.utterance, kind, augmentation)], log_mel)
            np.testing.assert_allclose(archive[copy_name(row.utterance, kind)], expected, atol=1e-3)


def test_settings_choose_and_order_the_kinds_of_copies(corpus, log_mel, augmentation):
    root, manifest = corpus
    chosen = augmentation.model_copy(update={"copies": ("speed", "noise")})
    extract(manifest[:3], root, log_mel, root / "copies", threads=1, augmentation=chosen)
    names = ["u00~speed", "u00~noise", "u01~speed", "u01~noise", "u02~speed", "u02~noise"]
    assert FeatureArchive(root / "copies").utterances == tuple(names)


def test_recording_is_read_once_for_all_copies(corpus, log_mel, augmentation, monkeypatch):
    root, manifest = corpus
    read, paths = extract_module.read_waveform, []

    def counted(path, *segment):
        paths.append(path)
        return read(path, *segment)

    monkeypatch.setattr(extract_module, "read_waveform", counted)
    extract(manifest, root, log_mel, root / "copies", threads=1, augmentation=augmentation)
    assert paths == [root / path for path in manifest["path"]]


def test_images_have_one_size_and_grey_values(corpus, log_mel_image, augmentation):
    root, manifest = corpus
    extract(manifest, root, log_mel_image, root / "originals", threads=2)
    extract(manifest, root, log_mel_image, root / "copies", threads=2, augmentation=augmentation)
    archive = FeatureArchive(root / "originals", root / "copies")
    assert len(archive.utterances) == 40
    for utterance in archive.utterances:
        assert archive[utterance].shape == (128, 128)
        assert archive[utterance].min() == 0
        assert archive[utterance].max() == 1


def test_originals_and_copies_are_padded_to_the_longest_original(corpus, log_mel_image, augmentation):
    root, manifest = corpus
    settings = log_mel_image.model_copy(update={"image_frames": None})
    slowed = augmentation.model_copy(update={"copies": ("shift", "speed"), "speed": (0.9, 0.9)})
    extract(manifest, root, settings, root / "originals", threads=1)
    extract(manifest, root, settings, root / "copies", threads=1, augmentation=slowed)
    archive = FeatureArchive(root / "originals", root / "copies")
    longest = 1 + round(manifest["duration_s"].max() * 16_000) // 80
    frames = {utterance: archive.n_frames(utterance) for utterance in archive.utterances}
    assert frames.pop("u09~speed") == pytest.approx(longest / 0.9, abs=1)
    assert len(frames) == 29
    assert set(frames.values()) == {longest}


@pytest.mark.parametrize("sample_rate_hz", [16_000, 44_100])
def test_segment_of_a_file_equals_a_file_of_the_segment(
    tmp_path, speech_like, log_mel, sample_rate_hz, manifest_of
):
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


def test_groups_hold_neighbours_up_to_the_limit(monkeypatch, corpus):
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


def test_interrupted_extraction_leaves_no_files(corpus, log_mel, monkeypatch):
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
def test_bad_audio_is_refused(corpus, log_mel, samples, message, manifest_of):
    root, manifest = corpus
    if samples is not None:
        soundfile.write(root / "bad.wav", samples, 16_000, subtype="FLOAT")
    rows = pd.concat([manifest, manifest_of([("bad", "bad.wav", np.nan, np.nan, 1.0)])])
    with pytest.raises(InputError, match=message):
        extract(rows, root, log_mel, root / "features", threads=2)
    assert not (root / "features").exists()


def test_too_short_copy_is_refused(tmp_path, log_mel, augmentation, manifest_of):
    soundfile.write(tmp_path / "short.wav", 0.1 * np.ones(325), 16_000)
    manifest = manifest_of([("short", "short.wav", np.nan, np.nan, 325 / 16_000)])
    fast = augmentation.model_copy(update={"speed": (1.1, 1.1)})
    extract(manifest, tmp_path, log_mel, tmp_path / "features", threads=1)
    message = r"short\.wav: utterance 'short~speed' has 295 samples at 16000 Hz, expected at least 321"
    with pytest.raises(InputError, match=message):
        extract(manifest, tmp_path, log_mel, tmp_path / "copies", threads=1, augmentation=fast)
    assert not (tmp_path / "copies").exists()


def test_digital_silence_has_the_lowest_level(tmp_path, log_mel, manifest_of):
    soundfile.write(tmp_path / "silent.wav", np.zeros(16_000), 16_000)
    manifest = manifest_of([("silent", "silent.wav", np.nan, np.nan, 1.0)])
    extract(manifest, tmp_path, log_mel, tmp_path / "features", threads=1)
    np.testing.assert_allclose(FeatureArchive(tmp_path / "features")["silent"], -100)


def test_progress_is_logged(corpus, log_mel, monkeypatch, caplog):
    monkeypatch.setattr(extract_module, "PROGRESS_S", 0.0)
    monkeypatch.setattr(extract_module, "GROUP_S", 1.0)
    root, manifest = corpus
    with caplog.at_level(logging.INFO):
        extract(manifest, root, log_mel, root / "features", threads=1)
    assert "features of 10 of 10 utterances" in caplog.text
    assert "features of 10 utterances, 0.01 h" in caplog.text


def test_progress_names_the_kinds_of_copies(corpus, log_mel, augmentation, caplog):
    root, manifest = corpus
    with caplog.at_level(logging.INFO):
        extract(manifest, root, log_mel, root / "copies", threads=1, augmentation=augmentation)
    assert "features of 10 utterances' copies (noise, shift, speed), 0.01 h" in caplog.text


def test_f0_has_the_frames_of_its_spectrogram_for_any_threads(corpus, log_mel_80, f0, monkeypatch):
    monkeypatch.setattr(extract_module, "GROUP_S", 1.5)
    root, manifest = corpus
    extract(manifest, root, log_mel_80, root / "mel", threads=2)
    for threads in (1, 3):
        extract(manifest, root, f0, root / f"f0_{threads}", threads, transform=feature_transform(f0))
    assert bytes_of(root / "f0_1") == bytes_of(root / "f0_3")
    mel, tracks = FeatureArchive(root / "mel"), FeatureArchive(root / "f0_1")
    assert tracks.n_bins == 1
    assert tracks.utterances == mel.utterances
    assert [tracks.n_frames(u) for u in mel.utterances] == [mel.n_frames(u) for u in mel.utterances]
    voiced = np.concatenate([tracks[u][tracks[u] > 0] for u in tracks.utterances])
    assert 110 <= np.median(voiced) <= 190  # the voice glides from 110 to 190 Hz


def test_f0_of_audio_that_is_not_finite_is_refused(corpus_with_nan, f0):
    root, manifest = corpus_with_nan
    with pytest.raises(InputError, match=r"bad\.wav: features of utterance 'bad' are not finite"):
        extract(manifest, root, f0, root / "features", threads=2, transform=feature_transform(f0))


def test_results_come_in_order_with_a_bounded_number_of_calls_ahead():
    submitted = []

    def items():
        for i in range(20):
            submitted.append(i)
            yield i

    with ThreadPoolExecutor(3) as pool:
        for i, result in enumerate(map_in_order(pool, lambda i: i**2, items(), ahead=4)):
            assert result == i**2
            assert len(submitted) <= i + 5
    assert len(submitted) == 20
