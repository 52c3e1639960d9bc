"""Log-Mel spectrograms made sound again: not as a vocoder would, but so that one hears what is left in them."""

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import griffinlim

from emofactors.config.features import FeatureSettings
from emofactors.features.spectrogram import mel_filters

#: Steps of Griffin and Lim's method, and how fast they go on from the one before: the usual ones.
ITERATIONS = 64
MOMENTUM = 0.99

#: Steps towards magnitudes that the filters would sum up to the given ones.
_STEPS = 200


def invert_mel(log_mel: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """Samples whose log-Mel spectrogram is near the given one.

    Scale and logarithm are undone. Magnitudes of the transform are then sought that are nowhere negative and
    that the features' own filters sum up to these; the pseudo-inverse of the filters, and torchaudio's
    ``InverseMelScale``, would have negative ones, and cut them. Phases are found by Griffin and Lim's method, from
    zero phases, so that the same spectrogram gives the same sound. What a high-pass filter took away stays away.

    Source: Griffin & Lim 1984; Perraudin et al. 2013 for the momentum; Lee & Seung 2001 for the steps.

    Args:
        log_mel: spectrogram in the unit of ``settings``, float32, (T, n_mels), T at least 2.
        settings: of a ``log_mel``, of which nothing but scale, logarithm, filters and frames matters.

    Returns:
        Samples at ``settings.sample_rate_hz``, float32, ((T - 1) * hop_length,), as loud as they were.

    Raises:
        ValueError: if the spectrogram does not have the settings' bands, or is not finite.
    """
    if log_mel.ndim != 2 or log_mel.shape[1] != settings.n_mels or len(log_mel) < 2:
        raise ValueError(
            f"spectrogram has shape {log_mel.shape}, expected (T, {settings.n_mels}) with T from 2 on"
        )
    if not np.isfinite(log_mel).all():
        raise ValueError("spectrogram is not finite, expected finite values")
    summed = _summed(torch.from_numpy(log_mel.astype(np.float64)), settings)
    windows = {"hamming": torch.hamming_window, "hann": torch.hann_window}
    samples = griffinlim(
        _magnitudes(summed, settings).T.float(),
        window=windows[settings.window](settings.win_length, periodic=True),
        n_fft=settings.n_fft,
        hop_length=settings.hop_length,
        win_length=settings.win_length,
        power=1.0,
        n_iter=ITERATIONS,
        momentum=MOMENTUM,
        length=None,
        rand_init=False,
    )
    return samples.numpy()


def at_peak(samples: np.ndarray, peak: float = 0.9) -> np.ndarray:
    """Samples scaled so that the largest is at ``peak``; silence stays silent."""
    largest = np.abs(samples).max(initial=0.0)
    return samples if largest == 0 else (samples * (peak / largest)).astype(np.float32)


def _summed(log_mel: Tensor, settings: FeatureSettings) -> Tensor:
    """What the filters summed up to, (T, n_mels): scale and logarithm undone."""
    if settings.scale_db is not None:
        low, high = settings.scale_db
        log_mel = low + log_mel.clamp(0, 1) * (high - low)
    return 10 ** (log_mel * settings.exponent / 20)


def _magnitudes(summed: Tensor, settings: FeatureSettings) -> Tensor:
    """Magnitudes (T, n_fft // 2 + 1) that filters sum up to ``summed`` (T, n_mels), and nowhere negative.

    Multiplicative steps keep signs, and bins that no filter hears at 0. They begin with the filters' shapes, so
    that neighbours differ no more than the sums ask for.
    """
    filters = _filters(settings)  # (n_mels, bins)
    target = summed @ filters
    found = target
    for _ in range(_STEPS):
        found = found * target / ((found @ filters.T) @ filters).clamp_min(1e-30)
    return found if settings.exponent == 1 else found.sqrt()


@cache
def _filters(settings: FeatureSettings) -> Tensor:
    return torch.from_numpy(mel_filters(settings))
