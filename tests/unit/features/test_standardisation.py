import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.features.standardisation import fit_standardisation

TRAIN = ("a", "b", "c")


def archive_of(folder, features):
    with ArchiveWriter(folder, features["a"].shape[1]) as archive:
        for utterance, spectrogram in features.items():
            archive.add(utterance, spectrogram)
    return FeatureArchive(folder)


@pytest.fixture
def features():
    generator = np.random.default_rng(0)
    made = {
        utterance: (-40 + 20 * generator.standard_normal((n, 6))).astype(np.float32)
        for utterance, n in zip("abcxy", [50, 3, 20, 40, 9], strict=True)
    }
    for spectrogram in made.values():
        spectrogram[:, 4] = -23.456
    return made


def test_equals_scikit_learn_over_all_frames(tmp_path, features):
    standardisation = fit_standardisation(archive_of(tmp_path / "archive", features), TRAIN)
    frames = np.concatenate([features[u] for u in TRAIN]).astype(np.float64)
    scaler = StandardScaler().fit(frames)
    np.testing.assert_allclose(standardisation.mean, scaler.mean_, rtol=1e-6)
    np.testing.assert_allclose(standardisation.std, scaler.scale_, rtol=1e-6)
    np.testing.assert_allclose(standardisation.apply(features["x"]), scaler.transform(features["x"]), atol=1e-5)


def test_training_rows_become_mean_0_and_deviation_1(tmp_path, features):
    standardisation = fit_standardisation(archive_of(tmp_path / "archive", features), TRAIN)
    frames = np.concatenate([standardisation.apply(features[u]) for u in TRAIN])
    assert frames.dtype == np.float32
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.delete(frames.std(axis=0), 4), 1, rtol=1e-5)


def test_a_bin_that_does_not_vary_becomes_0(tmp_path, features):
    standardisation = fit_standardisation(archive_of(tmp_path / "archive", features), TRAIN)
    assert standardisation.std[4] == 1
    np.testing.assert_allclose(standardisation.apply(features["a"])[:, 4], 0, atol=1e-5)


def test_other_rows_change_nothing(tmp_path, features):
    before = fit_standardisation(archive_of(tmp_path / "before", features), TRAIN)
    changed = features | {"x": features["x"] + 50, "y": 3 * features["y"]}
    after = fit_standardisation(archive_of(tmp_path / "after", changed), TRAIN)
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.std, after.std)


def test_no_rows_are_refused(tmp_path, features):
    with pytest.raises(ValueError, match="no utterance"):
        fit_standardisation(archive_of(tmp_path / "archive", features), [])
