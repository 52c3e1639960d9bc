"""Spectrograms in dB of many utterances at once, each as if it had been alone.

Utterances are laid end to end in one line of samples, every one padded by
itself and beginning at a multiple of the hop, so that one sweep of frames over
the line serves all of them. Frames across the seam of two utterances belong to
neither and are left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import librosa.filters
import numpy as np
import torch
from scipy.signal import butter, sosfiltfilt
from torch import Tensor

from emofactors.config.features import FeatureSettings
from emofactors.errors import InputError

#: Frames that are transformed together: their spectra stay in a processor's cache. Always as many: the last bit
#: of a matrix product varies with the shape of the matrices, and a frame may not depend on its neighbours.
BLOCK_FRAMES = 256

#: Neighbouring Mel filters that are applied as one matrix, the last ones filled up with empty filters. All
#: filters as one would be multiplied mostly by zeros; one by one the products would be too small.
MELS_PER_BAND = 16


@dataclass(frozen=True)
class _Line:
    """Utterances end to end: samples (n_samples,), and first frame and number of frames of each."""

    samples: Tensor
    first_frame: list[int]
    n_frames: list[int]


@dataclass(frozen=True)
class _MelBand:
    """Neighbouring Mel filters over the bins they hear: weights (bins, MELS_PER_BAND)."""

    bins: slice
    mels: slice
    weights: Tensor


def log_spectrograms(waveforms: Sequence[np.ndarray], settings: FeatureSettings) -> list[np.ndarray]:
    """Spectrograms in dB of whole utterances.

    Frame t is centered at sample t * hop_length of an utterance padded at both
    ends. Powers are summed by Mel filters of Slaney's scale and area norm
    (``log_mel``) or kept bin by bin (``log_stft``); then 10 log10(power +
    power_offset), no lower than power_floor and than top_db below the
    utterance's own maximum. Equals librosa's melspectrogram or stft with
    power_to_db, utterance by utterance. With exponent 1 all this is of
    magnitudes, and 20 log10; a high-pass filter comes before it, a scale to
    [0, 1] after it, where they are set.

    Source: Dai et al. 2019, features; Slaney, Auditory Toolbox, 1998, for the filters; Qian et al. 2020, public
    code, for magnitudes, filter and scale.

    Args:
        waveforms: mono float32 in [-1, 1] at ``settings.sample_rate_hz``, each (n_samples,).
        settings: what the spectrogram is.

    Returns:
        One float32 array an utterance, frames first, (T, F) with T = 1 + n_samples // hop_length.

    Raises:
        InputError: if a waveform is shorter than ``settings.min_samples``.
    """
    line = _laid_end_to_end([_high_passed(waveform, settings) for waveform in waveforms], settings)
    decibels = _decibels(line.samples, settings)  # (sum of T and seams, F)
    spectrograms = []
    for first, n_frames in zip(line.first_frame, line.n_frames, strict=True):
        spectrogram = decibels[first : first + n_frames]
        if settings.top_db is not None:
            spectrogram.clamp_(min=spectrogram.max() - settings.top_db)
        if settings.scale_db is not None:
            low, high = settings.scale_db
            spectrogram.sub_(low).div_(high - low).clamp_(0.0, 1.0)
        spectrograms.append(spectrogram.numpy())
    return spectrograms


def _high_passed(waveform: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """A waveform without what lies below ``high_pass_hz``; too short ones stay, and are complained of later."""
    if settings.high_pass_hz is None or len(waveform) < settings.min_samples:
        return waveform
    return sosfiltfilt(_high_pass(settings), waveform).astype(np.float32)


def _laid_end_to_end(waveforms: Sequence[np.ndarray], settings: FeatureSettings) -> _Line:
    """Every waveform padded by half a window at each end, each from a multiple of the hop on."""
    reach, hop_length = settings.reach, settings.hop_length
    first_frame, n_frames, n_line_frames = [], [], 0
    for i, waveform in enumerate(waveforms):
        if len(waveform) < settings.min_samples:
            raise InputError(
                f"waveform {i}: has {len(waveform)} samples, expected at least {settings.min_samples}"
            )
        first_frame.append(n_line_frames)
        n_frames.append(1 + len(waveform) // hop_length)
        n_line_frames += -(-(len(waveform) + 2 * reach) // hop_length)
    samples = np.zeros(n_line_frames * hop_length + settings.win_length, dtype=np.float32)
    for first, waveform in zip(first_frame, waveforms, strict=True):
        start = first * hop_length + reach
        end = start + len(waveform)
        samples[start:end] = waveform
        if settings.pad_mode == "reflect":
            samples[start - reach : start] = waveform[reach:0:-1]
            samples[end : end + reach] = waveform[-2 : -reach - 2 : -1]
    return _Line(torch.from_numpy(samples), first_frame, n_frames)


def _decibels(samples: Tensor, settings: FeatureSettings) -> Tensor:
    """Decibels of every frame of a line of samples, (T, F), no lower than the floor."""
    window = _window(settings)
    frames = samples.unfold(0, settings.win_length, settings.hop_length)  # (T, win_length), a view
    windowed = torch.zeros(BLOCK_FRAMES, settings.n_fft)
    powers = torch.empty(len(frames), settings.n_bins)
    for first in range(0, len(frames), BLOCK_FRAMES):
        block = frames[first : first + BLOCK_FRAMES]
        # Where in the n_fft samples the window lies turns phases only, so it stands at their beginning.
        torch.mul(block, window, out=windowed[: len(block), : settings.win_length])
        _sum_powers(torch.fft.rfft(windowed), settings, out=powers[first : first + len(block)])
    decibels = powers.add_(settings.power_offset) if settings.power_offset else powers
    return decibels.clamp_(min=settings.power_floor).log10_().mul_(20.0 / settings.exponent)


def _sum_powers(spectrum: Tensor, settings: FeatureSettings, *, out: Tensor) -> None:
    """Powers or magnitudes of a block's spectra (BLOCK_FRAMES, n_fft // 2 + 1), its first T into ``out``."""
    power = spectrum.real.square() + spectrum.imag.square()
    if settings.exponent == 1:
        power.sqrt_()
    if settings.n_mels is None:
        out.copy_(power[: len(out)])
        return
    for band in _mel_bands(settings):
        summed = power[:, band.bins] @ band.weights  # (BLOCK_FRAMES, MELS_PER_BAND)
        out[:, band.mels] = summed[: len(out), : band.mels.stop - band.mels.start]


