import librosa
import numpy as np
import pytest
import scipy.signal
import torch
import torchaudio

from emofactors.errors import InputError
from emofactors.features.spectrogram import log_spectrograms

#: Near half a window (320), half the transform (512), multiples of the hop (160) and blocks of 256 frames.
LENGTHS = [321, 400, 511, 512, 513, 639, 640, 641, 1_024, 1_600, 15_999, 16_000, 16_001, 41_119, 80_000]


def librosa_decibels(waveform, settings):
    """The spectrogram by librosa, (T, F)."""
    spectrum = librosa.stft(
        waveform,
        n_fft=settings.n_fft,
        win_length=settings.win_length,
        hop_length=settings.hop_length,
        window=settings.window,
        pad_mode=settings.pad_mode,
    )
    power = np.abs(spectrum) ** 2
    if settings.kind == "log_mel":
        power = librosa.feature.melspectrogram(
            S=power,
            sr=settings.sample_rate_hz,
            n_mels=settings.n_mels,
            fmin=settings.f_min_hz,
            fmax=settings.f_max_hz,
        )
    return librosa.power_to_db(power + settings.power_offset, amin=settings.power_floor, top_db=settings.top_db).T


def assert_same(result, expected):
    """Within 1e-4 dB; bins far below the peak of their frame may differ by the rounding of the float32 transform."""
    assert result.shape == expected.shape
    assert result.dtype == np.float32
    peak = expected.max(axis=1, keepdims=True)
    audible = expected > peak - 20
    assert np.abs(result - expected)[audible].max() < 1e-4
    assert np.abs(10 ** (result / 10) - 10 ** (expected / 10)).max(where=~audible, initial=0) < 1e-6 * 10 ** (
        peak.max() / 10
    )


@pytest.fixture
def waveforms(speech_like):
    noise = np.random.default_rng(0)
    random = [(0.1 * noise.standard_normal(n)).astype(np.float32) for n in LENGTHS]
    return random + [speech_like(seed, n) for seed, n in enumerate(LENGTHS)]


