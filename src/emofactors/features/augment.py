"""Augmented copies of a waveform: additive noise, time shift, change of speed."""

import hashlib

import numpy as np
import soxr

from emofactors.config.augmentations import AugmentationSettings
from emofactors.corpora.augmentations import copy_name


def augmented(samples: np.ndarray, utterance: str, kind: str, settings: AugmentationSettings) -> np.ndarray:
    """Return one augmented copy of an utterance.

    The random draws depend on the seed, the utterance's name and the kind only, not on the order
    of the corpus or on other copies.

    ``noise`` adds white Gaussian noise at an SNR relative to the mean power of the whole utterance,
    pauses included. ``shift`` moves the speech later, or earlier for a negative fraction: the length
    stays the same, the vacated part is silent, and samples beyond an end are lost. ``speed`` plays it
    faster or slower and changes pitch as well; the top of a slowed copy's band is empty, because the
    original has nothing above it.

    Copies are transformed and never stored as audio, so noisy samples may leave [-1, 1]: clipping
    would distort loud speech more than soft speech.

    Args:
        samples: mono float32 in [-1, 1] at any rate, (n_samples,).
        utterance: name of the utterance.
        kind: ``noise``, ``shift`` or ``speed``.
        settings: ranges of the draws, and the seed.

    Returns:
        Mono float32 at the same rate, (n_samples,); for ``speed``, n_samples / factor.

    Raises:
        ValueError: if the kind is unknown.
    """
    generator = _generator(copy_name(utterance, kind), settings.seed)
    match kind:
        case "noise":
            return _with_noise(samples, generator.uniform(*settings.noise_snr_db), generator)
        case "shift":
            return _shifted(samples, round(generator.uniform(*settings.shift) * len(samples)))
        case "speed":
            # Resample as if the recording had ``speed`` times the rate.
            return soxr.resample(samples, generator.uniform(*settings.speed), 1.0, quality="HQ")
    raise ValueError(f"augmentation kind is {kind!r}, expected noise, shift or speed")


def _generator(copy: str, seed: int) -> np.random.Generator:
    """Random generator of one copy."""
    digest = hashlib.sha256(f"{seed} {copy}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest, "big"))


def _with_noise(samples: np.ndarray, snr_db: float, generator: np.random.Generator) -> np.ndarray:
    """Samples plus white Gaussian noise at the given SNR."""
    power = np.mean(np.square(samples, dtype=np.float64))
    std = np.sqrt(power / 10 ** (snr_db / 10))
    return samples + np.float32(std) * generator.standard_normal(len(samples), dtype=np.float32)


def _shifted(samples: np.ndarray, n_later: int) -> np.ndarray:
    """Samples moved ``n_later`` samples later, or earlier if negative."""
    shifted = np.zeros_like(samples)
    if n_later >= 0:
        shifted[n_later:] = samples[: len(samples) - n_later]
    else:
        shifted[:n_later] = samples[-n_later:]
    return shifted
