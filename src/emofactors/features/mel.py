"""Mel filters of Slaney's scale, as librosa's, which takes a second to import: it compiles its code with numba."""

import numpy as np

from emofactors.config.features import FeatureSettings

#: The scale is linear up to this frequency, with this many Hz per Mel.
_LINEAR_HZ, _HZ_PER_MEL = 1000.0, 200.0 / 3
_LINEAR_MEL = _LINEAR_HZ / _HZ_PER_MEL
#: Above it, 27 Mel are a factor of 6.4.
_LOG_STEP = np.log(6.4) / 27.0


def mel_filters(settings: FeatureSettings) -> np.ndarray:
    """Return the Mel filter bank of a ``log_mel``, float64, (n_mels, n_fft // 2 + 1).

    Each filter is a triangle with an area of 1 Hz. Equals ``librosa.filters.mel``; torchaudio's filters
    do not, because it rounds frequencies to float32, which moves the edges of narrow filters enough to
    change the fourth decimal of a dB.

    Source: Slaney, Auditory Toolbox, 1998.
    """
    assert settings.n_mels is not None  # true of every log_mel
    bins_hz = np.fft.rfftfreq(settings.n_fft, 1.0 / settings.sample_rate_hz)
    highest_hz = settings.sample_rate_hz / 2 if settings.f_max_hz is None else settings.f_max_hz
    edges_mel = np.linspace(_mel(settings.f_min_hz), _mel(highest_hz), settings.n_mels + 2)
    edges_hz = np.where(
        edges_mel < _LINEAR_MEL,
        _HZ_PER_MEL * edges_mel,
        _LINEAR_HZ * np.exp(_LOG_STEP * (edges_mel - _LINEAR_MEL)),
    )
    distances = edges_hz[:, None] - bins_hz  # (n_mels + 2, bins)
    widths = np.diff(edges_hz)[:, None]
    rising, falling = -distances[:-2] / widths[:-1], distances[2:] / widths[1:]
    triangles = np.maximum(0, np.minimum(rising, falling))  # (n_mels, bins)
    return triangles * (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]


def _mel(frequency_hz: float) -> float:
    """Convert a frequency to Slaney's Mel scale."""
    if frequency_hz < _LINEAR_HZ:
        return frequency_hz / _HZ_PER_MEL
    return _LINEAR_MEL + np.log(frequency_hz / _LINEAR_HZ) / _LOG_STEP
