"""Augmented copies of a waveform: with noise, moved in time, played at another speed."""

import hashlib

import numpy as np
import soxr

from emofactors.config.tasks import AugmentationSettings
from emofactors.corpora.augmentations import copy_name


def augmented(samples: np.ndarray, utterance: str, kind: str, settings: AugmentationSettings) -> np.ndarray:
    """One copy of an utterance.

    What is drawn follows from the seed, the utterance's name and the kind alone: neither the order
    of a corpus nor the other copies change it.

    ``noise`` adds white Gaussian noise; the speech's power is the mean over the whole utterance,
    pauses too. ``shift`` moves the speech later, or earlier for a negative fraction: the length
    stays, the vacated part is silent, what passes an end is lost. ``speed`` plays it faster or
    slower, pitch and all; a slowed copy has nothing at the top of the band, as nothing above it
    was recorded.

    A copy is transformed, never stored as audio, so that noise may leave [-1, 1]: clipping would
    distort loud speech more than soft.

    Args:
        samples: mono float32 in [-1, 1] at any rate, (n_samples,).
        utterance: its name.
        kind: ``noise``, ``shift`` or ``speed``.
        settings: the ranges that are drawn from, and the seed.

    Returns:
        Mono float32 at the same rate, (n_samples,); of ``speed`` n_samples / factor.
    """
    generator = _generator(copy_name(utterance, kind), settings.seed)
    match kind:
        case "noise":
            return _with_noise(samples, generator.uniform(*settings.noise_snr_db), generator)
        case "shift":
            return _shifted(samples, round(generator.uniform(*settings.shift) * len(samples)))
        case "speed":
            return _played_at(samples, generator.uniform(*settings.speed))
    raise ValueError(f"a copy of kind {kind!r} is unknown, expected noise, shift or speed")


def _generator(copy: str, seed: int) -> np.random.Generator:
    """Generator of one copy's draws."""
    digest = hashlib.sha256(f"{seed} {copy}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _with_noise(samples: np.ndarray, snr_db: float, generator: np.random.Generator) -> np.ndarray:
    """Samples and white Gaussian noise, ``snr_db`` below them."""
    power = np.mean(np.square(samples, dtype=np.float64))
    std = np.sqrt(power / 10 ** (snr_db / 10))
    return samples + np.float32(std) * generator.standard_normal(len(samples), dtype=np.float32)


def _shifted(samples: np.ndarray, n_later: int) -> np.ndarray:
    """Samples moved ``n_later`` later, or earlier if it is negative."""
    shifted = np.zeros_like(samples)
    if n_later >= 0:
        shifted[n_later:] = samples[: len(samples) - n_later]
    else:
        shifted[:n_later] = samples[-n_later:]
    return shifted


def _played_at(samples: np.ndarray, speed: float) -> np.ndarray:
    """Samples played ``speed`` times as fast: taken for a recording at so many times the rate, and resampled."""
    return soxr.resample(samples, speed, 1.0, quality="HQ")
