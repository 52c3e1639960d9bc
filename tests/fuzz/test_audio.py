"""Fuzz tests of audio: random bytes, and damaged files."""

import io
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from emofactors.corpora.audio import describe_recording, fault_of, read_waveform

FUZZ = settings.get_profile("fuzz")
SUFFIXES = ("wav", "flac", "ogg", "mp3")


def sound_as(suffix: str) -> bytes:
    """Return a tenth of a second of a tone in a format; libsndfile writes mp3 to files only."""
    tone = 0.5 * np.sin(np.arange(1600) / 4)
    if suffix == "mp3":
        with tempfile.TemporaryDirectory() as folder:
            soundfile.write(Path(folder) / "a.mp3", tone, 16_000)
            return (Path(folder) / "a.mp3").read_bytes()
    content = io.BytesIO()
    soundfile.write(content, tone, 16_000, format=suffix.upper())
    return content.getvalue()


SOUNDS = {suffix: sound_as(suffix) for suffix in SUFFIXES}
TIMES = st.none() | st.floats(0, 1e12) | st.sampled_from([0.0, 0.05, 0.1, 0.2])


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """Return a file with bytes changed, removed, doubled or truncated, mostly in its header."""
    changed = bytearray(content)
    for _ in range(draw(st.integers(1, 8))):
        place = draw(st.integers(0, min(80, len(changed) - 1)) | st.integers(0, len(changed) - 1))
        match draw(st.sampled_from(["set", "set", "bits", "cut", "double", "end"])):
            case "set":
                new = draw(st.binary(min_size=1, max_size=8))
                changed[place : place + len(new)] = new
            case "bits":
                changed[place] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del changed[place : place + draw(st.integers(1, 64))]
            case "double":
                changed[place:place] = changed[place : place + draw(st.integers(1, 64))]
            case "end":
                del changed[max(1, place) :]
        if not changed:
            return b""
    return bytes(changed)


def read(file: Path, start_s: float | None, end_s: float | None):
    recording = describe_recording(file)
    waveform = read_waveform(file, start_s, end_s)
    fault_of(waveform)
    assert waveform.samples.dtype == np.float32
    assert waveform.samples.ndim == 1
    assert recording.duration_s >= 0
    return waveform


@FUZZ
@given(
    content=st.binary(max_size=400),
    suffix=st.sampled_from([*SUFFIXES, "raw", "aiff", "au", ""]),
    start_s=TIMES,
    end_s=TIMES,
)
def test_random_bytes_are_read_or_rejected(tree, read_or_rejected, content, suffix, start_s, end_s):
    root = tree.write({f"a.{suffix}": content})
    read_or_rejected(lambda: read(root / f"a.{suffix}", start_s, end_s))


@pytest.mark.parametrize("suffix", SUFFIXES)
@FUZZ
@given(data=st.data(), start_s=TIMES, end_s=TIMES)
def test_a_damaged_file_is_read_or_rejected(tree, read_or_rejected, suffix, data, start_s, end_s):
    root = tree.write({f"a.{suffix}": data.draw(damaged(SOUNDS[suffix]))})
    read_or_rejected(lambda: read(root / f"a.{suffix}", start_s, end_s))
