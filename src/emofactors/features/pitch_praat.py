"""F0 by the autocorrelation method of Praat, as the package parselmouth runs it."""

from math import ceil
from threading import Lock

import numpy as np
import parselmouth

from emofactors.features.pitch import check_track, hop_length_of

#: Periods of the lowest F0 in one window.
_PERIODS = 3

#: Praat keeps settings for the whole process, so that one thread at a time is inside.
_PRAAT = Lock()


def f0_praat(
    samples: np.ndarray, sample_rate_hz: int, *, hop_ms: float, min_hz: float, max_hz: float
) -> np.ndarray:
    """F0 of an utterance.

    Frame t is centered at sample t * hop_length, as in a spectrogram: silence surrounds the utterance, so
    that Praat's own frames, which it centers in what it hears, fall there. All else (thresholds of silence and
    voicing, costs of jumps) is Praat's standard, and a window holds three periods of ``min_hz``.

    Source: Boersma, Accurate short-term analysis of the fundamental frequency, 1993.

    Args:
        samples: mono, (n_samples,), of any length.
        sample_rate_hz: their rate.
        hop_ms: hop, rounded to samples.
        min_hz: lowest F0 that is looked for.
        max_hz: highest.

    Returns:
        F0 in Hz, 0 where unvoiced, float64, (T,) with T = 1 + n_samples // hop_length.

    Raises:
        ValueError: if the range is empty or reaches half the rate, or a sample is not finite.
    """
    check_track(samples, sample_rate_hz, min_hz, max_hz)
    hop_length = hop_length_of(sample_rate_hz, hop_ms)
    n_frames = 1 + len(samples) // hop_length
    # Half a window before the first center and after the last; a quarter of a hop more keeps rounding from
    # costing a frame, and is too little for another.
    reach = ceil(_PERIODS / min_hz * sample_rate_hz / 2 + hop_length / 4)
    heard = np.zeros(2 * reach + (n_frames - 1) * hop_length)
    kept = samples[: len(heard) - reach]
    heard[reach : reach + len(kept)] = kept
    with _PRAAT:
        pitch = parselmouth.Sound(heard, float(sample_rate_hz)).to_pitch_ac(
            time_step=hop_length / sample_rate_hz, pitch_floor=min_hz, pitch_ceiling=max_hz
        )
        return np.array(pitch.selected_array["frequency"])
