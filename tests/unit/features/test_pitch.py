import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emofactors.config.features import features_of
from emofactors.features import pitch_tracker

METHODS = ("praat", "pyin")


def voice(f0_hz, sample_rate_hz=16_000):
    """A voice of four harmonics with F0 (n_samples,)."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / sample_rate_hz
    return (0.2 * sum(np.sin(k * phase) / k for k in range(1, 5))).astype(np.float32)


def track(method, samples, sample_rate_hz=16_000, hop_ms=10.0, min_hz=60.0, max_hz=500.0):
    return pitch_tracker(method)(samples, sample_rate_hz, hop_ms=hop_ms, min_hz=min_hz, max_hz=max_hz)


@pytest.mark.parametrize("f0_hz", [80.0, 180.0, 450.0])
@pytest.mark.parametrize("method", METHODS)
def test_a_steady_voice_has_its_f0(method, f0_hz):
    found = track(method, voice(np.full(16_000, f0_hz)))
    assert found.shape == (101,)
    np.testing.assert_allclose(found[5:-5], f0_hz, rtol=0.005 if method == "pyin" else 5e-4)


@pytest.mark.parametrize(("method", "tolerance_hz"), [("praat", 0.05), ("pyin", 2.0)])
@pytest.mark.parametrize("sample_rate_hz", [16_000, 22_050])
def test_frames_of_a_glide_stand_at_multiples_of_the_hop(method, tolerance_hz, sample_rate_hz):
    # 200 Hz a second: a frame that stood one hop off would be 2 Hz off.
    time_s = np.arange(sample_rate_hz) / sample_rate_hz
    found = track(method, voice(120 + 200 * time_s, sample_rate_hz), sample_rate_hz)
    hop_s = round(sample_rate_hz / 100) / sample_rate_hz
    expected = 120 + 200 * hop_s * np.arange(len(found))
    np.testing.assert_allclose(found[10:-10], expected[10:-10], atol=tolerance_hz)
    assert abs(np.mean(found[10:-10] - expected[10:-10])) < tolerance_hz / 3


def test_only_the_voiced_middle_is_voiced():
    samples = np.concatenate([np.zeros(8_000), voice(np.full(8_000, 200.0)), np.zeros(8_000)])
    found = track("praat", samples)
    assert (found[:45] == 0).all()
    assert (found[105:] == 0).all()
    np.testing.assert_allclose(found[55:95], 200, rtol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_silence_has_no_f0(method):
    assert not track(method, np.zeros(8_000, dtype=np.float32)).any()


@given(
    n_samples=st.integers(0, 4_000),
    sample_rate_hz=st.sampled_from([8_000, 16_000, 22_050, 48_000]),
    hop_ms=st.sampled_from([5.0, 8.0, 10.0, 12.5]),
    min_hz=st.sampled_from([40.0, 60.0, 300.0, 2_000.0]),
)
def test_any_length_has_the_frames_of_a_spectrogram(n_samples, sample_rate_hz, hop_ms, min_hz):
    samples = 0.1 * np.random.default_rng(n_samples).standard_normal(n_samples)
    found = track("praat", samples, sample_rate_hz, hop_ms, min_hz, 1.5 * min_hz)
    assert found.shape == (1 + n_samples // round(sample_rate_hz * hop_ms / 1000),)
    assert ((found == 0) | ((found > 0.9 * min_hz) & (found < 1.6 * min_hz))).all()


@pytest.mark.parametrize("n_samples", [0, 1, 100, 321])
def test_pyin_takes_any_length_too(n_samples):
    assert track("pyin", np.full(n_samples, 0.1)).shape == (1 + n_samples // 160,)


def test_threads_do_not_change_a_track(speech_like):
    utterances = [speech_like(seed, 16_000) for seed in range(8)]
    alone = [track("praat", samples) for samples in utterances]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda samples: track("praat", samples), utterances))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_praat_keeps_up_with_a_hundred_times_real_time(speech_like):
    samples = speech_like(0, 16_000 * 20)
    track("praat", samples)
    began = time.process_time()  # of all threads: at most two of them work
    track("praat", samples)
    assert time.process_time() - began < 2 * 20 / 100


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"min_hz": 500.0}, "from 500 to 500 Hz, expected a range up to 8000 Hz"),
        ({"max_hz": 8_001.0}, "from 60 to 8001 Hz, expected a range up to 8000 Hz"),
        ({"hop_ms": 0.01}, "hop_ms is 0.01 at 16000 Hz, expected at least one sample"),
        ({"samples": np.array([0.0, np.nan])}, "samples are not all finite"),
    ],
)
def test_what_cannot_be_tracked_is_refused(method, change, said):
    with pytest.raises(ValueError, match=said):
        track(method, **({"samples": np.zeros(1_000)} | change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"min_hz": 600}, "'max_hz' is 600: expected above min_hz, up to half the rate"),
        ({"max_hz": 9_000}, "'max_hz' is 9000: expected above min_hz, up to half the rate"),
        ({"hop_ms": 0.01}, "'hop_ms' is 0.01: expected at least one sample"),
        ({"method": "rapt"}, "method"),
    ],
)
def test_impossible_settings_of_f0_are_refused(f0, change, said):
    with pytest.raises(ValueError, match=said):
        features_of(f0.model_dump() | change)
