"""Audio from disk: mono waveforms at their own rate, and what makes one unusable."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from emofactors.errors import InputError

#: A waveform that never leaves this band around zero is silent: three steps of 16-bit audio.
SILENT_PEAK = 1e-4

#: Samples decoded ahead of a part and left out: a frame of mp3 (1152 samples) builds on those before it, so
#: the first ones after a jump are wrong. Four frames were too few in trials, ten enough.
_LEAD = 20 * 1152


@dataclass(frozen=True)
class Waveform:
    """Mono audio.

    Attributes:
        samples: float32 in [-1, 1], shape (n_samples,).
        sample_rate_hz: samples a second.
    """

    samples: np.ndarray
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate_hz

    def segment(self, start_s: float | None, end_s: float | None) -> "Waveform":
        """The part from ``start_s`` to ``end_s``; None stands for the beginning or the end."""
        first = 0 if start_s is None else round(start_s * self.sample_rate_hz)
        last = None if end_s is None else round(end_s * self.sample_rate_hz)
        return Waveform(self.samples[first:last], self.sample_rate_hz)


def wav_files(root: Path, pattern: str) -> list[Path]:
    """The wav files of a layout's pattern, ordered, without the ``._x`` a mac puts beside each ``x``."""
    return sorted(file for file in root.glob(pattern) if not file.name.startswith("."))


def read_waveform(path: Path, start_s: float | None = None, end_s: float | None = None) -> Waveform:
    """Read an audio file, or a part of it, and mix its channels down to one.

    Args:
        path: any file libsndfile decodes: wav, flac, ogg, mp3 and others.
        start_s: where to begin; None: at the beginning.
        end_s: where to end; None: at the end. Only what lies between is decoded.

    Returns:
        The mean of its channels at its own rate.

    Raises:
        InputError: if the file is missing or cannot be decoded.
    """
    try:
        with soundfile.SoundFile(path) as file:
            first = 0 if start_s is None else min(round(start_s * file.samplerate), file.frames)
            last = file.frames if end_s is None else max(round(end_s * file.samplerate), first)
            lead = min(first, _LEAD)
            file.seek(first - lead)
            # libsndfile would make the same floats of 16 bit, but takes several times as long.
            stored = "int16" if file.subtype == "PCM_16" else "float32"
            # One read for both: soundfile jumps after each.
            samples = file.read(lead + last - first, dtype=stored, always_2d=True)  # (n, channels)
            sample_rate_hz = file.samplerate
    except (soundfile.LibsndfileError, OSError, TypeError) as error:  # TypeError: .raw, which has no header
        reason = "is missing" if not Path(path).exists() else "cannot be decoded"
        raise InputError(f"{path}: {reason}, expected an audio file") from error
    part = samples[lead:]
    if part.dtype == np.int16:
        part = part * np.float32(1 / 32_768)
    mono = part[:, 0] if part.shape[1] == 1 else part.mean(axis=1)
    return Waveform(np.ascontiguousarray(mono), sample_rate_hz)


def fault_of(waveform: Waveform) -> str | None:
    """What makes a waveform unusable, in words: empty, not finite or silent; None if it is sound."""
    if len(waveform.samples) == 0:
        return "is empty"
    if not np.isfinite(waveform.samples).all():
        return "has samples that are not finite"
    if np.abs(waveform.samples).max() < SILENT_PEAK:
        return "is silent"
    return None
