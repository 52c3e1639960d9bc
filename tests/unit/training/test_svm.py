import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from emofactors.config.training import SvmSettings
from emofactors.corpora.splits import Fold
from emofactors.errors import InputError
from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.training.svm import fit_svm, svm_metadata

CLASSES = ["calm", "anger", "fear"]
RBF = SvmSettings(features="toy", kernel="rbf", penalty=1.0, balanced=True)


def write(folder, functionals):
    with ArchiveWriter(folder, next(iter(functionals.values())).shape[1]) as writer:
        for utterance, frames in functionals.items():
            writer.add(utterance, frames.astype(np.float32))
    return FeatureArchive(folder)


def toy(classes=CLASSES, n=60, shift=0.0):
    """Return a fold and functionals with separated classes, in units of very different size."""
    generator = np.random.default_rng(7)
    rows, functionals = [], {}
    for i in range(n):
        c = i % len(classes)
        split = ["train", "train", "dev", "test", "held_out"][i % 5]
        rows.append((f"u{i:02d}", f"u{i:02d}", f"s{i % 5}", classes[c], split))
        center = np.array([4 * np.cos(2 * c), 4 * np.sin(2 * c), 0, 0])
        values = (center + generator.standard_normal(4)) * [1, 1_000, 1, 1e-3]
        functionals[rows[-1][0]] = (values + (shift if split != "train" else 0.0))[None]
    columns = ["utterance", "original", "speaker", "emotion", "split"]
    return Fold(0, pd.DataFrame(rows, columns=columns)), functionals


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("classes", [CLASSES, CLASSES[:2]])
def test_separated_classes_are_classified(tmp_path, kernel, classes):
    fold, functionals = toy(classes)
    settings = RBF.model_copy(update={"kernel": kernel})
    table = fit_svm(fold, write(tmp_path / "f", functionals), classes, settings).predictions.table
    assert (table["truth"] == table["prediction"]).mean() > 0.95


def test_rows_that_do_not_train_are_predicted_once_and_all_rows_have_embeddings(tmp_path):
    fold, functionals = toy()
    predictions = fit_svm(fold, write(tmp_path / "f", functionals), CLASSES, RBF).predictions
    rows = fold.utterances
    assert sorted(predictions.table["utterance"]) == sorted(rows["utterance"][rows["split"] != "train"])
    assert list(predictions.table["split"].unique()) == ["dev", "test", "held_out"]
    assert sorted(predictions.labels["utterance"]) == sorted(rows["utterance"])
    assert predictions.embedding.shape == (60, 4)
    assert predictions.embedding.dtype == np.float32
    posterior = predictions.table[[f"p_{c}" for c in CLASSES]]
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    assert list(posterior.idxmax(axis=1).str.removeprefix("p_")) == list(predictions.table["prediction"])


def test_a_fold_may_have_only_training_and_test_rows(tmp_path):
    fold, functionals = toy()
    rows = fold.utterances[fold.utterances["split"].isin(["train", "test"])]
    predictions = fit_svm(
        replace(fold, utterances=rows), write(tmp_path / "f", functionals), CLASSES, RBF
    ).predictions
    assert set(predictions.table["split"]) == {"test"}


def test_functionals_of_rows_that_do_not_train_change_no_fit(tmp_path):
    fold, functionals = toy()
    _, moved = toy(shift=50.0)
    one = fit_svm(fold, write(tmp_path / "one", functionals), CLASSES, RBF)
    other = fit_svm(fold, write(tmp_path / "other", moved), CLASSES, RBF)
    np.testing.assert_array_equal(one.standardisation.mean, other.standardisation.mean)
    np.testing.assert_array_equal(one.standardisation.std, other.standardisation.std)
    np.testing.assert_array_equal(one.svc.dual_coef_, other.svc.dual_coef_)
    training = one.predictions.labels["split"] == "train"
    np.testing.assert_allclose(one.predictions.embedding[training].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(one.predictions.embedding[training].std(axis=0), 1, atol=1e-5)
    assert not np.allclose(one.predictions.embedding[~training], other.predictions.embedding[~training])


def test_labels_of_rows_that_do_not_train_change_no_prediction(tmp_path):
    fold, functionals = toy()
    archive = write(tmp_path / "f", functionals)
    rows = fold.utterances.assign(
        emotion=fold.utterances["emotion"].where(fold.utterances["split"] == "train", "calm")
    )
    one = fit_svm(fold, archive, CLASSES, RBF).predictions.table
    other = fit_svm(replace(fold, utterances=rows), archive, CLASSES, RBF).predictions.table
    pd.testing.assert_frame_equal(one.drop(columns="truth"), other.drop(columns="truth"))


def test_equal_folds_give_equal_bytes(tmp_path):
    fold, functionals = toy()
    archive = write(tmp_path / "f", functionals)
    for name in ("one", "two"):
        predictions = fit_svm(fold, archive, CLASSES, RBF).predictions
        predictions.save(tmp_path / f"{name}.csv", tmp_path / f"{name}.npz")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz") as arrays:
        assert set(arrays) == {"embedding", "utterance", "split", "emotion", "speaker"}


def test_balanced_weights_increase_predictions_of_a_rare_class(tmp_path):
    generator = np.random.default_rng(0)
    emotion = np.where(np.arange(200) % 10 == 0, "anger", "calm")
    rows = pd.DataFrame({"utterance": [f"u{i}" for i in range(200)], "speaker": "s", "emotion": emotion})
    rows = rows.assign(original=rows["utterance"], split=np.where(np.arange(200) < 100, "train", "test"))
    functionals = {
        row.utterance: generator.standard_normal((1, 3)) + (row.emotion == "anger") for row in rows.itertuples()
    }
    archive = write(tmp_path / "f", functionals)
    n_predicted = {}
    for balanced in (False, True):
        settings = RBF.model_copy(update={"balanced": balanced})
        table = fit_svm(Fold(0, rows), archive, CLASSES[:2], settings).predictions.table
        n_predicted[balanced] = (table["prediction"] == "anger").sum()
    assert n_predicted[True] > n_predicted[False]


def test_a_spectrogram_is_refused(tmp_path):
    fold, functionals = toy()
    functionals["u05"] = np.zeros((2, 4))
    with pytest.raises(InputError, match=r"f: utterance 'u05' has 2 frames, expected functionals: one frame"):
        fit_svm(fold, write(tmp_path / "f", functionals), CLASSES, RBF)


def test_metadata_have_null_for_values_that_only_networks_have(tmp_path):
    fold, functionals = toy()
    fitted = fit_svm(fold, write(tmp_path / "f", functionals), CLASSES, RBF)
    metadata = json.loads(svm_metadata(fitted, RBF, code="c0de"))
    absent = ("parameters", "flops", "flops_frames", "steps", "utterances_per_s")
    assert [metadata[key] for key in absent] == [None] * 5
    assert metadata["training_utterances"] == 24
    assert metadata["functionals"] == 4
    assert 0 < metadata["support_vectors"] <= 24
    assert metadata["settings"] == RBF.model_dump()
    assert {"python", "scikit-learn", "numpy"} <= set(metadata["versions"])


def test_the_module_does_not_import_torch():
    code = "import sys, emofactors.training.svm; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
