"""F0 by Praat's autocorrelation method, computed by the package parselmouth."""

from math import ceil
from threading import Lock

import numpy as np
import parselmouth

from emofactors.features.pitch import check_tracker_input, hop_length_of

#: Periods of the lowest F0 in one window.
_PERIODS = 3

#: Praat's settings are global to the process, so only one thread may run it at a time.
_PRAAT = Lock()


def f0_praat(
    samples: np.ndarray, sample_rate_hz: int, *, hop_ms: float, min_hz: float, max_hz: float
) -> np.ndarray:
    """Track F0 of an utterance.

    Frame t is centered at sample t * hop_length, as in a spectrogram. The utterance is padded with
    silence so that Praat's frames, which it centers in its input, fall on these samples. All other
    parameters (silence and voicing thresholds, jump costs) have Praat's defaults; a window holds three
    periods of ``min_hz``.

    Source: Boersma, Accurate short-term analysis of the fundamental frequency, 1993.

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
    n_frames = 1 + len(samples) // hop_length
    # Half a window before the first center and after the last. The extra quarter of a hop keeps rounding from
    # dropping a frame, and is too short to add one.
    reach = ceil(_PERIODS / min_hz * sample_rate_hz / 2 + hop_length / 4)
    padded = np.zeros(2 * reach + (n_frames - 1) * hop_length)
    speech = samples[: len(padded) - reach]
    padded[reach : reach + len(speech)] = speech
    with _PRAAT:
        pitch = parselmouth.Sound(padded, float(sample_rate_hz)).to_pitch_ac(
            time_step=hop_length / sample_rate_hz, pitch_floor=min_hz, pitch_ceiling=max_hz
        )
        return np.array(pitch.selected_array["frequency"])
