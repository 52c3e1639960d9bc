"""Spectrograms as images: padding to a common length, resizing, and scaling to grey values."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from emofactors.config.features import FeatureSettings

#: A spectrogram with a range of at most this many dB counts as constant: resizing rounds.
CONSTANT_DB = 1e-3


def n_frames_of(duration_s: float, settings: FeatureSettings) -> int:
    """Return the number of frames of an utterance before its image is resized, T."""
    return 1 + round(duration_s * settings.sample_rate_hz) // settings.hop_length


def image(spectrogram: np.ndarray, settings: FeatureSettings, *, longest: int) -> np.ndarray:
    """Pad, resize and scale a spectrogram as the settings require; without such settings return it unchanged.

    Padding appends silence up to ``longest`` frames: the level of zeros in dB, at least top_db below
    the utterance's maximum. A longer utterance keeps its length, so that no speech is cut off.
    Resizing then interpolates the time axis bilinearly with antialiasing: each image frame is a mean
    in dB over many frames with triangular weights, and around the end of the speech a mean of speech
    and silence. Scaling comes last, so that an image reaches 0 and 1 after all averaging.

    Source: Kim & Lee 2024, figure of the patches: speech, then black up to a common width.

    Args:
        spectrogram: log powers in dB, float32, frames first, (T, F).
        settings: the steps to apply.
        longest: frames of the corpus' longest utterance, the length after padding.

    Returns:
        Float32, (T, F): T is image_frames where it is given; in [0, 1] where min_max is set, and
        then all zeros for a constant spectrogram.
    """
    x = torch.from_numpy(spectrogram)
    if settings.pad_to_longest:
        x = _padded(x, settings, longest)
    if settings.image_frames is not None:
        x = _resized(x, settings.image_frames)
    if settings.min_max:
        x = _scaled(x)
    return x.numpy()


def _padded(spectrogram: Tensor, settings: FeatureSettings, n_frames: int) -> Tensor:
    """Append silence up to a number of frames: (T, F) -> (max(T, n_frames), F).

    Zeros need no transform: except for frames across the end of the speech, all their bins have the lowest level.
    """
    silence_db = 20 / settings.exponent * math.log10(max(settings.power_offset, settings.power_floor))
    if settings.top_db is not None:
        silence_db = max(silence_db, spectrogram.max().item() - settings.top_db)
    n_silent = max(n_frames - len(spectrogram), 0)
    return F.pad(spectrogram, (0, 0, 0, n_silent), value=silence_db)


def _resized(spectrogram: Tensor, n_frames: int) -> Tensor:
    """Resize the time axis, not the frequency axis: (T, F) -> (n_frames, F)."""
    size = (n_frames, spectrogram.shape[1])
    resized = F.interpolate(
        spectrogram[None, None], size=size, mode="bilinear", antialias=True, align_corners=False
    )  # (1, 1, n_frames, F)
    return resized[0, 0]


def _scaled(spectrogram: Tensor) -> Tensor:
    """Scale to [0, 1] by the minimum and maximum of the spectrogram."""
    low, high = spectrogram.aminmax()
    if high - low <= CONSTANT_DB:
        return torch.zeros_like(spectrogram)
    return (spectrogram - low) / (high - low)
