"""F0 as features, and what all F0 trackers share."""

from collections.abc import Callable, Sequence

import numpy as np

from emofactors.config.features import PitchSettings

#: Function of samples (n_samples,) and their rate, and of the keywords hop_ms, min_hz and max_hz: F0 in Hz, (T,).
PitchTracker = Callable[..., np.ndarray]


def f0_features(
    waveforms: Sequence[np.ndarray], settings: PitchSettings, track_f0: PitchTracker
) -> list[np.ndarray]:
    """Compute F0 over time of whole utterances.

    Args:
        waveforms: mono float32 in [-1, 1] at ``settings.sample_rate_hz``, each (n_samples,).
        settings: hop and search range of F0.
        track_f0: F0 tracker, see ``features.pitch_praat``.

    Returns:
        F0 in Hz, 0 where unvoiced, one float32 array per utterance, (T, 1) with T = 1 + n_samples // hop_length.
        NaN throughout for an utterance with non-finite samples, as in its spectrogram.
    """
    hop_length = hop_length_of(settings.sample_rate_hz, settings.hop_ms)
    tracks = []
    for waveform in waveforms:
        if np.isfinite(waveform).all():
            f0_hz = track_f0(
                waveform,
                settings.sample_rate_hz,
                hop_ms=settings.hop_ms,
                min_hz=settings.min_hz,
                max_hz=settings.max_hz,
            )
        else:
            f0_hz = np.full(1 + len(waveform) // hop_length, np.nan)
        tracks.append(f0_hz.astype(np.float32)[:, None])
    return tracks


def hop_length_of(sample_rate_hz: int, hop_ms: float) -> int:
    """Return the hop in samples, rounded as for spectrograms.

    Raises:
        ValueError: if it is below one sample.
    """
    hop_length = round(sample_rate_hz * hop_ms / 1000)
    if hop_length < 1:
        raise ValueError(f"hop_ms is {hop_ms:g} at {sample_rate_hz} Hz, expected at least one sample")
    return hop_length


def check_tracker_input(samples: np.ndarray, sample_rate_hz: int, min_hz: float, max_hz: float) -> None:
    """Check the arguments of an F0 tracker.

    Raises:
        ValueError: if the search range is empty or exceeds half the rate, or a sample is not finite.
    """
    if not 0 < min_hz < max_hz <= sample_rate_hz / 2:
        raise ValueError(
            f"F0 range is {min_hz:g} to {max_hz:g} Hz, expected a range up to {sample_rate_hz / 2:g} Hz"
        )
    if not np.isfinite(samples).all():
        raise ValueError("samples are not all finite, expected finite audio")
