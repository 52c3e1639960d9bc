"""Images of spectrograms: silence to a common length, a common size, and grey values."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from emofactors.config.features import FeatureSettings

#: A spectrogram that varies by no more than this many dB is constant: resizing rounds.
CONSTANT_DB = 1e-3


def n_frames_of(duration_s: float, settings: FeatureSettings) -> int:
    """Frames of an utterance before its image is resized, T."""
    return 1 + round(duration_s * settings.sample_rate_hz) // settings.hop_length


def image(spectrogram: np.ndarray, settings: FeatureSettings, *, longest: int) -> np.ndarray:
    """A spectrogram padded, resized and scaled as the settings say; as it is if they say nothing.

    Silence follows up to ``longest`` frames: what zeros would become in dB, no lower than top_db
    below the utterance's maximum. A longer utterance keeps its length: cut, it would lose speech.
    The time axis is then resized bilinearly with antialiasing, so that of many frames each image
    frame is a mean in dB, weighted by a triangle; around the end of the speech it is one of speech
    and silence. Scaling comes last: an image reaches 0 and 1, whatever was averaged away.

    Source: Kim & Lee 2024, figure of the patches: speech, then black up to a common width.

    Args:
        spectrogram: log powers in dB, float32, frames first, (T, F).
        settings: what the image is.
        longest: frames of the corpus' longest utterance, to which silence follows.

    Returns:
        Float32, (T, F): T is image_frames where it is given; in [0, 1] where min_max is set, and
        then all zeros for a constant spectrogram.
    """
    made = torch.from_numpy(spectrogram)
    if settings.pad_to_longest:
        made = _followed_by_silence(made, settings, longest)
    if settings.image_frames is not None:
        made = _resized(made, settings.image_frames)
    if settings.min_max:
        made = _scaled(made)
    return made.numpy()


def _followed_by_silence(spectrogram: Tensor, settings: FeatureSettings, n_frames: int) -> Tensor:
    """Frames of silence appended, up to a number of frames: (T, F) -> (max(T, n_frames), F).

    Zeros need no transform: but for the frames that straddle the end of the speech, all their bins are the floor.
    """
    silence_db = 20 / settings.exponent * math.log10(max(settings.power_offset, settings.power_floor))
    if settings.top_db is not None:
        silence_db = max(silence_db, spectrogram.max().item() - settings.top_db)
    n_silent = max(n_frames - len(spectrogram), 0)
    return F.pad(spectrogram, (0, 0, 0, n_silent), value=silence_db)


def _resized(spectrogram: Tensor, n_frames: int) -> Tensor:
    """The time axis resized, the frequency axis untouched: (T, F) -> (n_frames, F)."""
    size = (n_frames, spectrogram.shape[1])
    resized = F.interpolate(
        spectrogram[None, None], size=size, mode="bilinear", antialias=True, align_corners=False
    )  # (1, 1, n_frames, F)
    return resized[0, 0]


def _scaled(spectrogram: Tensor) -> Tensor:
    """To [0, 1] by its own minimum and maximum."""
    low, high = spectrogram.aminmax()
    if high - low <= CONSTANT_DB:
        return torch.zeros_like(spectrogram)
    return (spectrogram - low) / (high - low)
