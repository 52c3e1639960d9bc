"""What all trackers of F0 share: frames that stand where a spectrogram's stand."""

from collections.abc import Callable

import numpy as np

#: From samples (n_samples,) and their rate, and the keywords hop_ms, min_hz and max_hz, to F0 in Hz, (T,).
PitchTracker = Callable[..., np.ndarray]


def hop_length_of(sample_rate_hz: int, hop_ms: float) -> int:
    """Hop in whole samples, as a spectrogram has it.

    Raises:
        ValueError: if it is below one sample.
    """
    hop_length = round(sample_rate_hz * hop_ms / 1000)
    if hop_length < 1:
        raise ValueError(f"hop_ms is {hop_ms:g} at {sample_rate_hz} Hz, expected at least one sample")
    return hop_length


def check_track(samples: np.ndarray, sample_rate_hz: int, min_hz: float, max_hz: float) -> None:
    """Check what a tracker is given.

    Raises:
        ValueError: if the range is empty or reaches half the rate, or a sample is not finite.
    """
    if not 0 < min_hz < max_hz <= sample_rate_hz / 2:
        raise ValueError(
            f"F0 is looked for from {min_hz:g} to {max_hz:g} Hz, expected a range up to {sample_rate_hz / 2:g} Hz"
        )
    if not np.isfinite(samples).all():
        raise ValueError("samples are not all finite, expected finite audio")
