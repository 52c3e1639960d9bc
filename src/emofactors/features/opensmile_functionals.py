"""Functionals computed by openSMILE: standard feature sets of the field."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import opensmile

from emofactors.config.features import OpensmileSettings

#: Shorter utterances are padded with silence to this length: openSMILE needs its longest window and a frame.
SHORTEST_S = 0.2

#: The largest float that fits openSMILE's 16-bit input; larger values would wrap around.
_LARGEST = 32_767 / 32_768


def opensmile_functionals(waveforms: Sequence[np.ndarray], settings: OpensmileSettings) -> list[np.ndarray]:
    """Compute functionals of whole utterances, one utterance at a time.

    openSMILE reads 16-bit audio: samples beyond full scale, as in a copy with noise, are clipped.

    Source: Eyben et al. 2016 (eGeMAPS); Schuller et al. 2016 (ComParE).

    Args:
        waveforms: mono float32 at ``settings.sample_rate_hz``, each (n_samples,).
        settings: the feature set.

    Returns:
        One float32 array per utterance, (1, F); NaN for a waveform with non-finite samples.
    """
    return [_functionals(waveform, settings) for waveform in waveforms]


def _functionals(waveform: np.ndarray, settings: OpensmileSettings) -> np.ndarray:
    if not np.isfinite(waveform).all():
        return np.full((1, settings.n_bins), np.nan, dtype=np.float32)
    n_missing = max(round(SHORTEST_S * settings.sample_rate_hz) - len(waveform), 0)
    samples = np.pad(np.clip(waveform, -1.0, _LARGEST), (0, n_missing)).astype(np.float32)
    table = _smile(settings.feature_set).process_signal(samples, settings.sample_rate_hz)
    return np.ascontiguousarray(table.to_numpy(dtype=np.float32))


@cache
def _smile(feature_set: str) -> opensmile.Smile:
    """OpenSMILE with one feature set; it resets itself for each utterance, so threads may share it."""
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet[feature_set], feature_level=opensmile.FeatureLevel.Functionals
    )
