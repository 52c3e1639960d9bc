import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save

from emofactors.config.training import SvmSettings
from emofactors.corpora.splits import Fold
from emofactors.errors import InputError
from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.training.svm import SavedSvm, describe_svm, fit_svm

CLASSES = ["calm", "anger", "fear"]
RBF = SvmSettings(features="toy", kernel="rbf", penalty=1.0, balanced=True)


def write(folder, functionals):
    with ArchiveWriter(folder, next(iter(functionals.values())).shape[1]) as writer:
        for utterance, frames in functionals.items():
            writer.add(utterance, frames.astype(np.float32))
    return FeatureArchive(folder)


def toy(classes=CLASSES, n=60, shift=0.0):
    """Rows of a fold and functionals whose classes lie apart, in units of very different size."""
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
def test_classes_that_lie_apart_are_told_apart(tmp_path, kernel, classes):
    fold, functionals = toy(classes)
    settings = RBF.model_copy(update={"kernel": kernel})
    table = fit_svm(fold, write(tmp_path / "f", functionals), classes, settings).predictions.table
    assert (table["truth"] == table["prediction"]).mean() > 0.95


def test_every_row_but_training_ones_is_predicted_once_and_all_have_embeddings(tmp_path):
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


def test_a_fold_without_dev_and_seen_has_predictions_of_test_alone(tmp_path):
    fold, functionals = toy()
    rows = fold.utterances[fold.utterances["split"].isin(["train", "test"])]
    predictions = fit_svm(
        replace(fold, utterances=rows), write(tmp_path / "f", functionals), CLASSES, RBF
    ).predictions
    assert set(predictions.table["split"]) == {"test"}


