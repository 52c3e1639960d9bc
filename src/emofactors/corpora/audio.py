"""Audio from disk: mono waveforms at their own rate, and what makes one unusable."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from emofactors.errors import InputError

#: A waveform that never leaves this band around zero is silent: three steps of 16-bit audio.
SILENT_PEAK = 1e-4

#: What is decoded at once is at most this long, and at most so many samples over all channels: an hour in mono at
#: 44.1 kHz. It takes up to 0.9 GiB while channels are mixed. A header may claim anything.
MAX_DURATION_S = 3600.0
MAX_SAMPLES = 160_000_000

#: Rates of audio that was ever meant to be heard; others are those of a damaged header.
SAMPLE_RATES_HZ = (1_000, 768_000)

#: Frames whose channels are mixed at once.
_BLOCK = 1 << 20

#: Samples decoded ahead of a part and left out: a frame of mp3 (1152 samples) builds on those before it, so
#: the first ones after a jump are wrong. Four frames were too few in trials, ten enough.
_LEAD = 20 * 1152


class AudioError(InputError):
    """Audio that cannot be used.

    Args:
        path: the file.
        reason: what is wrong with it.
        expected: what it should be.

    Attributes:
        reason: likewise, without the file.
    """

    def __init__(self, path: Path, reason: str, expected: str) -> None:
        super().__init__(f"{path}: {reason}, expected {expected}")
        self.reason = reason


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
    """The wav files of a layout's pattern, ordered, without the ``._x`` a mac puts beside each ``x``.

    Raises:
        InputError: if a name has characters that cannot be shown: ends of lines, or no letters at all.
    """
    files = sorted(file for file in root.glob(pattern) if not file.name.startswith("."))
    unprintable = [file for file in files if not str(file.relative_to(root)).isprintable()]
    if unprintable:
        raise InputError(f"{str(unprintable[0])!r}: cannot be shown as it is named, expected another name")
    return files


@dataclass(frozen=True)
class Recording:
    """What the header of an audio file says.

    Attributes:
        n_frames: samples of a channel.
        sample_rate_hz: samples a second.
        n_channels: channels.
    """

    n_frames: int
    sample_rate_hz: int
    n_channels: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_frames / self.sample_rate_hz

    def is_within_limits(self, n_frames: int) -> bool:
        """Whether so many of its frames may be decoded at once."""
        return n_frames <= MAX_DURATION_S * self.sample_rate_hz and n_frames * self.n_channels <= MAX_SAMPLES


def describe_recording(path: Path) -> Recording:
    """Read the header of an audio file.

    Raises:
        AudioError: if the file is missing, cannot be decoded, or has an impossible rate.
    """
    with _opened(path) as file:
        return _recording(path, file)


def read_waveform(path: Path, start_s: float | None = None, end_s: float | None = None) -> Waveform:
    """Read an audio file, or a part of it, and mix its channels down to one.

    A part is read from where it begins, so that a recording may be as long as it likes.

    Args:
        path: any file libsndfile decodes: wav, flac, ogg, mp3 and others.
        start_s: where to begin; None: at the beginning.
        end_s: where to end; None: at the end. Only what lies between is decoded.

    Returns:
        The mean of its channels at its own rate.

    Raises:
        AudioError: if the file is missing or cannot be decoded, has an impossible rate, or what is to be
            decoded is longer than ``MAX_DURATION_S`` or ``MAX_SAMPLES``; then nothing is decoded.
    """
    with _opened(path) as file:
        recording = _recording(path, file)
        first = 0 if start_s is None else min(round(start_s * file.samplerate), file.frames)
        last = file.frames if end_s is None else min(max(round(end_s * file.samplerate), first), file.frames)
        if not recording.is_within_limits(last - first):
            raise AudioError(
                path,
                f"has {(last - first) / file.samplerate:,g} s in {file.channels} channel(s) at "
                f"{file.samplerate:,} Hz to decode at once, where {MAX_DURATION_S:,.0f} s and {MAX_SAMPLES:,} "
                "samples over all channels are the most",
                "shorter parts of it as utterances (start_s, end_s)",
            )
        lead = min(first, _LEAD)
        file.seek(first - lead)
        # libsndfile would make the same floats of 16 bit, but takes several times as long.
        stored = "int16" if file.subtype == "PCM_16" else "float32"
        # One read for both: soundfile jumps after each.
        samples = file.read(lead + last - first, dtype=stored, always_2d=True)  # (n, channels)
    return Waveform(_mono(samples[lead:]), recording.sample_rate_hz)


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """An audio file to read from; whatever goes wrong with it is an AudioError."""
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except (soundfile.LibsndfileError, OSError, TypeError) as error:  # TypeError: .raw, which has no header
        reason = "cannot be decoded" if _is_there(path) else "is missing"
        raise AudioError(path, reason, "an audio file") from error


def _is_there(path: Path) -> bool:
    """Whether there is such a file; there is none of a name no file can have."""
    try:
        Path(path).stat()
    except (OSError, ValueError):
        return False
    return True


def _recording(path: Path, file: soundfile.SoundFile) -> Recording:
    lowest, highest = SAMPLE_RATES_HZ
    if not lowest <= file.samplerate <= highest:
        raise AudioError(
            path, f"has a rate of {file.samplerate:,} Hz", f"one between {lowest:,} and {highest:,} Hz"
        )
    return Recording(n_frames=file.frames, sample_rate_hz=file.samplerate, n_channels=file.channels)


def _mono(samples: np.ndarray) -> np.ndarray:
    """The mean of the channels, float32 in [-1, 1], (n,): of samples (n, channels), int16 or float32."""
    if samples.dtype == np.float32 and samples.shape[1] == 1:
        return np.ascontiguousarray(samples[:, 0])
    mono = np.empty(len(samples), dtype=np.float32)
    for first in range(0, len(samples), _BLOCK):
        block = samples[first : first + _BLOCK]
        if block.dtype == np.int16:
            block = block * np.float32(1 / 32_768)
        mono[first : first + _BLOCK] = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
    return mono


def fault_of(waveform: Waveform) -> str | None:
    """What makes a waveform unusable, in words: empty, not finite or silent; None if it is sound."""
    if len(waveform.samples) == 0:
        return "is empty"
    if not np.isfinite(waveform.samples).all():
        return "has samples that are not finite"
    if max(waveform.samples.max(), -waveform.samples.min()) < SILENT_PEAK:
        return "is silent"
    return None
