"""Resynthesis of log-Mel spectrograms for listening, without a trained vocoder."""

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torchaudio.functional import griffinlim

from emofactors.config.features import FeatureSettings
from emofactors.features.mel import mel_filters

#: Iterations and momentum of Griffin and Lim's method, at their usual values.
ITERATIONS = 64
MOMENTUM = 0.99

#: Multiplicative updates of the linear magnitudes.
_UPDATES = 200


def invert_mel(log_mel: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """Return samples whose log-Mel spectrogram is near the given one.

    Undoes scale and logarithm, then estimates non-negative magnitudes of the transform that the
    features' Mel filters sum to the given values; the pseudo-inverse of the filters, and torchaudio's
    ``InverseMelScale``, give negative ones and clip them. Phases come from Griffin and Lim's method,
    initialised with zeros, so that the result is deterministic. A high-pass filter is not undone.

    Source: Griffin & Lim 1984; Perraudin et al. 2013 for the momentum; Lee & Seung 2001 for the updates.

    Args:
        log_mel: spectrogram in the unit of ``settings``, float32, (T, n_mels), T at least 2.
        settings: of a ``log_mel``; scale, logarithm, filters and frames are used.

    Returns:
        Samples at ``settings.sample_rate_hz`` at the original level, float32, ((T - 1) * hop_length,).

    Raises:
        ValueError: if the spectrogram does not have the settings' bands, or is not finite.
    """
    if log_mel.ndim != 2 or log_mel.shape[1] != settings.n_mels or len(log_mel) < 2:
        raise ValueError(
            f"spectrogram has shape {log_mel.shape}, expected (T, {settings.n_mels}) with T at least 2"
        )
    if not np.isfinite(log_mel).all():
        raise ValueError("spectrogram is not finite, expected finite values")
    mel = _linear_mel(torch.from_numpy(log_mel.astype(np.float64)), settings)
    windows = {"hamming": torch.hamming_window, "hann": torch.hann_window}
    samples = griffinlim(
        _magnitudes(mel, settings).T.float(),
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


def scale_to_peak(samples: np.ndarray, peak: float = 0.9) -> np.ndarray:
    """Scale samples so that the largest magnitude is ``peak``; silence stays silent."""
    largest = np.abs(samples).max(initial=0.0)
    return samples if largest == 0 else (samples * (peak / largest)).astype(np.float32)


def _linear_mel(log_mel: Tensor, settings: FeatureSettings) -> Tensor:
    """Outputs of the Mel filters, (T, n_mels): scale and logarithm undone."""
    if settings.scale_db is not None:
        low, high = settings.scale_db
        log_mel = low + log_mel.clamp(0, 1) * (high - low)
    return 10 ** (log_mel * settings.exponent / 20)


def _magnitudes(mel: Tensor, settings: FeatureSettings) -> Tensor:
    """Non-negative magnitudes (T, n_fft // 2 + 1) that the filters sum to ``mel`` (T, n_mels).

    Multiplicative updates preserve signs and leave bins outside all filters at 0. They start from the filters'
    shapes, so that neighbouring bins differ no more than the sums require.
    """
    filters = _filters(settings)  # (n_mels, bins)
    target = mel @ filters
    estimate = target
    for _ in range(_UPDATES):
        estimate = estimate * target / ((estimate @ filters.T) @ filters).clamp_min(1e-30)
    return estimate if settings.exponent == 1 else estimate.sqrt()


@cache
def _filters(settings: FeatureSettings) -> Tensor:
    return torch.from_numpy(mel_filters(settings))
