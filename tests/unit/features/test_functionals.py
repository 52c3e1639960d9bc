import numpy as np
import pytest

from emofactors.config.features import FunctionalSettings
from emofactors.errors import InputError
from emofactors.features import extract as extract_module
from emofactors.features import feature_transform
from emofactors.features.archive import FeatureArchive
from emofactors.features.extract import extract
from emofactors.features.functionals import functionals, slopes
from emofactors.features.spectrogram import log_spectrograms

MIDDLE = np.log(np.sqrt(60 * 500))


@pytest.fixture
def settings(log_mel):
    keys = log_mel.model_dump() | {"kind": "functionals", "n_mels": 4}
    return FunctionalSettings(
        **keys, f0_method="praat", f0_min_hz=60, f0_max_hz=500, percentiles=(5, 50, 95), deltas=True
    )


def tracker_of(f0_hz):
    """A tracker that returns the same F0 for any input."""
    return lambda samples, rate, *, hop_ms, min_hz, max_hz: np.asarray(f0_hz, dtype=float)


def test_functionals_are_statistics_of_bands_and_voiced_f0(settings, speech_like):
    waveform = speech_like(1, 16_000)
    f0_hz = np.where(np.arange(101) % 20 < 12, 100 + np.arange(101), 0.0)
    (result,) = functionals([waveform], settings, tracker_of(f0_hz))
    assert result.shape == (1, settings.n_bins)
    assert result.dtype == np.float32
    (bands,) = log_spectrograms([waveform], settings.spectrogram)
    log_f0 = np.log(f0_hz[f0_hz > 0])
    rows = result[0, :25].reshape(5, 5)  # mean, std and three percentiles of four bands and F0
    np.testing.assert_allclose(rows[0], [*bands.mean(axis=0), log_f0.mean()], rtol=1e-5)
    np.testing.assert_allclose(rows[1], [*bands.std(axis=0), log_f0.std()], rtol=1e-5)
    for row, q in zip(rows[2:], settings.percentiles, strict=True):
        np.testing.assert_allclose(row, [*np.percentile(bands, q, axis=0), np.percentile(log_f0, q)], rtol=1e-5)
    assert result[0, -1] == pytest.approx((f0_hz > 0).mean())


def test_slopes_equal_fitted_lines():
    tracks = np.random.default_rng(0).standard_normal((30, 3))
    result = slopes(tracks)
    for t in range(2, 28):
        np.testing.assert_allclose(result[t], np.polyfit(np.arange(-2, 3), tracks[t - 2 : t + 3], 1)[0])
    assert slopes(tracks[:1]).tolist() == [[0, 0, 0]]


def test_jump_between_voiced_stretches_is_no_slope(settings, speech_like):
    # F0 rises by 1 % per frame in each stretch; the fall between them is unvoiced.
    f0_hz = np.concatenate([100 * 1.01 ** np.arange(45), np.zeros(11), 100 * 1.01 ** np.arange(45)])
    (result,) = functionals([speech_like(1, 16_000)], settings, tracker_of(f0_hz))
    slope = result[0, 25:50].reshape(5, 5)[:, -1]
    inner = np.log(1.01)
    assert slope[3] == pytest.approx(inner)  # the median
    assert 0 < slope[0] <= inner + 1e-6  # flatter at the ends, where a frame repeats, and never negative


@pytest.mark.parametrize("n_samples", [321, 700, 16_000])
def test_unvoiced_utterance_has_defined_functionals(settings, n_samples):
    (result,) = feature_transform(settings)([np.zeros(n_samples, dtype=np.float32)])
    assert np.isfinite(result).all()
    of_f0 = result[0, :25].reshape(5, 5)[:, -1]
    np.testing.assert_allclose(of_f0, [MIDDLE, 0, MIDDLE, MIDDLE, MIDDLE], rtol=1e-6)
    assert not result[0, 25:50].reshape(5, 5)[:, -1].any()
    assert result[0, -1] == 0


def test_functionals_without_deltas_are_half_as_many(settings, speech_like):
    without_deltas = settings.model_copy(update={"deltas": False})
    (result,) = feature_transform(without_deltas)([speech_like(2, 8_000)])
    (with_deltas,) = feature_transform(settings)([speech_like(2, 8_000)])
    assert without_deltas.n_bins == 26
    assert settings.n_bins == 51
    np.testing.assert_array_equal(result[0, :25], with_deltas[0, :25])


@pytest.mark.parametrize("copies", [False, True])
def test_bytes_do_not_depend_on_threads(corpus, settings, augmentation, copies, monkeypatch):
    monkeypatch.setattr(extract_module, "GROUP_S", 1.0)
    root, manifest = corpus
    for threads in (1, 4):
        extract(
            manifest,
            root,
            settings,
            root / f"features{threads}",
            threads,
            augmentation=augmentation if copies else None,
            transform=feature_transform(settings),
        )
    archive = FeatureArchive(root / "features1")
    assert len(archive.utterances) == (30 if copies else 10)
    assert {archive.n_frames(utterance) for utterance in archive.utterances} == {1}
    for name in ("index.csv", "shard000.npy"):
        assert (root / "features1" / name).read_bytes() == (root / "features4" / name).read_bytes()


def test_audio_that_is_not_finite_is_refused(corpus_with_nan, settings):
    root, manifest = corpus_with_nan
    with pytest.raises(InputError, match=r"bad\.wav: features of utterance 'bad' are not finite"):
        extract(manifest, root, settings, root / "features", 1, transform=feature_transform(settings))
