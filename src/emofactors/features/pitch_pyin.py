"""F0 by probabilistic YIN from librosa: slower than Praat, with a permissive licence."""

from math import ceil, log2

import librosa
import numpy as np

from emofactors.features.pitch import check_tracker_input, hop_length_of

#: Periods of the lowest F0 in one window.
_PERIODS = 4


def f0_pyin(
    samples: np.ndarray, sample_rate_hz: int, *, hop_ms: float, min_hz: float, max_hz: float
) -> np.ndarray:
    """Track F0 of an utterance.

    Frame t is centered at sample t * hop_length, as in a spectrogram; the utterance is padded with
    silence. The window is the smallest power of two that holds four periods of ``min_hz``; all other
    parameters have librosa's defaults.

    Source: Mauch & Dixon, pYIN, ICASSP 2014.

    Args:
        samples: mono, (n_samples,), of any length.
        sample_rate_hz: rate of the samples.
        hop_ms: hop, rounded to samples.
        min_hz: lowest F0 of the search range.
        max_hz: highest F0 of the search range.

    Returns:
        F0 in Hz, 0 where unvoiced, float64, (T,) with T = 1 + n_samples // hop_length.

    Raises:
        ValueError: if the search range is empty or exceeds half the rate, or a sample is not finite.
    """
    check_tracker_input(samples, sample_rate_hz, min_hz, max_hz)
    hop_length = hop_length_of(sample_rate_hz, hop_ms)
    if len(samples) == 0:
        return np.zeros(1)
    f0_hz, voiced, _ = librosa.pyin(
        np.asarray(samples, dtype=np.float64),
        fmin=min_hz,
        fmax=max_hz,
        sr=sample_rate_hz,
        frame_length=2 ** ceil(log2(_PERIODS * sample_rate_hz / min_hz)),
        hop_length=hop_length,
        center=True,
        pad_mode="constant",
    )
    return np.where(voiced, f0_hz, 0.0)
