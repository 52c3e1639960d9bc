import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emofactors.features import pitch_tracker
from emofactors.features.pitch import f0_features, hop_length_of

METHODS = ("praat", "pyin")


def voice(f0_hz, sample_rate_hz=16_000):
    """A voice of four harmonics with F0 (n_samples,)."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / sample_rate_hz
    return (0.2 * sum(np.sin(k * phase) / k for k in range(1, 5))).astype(np.float32)


def track(method, samples, sample_rate_hz=16_000, hop_ms=10.0, min_hz=60.0, max_hz=500.0):
    return pitch_tracker(method)(samples, sample_rate_hz, hop_ms=hop_ms, min_hz=min_hz, max_hz=max_hz)


@pytest.mark.parametrize("f0_hz", [80.0, 180.0, 450.0])
@pytest.mark.parametrize("method", METHODS)
def test_f0_of_a_steady_voice(method, f0_hz):
    result = track(method, voice(np.full(16_000, f0_hz)))
    assert result.shape == (101,)
    np.testing.assert_allclose(result[5:-5], f0_hz, rtol=0.005 if method == "pyin" else 5e-4)


@pytest.mark.parametrize(("method", "tolerance_hz"), [("praat", 0.05), ("pyin", 2.0)])
@pytest.mark.parametrize("sample_rate_hz", [16_000, 22_050])
def test_frames_are_centered_at_multiples_of_the_hop(method, tolerance_hz, sample_rate_hz):
    # F0 rises by 200 Hz per second: a shift by one hop would change it by 2 Hz.
    time_s = np.arange(sample_rate_hz) / sample_rate_hz
    result = track(method, voice(120 + 200 * time_s, sample_rate_hz), sample_rate_hz)
    hop_s = round(sample_rate_hz / 100) / sample_rate_hz
    expected = 120 + 200 * hop_s * np.arange(len(result))
    np.testing.assert_allclose(result[10:-10], expected[10:-10], atol=tolerance_hz)
    assert abs(np.mean(result[10:-10] - expected[10:-10])) < tolerance_hz / 3


@pytest.mark.parametrize("method", METHODS)
def test_silence_is_unvoiced(method):
    assert not track(method, np.zeros(8_000, dtype=np.float32)).any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_hz": 500.0}, "F0 range is 500 to 500 Hz, expected a range up to 8000 Hz"),
        ({"max_hz": 8_001.0}, "F0 range is 60 to 8001 Hz, expected a range up to 8000 Hz"),
        ({"hop_ms": 0.01}, "hop_ms is 0.01 at 16000 Hz, expected at least one sample"),
        ({"samples": np.array([0.0, np.nan])}, "samples are not all finite"),
    ],
)
def test_invalid_input_is_refused(method, change, message):
    with pytest.raises(ValueError, match=message):
        track(method, **({"samples": np.zeros(1_000)} | change))


@given(sample_rate_hz=st.sampled_from([8_000, 22_050]), hop_ms=st.floats(1, 20))
def test_hop_is_the_nearest_number_of_samples(sample_rate_hz, hop_ms):
    assert abs(hop_length_of(sample_rate_hz, hop_ms) - sample_rate_hz * hop_ms / 1000) <= 0.5


def test_features_are_float32_tracks_and_nan_for_audio_that_is_not_finite(f0, speech_like):
    good, bad = speech_like(0, 8_000), speech_like(1, 5_000)
    bad[100] = np.inf
    result, invalid = f0_features([good, bad], f0, pitch_tracker(f0.method))
    hop_length = hop_length_of(f0.sample_rate_hz, f0.hop_ms)
    expected = track(f0.method, good, f0.sample_rate_hz, f0.hop_ms, f0.min_hz, f0.max_hz)
    assert result.dtype == invalid.dtype == np.float32
    np.testing.assert_array_equal(result, expected.astype(np.float32)[:, None])
    assert invalid.shape == (1 + 5_000 // hop_length, 1)
    assert np.isnan(invalid).all()
