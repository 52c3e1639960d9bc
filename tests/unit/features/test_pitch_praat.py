from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emofactors.features.pitch_praat import f0_praat


def track(samples):
    return f0_praat(samples, 16_000, hop_ms=10.0, min_hz=60.0, max_hz=500.0)


def test_only_the_voiced_middle_is_voiced():
    phase = 2 * np.pi * 200 * np.arange(8_000) / 16_000
    samples = np.concatenate([np.zeros(8_000), 0.2 * (np.sin(phase) + np.sin(2 * phase) / 2), np.zeros(8_000)])
    result = track(samples)
    assert (result[:45] == 0).all()
    assert (result[105:] == 0).all()
    np.testing.assert_allclose(result[55:95], 200, rtol=1e-3)


@given(
    n_samples=st.integers(0, 4_000),
    sample_rate_hz=st.sampled_from([8_000, 16_000, 22_050, 48_000]),
    hop_ms=st.sampled_from([5.0, 8.0, 10.0, 12.5]),
    min_hz=st.sampled_from([40.0, 60.0, 300.0, 2_000.0]),
)
def test_any_length_has_the_frames_of_a_spectrogram(n_samples, sample_rate_hz, hop_ms, min_hz):
    samples = 0.1 * np.random.default_rng(n_samples).standard_normal(n_samples)
    result = f0_praat(samples, sample_rate_hz, hop_ms=hop_ms, min_hz=min_hz, max_hz=1.5 * min_hz)
    assert result.shape == (1 + n_samples // round(sample_rate_hz * hop_ms / 1000),)
    assert ((result == 0) | ((result > 0.9 * min_hz) & (result < 1.6 * min_hz))).all()


def test_tracks_do_not_depend_on_threads(speech_like):
    utterances = [speech_like(seed, 16_000) for seed in range(8)]
    expected = [track(samples) for samples in utterances]
    with ThreadPoolExecutor(4) as pool:
        for result, alone in zip(pool.map(track, utterances), expected, strict=True):
            np.testing.assert_array_equal(result, alone)
