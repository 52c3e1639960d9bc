import librosa
import numpy as np
import pytest

from emofactors.features.mel import mel_filters


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"n_fft": 2_048, "n_mels": 128, "f_max_hz": 8_000.0},
        {"n_fft": 1_023, "n_mels": 23, "f_min_hz": 0.0, "f_max_hz": 900.0},
        {"n_mels": 80, "f_min_hz": 90.0, "f_max_hz": 7_600.0},
        {"n_mels": 10, "f_min_hz": 1_000.0, "f_max_hz": 6_400.0},
        {"sample_rate_hz": 44_100, "n_mels": 64, "f_min_hz": 2_500.0, "f_max_hz": 22_050.0},
    ],
)
def test_filters_equal_those_of_librosa_bit_by_bit(log_mel, changes):
    settings = log_mel.model_copy(update=changes)
    expected = librosa.filters.mel(
        sr=settings.sample_rate_hz,
        n_fft=settings.n_fft,
        n_mels=settings.n_mels,
        fmin=settings.f_min_hz,
        fmax=settings.f_max_hz,
        dtype=np.float64,
    )
    assert np.array_equal(mel_filters(settings), expected)
    assert mel_filters(settings).dtype == np.float64
