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
def test_a_copy_differs_is_float32_and_leaves_its_original_alone(augmentation, speech_like, kind):
    samples = speech_like(1, 16_000)
    before = samples.copy()
    made = augmented(samples, "a", kind, augmentation)
    assert made.dtype == np.float32
    assert made.ndim == 1
    assert not np.array_equal(made, samples)
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize("snr_db", [-5, 10, 30])
@pytest.mark.parametrize("gain", [1.0, 0.01])
def test_noise_lies_so_many_db_below_the_utterance(augmentation, speech_like, snr_db, gain):
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
def test_shift_moves_the_speech_and_leaves_silence(augmentation, speech_like, shift, later):
    samples = speech_like(1, 16_000) + 1  # nowhere 0
    made = augmented(samples, "a", "shift", augmentation.model_copy(update={"shift": (shift, shift)}))
    assert len(made) == len(samples)
    for i in (0, 1, 1_599, 3_999, 4_000, 8_000, 14_399, 14_400, 15_999):
        expected = samples[i - later] if 0 <= i - later < 16_000 else 0
        assert made[i] == expected
    assert (made == 0).sum() == abs(later)


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
def test_speed_changes_duration_and_pitch_together(augmentation, speed):
    samples = tone(1_000)
    made = augmented(samples, "a", "speed", augmentation.model_copy(update={"speed": (speed, speed)}))
    assert len(made) == pytest.approx(16_000 / speed, abs=1)
    assert loudest_hz(made) == pytest.approx(1_000 * speed, abs=1)
    middle = slice(1_000, 14_000)  # the edges ring: there is silence beyond them
    np.testing.assert_allclose(made[middle], tone(1_000 * speed, len(made))[middle], atol=1e-3)


def test_what_is_played_too_high_to_be_held_is_removed(augmentation):
    settings = augmentation.model_copy(update={"speed": (1.1, 1.1)})
    made = augmented(tone(7_700), "a", "speed", settings)  # 8,470 Hz
    assert np.abs(made[1_000:-1_000]).max() < 1e-3


def test_draws_fill_their_ranges_evenly(augmentation):
    samples = tone(440, 4_000) + 1
    names = [f"u{i}" for i in range(400)]
    copies = {kind: [augmented(samples, name, kind, augmentation) for name in names] for kind in KINDS}
    drawn = {
        "noise": [power_db(samples) - power_db(copy - samples) for copy in copies["noise"]],
        "shift": [_shift_of(copy) for copy in copies["shift"]],
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


def _shift_of(copy):
    """How much later a copy of samples that are nowhere 0 is, as a fraction."""
    silent = (copy == 0).sum() / len(copy)
    return silent if copy[0] == 0 else -silent


def test_a_copy_follows_from_seed_name_and_kind_alone(augmentation, speech_like):
    samples = {name: speech_like(seed, 8_000) for seed, name in enumerate("abc")}
    forward = {(n, k): augmented(samples[n], n, k, augmentation) for n in "abc" for k in KINDS}
    np.random.seed(1)  # noqa: NPY002 (a global state that must not matter)
    alone = augmentation.model_copy(update={"copies": ("noise",)})
    backward = {(n, k): augmented(samples[n], n, k, alone) for k in KINDS[::-1] for n in "cba"}
    assert len(forward) == len(backward) == 9
    for copy, made in forward.items():
        np.testing.assert_array_equal(made, backward[copy])


@pytest.mark.parametrize("kind", KINDS)
def test_seed_and_name_change_a_copy(augmentation, speech_like, kind):
    samples = speech_like(1, 8_000)
    made = augmented(samples, "a", kind, augmentation)
    for other in (
        augmented(samples, "b", kind, augmentation),
        augmented(samples, "a", kind, augmentation.model_copy(update={"seed": 1})),
    ):
        assert not np.array_equal(made, other)


def test_kinds_draw_apart_from_each_other(augmentation):
    """The same quantile in each kind would tie pitch to noise."""
    samples, names = tone(440, 4_000) + 1, [f"u{i}" for i in range(200)]
    shifts = [_shift_of(augmented(samples, name, "shift", augmentation)) for name in names]
    speeds = [4_000 / len(augmented(samples, name, "speed", augmentation)) for name in names]
    assert abs(np.corrcoef(shifts, speeds)[0, 1]) < 0.2


def test_draws_are_those_of_the_digest(augmentation):
    """Written plainly: what another process, machine or year draws as well."""
    samples = np.ones(100_000, np.float32)
    digest = hashlib.sha256(b"0 03a01Fa~shift").hexdigest()
    expected = np.random.default_rng(int(digest, 16)).uniform(-0.1, 0.1)
    made = _shift_of(augmented(samples, "03a01Fa", "shift", augmentation))
    assert made == pytest.approx(expected, abs=1e-5)


def test_an_unknown_kind_is_refused(augmentation):
    with pytest.raises(ValueError, match="kind 'reverb' is unknown"):
        augmented(tone(440), "a", "reverb", augmentation)
