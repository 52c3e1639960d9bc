import numpy as np
import pytest

from emofactors.features.image import image, n_frames_of
from emofactors.features.spectrogram import log_spectrograms


def spectrogram_like(n_frames, n_bins=128, seed=0):
    generator = np.random.default_rng(seed)
    return (-40 + 15 * generator.standard_normal((n_frames, n_bins))).astype(np.float32)


def only(settings, **changes):
    """The settings without any step of an image, apart from the changes."""
    return settings.model_copy(update={"pad_to_longest": False, "image_frames": None, "min_max": False} | changes)


def triangle_means(spectrogram, n_frames):
    """Each new frame is a mean of the old ones with triangular weights, as wide as two new frames, or two old ones."""
    frames_per_frame = len(spectrogram) / n_frames
    reach = max(frames_per_frame, 1.0)
    means = []
    for i in range(n_frames):
        center = (i + 0.5) * frames_per_frame
        weights = np.array([max(0.0, 1 - abs(j + 0.5 - center) / reach) for j in range(len(spectrogram))])
        means.append(weights @ spectrogram.astype(np.float64) / weights.sum())
    return np.stack(means)


def test_unresized_kind_differs_in_padding_and_size_only(log_mel_image, log_mel_grey):
    assert log_mel_image.pad_to_longest
    assert log_mel_image.image_frames == 128
    assert log_mel_grey == log_mel_image.model_copy(update={"pad_to_longest": False, "image_frames": None})


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("log_mel_image", {}),
        ("log_mel_image", {"top_db": None}),
        ("log_mel_image", {"top_db": 40}),
        ("log_mel_image", {"power_offset": 1e-6, "top_db": None}),
        ("log_stft", {"pad_mode": "constant", "top_db": None}),
    ],
)
def test_padding_equals_the_spectrogram_of_zeros(request, speech_like, kind, changes):
    settings = only(request.getfixturevalue(kind), pad_to_longest=True, **changes)
    n_samples, longest = 20_011, 500
    waveform = speech_like(2, n_samples)
    zeros_after = np.zeros((longest - 1) * settings.hop_length, np.float32)
    zeros_after[:n_samples] = waveform
    (expected,) = log_spectrograms([zeros_after], settings)
    (spectrogram,) = log_spectrograms([waveform], settings)
    result = image(spectrogram, settings, longest=longest)
    assert result.shape == expected.shape == (longest, settings.n_bins)
    assert result.dtype == np.float32
    frame = np.arange(longest)
    reaches_speech = frame * settings.hop_length - settings.win_length / 2 < n_samples
    at_the_end = (frame >= len(spectrogram)) & reaches_speech
    assert 0 < at_the_end.sum() <= settings.win_length / 2 / settings.hop_length
    np.testing.assert_allclose(result[~at_the_end], expected[~at_the_end], atol=1e-3)


def test_longer_utterance_keeps_its_frames(log_mel_image):
    spectrogram = spectrogram_like(300)
    for longest in (200, 300):
        result = image(spectrogram, only(log_mel_image, pad_to_longest=True), longest=longest)
        np.testing.assert_array_equal(result, spectrogram)


@pytest.mark.parametrize("n_frames", [1_797, 1_001, 129, 128, 127, 40, 1])
def test_resizing_is_a_mean_with_triangular_weights(log_mel_image, n_frames):
    spectrogram = spectrogram_like(n_frames, n_bins=7)
    result = image(spectrogram, only(log_mel_image, image_frames=128), longest=n_frames)
    assert result.shape == (128, 7)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, triangle_means(spectrogram, 128), atol=1e-4)


def test_padding_precedes_resizing(log_mel_image):
    settings = only(log_mel_image, pad_to_longest=True, image_frames=128)
    speech = spectrogram_like(600)
    silence_db = speech.max() - settings.top_db
    expected = triangle_means(np.vstack([speech, np.full((1_197, 128), silence_db)]), 128)
    np.testing.assert_allclose(image(speech, settings, longest=1_797), expected, atol=1e-4)


def test_grey_values_are_scaled_by_minimum_and_maximum(log_mel_grey):
    spectrogram = spectrogram_like(50)
    result = image(spectrogram, log_mel_grey, longest=50)
    low, high = spectrogram.min(), spectrogram.max()
    np.testing.assert_allclose(result, (spectrogram - low) / (high - low), atol=1e-6)
    assert result.min() == 0
    assert result.max() == 1


def test_scaling_follows_resizing(log_mel_image):
    result = image(spectrogram_like(900), log_mel_image, longest=1_797)
    assert result.shape == (128, 128)
    assert result.min() == 0
    assert result.max() == 1


def test_grey_values_do_not_depend_on_gain(log_mel_image, speech_like):
    settings = log_mel_image.model_copy(
        update={"power_floor": 1e-20}
    )  # low enough not to clip the softer waveform
    waveform = speech_like(1, 30_000)
    result = [
        image(spectrogram, settings, longest=500)
        for spectrogram in log_spectrograms([waveform, 0.25 * waveform], settings)
    ]
    np.testing.assert_allclose(result[0], result[1], atol=1e-4)


@pytest.mark.parametrize("level_db", [-100.0, -63.217, 0.0])
@pytest.mark.parametrize("n_frames", [1_797, 77])
def test_constant_spectrogram_becomes_zeros(log_mel_image, level_db, n_frames):
    settings = log_mel_image.model_copy(update={"pad_to_longest": False})
    constant = np.full((n_frames, 128), level_db, np.float32)
    np.testing.assert_array_equal(image(constant, settings, longest=n_frames), np.zeros((128, 128)))


def test_nan_is_not_scaled_away(log_mel_image):
    spectrogram = spectrogram_like(300)
    spectrogram[17] = np.nan
    assert np.isnan(image(spectrogram, log_mel_image, longest=400)).any()


def test_input_is_never_changed_and_returned_without_image_settings(log_mel, log_mel_image):
    spectrogram = spectrogram_like(30)
    before = spectrogram.copy()
    np.testing.assert_array_equal(image(spectrogram, log_mel, longest=90), before)
    image(spectrogram, log_mel_image, longest=90)
    np.testing.assert_array_equal(spectrogram, before)


@pytest.mark.parametrize("n_samples", [79, 80, 81, 16_000, 143_652, 143_679])
def test_number_of_frames_equals_that_of_the_spectrogram(log_mel_image, n_samples):
    frames = n_frames_of(n_samples / 16_000, log_mel_image)
    assert frames == 1 + n_samples // 80
    if n_samples > 513:
        assert frames == len(log_spectrograms([np.ones(n_samples, np.float32)], log_mel_image)[0])