def test_nothing_is_learnt_from_rows_that_do_not_train(tmp_path):
    fold, functionals = toy()
    _, moved = toy(shift=50.0)
    one = fit_svm(fold, write(tmp_path / "one", functionals), CLASSES, RBF)
    other = fit_svm(fold, write(tmp_path / "other", moved), CLASSES, RBF)
    np.testing.assert_array_equal(one.standardisation.mean, other.standardisation.mean)
    np.testing.assert_array_equal(one.standardisation.std, other.standardisation.std)
    np.testing.assert_array_equal(one.machine.dual_coef_, other.machine.dual_coef_)
    training = one.predictions.labels["split"] == "train"
    np.testing.assert_allclose(one.predictions.embedding[training].mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(one.predictions.embedding[training].std(axis=0), 1, atol=1e-5)
    assert not np.allclose(one.predictions.embedding[~training], other.predictions.embedding[~training])


def test_labels_of_rows_that_do_not_train_change_nothing(tmp_path):
    fold, functionals = toy()
    archive = write(tmp_path / "f", functionals)
    rows = fold.utterances.assign(
        emotion=fold.utterances["emotion"].where(fold.utterances["split"] == "train", "calm")
    )
    one = fit_svm(fold, archive, CLASSES, RBF).predictions.table
    other = fit_svm(replace(fold, utterances=rows), archive, CLASSES, RBF).predictions.table
    pd.testing.assert_frame_equal(one.drop(columns="truth"), other.drop(columns="truth"))


def test_the_same_fold_gives_the_same_bytes(tmp_path):
    fold, functionals = toy()
    archive = write(tmp_path / "f", functionals)
    for name in ("one", "two"):
        predictions = fit_svm(fold, archive, CLASSES, RBF).predictions
        predictions.save(tmp_path / f"{name}.csv", tmp_path / f"{name}.npz")
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    with np.load(tmp_path / "one.npz") as arrays:
        assert set(arrays) == {"embedding", "utterance", "split", "emotion", "speaker"}


def test_balanced_errors_help_the_rare_class(tmp_path):
    generator = np.random.default_rng(0)
    emotion = np.where(np.arange(200) % 10 == 0, "anger", "calm")
    rows = pd.DataFrame({"utterance": [f"u{i}" for i in range(200)], "speaker": "s", "emotion": emotion})
    rows = rows.assign(original=rows["utterance"], split=np.where(np.arange(200) < 100, "train", "test"))
    functionals = {
        row.utterance: generator.standard_normal((1, 3)) + (row.emotion == "anger") for row in rows.itertuples()
    }
    archive = write(tmp_path / "f", functionals)
    found = {}
    for balanced in (False, True):
        settings = RBF.model_copy(update={"balanced": balanced})
        table = fit_svm(Fold(0, rows), archive, CLASSES[:2], settings).predictions.table
        found[balanced] = (table["prediction"] == "anger").sum()
    assert found[True] > found[False]


def test_a_spectrogram_is_refused(tmp_path):
    fold, functionals = toy()
    functionals["u05"] = np.zeros((2, 4))
    with pytest.raises(InputError, match=r"f: utterance 'u05' has 2 frames, expected functionals: one"):
        fit_svm(fold, write(tmp_path / "f", functionals), CLASSES, RBF)


def test_a_run_says_what_it_is_and_null_for_what_only_networks_have(tmp_path):
    fold, functionals = toy()
    fitted = fit_svm(fold, write(tmp_path / "f", functionals), CLASSES, RBF)
    about = json.loads(describe_svm(fitted, RBF, code="c0de"))
    assert [about[key] for key in ("parameters", "flops", "flops_frames", "steps", "utterances_per_s")] == [
        None
    ] * 5
    assert about["training_utterances"] == 24
    assert about["functionals"] == 4
    assert 0 < about["support_vectors"] <= 24
    assert about["settings"] == RBF.model_dump()
    assert {"python", "scikit-learn", "numpy"} <= set(about["versions"])


def test_no_job_of_an_svm_pays_for_torch():
    code = "import sys, emofactors.training.svm; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_a_saved_machine_decides_as_scikit_learn_does(tmp_path, kernel, n_classes):
    classes = ["calm", "anger", "fear", "sadness"][:n_classes]
    fold, functionals = toy(classes, n=150)
    rng = np.random.default_rng(1)
    functionals = {u: f + rng.normal(size=f.shape) * [2, 2_000, 2, 2e-3] for u, f in functionals.items()}
    archive = write(tmp_path / "f", functionals)
    fitted = fit_svm(fold, archive, classes, RBF.model_copy(update={"kernel": kernel}))
    fitted.save(tmp_path / "model.safetensors")
    saved = SavedSvm.read(tmp_path / "model.safetensors", kernel)
    heard = np.concatenate([archive[u] for u in archive.utterances])
    oracle = fitted.machine.decision_function(fitted.standardisation.apply(heard))
    oracle = np.stack([-oracle, oracle], axis=1) if n_classes == 2 else oracle
    assert len(set(oracle.argmax(axis=1))) == n_classes, "every class is decided for"
    np.testing.assert_allclose(saved.scores(heard), oracle, rtol=0, atol=1e-9)


def test_a_damaged_machine_is_refused_in_one_line(tmp_path):
    fold, functionals = toy()
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match=r"model.safetensors: is missing; expected the support vector machine"):
        SavedSvm.read(path, "rbf")
    fit_svm(fold, write(tmp_path / "f", functionals), CLASSES, RBF).save(path)
    whole, arrays = path.read_bytes(), load_file(path)
    for content in (b"", whole[:-8], save({"support_vectors": arrays["support_vectors"]})):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"^.*model.safetensors: is no support vector machine .*$"):
            SavedSvm.read(path, "rbf")
    for name in ("n_support", "dual_coefficients", "intercepts", "support_vectors"):
        path.write_bytes(save(arrays | {name: np.ascontiguousarray(arrays[name][1:])}))
        with pytest.raises(InputError, match="arrays that do not fit each other"):
            SavedSvm.read(path, "rbf")
