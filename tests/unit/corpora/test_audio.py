from pathlib import Path

import numpy as np
import pytest
import soundfile

from emofactors.corpora.audio import Waveform, fault_of, read_waveform, wav_files
from emofactors.errors import InputError

RATE_HZ = 22050


@pytest.fixture
def stereo() -> np.ndarray:
    """One second: 440 Hz on the left, half as loud on the right, shape (n_samples, 2)."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)
    return np.stack([tone, tone / 2], axis=1).astype(np.float32)


@pytest.mark.parametrize(("suffix", "tolerance"), [("wav", 1e-4), ("flac", 1e-4), ("ogg", 0.05), ("mp3", 0.05)])
def test_stereo_at_22_khz_becomes_the_mean_of_its_channels_at_its_own_rate(
    tmp_path: Path, stereo: np.ndarray, suffix: str, tolerance: float
):
    soundfile.write(tmp_path / f"tone.{suffix}", stereo, RATE_HZ)

    waveform = read_waveform(tmp_path / f"tone.{suffix}")

    assert waveform.sample_rate_hz == RATE_HZ
    assert waveform.samples.dtype == np.float32
    assert waveform.samples.shape == (RATE_HZ,)
    inner = slice(2000, -2000)  # lossy codecs smear the edges
    np.testing.assert_allclose(waveform.samples[inner], stereo.mean(axis=1)[inner], atol=tolerance)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize(
    ("start_s", "end_s"), [(0.25, 0.5), (None, 0.1), (3.3, None), (2.2, 2.9), (3.9, 5.0), (4.5, 5.0), (0.3, 0.2)]
)
def test_a_part_is_the_same_read_alone_or_cut_from_the_whole(
    tmp_path: Path, suffix: str, start_s: float | None, end_s: float | None
):
    seconds = np.arange(4 * RATE_HZ) / RATE_HZ
    chirp = 0.5 * np.sin(2 * np.pi * (200 + 100 * seconds) * seconds)
    soundfile.write(tmp_path / f"chirp.{suffix}", chirp, RATE_HZ)

    part = read_waveform(tmp_path / f"chirp.{suffix}", start_s, end_s)

    cut = read_waveform(tmp_path / f"chirp.{suffix}").segment(start_s, end_s)
    np.testing.assert_allclose(part.samples, cut.samples, rtol=0, atol=1e-6)  # mp3 differs in the last bit


def test_one_channel_is_read_as_it_is(tmp_path: Path):
    samples = np.array([0, 0.25, -0.5, 1 - 2**-15], dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 8000)
    np.testing.assert_array_equal(read_waveform(tmp_path / "a.wav").samples, samples)


def test_a_segment_is_cut_at_the_nearest_samples():
    waveform = Waveform(np.arange(100, dtype=np.float32), sample_rate_hz=10)
    np.testing.assert_array_equal(waveform.segment(1.04, 1.46).samples, [10, 11, 12, 13, 14])
    assert waveform.segment(None, 2).duration_s == 2.0
    assert waveform.segment(9, None).duration_s == 1.0
    assert waveform.segment(None, None).duration_s == 10.0


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(InputError, match=r"absent\.wav: is missing"):
        read_waveform(tmp_path / "absent.wav")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.raw", "a.txt"])
def test_what_is_no_audio_is_named(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"this is no audio")
    with pytest.raises(InputError, match=rf"{name}: cannot be decoded, expected an audio file"):
        read_waveform(tmp_path / name)


@pytest.mark.parametrize(
    ("samples", "fault"),
    [
        ([], "is empty"),
        ([0.1, np.nan], "has samples that are not finite"),
        ([0.1, np.inf], "has samples that are not finite"),
        ([0.0, 5e-5, -5e-5], "is silent"),
        ([0.0, 0.001], None),
    ],
)
def test_what_makes_a_waveform_unusable(samples: list[float], fault: str | None):
    assert fault_of(Waveform(np.array(samples, dtype=np.float32), 16000)) == fault


def test_files_a_mac_left_are_no_wav(tmp_path: Path):
    for name in ("b.wav", "a.wav", "._a.wav", "a.txt"):
        (tmp_path / name).touch()
    assert [file.name for file in wav_files(tmp_path, "*.wav")] == ["a.wav", "b.wav"]
