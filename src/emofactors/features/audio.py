"""Resampling of waveforms to the rate of the features."""

from collections.abc import Callable, Sequence

import numpy as np
import soxr

from emofactors.corpora.audio import Waveform

#: Function of waveforms (n_samples,) that returns the features of each, (T, F) float32; T is 1 for functionals.
Transform = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


def resampled(waveform: Waveform, sample_rate_hz: int) -> Waveform:
    """Resample a waveform.

    Uses libsoxr's high quality, as librosa.load does: about as fast as torchaudio's
    short windowed sinc, with far less aliasing just below half the new rate.

    Args:
        waveform: mono audio at any rate.
        sample_rate_hz: target rate.

    Returns:
        The audio at ``sample_rate_hz``; the same object if it has that rate already.
    """
    if waveform.sample_rate_hz == sample_rate_hz:
        return waveform
    samples = soxr.resample(waveform.samples, waveform.sample_rate_hz, sample_rate_hz, quality="HQ")
    return Waveform(samples, sample_rate_hz)
