import numpy as np
import pytest

from emofactors.features.inversion import invert_mel, scale_to_peak
from emofactors.features.spectrogram import log_spectrograms


def tone(n_samples=16_000, f_hz=440.0):
    return (0.3 * np.sin(2 * np.pi * f_hz * np.arange(n_samples) / 16_000)).astype(np.float32)


def decibels(log_mel, settings):
    """Log-Mel in dB, without its scale."""
    low, high = settings.scale_db or (0, 1)
    return low + log_mel * (high - low)


@pytest.mark.parametrize("kind", ["log_mel_80", "log_mel"])
@pytest.mark.parametrize("of", ["tone", "speech"])
def test_spectrogram_of_the_samples_is_near_the_given_one(request, speech_like, kind, of):
    settings = request.getfixturevalue(kind)
    waveform = tone() if of == "tone" else speech_like(0, 16_000)
    (given,) = log_spectrograms([waveform], settings)
    samples = invert_mel(given, settings)
    assert samples.dtype == np.float32
    assert samples.shape == ((len(given) - 1) * settings.hop_length,)
    (again,) = log_spectrograms([samples], settings)
    given, again = decibels(given[: len(again)], settings), decibels(again, settings)
    audible = given > given.max() - 30
    difference = np.abs(given - again)[2:-2][audible[2:-2]]
    assert difference.mean() < 1.5
    assert np.percentile(difference, 95) < 4


def test_tone_keeps_its_frequency_and_level(log_mel_80):
    (given,) = log_spectrograms([tone()], log_mel_80)
    samples = invert_mel(given, log_mel_80)
    inner = samples[4_000:12_000]
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner))))
    # The filters are 35 Hz apart at this frequency.
    assert spectrum.argmax() * 2 == pytest.approx(440, abs=35)
    assert np.sqrt(np.mean(inner**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.25)


def test_inversion_is_deterministic(log_mel_80, speech_like):
    (given,) = log_spectrograms([speech_like(1, 8_000)], log_mel_80)
    assert invert_mel(given, log_mel_80).tobytes() == invert_mel(given, log_mel_80).tobytes()


def test_values_beyond_the_scale_are_clipped(log_mel_80):
    given = np.full((20, 80), 0.3, dtype=np.float32)
    over = given.copy()
    given[5], over[5] = 1, 7
    np.testing.assert_array_equal(invert_mel(over, log_mel_80), invert_mel(given, log_mel_80))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((10, 79), dtype=np.float32), r"shape \(10, 79\), expected \(T, 80\)"),
        (np.zeros((1, 80), dtype=np.float32), r"shape \(1, 80\), expected \(T, 80\)"),
        (np.full((10, 80), np.nan, dtype=np.float32), "not finite"),
    ],
)
def test_invalid_spectrogram_is_refused(log_mel_80, given, message):
    with pytest.raises(ValueError, match=message):
        invert_mel(given, log_mel_80)


def test_samples_are_scaled_to_the_peak_and_silence_stays_silent():
    assert np.abs(scale_to_peak(tone(), 0.5)).max() == pytest.approx(0.5)
    assert not scale_to_peak(np.zeros(10, dtype=np.float32)).any()
