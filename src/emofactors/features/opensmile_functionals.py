"""Functionals as openSMILE computes them: the feature sets of the field's challenges."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import opensmile

from emofactors.config.features import OpensmileSettings

#: Silence follows a shorter utterance up to this many seconds: openSMILE has no functionals of less than its
#: longest window and a frame.
SHORTEST_S = 0.2

#: The largest float that openSMILE's 16 bit hold; above, they would wrap around.
_LOUDEST = 32_767 / 32_768


def opensmile_functionals(waveforms: Sequence[np.ndarray], settings: OpensmileSettings) -> list[np.ndarray]:
    """Functionals of whole utterances, each by itself.

    openSMILE hears 16 bit: what passes full scale, as a copy with noise may, is clipped.

    Source: Eyben et al. 2016 (eGeMAPS); Schuller et al. 2016 (ComParE).

    Args:
        waveforms: mono float32 at ``settings.sample_rate_hz``, each (n_samples,).
        settings: which set.

    Returns:
        One float32 array an utterance, (1, F); not finite for samples that are not.
    """
    return [_functionals(waveform, settings) for waveform in waveforms]


def _functionals(waveform: np.ndarray, settings: OpensmileSettings) -> np.ndarray:
    if not np.isfinite(waveform).all():
        return np.full((1, settings.n_bins), np.nan, dtype=np.float32)
    n_lacking = max(round(SHORTEST_S * settings.sample_rate_hz) - len(waveform), 0)
    heard = np.pad(np.clip(waveform, -1.0, _LOUDEST), (0, n_lacking)).astype(np.float32)
    found = _smile(settings.feature_set).process_signal(heard, settings.sample_rate_hz)
    return np.ascontiguousarray(found.to_numpy(dtype=np.float32))


@cache
def _smile(feature_set: str) -> opensmile.Smile:
    """OpenSMILE with one set of features; it is set up anew for each utterance, so that threads may share it."""
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet[feature_set], feature_level=opensmile.FeatureLevel.Functionals
    )
