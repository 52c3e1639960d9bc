"""Settings of the published features and augmentations, speech-like signals, and a small corpus of them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import yaml

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.features import features_of
from emofactors.features.archive import ArchiveWriter, FeatureArchive

CONFIG = Path(__file__).parents[3] / "config"


def documented(file):
    content = yaml.safe_load((CONFIG / file).read_text(encoding="utf-8"))
    return {key: value for key, (value, _) in (content["published"] | content["assumed"]).items()}


def settings_by_name(name):
    return features_of(documented(f"features/{name}.yaml"))


@pytest.fixture
def settings_of():
    """Function of a name below config/features: its settings."""
    return settings_by_name


@pytest.fixture
def log_mel():
    return settings_by_name("log_mel_128")


@pytest.fixture
def log_mel_80():
    return settings_by_name("log_mel_80")


@pytest.fixture
def log_stft():
    return settings_by_name("log_stft_513")


@pytest.fixture
def log_mel_image():
    return settings_by_name("log_mel_128x128")


@pytest.fixture
def log_mel_grey():
    return settings_by_name("log_mel_128xt")


@pytest.fixture(params=["f0", "f0_pyin"])
def f0(request):
    return settings_by_name(request.param)


@pytest.fixture
def augmentation():
    return AugmentationSettings(**documented("augmentations/noise_shift_speed.yaml"))


def voice(seed, n_samples, sample_rate_hz=16_000):
    generator = np.random.default_rng(seed)
    time_s = np.arange(n_samples) / sample_rate_hz
    f0_hz = 150 + 40 * np.sin(2 * np.pi * 0.7 * time_s + seed)
    phase = 2 * np.pi * np.cumsum(f0_hz) / sample_rate_hz
    harmonics = sum(np.sin(k * phase) / k**1.5 for k in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 3 * time_s + seed), 0, None)
    noise = 1e-3 * generator.standard_normal(n_samples)
    samples = 0.2 * harmonics * syllables + noise
    samples[n_samples // 2 : n_samples // 2 + n_samples // 8] = 0
    return samples.astype(np.float32)


@pytest.fixture
def speech_like():
    """Function of seed, length and rate: a gliding voice with syllables, a digital pause and little noise."""
    return voice


@pytest.fixture
def manifest_of():
    """Function of rows (utterance, path, start_s, end_s, duration_s): their manifest."""
    return lambda rows: pd.DataFrame(rows, columns=["utterance", "path", "start_s", "end_s", "duration_s"])


@pytest.fixture
def corpus(tmp_path, manifest_of):
    """Root and manifest of ten utterances of several rates, lengths, channels and codecs."""
    rows = []
    for i, sample_rate_hz in enumerate([8_000, 16_000, 22_050, 44_100, 48_000] * 2):
        duration_s = 0.3 + 0.37 * i
        samples = 0.5 * voice(i, round(duration_s * sample_rate_hz), sample_rate_hz)
        if i % 2:
            samples = np.stack([samples, 0.5 * samples], axis=1)
        path = f"{i:02d}.{'flac' if i % 3 == 0 else 'wav'}"
        soundfile.write(tmp_path / path, samples, sample_rate_hz)
        rows.append((f"u{i:02d}", path, np.nan, np.nan, duration_s))
    return tmp_path, manifest_of(rows)


@pytest.fixture
def corpus_with_nan(corpus, manifest_of):
    """The same with an eleventh utterance, ``bad``, of NaN only."""
    root, manifest = corpus
    soundfile.write(root / "bad.wav", np.full(16_000, np.nan), 16_000, subtype="FLOAT")
    return root, pd.concat([manifest, manifest_of([("bad", "bad.wav", np.nan, np.nan, 1.0)])])


@pytest.fixture
def archive_of():
    """Function of a folder and features by utterance, (T, F) each: their archive."""

    def make(folder, features, **settings):
        n_bins = next(iter(features.values())).shape[1]
        with ArchiveWriter(folder, n_bins, **settings) as writer:
            for utterance, frames in features.items():
                writer.add(utterance, frames.astype(np.float32))
        return FeatureArchive(folder)

    return make
