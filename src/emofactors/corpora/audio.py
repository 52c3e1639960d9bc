"""Read audio files as mono waveforms at their own sample rate, and detect unusable audio."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from emofactors.errors import InputError

#: A waveform whose peak is below this value is silent: three steps of 16-bit audio.
SILENT_PEAK = 1e-4

#: Largest duration, and number of samples over all channels, that is decoded at once: an hour of mono at 44.1 kHz.
#: Mixing its channels takes up to 0.9 GiB. The limits guard against headers with wrong sizes.
MAX_DURATION_S = 3600.0
MAX_SAMPLES = 160_000_000

#: Plausible sample rates; others indicate a damaged header.
SAMPLE_RATES_HZ = (1_000, 768_000)

#: Number of frames whose channels are mixed at once.
_BLOCK = 1 << 20

#: Samples decoded before a segment and discarded: an mp3 frame (1152 samples) depends on earlier frames, so the
#: first frames after a seek are wrong. In tests, four frames were too few and ten sufficed.
_LEAD = 20 * 1152


class AudioError(InputError):
    """Audio that cannot be used.

    Args:
        path: the file.
        reason: what is wrong with it.
        expected: what was expected.

    Attributes:
        reason: what is wrong with it, without the file.
    """

    def __init__(self, path: Path, reason: str, expected: str) -> None:
        super().__init__(f"{path}: {reason}, expected {expected}")
        self.reason = reason


@dataclass(frozen=True)
class Waveform:
    """Mono audio.

    Attributes:
        samples: float32 in [-1, 1], shape (n_samples,).
        sample_rate_hz: sample rate.
    """

    samples: np.ndarray
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate_hz

    def segment(self, start_s: float | None, end_s: float | None) -> "Waveform":
        """Return the segment from ``start_s`` to ``end_s``; None means the beginning or the end."""
        first = 0 if start_s is None else round(start_s * self.sample_rate_hz)
        last = None if end_s is None else round(end_s * self.sample_rate_hz)
        return Waveform(self.samples[first:last], self.sample_rate_hz)


def wav_files(root: Path, pattern: str) -> list[Path]:
    """Return the files below a folder that match a pattern, sorted, without the ``._x`` files of macOS.

    Raises:
        InputError: if a name has unprintable characters, such as line ends.
    """
    files = sorted(file for file in root.glob(pattern) if not file.name.startswith("."))
    unprintable = [file for file in files if not str(file.relative_to(root)).isprintable()]
    if unprintable:
        raise InputError(f"{str(unprintable[0])!r}: has unprintable characters in its name, expected another name")
    return files


@dataclass(frozen=True)
class Recording:
    """Header of an audio file.

    Attributes:
        n_frames: number of samples per channel.
        sample_rate_hz: sample rate.
        n_channels: number of channels.
    """

    n_frames: int
    sample_rate_hz: int
    n_channels: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_frames / self.sample_rate_hz

    def is_within_limits(self, n_frames: int) -> bool:
        """Return whether this number of frames may be decoded at once."""
        return n_frames <= MAX_DURATION_S * self.sample_rate_hz and n_frames * self.n_channels <= MAX_SAMPLES


def describe_recording(path: Path) -> Recording:
    """Read the header of an audio file.

    Raises:
        AudioError: if the file is missing, cannot be decoded, or has an impossible rate.
    """
    with _opened(path) as file:
        return _recording(path, file)


def read_waveform(path: Path, start_s: float | None = None, end_s: float | None = None) -> Waveform:
    """Read an audio file, or a segment of it, and mix its channels down to one.

    Only the segment is decoded, so the recording may have any duration.

    Args:
        path: any file libsndfile decodes: wav, flac, ogg, mp3 and others.
        start_s: start of the segment; None: the beginning of the file.
        end_s: end of the segment; None: the end of the file.

    Returns:
        The mean of the channels at the sample rate of the file.

    Raises:
        AudioError: if the file is missing, cannot be decoded or has an impossible rate, or if the segment exceeds
            ``MAX_DURATION_S`` or ``MAX_SAMPLES``; then nothing is decoded.
    """
    with _opened(path) as file:
        recording = _recording(path, file)
        first = 0 if start_s is None else min(round(start_s * file.samplerate), file.frames)
        last = file.frames if end_s is None else min(max(round(end_s * file.samplerate), first), file.frames)
        if not recording.is_within_limits(last - first):
            raise AudioError(
                path,
                f"has {(last - first) / file.samplerate:,g} s in {file.channels} channel(s) at "
                f"{file.samplerate:,} Hz, more than {MAX_DURATION_S:,.0f} s or {MAX_SAMPLES:,} samples over all "
                "channels",
                "shorter segments as utterances (start_s, end_s)",
            )
        lead = min(first, _LEAD)
        file.seek(first - lead)
        # libsndfile converts 16-bit samples to the same floats, but several times more slowly.
        dtype = "int16" if file.subtype == "PCM_16" else "float32"
        # Read lead and segment together: soundfile seeks after each read.
        samples = file.read(lead + last - first, dtype=dtype, always_2d=True)  # (n, channels)
    return Waveform(_mono(samples[lead:]), recording.sample_rate_hz)


@contextmanager
def _opened(path: Path) -> Iterator[soundfile.SoundFile]:
    """Open an audio file; raise AudioError for any failure."""
    try:
        with soundfile.SoundFile(path) as file:
            yield file
    except (soundfile.LibsndfileError, OSError, TypeError) as error:  # TypeError: .raw has no header
        reason = "cannot be decoded" if _exists(path) else "is missing"
        raise AudioError(path, reason, "an audio file") from error


def _exists(path: Path) -> bool:
    """Return whether a file exists; False for names no file can have."""
    try:
        Path(path).stat()
    except (OSError, ValueError):
        return False
    return True


def _recording(path: Path, file: soundfile.SoundFile) -> Recording:
    """Return the header of an open file; raise AudioError for an impossible rate."""
    lowest, highest = SAMPLE_RATES_HZ
    if not lowest <= file.samplerate <= highest:
        raise AudioError(
            path, f"has a sample rate of {file.samplerate:,} Hz", f"one between {lowest:,} and {highest:,} Hz"
        )
    return Recording(n_frames=file.frames, sample_rate_hz=file.samplerate, n_channels=file.channels)


def _mono(samples: np.ndarray) -> np.ndarray:
    """Return the mean of the channels, float32 in [-1, 1]: (n, channels), int16 or float32 -> (n,)."""
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
    """Return why a waveform is unusable (empty, not finite or silent); None if it is usable."""
    if len(waveform.samples) == 0:
        return "is empty"
    if not np.isfinite(waveform.samples).all():
        return "has samples that are not finite"
    if max(waveform.samples.max(), -waveform.samples.min()) < SILENT_PEAK:
        return "is silent"
    return None