@pytest.mark.filterwarnings("ignore:n_fft=1024 is too large")
@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
@pytest.mark.parametrize("kind", ["log_mel", "log_stft"])
def test_every_utterance_equals_librosa(request, kind, pad_mode, waveforms):
    settings = request.getfixturevalue(kind).model_copy(update={"pad_mode": pad_mode})
    result = log_spectrograms(waveforms, settings)
    assert len(result) == len(waveforms) == 2 * len(LENGTHS)
    for spectrogram, waveform in zip(result, waveforms, strict=True):
        assert spectrogram.shape == (1 + len(waveform) // 160, settings.n_bins)
        assert_same(spectrogram, librosa_decibels(waveform, settings))


@pytest.mark.filterwarnings("ignore:n_fft=1024 is too large")
def test_log_mel_equals_librosa_in_every_bin(log_mel, waveforms):
    for spectrogram, waveform in zip(log_spectrograms(waveforms, log_mel), waveforms, strict=True):
        np.testing.assert_allclose(spectrogram, librosa_decibels(waveform, log_mel), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("changes", [{"window": "hann"}, {"win_ms": 25}, {"win_ms": 64}, {"top_db": None}])
def test_equals_librosa_with_other_settings(speech_like, log_mel, changes):
    settings = log_mel.model_copy(update=changes)
    waveform = speech_like(3, 20_000)
    assert_same(log_spectrograms([waveform], settings)[0], librosa_decibels(waveform, settings))


def test_equals_librosa_with_an_odd_window_and_other_limits(speech_like, log_mel):
    settings = log_mel.model_copy(
        update={"sample_rate_hz": 22_050, "win_ms": 39.95, "f_min_hz": 50.0, "f_max_hz": 7_600.0, "n_mels": 40}
    )
    assert settings.win_length == 881
    waveform = speech_like(3, 20_000, 22_050)
    assert_same(log_spectrograms([waveform], settings)[0], librosa_decibels(waveform, settings))


@pytest.mark.parametrize("kind", ["log_mel", "log_stft"])
def test_utterance_does_not_depend_on_others(request, kind, speech_like):
    settings = request.getfixturevalue(kind)
    waveforms = [speech_like(seed, n) for seed, n in enumerate([16_000, 321, 40_000, 5_123])]
    together = log_spectrograms(waveforms, settings)
    for waveform, spectrogram in zip(waveforms, together, strict=True):
        assert_same(spectrogram, log_spectrograms([waveform], settings)[0])


def test_top_db_is_relative_to_the_maximum_of_the_utterance(log_mel, speech_like):
    loud = speech_like(1, 16_000)
    for spectrogram in log_spectrograms([loud, 0.3 * loud], log_mel):
        assert spectrogram.min() == pytest.approx(spectrogram.max() - 80)


def test_nan_does_not_affect_other_utterances(log_mel, speech_like):
    bad = speech_like(1, 16_000)
    bad[7_000] = np.nan
    before, result, after = log_spectrograms([speech_like(0, 16_000), bad, speech_like(2, 16_000)], log_mel)
    assert np.isnan(result).any()
    assert np.isfinite(before).all()
    assert np.isfinite(after).all()


def test_features_do_not_depend_on_torch_threads(log_mel, speech_like):
    waveforms = [speech_like(seed, 30_000) for seed in range(3)]
    before = torch.get_num_threads()
    result = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        result.append(log_spectrograms(waveforms, log_mel))
    torch.set_num_threads(before)
    for one, two in zip(*result, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-4)


def test_waveform_too_short_to_reflect_is_refused(log_mel):
    assert log_mel.min_samples == 321
    with pytest.raises(InputError, match="waveform 1: has 320 samples, expected at least 321"):
        log_spectrograms([np.ones(321, np.float32), np.ones(320, np.float32)], log_mel)


@pytest.mark.parametrize("changes", [{}, {"n_mels": 40}, {"f_min_hz": 80.0, "f_max_hz": 7_600.0}])
def test_log_mel_equals_torchaudio(log_mel, changes):
    """A second, independent reference; its filters are float32, hence the tolerance."""
    settings = log_mel.model_copy(update=changes)
    waveform = np.random.default_rng(4).normal(scale=0.1, size=8_000).astype(np.float32)
    power = torchaudio.transforms.MelSpectrogram(
        sample_rate=settings.sample_rate_hz,
        n_fft=settings.n_fft,
        win_length=settings.win_length,
        hop_length=settings.hop_length,
        f_min=settings.f_min_hz,
        f_max=settings.f_max_hz,
        n_mels=settings.n_mels,
        window_fn=torch.hamming_window,
        mel_scale="slaney",
        norm="slaney",
    )(torch.from_numpy(waveform))
    expected = 10 * torch.log10(power.clamp(min=settings.power_floor)).T.numpy()
    (spectrogram,) = log_spectrograms([waveform], settings)
    np.testing.assert_allclose(spectrogram, expected, atol=2e-3)


def published_log_mel_80(waveform):
    """The feature as in the public code, without its noise and its appended sample, (T, 80)."""
    b, a = scipy.signal.butter(5, 30 / 8_000, btype="highpass")
    filtered = 0.96 * scipy.signal.filtfilt(b, a, waveform.astype(np.float64))
    padded = np.pad(filtered, 512, mode="reflect")
    frames = np.stack([padded[256 * t : 256 * t + 1_024] for t in range(1 + len(waveform) // 256)])
    magnitudes = np.abs(np.fft.rfft(frames * scipy.signal.get_window("hann", 1_024, fftbins=True)))  # (T, 513)
    mel = magnitudes @ librosa.filters.mel(sr=16_000, n_fft=1_024, fmin=90, fmax=7_600, n_mels=80).T
    decibels = 20 * np.log10(np.maximum(1e-5, mel)) - 16
    return np.clip((decibels + 100) / 100, 0, 1)


@pytest.mark.parametrize("n_samples", [513, 5_120, 40_000])
def test_log_mel_80_equals_the_public_code(log_mel_80, speech_like, n_samples):
    waveform = speech_like(1, n_samples) + np.float32(0.05)  # an offset, which the filter removes
    (result,) = log_spectrograms([waveform], log_mel_80)
    expected = published_log_mel_80(waveform)
    assert result.shape == expected.shape == (1 + n_samples // 256, 80)
    assert 0.2 < expected.mean() < 0.8
    np.testing.assert_allclose(result, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("changes", [{"exponent": 1, "power_floor": 1e-5}, {"exponent": 2, "power_floor": 1e-10}])
def test_magnitudes_and_powers_give_the_same_decibels(log_stft, speech_like, changes):
    settings = log_stft.model_copy(update={"power_offset": 0.0} | changes)
    waveform = speech_like(2, 20_000)
    (powers,) = log_spectrograms([waveform], log_stft.model_copy(update={"power_offset": 0.0}))
    np.testing.assert_allclose(log_spectrograms([waveform], settings)[0], powers, atol=1e-4)


def test_high_pass_removes_a_low_tone_and_keeps_a_high_one(log_mel):
    time_s = np.arange(16_000) / 16_000
    chirp = (0.3 * np.sin(2 * np.pi * (500 + 500 * time_s) * time_s)).astype(np.float32)
    rumble = (0.3 * np.sin(2 * np.pi * 5 * time_s)).astype(np.float32)
    (alone,) = log_spectrograms([chirp], log_mel)
    (filtered,) = log_spectrograms([chirp + rumble], log_mel.model_copy(update={"high_pass_hz": 40.0}))
    audible = (alone > alone.max() - 30)[10:-10]
    assert audible.any(axis=1).all()
    np.testing.assert_allclose(filtered[10:-10][audible], alone[10:-10][audible], atol=0.05)
    (unfiltered,) = log_spectrograms([chirp + rumble], log_mel)
    assert unfiltered[:, 0].mean() > filtered[:, 0].mean() + 20


def test_scale_maps_decibels_to_0_to_1(log_mel, speech_like):
    settings = log_mel.model_copy(update={"top_db": None})
    (decibels,) = log_spectrograms([speech_like(4, 16_000)], settings)
    (scaled,) = log_spectrograms(
        [speech_like(4, 16_000)], settings.model_copy(update={"scale_db": (-60.0, -20.0)})
    )
    assert scaled.min() == 0
    assert scaled.max() == 1
    inside = (scaled > 0) & (scaled < 1)
    np.testing.assert_allclose(scaled[inside], ((decibels + 60) / 40)[inside], atol=1e-6)
