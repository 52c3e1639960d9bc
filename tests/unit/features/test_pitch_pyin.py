import librosa
import numpy as np
import pytest

from emofactors.features.pitch_pyin import f0_pyin


@pytest.mark.parametrize("n_samples", [0, 1, 100, 321])
def test_any_length_has_the_frames_of_a_spectrogram(n_samples):
    result = f0_pyin(np.full(n_samples, 0.1), 16_000, hop_ms=10.0, min_hz=60.0, max_hz=500.0)
    assert result.shape == (1 + n_samples // 160,)


@pytest.mark.parametrize(("min_hz", "frame_length"), [(60.0, 2_048), (62.5, 1_024), (200.0, 512)])
def test_window_holds_four_periods_of_the_lowest_f0(speech_like, min_hz, frame_length):
    samples = speech_like(0, 8_000)
    expected, voiced, _ = librosa.pyin(
        samples.astype(np.float64),
        fmin=min_hz,
        fmax=500.0,
        sr=16_000,
        frame_length=frame_length,
        hop_length=160,
        pad_mode="constant",
    )
    result = f0_pyin(samples, 16_000, hop_ms=10.0, min_hz=min_hz, max_hz=500.0)
    np.testing.assert_array_equal(result, np.where(voiced, expected, 0.0))
