import hashlib

import numpy as np
import pytest

from emofactors.features.augment import augmented

KINDS = ("noise", "shift", "speed")


def power_db(samples):
    return 10 * np.log10(np.mean(np.square(samples, dtype=np.float64)))


def tone(frequency_hz, n_samples=16_000):
    return (0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(n_samples) / 16_000)).astype(np.float32)


def loudest_hz(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * 16_000 / len(samples)


@pytest.mark.parametrize("kind", KINDS)
def test_copy_is_float32_and_does_not_change_the_original(augmentation, speech_like, kind):
    samples = speech_like(1, 16_000)
    before = samples.copy()
    result = augmented(samples, "a", kind, augmentation)
    assert result.dtype == np.float32
    assert result.ndim == 1
    assert not np.array_equal(result, samples)
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize("snr_db", [-5, 10, 30])
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_noise_has_the_given_snr(augmentation, speech_like, snr_db, gain):
    samples = gain * speech_like(1, 32_000)
    settings = augmentation.model_copy(update={"noise_snr_db": (snr_db, snr_db)})
    noise = augmented(samples, "a", "noise", settings) - samples
    assert power_db(samples) - power_db(noise) == pytest.approx(snr_db, abs=0.15)


def test_noise_is_white_and_gaussian(augmentation):
    samples = tone(440, 160_000)
    settings = augmentation.model_copy(update={"noise_snr_db": (10, 10)})
    noise = augmented(samples, "a", "noise", settings).astype(np.float64) - samples
    bands = np.abs(np.fft.rfft(noise))[1:].reshape(10, -1)
    np.testing.assert_allclose(np.square(bands).mean(axis=1), np.square(bands).mean(), rtol=0.05)
    standard = noise / noise.std()
    assert abs(standard.mean()) < 0.01
    assert np.mean(standard**4) == pytest.approx(3, abs=0.1)


def test_noise_is_not_clipped(augmentation):
    samples = np.sign(tone(440))
    settings = augmentation.model_copy(update={"noise_snr_db": (10, 10)})
    assert np.abs(augmented(samples, "a", "noise", settings)).max() > 1.5


@pytest.mark.parametrize(("shift", "later"), [(0.25, 4_000), (-0.1, -1_600), (0.00004, 1), (0.0, 0)])
def test_shift_moves_speech_and_fills_with_silence(augmentation, speech_like, shift, later):
    samples = speech_like(1, 16_000) + 1  # nowhere 0
    result = augmented(samples, "a", "shift", augmentation.model_copy(update={"shift": (shift, shift)}))
    assert len(result) == len(samples)
    for i in (0, 1, 1_599, 3_999, 4_000, 8_000, 14_399, 14_400, 15_999):
        expected = samples[i - later] if 0 <= i - later < 16_000 else 0
        assert result[i] == expected
    assert (result == 0).sum() == abs(later)


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
def test_speed_changes_duration_and_pitch_together(augmentation, speed):
    samples = tone(1_000)
    result = augmented(samples, "a", "speed", augmentation.model_copy(update={"speed": (speed, speed)}))
    assert len(result) == pytest.approx(16_000 / speed, abs=1)
    assert loudest_hz(result) == pytest.approx(1_000 * speed, abs=1)
    middle = slice(1_000, 14_000)  # the edges ring because of the silence beyond them
    np.testing.assert_allclose(result[middle], tone(1_000 * speed, len(result))[middle], atol=1e-3)


def test_frequencies_above_half_the_rate_are_removed(augmentation):
    settings = augmentation.model_copy(update={"speed": (1.1, 1.1)})
    result = augmented(tone(7_700), "a", "speed", settings)  # 8,470 Hz
    assert np.abs(result[1_000:-1_000]).max() < 1e-3


def test_draws_are_uniform_over_their_ranges(augmentation):
    samples = tone(440, 4_000) + 1
    names = [f"u{i}" for i in range(400)]
    copies = {kind: [augmented(samples, name, kind, augmentation) for name in names] for kind in KINDS}
    drawn = {
        "noise": [power_db(samples) - power_db(copy - samples) for copy in copies["noise"]],
        "shift": [shift_of(copy) for copy in copies["shift"]],
        "speed": [4_000 / len(copy) for copy in copies["speed"]],
    }
    for kind, (low, high), slack in (
        ("noise", augmentation.noise_snr_db, 0.5),
        ("shift", augmentation.shift, 1e-3),
        ("speed", augmentation.speed, 1e-3),
    ):
        assert low - slack <= min(drawn[kind])
        assert max(drawn[kind]) <= high + slack
        at_quarters = np.quantile(drawn[kind], [0, 0.25, 0.5, 0.75, 1])
        np.testing.assert_allclose(at_quarters, np.linspace(low, high, 5), atol=0.1 * (high - low))


def shift_of(copy):
    """Shift of a copy of nonzero samples, as a fraction of its length."""
    silent = (copy == 0).sum() / len(copy)
    return silent if copy[0] == 0 else -silent


def test_copy_depends_on_seed_name_and_kind_only(augmentation, speech_like):
    samples = {name: speech_like(seed, 8_000) for seed, name in enumerate("abc")}
    forward = {(n, k): augmented(samples[n], n, k, augmentation) for n in "abc" for k in KINDS}
    np.random.seed(1)  # noqa: NPY002 (global state must have no effect)
    alone = augmentation.model_copy(update={"copies": ("noise",)})
    backward = {(n, k): augmented(samples[n], n, k, alone) for k in KINDS[::-1] for n in "cba"}
    assert len(forward) == len(backward) == 9
    for copy, result in forward.items():
        np.testing.assert_array_equal(result, backward[copy])


@pytest.mark.parametrize("kind", KINDS)
def test_seed_and_name_change_a_copy(augmentation, speech_like, kind):
    samples = speech_like(1, 8_000)
    result = augmented(samples, "a", kind, augmentation)
    for other in (
        augmented(samples, "b", kind, augmentation),
        augmented(samples, "a", kind, augmentation.model_copy(update={"seed": 1})),
    ):
        assert not np.array_equal(result, other)


def test_draws_of_different_kinds_are_independent(augmentation):
    """Equal quantiles in all kinds would correlate pitch with noise."""
    samples, names = tone(440, 4_000) + 1, [f"u{i}" for i in range(200)]
    shifts = [shift_of(augmented(samples, name, "shift", augmentation)) for name in names]
    speeds = [4_000 / len(augmented(samples, name, "speed", augmentation)) for name in names]
    assert abs(np.corrcoef(shifts, speeds)[0, 1]) < 0.2


def test_draws_are_seeded_by_a_digest_of_seed_and_name(augmentation):
    """The draws are the same on every machine."""
    samples = np.ones(100_000, np.float32)
    digest = hashlib.sha256(b"0 03a01Fa~shift").hexdigest()
    expected = np.random.default_rng(int(digest, 16)).uniform(-0.1, 0.1)
    result = shift_of(augmented(samples, "03a01Fa", "shift", augmentation))
    assert result == pytest.approx(expected, abs=1e-5)


def test_unknown_kind_is_refused(augmentation):
    with pytest.raises(ValueError, match="kind is 'reverb', expected noise, shift or speed"):
        augmented(tone(440), "a", "reverb", augmentation)
