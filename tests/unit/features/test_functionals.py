import sys
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import soundfile
from pydantic import ValidationError

from emofactors.config.features import FeatureSettings, FunctionalSettings, OpensmileSettings
from emofactors.errors import InputError
from emofactors.features import extract as extract_module
from emofactors.features import transform_by
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


@pytest.fixture
def opensmile_settings():
    return OpensmileSettings(kind="opensmile", feature_set="eGeMAPSv02", sample_rate_hz=16_000)


@pytest.fixture
def corpus(tmp_path, speech_like):
    """Root and manifest of six utterances of two rates."""
    rows = []
    for i, sample_rate_hz in enumerate([16_000, 22_050] * 3):
        samples = 0.5 * speech_like(i, round((0.3 + 0.2 * i) * sample_rate_hz), sample_rate_hz)
        soundfile.write(tmp_path / f"{i}.wav", samples, sample_rate_hz)
        rows.append((f"u{i}", f"{i}.wav", np.nan, np.nan, 0.3 + 0.2 * i))
    return tmp_path, pd.DataFrame(rows, columns=["utterance", "path", "start_s", "end_s", "duration_s"])


def tracker_of(f0_hz):
    """A tracker that finds the same F0 in whatever it hears."""
    return lambda samples, rate, *, hop_ms, min_hz, max_hz: np.asarray(f0_hz, dtype=float)


def test_functionals_are_the_statistics_of_bands_and_voiced_f0(settings, speech_like):
    waveform = speech_like(1, 16_000)
    f0_hz = np.where(np.arange(101) % 20 < 12, 100 + np.arange(101), 0.0)
    (found,) = functionals([waveform], settings, tracker_of(f0_hz))
    assert found.shape == (1, settings.n_bins)
    assert found.dtype == np.float32
    (bands,) = log_spectrograms([waveform], settings.spectrogram)
    log_f0 = np.log(f0_hz[f0_hz > 0])
    rows = found[0, :25].reshape(5, 5)  # mean, std and three percentiles of four bands and F0
    np.testing.assert_allclose(rows[0], [*bands.mean(axis=0), log_f0.mean()], rtol=1e-5)
    np.testing.assert_allclose(rows[1], [*bands.std(axis=0), log_f0.std()], rtol=1e-5)
    for row, q in zip(rows[2:], settings.percentiles, strict=True):
        np.testing.assert_allclose(row, [*np.percentile(bands, q, axis=0), np.percentile(log_f0, q)], rtol=1e-5)
    assert found[0, -1] == pytest.approx((f0_hz > 0).mean())


def test_slopes_are_those_of_fitted_lines():
    tracks = np.random.default_rng(0).standard_normal((30, 3))
    found = slopes(tracks)
    for t in range(2, 28):
        np.testing.assert_allclose(found[t], np.polyfit(np.arange(-2, 3), tracks[t - 2 : t + 3], 1)[0])
    assert slopes(tracks[:1]).tolist() == [[0, 0, 0]]


def test_a_jump_between_voiced_stretches_is_no_slope(settings, speech_like):
    # 1 % a frame upwards in each stretch; the fall between them is not voiced.
    f0_hz = np.concatenate([100 * 1.01 ** np.arange(45), np.zeros(11), 100 * 1.01 ** np.arange(45)])
    (found,) = functionals([speech_like(1, 16_000)], settings, tracker_of(f0_hz))
    slope = found[0, 25:50].reshape(5, 5)[:, -1]
    inner = np.log(1.01)
    assert slope[3] == pytest.approx(inner)  # the median
    assert 0 < slope[0] <= inner + 1e-6  # the ends, where a frame repeats, are flatter; none falls


@pytest.mark.parametrize("n_samples", [321, 700, 16_000])
def test_an_utterance_without_voice_has_defined_functionals(settings, n_samples):
    (found,) = transform_by(settings)([np.zeros(n_samples, dtype=np.float32)])
    assert np.isfinite(found).all()
    of_f0 = found[0, :25].reshape(5, 5)[:, -1]
    np.testing.assert_allclose(of_f0, [MIDDLE, 0, MIDDLE, MIDDLE, MIDDLE], rtol=1e-6)
    assert not found[0, 25:50].reshape(5, 5)[:, -1].any()
    assert found[0, -1] == 0


def test_without_deltas_there_are_half_as_many(settings, speech_like):
    plain = settings.model_copy(update={"deltas": False})
    (found,) = transform_by(plain)([speech_like(2, 8_000)])
    (all_of_them,) = transform_by(settings)([speech_like(2, 8_000)])
    assert plain.n_bins == 26
    assert settings.n_bins == 51
    np.testing.assert_array_equal(found[0, :25], all_of_them[0, :25])


