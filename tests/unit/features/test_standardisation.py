import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from emofactors.features.standardisation import (
    Standardisation,
    fit_by_speaker,
    fit_standardisation,
    reference_utterances,
)

TRAIN = ("a", "b", "c")


@pytest.fixture
def features():
    generator = np.random.default_rng(0)
    spectrograms = {
        utterance: (-40 + 20 * generator.standard_normal((n, 6))).astype(np.float32)
        for utterance, n in zip("abcxy", [50, 3, 20, 40, 9], strict=True)
    }
    for spectrogram in spectrograms.values():
        spectrogram[:, 4] = -23.456
    return spectrograms


def test_equals_scikit_learn_over_all_frames(tmp_path, archive_of, features):
    standardisation = fit_standardisation(archive_of(tmp_path / "archive", features), TRAIN)
    frames = np.concatenate([features[u] for u in TRAIN]).astype(np.float64)
    scaler = StandardScaler().fit(frames)
    np.testing.assert_allclose(standardisation.mean, scaler.mean_, rtol=1e-6)
    np.testing.assert_allclose(standardisation.std, scaler.scale_, rtol=1e-6)
    np.testing.assert_allclose(standardisation.apply(features["x"]), scaler.transform(features["x"]), atol=1e-5)


def test_training_frames_get_mean_0_and_std_1(tmp_path, archive_of, features):
    standardisation = fit_standardisation(archive_of(tmp_path / "archive", features), TRAIN)
    frames = np.concatenate([standardisation.apply(features[u]) for u in TRAIN])
    assert frames.dtype == np.float32
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(np.delete(frames.std(axis=0), 4), 1, rtol=1e-5)


def test_constant_bin_becomes_0(tmp_path, archive_of, features):
    standardisation = fit_standardisation(archive_of(tmp_path / "archive", features), TRAIN)
    assert standardisation.std[4] == 1
    np.testing.assert_allclose(standardisation.apply(features["a"])[:, 4], 0, atol=1e-5)


def test_other_utterances_have_no_effect(tmp_path, archive_of, features):
    before = fit_standardisation(archive_of(tmp_path / "before", features), TRAIN)
    changed = features | {"x": features["x"] + 50, "y": 3 * features["y"]}
    after = fit_standardisation(archive_of(tmp_path / "after", changed), TRAIN)
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_array_equal(before.std, after.std)


def test_empty_list_of_utterances_is_refused(tmp_path, archive_of, features):
    with pytest.raises(ValueError, match="utterances is empty"):
        fit_standardisation(archive_of(tmp_path / "archive", features), [])


SPEAKER_OF = {"a": "anna", "b": "ben", "c": "anna", "x": "ben", "y": "cleo"}


def test_statistics_of_a_speaker_are_over_training_utterances_or_over_all_without_any():
    assert reference_utterances(SPEAKER_OF, ["a", "b"]) == {"anna": ["a"], "ben": ["b"], "cleo": ["y"]}
    assert reference_utterances(SPEAKER_OF, []) == {"anna": ["a", "c"], "ben": ["b", "x"], "cleo": ["y"]}


def test_every_speaker_gets_mean_0_and_std_1(tmp_path, archive_of, features):
    speakers = {"b": -10, "x": -10, "a": 5, "c": 5, "y": 0}
    features = {utterance: frames + speakers[utterance] for utterance, frames in features.items()}
    by_speaker = fit_by_speaker(archive_of(tmp_path / "archive", features), SPEAKER_OF, [])
    assert set(by_speaker) == set(SPEAKER_OF)
    for utterances in (["a", "c"], ["b", "x"], ["y"]):
        frames = np.concatenate([by_speaker[u].apply(features[u]) for u in utterances])
        np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(np.delete(frames.std(axis=0), 4), 1, rtol=1e-5)


def test_statistics_of_a_training_speaker_do_not_depend_on_other_utterances(tmp_path, archive_of, features):
    archive = archive_of(tmp_path / "archive", features)
    of_training = fit_standardisation(archive, ["a"])
    by_speaker = fit_by_speaker(archive, SPEAKER_OF, ["a"])
    for utterance in ("a", "c"):
        np.testing.assert_array_equal(by_speaker[utterance].mean, of_training.mean)
        np.testing.assert_array_equal(by_speaker[utterance].std, of_training.std)


def test_arrays_round_trip_among_others():
    standardisation = Standardisation(np.ones(3, np.float32), np.full(3, 2, np.float32))
    arrays = standardisation.to_arrays()
    assert set(arrays) == {"standardisation.mean", "standardisation.std"}
    read = Standardisation.from_arrays(arrays | {"weight": np.zeros(5)})
    np.testing.assert_array_equal(read.mean, standardisation.mean)
    np.testing.assert_array_equal(read.std, standardisation.std)
    assert Standardisation.from_arrays({"weight": np.zeros(5)}) is None


@pytest.mark.parametrize("std", [None, np.ones(2, np.float32), np.ones(3), np.ones((1, 3), np.float32)])
def test_inconsistent_arrays_are_refused(std):
    arrays = {"standardisation.mean": np.zeros(3, np.float32)} | (
        {} if std is None else {"standardisation.std": std}
    )
    with pytest.raises(ValueError, match=r"float32 \(3,\).*expected two float32 arrays of one shape"):
        Standardisation.from_arrays(arrays)
