"""The published kinds of features and of copies, as their files say, and signals like speech."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from emofactors.config.features import features_of
from emofactors.config.tasks import AugmentationSettings

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
def log_stft():
    return settings_by_name("log_stft_513")


@pytest.fixture
def log_mel_image():
    return settings_by_name("log_mel_128x128")


@pytest.fixture
def log_mel_grey():
    return settings_by_name("log_mel_128xt")


@pytest.fixture
def augmentation():
    return AugmentationSettings(**documented("augmentations/noise_shift_speed.yaml"))


@pytest.fixture
def speech_like():
    """Function of seed, length and rate: a gliding voice with syllables, a digital pause and little noise."""

    def make(seed, n_samples, sample_rate_hz=16_000):
        generator = np.random.default_rng(seed)
        time_s = np.arange(n_samples) / sample_rate_hz
        f0_hz = 150 + 40 * np.sin(2 * np.pi * 0.7 * time_s + seed)
        phase = 2 * np.pi * np.cumsum(f0_hz) / sample_rate_hz
        voice = sum(np.sin(k * phase) / k**1.5 for k in range(1, 20))
        syllables = np.clip(np.sin(2 * np.pi * 3 * time_s + seed), 0, None)
        noise = 1e-3 * generator.standard_normal(n_samples)
        samples = 0.2 * voice * syllables + noise
        samples[n_samples // 2 : n_samples // 2 + n_samples // 8] = 0
        return samples.astype(np.float32)

    return make


@pytest.fixture
def log_mel_80():
    return settings_by_name("log_mel_80")


@pytest.fixture(params=["f0", "f0_pyin"])
def f0(request):
    return settings_by_name(request.param)