@cache
def _window(settings: FeatureSettings) -> Tensor:
    """The periodic window, (win_length,)."""
    windows = {"hamming": torch.hamming_window, "hann": torch.hann_window}
    return windows[settings.window](settings.win_length, periodic=True, dtype=torch.float64).float()


@cache
def _high_pass(settings: FeatureSettings) -> np.ndarray:
    """The high-pass filter as second-order sections: stable also where its corner is far below the rate."""
    return butter(
        settings.high_pass_order, settings.high_pass_hz, btype="highpass", fs=settings.sample_rate_hz, output="sos"
    )


def mel_filters(settings: FeatureSettings) -> np.ndarray:
    """The Mel filter bank of a ``log_mel``, float64, (n_mels, n_fft // 2 + 1).

    librosa's, not torchaudio's: the latter rounds frequencies to float32, which moves
    the edges of narrow filters enough to be seen in the fourth decimal of a dB.
    """
    assert settings.n_mels is not None  # a log_mel has them
    return librosa.filters.mel(
        sr=settings.sample_rate_hz,
        n_fft=settings.n_fft,
        n_mels=settings.n_mels,
        fmin=settings.f_min_hz,
        fmax=settings.f_max_hz,
        dtype=np.float64,
    )


@cache
def _mel_bands(settings: FeatureSettings) -> tuple[_MelBand, ...]:
    """The Mel filter bank, cut into bands of neighbouring filters."""
    filters = mel_filters(settings)
    bands = []
    for first_mel in range(0, len(filters), MELS_PER_BAND):
        weights = filters[first_mel : first_mel + MELS_PER_BAND]
        heard = np.flatnonzero(weights.any(axis=0))
        first_bin, last_bin = (heard[0], heard[-1] + 1) if len(heard) else (0, 0)
        filled = np.zeros((last_bin - first_bin, MELS_PER_BAND), dtype=np.float32)
        filled[:, : len(weights)] = weights[:, first_bin:last_bin].T
        bands.append(
            _MelBand(
                bins=slice(first_bin, last_bin),
                mels=slice(first_mel, first_mel + len(weights)),
                weights=torch.from_numpy(filled),
            )
        )
    return tuple(bands)
