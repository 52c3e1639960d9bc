"""Spectrograms in dB of many utterances at once, each independent of the others.

Utterances are concatenated into one array of samples. Each is padded separately
and begins at a multiple of the hop, so that one framing of the array covers all
of them. Frames across the boundary of two utterances are discarded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

from emofactors.config.features import FeatureSettings
from emofactors.errors import InputError
from emofactors.features.mel import mel_filters

#: Frames per block, few enough for the spectra to stay in a processor's cache. Every block has the same size: the
#: last bit of a matrix product varies with the shapes of the matrices, and frames must not depend on neighbours.
BLOCK_FRAMES = 256

#: Neighbouring Mel filters applied as one matrix; the last matrix is padded with empty filters. One matrix of all
#: filters would be mostly zeros, and single filters would make the products too small.
MELS_PER_BAND = 16


@dataclass(frozen=True)
class _Concatenated:
    """Utterances end to end: samples (n_samples,), and first frame and number of frames of each."""

    samples: Tensor
    first_frame: list[int]
    n_frames: list[int]


@dataclass(frozen=True)
class _MelBand:
    """Neighbouring Mel filters over the bins they cover: weights (bins, MELS_PER_BAND)."""

    bins: slice
    mels: slice
    weights: Tensor


def log_spectrograms(waveforms: Sequence[np.ndarray], settings: FeatureSettings) -> list[np.ndarray]:
    """Compute spectrograms in dB of whole utterances.

    Frame t is centered at sample t * hop_length of an utterance padded at both
    ends. Powers are summed by Mel filters of Slaney's scale and area norm
    (``log_mel``) or used bin by bin (``log_stft``); then 10 log10(power +
    power_offset), clipped from below at power_floor and at top_db below the
    maximum of the utterance. Equals librosa's melspectrogram or stft with
    power_to_db for each utterance. With exponent 1, magnitudes and 20 log10
    replace powers and 10 log10. The optional high-pass filter comes first, the
    optional scaling to [0, 1] last.

    Source: Dai et al. 2019, features; Slaney, Auditory Toolbox, 1998, for the filters; Qian et al. 2020, public
    code, for magnitudes, filter and scale.

    Args:
        waveforms: mono float32 in [-1, 1] at ``settings.sample_rate_hz``, each (n_samples,).
        settings: parameters of the spectrogram.

    Returns:
        One float32 array per utterance, frames first, (T, F) with T = 1 + n_samples // hop_length.

    Raises:
        InputError: if a waveform is shorter than ``settings.min_samples``.
    """
    joined = _concatenated([_high_passed(waveform, settings) for waveform in waveforms], settings)
    decibels = _decibels(joined.samples, settings)  # (sum of T and boundary frames, F)
    spectrograms = []
    for first, n_frames in zip(joined.first_frame, joined.n_frames, strict=True):
        spectrogram = decibels[first : first + n_frames]
        if settings.top_db is not None:
            spectrogram.clamp_(min=spectrogram.max() - settings.top_db)
        if settings.scale_db is not None:
            low, high = settings.scale_db
            spectrogram.sub_(low).div_(high - low).clamp_(0.0, 1.0)
        spectrograms.append(spectrogram.numpy())
    return spectrograms


def _high_passed(waveform: np.ndarray, settings: FeatureSettings) -> np.ndarray:
    """Apply the high-pass filter, if any; leave too short waveforms unchanged, which the caller refuses."""
    if settings.high_pass_hz is None or len(waveform) < settings.min_samples:
        return waveform
    from scipy.signal import sosfiltfilt

    return sosfiltfilt(_high_pass(settings), waveform).astype(np.float32)


def _concatenated(waveforms: Sequence[np.ndarray], settings: FeatureSettings) -> _Concatenated:
    """Concatenate waveforms, each padded by half a window at both ends and beginning at a multiple of the hop."""
    reach, hop_length = settings.reach, settings.hop_length
    first_frame, n_frames, n_total = [], [], 0
    for i, waveform in enumerate(waveforms):
        if len(waveform) < settings.min_samples:
            raise InputError(
                f"waveform {i}: has {len(waveform)} samples, expected at least {settings.min_samples}"
            )
        first_frame.append(n_total)
        n_frames.append(1 + len(waveform) // hop_length)
        n_total += -(-(len(waveform) + 2 * reach) // hop_length)
    samples = np.zeros(n_total * hop_length + settings.win_length, dtype=np.float32)
    for first, waveform in zip(first_frame, waveforms, strict=True):
        start = first * hop_length + reach
        end = start + len(waveform)
        samples[start:end] = waveform
        if settings.pad_mode == "reflect":
            samples[start - reach : start] = waveform[reach:0:-1]
            samples[end : end + reach] = waveform[-2 : -reach - 2 : -1]
    return _Concatenated(torch.from_numpy(samples), first_frame, n_frames)


def _decibels(samples: Tensor, settings: FeatureSettings) -> Tensor:
    """Decibels of every frame of concatenated samples, (T, F), at least those of ``power_floor``."""
    window = _window(settings)
    frames = samples.unfold(0, settings.win_length, settings.hop_length)  # (T, win_length), a view
    windowed = torch.zeros(BLOCK_FRAMES, settings.n_fft)
    powers = torch.empty(len(frames), settings.n_bins)
    for first in range(0, len(frames), BLOCK_FRAMES):
        block = frames[first : first + BLOCK_FRAMES]
        # The window's place within the n_fft samples changes phases only, so it is at their beginning.
        torch.mul(block, window, out=windowed[: len(block), : settings.win_length])
        _sum_powers(torch.fft.rfft(windowed), settings, out=powers[first : first + len(block)])
    decibels = powers.add_(settings.power_offset) if settings.power_offset else powers
    return decibels.clamp_(min=settings.power_floor).log10_().mul_(20.0 / settings.exponent)


def _sum_powers(spectrum: Tensor, settings: FeatureSettings, *, out: Tensor) -> None:
    """Write powers or magnitudes of the first T of a block's spectra (BLOCK_FRAMES, n_fft // 2 + 1) to ``out``."""
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
    """Periodic window, (win_length,)."""
    windows = {"hamming": torch.hamming_window, "hann": torch.hann_window}
    return windows[settings.window](settings.win_length, periodic=True, dtype=torch.float64).float()


@cache
def _high_pass(settings: FeatureSettings) -> np.ndarray:
    """High-pass filter as second-order sections, which are stable for corner frequencies far below the rate."""
    from scipy.signal import butter

    return butter(
        settings.high_pass_order, settings.high_pass_hz, btype="highpass", fs=settings.sample_rate_hz, output="sos"
    )


@cache
def _mel_bands(settings: FeatureSettings) -> tuple[_MelBand, ...]:
    """Mel filter bank, split into bands of neighbouring filters."""
    filters = mel_filters(settings)
    bands = []
    for first_mel in range(0, len(filters), MELS_PER_BAND):
        weights = filters[first_mel : first_mel + MELS_PER_BAND]
        covered = np.flatnonzero(weights.any(axis=0))
        first_bin, last_bin = (covered[0], covered[-1] + 1) if len(covered) else (0, 0)
        padded = np.zeros((last_bin - first_bin, MELS_PER_BAND), dtype=np.float32)
        padded[:, : len(weights)] = weights[:, first_bin:last_bin].T
        bands.append(
            _MelBand(
                bins=slice(first_bin, last_bin),
                mels=slice(first_mel, first_mel + len(weights)),
                weights=torch.from_numpy(padded),
            )
        )
    return tuple(bands)
