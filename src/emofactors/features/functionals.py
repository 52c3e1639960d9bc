"""Functionals: a whole utterance in one frame, by statistics of its log-Mel bands and F0 over time."""

from collections.abc import Sequence

import numpy as np

from emofactors.config.features import FunctionalSettings
from emofactors.features.pitch import PitchTracker
from emofactors.features.spectrogram import log_spectrograms

#: Frames on either side that a slope is fitted over.
DELTA_REACH = 2


def functionals(
    waveforms: Sequence[np.ndarray], settings: FunctionalSettings, track_f0: PitchTracker
) -> list[np.ndarray]:
    """Functionals of whole utterances.

    In this order: of each Mel band in dB and of log F0 its mean, its std, and each percentile, first
    all tracks' means; then, with ``deltas``, the same of their slopes; then the share of voiced frames. F0
    counts where it is voiced, its slope where the frames around are voiced, too. Where there is none, log F0
    is in the middle of its range and stands still, so that an utterance without voice has functionals.

    Args:
        waveforms: mono float32 in [-1, 1] at ``settings.sample_rate_hz``, each (n_samples,).
        settings: which functionals.
        track_f0: tracker of F0, see ``features.pitch_praat``.

    Returns:
        One float32 array an utterance, (1, F).

    Raises:
        InputError: if a waveform is too short for a spectrogram.
    """
    return [
        _functionals(spectrogram, _log_f0(waveform, len(spectrogram), settings, track_f0), settings)
        for waveform, spectrogram in zip(waveforms, log_spectrograms(waveforms, settings.spectrogram), strict=True)
    ]


def slopes(tracks: np.ndarray) -> np.ndarray:
    """Slope over time of each track at each frame, in its unit a frame: (T, F) -> (T, F).

    The least-squares line over two frames on either side; at the ends the first and last frame repeat.

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
        return np.full(n_frames, np.nan)  # its spectrogram is not finite either, and is what is complained of
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
    parts = [_statistics(bands, log_f0, middle, settings)]
    if settings.deltas:
        slope = slopes(log_f0[:, None])[:, 0]  # NaN next to unvoiced frames
        parts.append(_statistics(slopes(bands), slope, 0.0, settings))
    parts.append(np.array([np.isfinite(log_f0).mean()]))
    return np.concatenate(parts)[None].astype(np.float32)


def _statistics(
    bands: np.ndarray, log_f0: np.ndarray, without_voice: float, settings: FunctionalSettings
) -> np.ndarray:
    """Mean, std and percentiles of bands (T, n_mels) and of the voiced frames of F0, all in one row."""
    voiced = log_f0[np.isfinite(log_f0)]
    if len(voiced) == 0:
        voiced = np.array([without_voice])
    rows = [
        np.concatenate([of_bands, of_f0])
        for of_bands, of_f0 in zip(
            _over_time(bands, settings.percentiles), _over_time(voiced[:, None], settings.percentiles), strict=True
        )
    ]
    return np.concatenate(rows)


def _over_time(tracks: np.ndarray, percentiles: Sequence[float]) -> np.ndarray:
    """Mean, std and percentiles of each track, a row each: (T, F) -> (2 + percentiles, F)."""
    return np.stack([tracks.mean(axis=0), tracks.std(axis=0), *np.percentile(tracks, percentiles, axis=0)])