@pytest.mark.parametrize("copies", [False, True])
def test_threads_do_not_change_a_byte(corpus, settings, augmentation, copies, monkeypatch):
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
            transform=transform_by(settings),
        )
    archive = FeatureArchive(root / "features1")
    assert len(archive.utterances) == (18 if copies else 6)
    assert {archive.n_frames(utterance) for utterance in archive.utterances} == {1}
    for name in ("index.csv", "shard000.npy"):
        assert (root / "features1" / name).read_bytes() == (root / "features4" / name).read_bytes()


def test_audio_that_is_not_finite_is_named(corpus, settings):
    root, manifest = corpus
    soundfile.write(root / "0.wav", np.full(16_000, np.nan), 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match=r"0\.wav: features of utterance 'u0' are not finite"):
        extract(manifest, root, settings, root / "f", 1, transform=transform_by(settings))


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"f0_min_hz": 500}, "'f0_max_hz' is 500: expected above f0_min_hz"),
        ({"f0_max_hz": 9_000}, "'f0_max_hz' is 9000: expected above f0_min_hz, up to half the rate"),
        ({"percentiles": (5, 5)}, "'percentiles' names one twice"),
        ({"min_max": True}, "'min_max' goes with spectrograms only"),
        ({"image_frames": 64}, "'image_frames' goes with spectrograms only"),
        ({"n_mels": None}, "'n_mels' goes with every kind but 'log_stft'"),
    ],
)
def test_functionals_that_cannot_be_are_refused(settings, keys, said):
    with pytest.raises(ValidationError, match=said):
        FunctionalSettings(**settings.model_dump() | keys)


# --- the door ------------------------------------------------------------------------------------------------


def test_spectrograms_are_no_functionals(log_mel):
    assert isinstance(log_mel, FeatureSettings)
    assert transform_by(log_mel) is None


def test_a_package_that_is_not_installed_is_named(opensmile_settings, monkeypatch):
    monkeypatch.setattr("emofactors.features.find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"package opensmile is not installed; expected it, see docs/features\.md"
    ):
        transform_by(opensmile_settings)


@pytest.fixture
def opensmile(monkeypatch):
    """A package of that name: its functionals are the number of samples, and least and largest of them."""

    class Smile:
        def __init__(self, feature_set, feature_level):
            assert (feature_set, feature_level) == ("the set", "functionals")

        def process_signal(self, signal, sampling_rate):
            assert signal.dtype == np.float32
            assert sampling_rate == 16_000
            row = np.zeros((1, 88))
            row[0, :3] = len(signal), signal.min(), signal.max()
            return pd.DataFrame(row)

    package = ModuleType("opensmile")
    package.__spec__ = ModuleSpec("opensmile", None)
    package.Smile = Smile
    package.FeatureSet = {"eGeMAPSv02": "the set"}
    package.FeatureLevel = type("FeatureLevel", (), {"Functionals": "functionals"})
    monkeypatch.setitem(sys.modules, "opensmile", package)
    monkeypatch.delitem(sys.modules, "emofactors.features.opensmile_functionals", raising=False)
    yield package
    sys.modules.pop("emofactors.features.opensmile_functionals", None)


def test_opensmile_hears_whole_utterances_within_full_scale(opensmile, opensmile_settings):
    loud = np.linspace(-1.5, 1.5, 8_000, dtype=np.float32)
    long, short = transform_by(opensmile_settings)([loud, loud[:10]])
    assert long.dtype == np.float32
    assert long.shape == short.shape == (1, 88)
    # 1.0 would become -1.0 as 16 bit.
    np.testing.assert_allclose(long[0, :3], [8_000, -1, 32_767 / 32_768])
    assert short[0, 0] == 3_200, "silence follows: openSMILE has nothing to say of less"


def test_opensmile_functionals_are_an_archive_of_short_utterances_too(
    corpus, opensmile, opensmile_settings, augmentation
):
    root, manifest = corpus
    soundfile.write(root / "0.wav", 0.1 * np.ones(20), 16_000)
    make = partial(extract, manifest, root, opensmile_settings, transform=transform_by(opensmile_settings))
    make(root / "originals", 2)
    make(root / "copies", 2, augmentation=augmentation)
    archive = FeatureArchive(root / "originals", root / "copies")
    assert len(archive.utterances) == 24
    assert archive.n_bins == 88


def test_audio_that_is_not_finite_is_named_before_opensmile_hears_it(corpus, opensmile, opensmile_settings):
    root, manifest = corpus
    soundfile.write(root / "1.wav", np.full(16_000, np.nan), 16_000, subtype="FLOAT")
    with pytest.raises(InputError, match=r"1\.wav: features of utterance 'u1' are not finite"):
        extract(manifest, root, opensmile_settings, root / "f", 1, transform=transform_by(opensmile_settings))
