"""Waveforms at the rate the features are made at."""

from collections.abc import Callable, Sequence

import numpy as np
import soxr

from emofactors.corpora.audio import Waveform

#: From some waveforms, (n_samples,) each, to the features of each, (T, F) float32; T is 1 for functionals.
Transform = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


def resampled(waveform: Waveform, sample_rate_hz: int) -> Waveform:
    """A waveform at another rate.

    libsoxr's high quality: what librosa.load uses, about as fast as torchaudio's
    short windowed sinc, and far cleaner just below half the new rate.

    Args:
        waveform: mono audio at any rate.
        sample_rate_hz: wanted rate.

    Returns:
        The same audio at ``sample_rate_hz``; the same object if it has that rate already.
    """
    if waveform.sample_rate_hz == sample_rate_hz:
        return waveform
    samples = soxr.resample(waveform.samples, waveform.sample_rate_hz, sample_rate_hz, quality="HQ")
    return Waveform(samples, sample_rate_hz)
