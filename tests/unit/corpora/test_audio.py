import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

from emofactors.corpora import audio
from emofactors.corpora.audio import AudioError, Waveform, describe_recording, fault_of, read_waveform, wav_files
from emofactors.errors import InputError

RATE_HZ = 22050


@pytest.fixture
def stereo():
    """One second: 440 Hz on the left, half as loud on the right, shape (n_samples, 2)."""
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)
    return np.stack([tone, tone / 2], axis=1).astype(np.float32)


@pytest.mark.parametrize(("suffix", "tolerance"), [("wav", 1e-4), ("flac", 1e-4), ("ogg", 0.05), ("mp3", 0.05)])
def test_stereo_is_mixed_to_the_mean_of_its_channels_at_its_own_rate(tmp_path, stereo, suffix, tolerance):
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
def test_a_segment_equals_the_same_segment_of_the_whole_file(tmp_path, suffix, start_s, end_s):
    seconds = np.arange(4 * RATE_HZ) / RATE_HZ
    chirp = 0.5 * np.sin(2 * np.pi * (200 + 100 * seconds) * seconds)
    soundfile.write(tmp_path / f"chirp.{suffix}", chirp, RATE_HZ)

    segment = read_waveform(tmp_path / f"chirp.{suffix}", start_s, end_s)

    cut = read_waveform(tmp_path / f"chirp.{suffix}").segment(start_s, end_s)
    np.testing.assert_allclose(segment.samples, cut.samples, rtol=0, atol=1e-6)  # mp3 differs in the last bit


def test_mono_samples_are_unchanged(tmp_path):
    samples = np.array([0, 0.25, -0.5, 1 - 2**-15], dtype=np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 8000)
    np.testing.assert_array_equal(read_waveform(tmp_path / "a.wav").samples, samples)


def test_a_segment_is_cut_at_the_nearest_samples():
    waveform = Waveform(np.arange(100, dtype=np.float32), sample_rate_hz=10)
    np.testing.assert_array_equal(waveform.segment(1.04, 1.46).samples, [10, 11, 12, 13, 14])
    assert waveform.segment(None, 2).duration_s == 2.0
    assert waveform.segment(9, None).duration_s == 1.0
    assert waveform.segment(None, None).duration_s == 10.0


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"absent\.wav: is missing"):
        read_waveform(tmp_path / "absent.wav")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.raw", "a.txt"])
def test_a_file_without_audio_is_an_error(tmp_path, name):
    (tmp_path / name).write_bytes(b"this is not audio")
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
def test_faults_of_waveforms(samples, fault):
    assert fault_of(Waveform(np.array(samples, dtype=np.float32), 16000)) == fault


def test_hidden_files_of_macos_are_ignored(tmp_path):
    for name in ("b.wav", "a.wav", "._a.wav", "a.txt"):
        (tmp_path / name).touch()
    assert [file.name for file in wav_files(tmp_path, "*.wav")] == ["a.wav", "b.wav"]


# --- limits of decoding ----------------------------------------------------------------------------------------


def sparse_wav(path, duration_s, rate_hz=8000, n_channels=1):
    """Write a silent 16-bit wav as a sparse file."""
    n_bytes = int(duration_s * rate_hz) * 2 * n_channels
    header = b"RIFF" + struct.pack("<I", 36 + n_bytes) + b"WAVEfmt " + struct.pack("<IHH", 16, 1, n_channels)
    header += struct.pack("<IIHH", rate_hz, rate_hz * 2 * n_channels, 2 * n_channels, 16)
    with path.open("wb") as file:
        file.write(header + b"data" + struct.pack("<I", n_bytes))
        file.truncate(44 + n_bytes)
    return path


def peak_mib(function):
    """Return the peak memory of Python and numpy during a call, in MiB."""
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("duration_s", "rate_hz", "n_channels", "message"),
    [
        (3601, 8000, 1, "3,601 s in 1 channel"),
        (10 * 3600, 16_000, 1, "36,000 s"),
        (600, 48_000, 32, "32 channel"),
        (6, 48_000, 1000, "6 s in 1000 channel"),
    ],
)
def test_too_long_audio_is_an_error_before_it_is_decoded(tmp_path, duration_s, rate_hz, n_channels, message):
    file = sparse_wav(tmp_path / "long.wav", duration_s, rate_hz, n_channels)

    def read():
        with pytest.raises(AudioError, match=rf"long\.wav: has .*{message}.* 3,600 s or 160,000,000 samples"):
            read_waveform(file)

    assert peak_mib(read) < 8


def test_an_hour_is_decoded(tmp_path):
    file = sparse_wav(tmp_path / "hour.wav", 3600, 2000)
    assert len(read_waveform(file).samples) == 7_200_000


def test_a_segment_of_ten_hours_takes_the_memory_of_the_segment(tmp_path):
    file = sparse_wav(tmp_path / "long.wav", 10 * 3600, 16_000)
    tone = (8000 * np.sin(np.arange(16_000))).astype("<i2")
    with file.open("r+b") as handle:
        handle.seek(44 + 2 * 16_000 * 30_000)
        handle.write(tone.tobytes())
    segments = []

    assert peak_mib(lambda: segments.append(read_waveform(file, 30_000, 30_001))) < 8

    np.testing.assert_array_equal(segments[0].samples, tone.astype(np.float32) / 32768)
    assert describe_recording(file).duration_s == 36_000


@pytest.mark.parametrize("field", ["frames", "rate", "channels"])
def test_a_header_with_wrong_values_takes_little_memory(tmp_path, field):
    soundfile.write(tmp_path / "a.flac", np.full(4000, 0.1), 16_000)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    # Stream info: 20 bits of rate, 3 of channels less 1, 5 of bits less 1, 36 of frames, from byte 18 on.
    packed = int.from_bytes(content[18:26], "big")
    mask, value = {
        "frames": ((1 << 36) - 1, (1 << 36) - 1),
        "rate": (((1 << 20) - 1) << 44, 1 << 44),
        "channels": (7 << 41, 7 << 41),
    }[field]
    content[18:26] = ((packed & ~mask) | value).to_bytes(8, "big")
    (tmp_path / "a.flac").write_bytes(content)

    def read():
        try:
            assert len(read_waveform(tmp_path / "a.flac").samples) <= 4000
        except InputError:
            return

    assert peak_mib(read) < 8


def test_mixing_in_blocks_equals_mixing_at_once(tmp_path, monkeypatch):
    samples = np.random.default_rng(0).uniform(-0.9, 0.9, (5000, 3))
    soundfile.write(tmp_path / "a.wav", samples, 8000)
    at_once = read_waveform(tmp_path / "a.wav").samples
    monkeypatch.setattr(audio, "_BLOCK", 700)
    np.testing.assert_array_equal(read_waveform(tmp_path / "a.wav").samples, at_once)


@pytest.mark.parametrize("name", ["a\nb.wav", "a\x1b[2J.wav", "\u202ea.wav"])
def test_an_unprintable_file_name_is_an_error_of_one_printable_line(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(InputError, match="has unprintable characters in its name") as error:
        wav_files(tmp_path, "*.wav")
    assert str(error.value).isprintable()


def test_a_name_that_is_too_long_is_a_missing_file(tmp_path):
    with pytest.raises(AudioError, match="is missing"):
        read_waveform(tmp_path / ("a" * 5000))
