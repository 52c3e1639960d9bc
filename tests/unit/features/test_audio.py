import librosa
import numpy as np
import pytest

from emofactors.corpora.audio import Waveform
from emofactors.features.audio import resampled

RATES_HZ = [8_000, 11_025, 22_050, 44_100, 48_000]


def tone(frequency_hz, sample_rate_hz, duration_s=1.0):
    time_s = np.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz
    return Waveform((0.5 * np.sin(2 * np.pi * frequency_hz * time_s)).astype(np.float32), sample_rate_hz)


@pytest.mark.parametrize("sample_rate_hz", RATES_HZ)
def test_resampled_tone_is_the_same_tone(sample_rate_hz):
    result = resampled(tone(1_000, sample_rate_hz), 16_000)
    expected = tone(1_000, 16_000).samples
    assert result.sample_rate_hz == 16_000
    assert result.samples.dtype == np.float32
    assert abs(len(result.samples) - 16_000) <= 1
    middle = slice(1_000, 15_000)  # the edges ring because of the silence beyond them
    assert np.abs(result.samples[middle] - expected[middle]).max() < 1e-4


@pytest.mark.parametrize("sample_rate_hz", [22_050, 44_100, 48_000])
def test_frequencies_above_half_the_new_rate_are_removed(sample_rate_hz):
    result = resampled(tone(9_500, sample_rate_hz), 16_000)
    assert np.abs(result.samples[1_000:15_000]).max() < 0.5 * 1e-4  # 80 dB below the tone


@pytest.mark.parametrize("sample_rate_hz", RATES_HZ)
def test_resampling_equals_librosa(speech_like, sample_rate_hz):
    samples = speech_like(1, sample_rate_hz, sample_rate_hz)
    result = resampled(Waveform(samples, sample_rate_hz), 16_000).samples
    expected = librosa.resample(samples, orig_sr=sample_rate_hz, target_sr=16_000)
    n_samples = min(len(result), len(expected))
    assert abs(len(result) - len(expected)) <= 1
    np.testing.assert_allclose(result[:n_samples], expected[:n_samples], atol=1e-6)


def test_waveform_at_the_target_rate_is_returned_unchanged():
    waveform = tone(440, 16_000)
    assert resampled(waveform, 16_000) is waveform
