import sys
from functools import partial
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import soundfile

from emofactors.config.features import OpensmileSettings
from emofactors.errors import InputError
from emofactors.features import feature_transform
from emofactors.features.archive import FeatureArchive
from emofactors.features.extract import extract


@pytest.fixture
def settings():
    return OpensmileSettings(kind="opensmile", feature_set="eGeMAPSv02", sample_rate_hz=16_000)


@pytest.fixture
def transform(settings, monkeypatch):
    """The transform with a stub of the package: its functionals are number, minimum and maximum of the samples."""

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
    yield feature_transform(settings)
    sys.modules.pop("emofactors.features.opensmile_functionals", None)


def test_input_is_clipped_to_full_scale_and_padded_to_the_shortest_length(transform):
    loud = np.linspace(-1.5, 1.5, 8_000, dtype=np.float32)
    long, short = transform([loud, loud[:10]])
    assert long.dtype == np.float32
    assert long.shape == short.shape == (1, 88)
    np.testing.assert_allclose(long[0, :3], [8_000, -1, 32_767 / 32_768])  # 1.0 would wrap around to -1.0
    assert short[0, 0] == 3_200


def test_archives_hold_short_utterances_and_copies(corpus, transform, settings, augmentation):
    root, manifest = corpus
    soundfile.write(root / manifest.loc[0, "path"], 0.1 * np.ones(20), 16_000)
    run = partial(extract, manifest, root, settings, transform=transform)
    run(root / "originals", 2)
    run(root / "copies", 2, augmentation=augmentation)
    archive = FeatureArchive(root / "originals", root / "copies")
    assert len(archive.utterances) == 40
    assert archive.n_bins == 88


def test_audio_that_is_not_finite_is_refused(corpus_with_nan, transform, settings):
    root, manifest = corpus_with_nan
    with pytest.raises(InputError, match=r"bad\.wav: features of utterance 'bad' are not finite"):
        extract(manifest, root, settings, root / "features", 1, transform=transform)
