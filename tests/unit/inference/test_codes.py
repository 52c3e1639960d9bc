import numpy as np
import pytest

from emofactors.corpora.splits import Fold
from emofactors.inference.codes import held_out_codes


def test_utterances_that_did_not_train_have_one_code_per_eight_frames(system, fold, archive, tmp_path):
    held_out = held_out_codes(system, fold, archive, "float32")
    assert held_out.labels["utterance"].tolist() == ["c1", "c2"]
    assert np.bincount(held_out.utterance).tolist() == [30 // 8, 50 // 8]
    assert {name: codes.shape for name, codes in held_out.codes.items()} == {
        "spectrogram": (9, 6),
        "content": (9, 4),
        "rhythm": (9, 2),
        "pitch": (9, 4),
    }
    np.testing.assert_allclose(held_out.codes["spectrogram"][3], archive["c2"][:8, :6].mean(axis=0), rtol=1e-5)
    held_out.save(tmp_path / "codes.npz")
    saved = np.load(tmp_path / "codes.npz", allow_pickle=False)
    names = {
        "spectrogram",
        "content",
        "rhythm",
        "pitch",
        "utterance",
        "utterances",
        "speakers",
        "emotions",
        "splits",
    }
    assert set(saved) == names
    assert saved["speakers"].tolist() == ["c", "c"]
    assert saved["splits"].tolist() == ["test", "test"]


def test_the_reconstruction_error_is_compared_with_that_of_the_mean_training_frame(system, fold, archive):
    errors = held_out_codes(system, fold, archive, "float32").reconstruction
    train = np.concatenate([archive[u][:, :6] for u in ("a1", "a2", "b1", "b2")])
    test = np.concatenate([archive["c1"][:24, :6], archive["c2"][:48, :6]])
    expected = np.square(test - train.mean(axis=0)).mean()
    assert errors["test"]["mean_spectrogram"] == pytest.approx(expected, rel=1e-4)
    assert errors.keys() == {"test"}


def test_codes_do_not_depend_on_other_utterances(system, fold, archive):
    alone = Fold(number=0, utterances=fold.utterances[fold.utterances["utterance"] != "c1"])
    codes = held_out_codes(system, fold, archive, "float32").codes["content"][3:]
    np.testing.assert_array_equal(held_out_codes(system, alone, archive, "float32").codes["content"], codes)
