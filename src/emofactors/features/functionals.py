"""Functionals: one frame per utterance, statistics over time of its log-Mel bands and F0."""

from collections.abc import Sequence

import numpy as np

from emofactors.config.features import FunctionalSettings
from emofactors.features.pitch import PitchTracker
from emofactors.features.spectrogram import log_spectrograms

#: Frames on either side in the regression of a slope.
DELTA_REACH = 2


def functionals(
    waveforms: Sequence[np.ndarray], settings: FunctionalSettings, track_f0: PitchTracker
) -> list[np.ndarray]:
    """Compute functionals of whole utterances.

    The order is: means of all tracks (each Mel band in dB, then log F0), their stds, and each
    percentile; with ``deltas`` the same for the tracks' slopes; then the share of voiced frames. F0
    statistics use voiced frames only, and slopes of F0 only frames whose neighbours are voiced as well.
    If there are none, log F0 is the middle of its search range and its slope 0, so that the functionals
    of an unvoiced utterance are defined.

    Args:
        waveforms: mono float32 in [-1, 1] at ``settings.sample_rate_hz``, each (n_samples,).
        settings: which functionals.
        track_f0: F0 tracker, see ``features.pitch_praat``.

    Returns:
        One float32 array per utterance, (1, F).

    Raises:
        InputError: if a waveform is too short for a spectrogram.
    """
    return [
        _functionals(spectrogram, _log_f0(waveform, len(spectrogram), settings, track_f0), settings)
        for waveform, spectrogram in zip(waveforms, log_spectrograms(waveforms, settings.spectrogram), strict=True)
    ]


def slopes(tracks: np.ndarray) -> np.ndarray:
    """Compute the slope of each track at each frame, in its unit per frame: (T, F) -> (T, F).

    Fits a least-squares line over two frames on either side; the first and last frame are repeated at the ends.

    Example:
        >>> slopes(np.array([[0.0], [1.0], [2.0], [3.0], [4.0]]))[2].item()
        1.0
    """
    padded = np.pad(tracks, ((DELTA_REACH, DELTA_REACH), (0, 0)), mode="edge")
    n_frames = len(tracks)
    rise = sum(
        k * (padded[DELTA_REACH + k :][:n_frames] - padded[DELTA_REACH - k :][:n_frames])
        for k in range(1, DELTA_REACH + 1)
    )
    return rise / (2 * sum(k**2 for k in range(1, DELTA_REACH + 1)))


def _log_f0(
    waveform: np.ndarray, n_frames: int, settings: FunctionalSettings, track_f0: PitchTracker
) -> np.ndarray:
    """Natural logarithm of F0 in Hz of each frame, NaN where unvoiced, (T,)."""
    if not np.isfinite(waveform).all():
        return np.full(n_frames, np.nan)  # the caller reports its spectrogram, which is not finite either
    f0_hz = track_f0(
        waveform,
        settings.sample_rate_hz,
        hop_ms=settings.hop_ms,
        min_hz=settings.f0_min_hz,
        max_hz=settings.f0_max_hz,
    )
    return np.log(np.where(f0_hz > 0, f0_hz, np.nan))


def _functionals(bands: np.ndarray, log_f0: np.ndarray, settings: FunctionalSettings) -> np.ndarray:
    """Functionals of one utterance: bands (T, n_mels) and log F0 (T,) -> (1, F)."""
    middle = 0.5 * (np.log(settings.f0_min_hz) + np.log(settings.f0_max_hz))
    bands = bands.astype(np.float64)
    parts = [_statistics(bands, log_f0, middle, settings.percentiles)]
    if settings.deltas:
        slope = slopes(log_f0[:, None])[:, 0]  # NaN next to unvoiced frames
        parts.append(_statistics(slopes(bands), slope, 0.0, settings.percentiles))
    parts.append(np.array([np.isfinite(log_f0).mean()]))
    return np.concatenate(parts)[None].astype(np.float32)


def _statistics(
    bands: np.ndarray, f0_track: np.ndarray, default: float, percentiles: Sequence[float]
) -> np.ndarray:
    """Mean, std and percentiles of bands (T, n_mels) and of the finite frames of an F0 track (T,), end to end."""
    voiced = f0_track[np.isfinite(f0_track)]
    if len(voiced) == 0:
        voiced = np.array([default])
    of_bands, of_f0 = _over_time(bands, percentiles), _over_time(voiced[:, None], percentiles)
    return np.concatenate([of_bands, of_f0], axis=1).ravel()


def _over_time(tracks: np.ndarray, percentiles: Sequence[float]) -> np.ndarray:
    """Mean, std and percentiles of each track, one row each: (T, F) -> (2 + percentiles, F)."""
    return np.stack([tracks.mean(axis=0), tracks.std(axis=0), *np.percentile(tracks, percentiles, axis=0)])
