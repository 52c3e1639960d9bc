import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save

from emofactors.config.training import SvmSettings
from emofactors.corpora.splits import Fold
from emofactors.errors import InputError
from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.inference.saved_svm import SavedSvm
from emofactors.training.svm import fit_svm

CLASSES = ["calm", "anger", "fear", "sadness"]


@pytest.fixture
def fitted(tmp_path):
    """Function that fits a machine on overlapping classes of toy functionals, and writes it; and the functionals."""

    def fit(kernel, n_classes=3):
        generator = np.random.default_rng(7)
        classes, rows = CLASSES[:n_classes], []
        with ArchiveWriter(tmp_path / "functionals", 4) as writer:
            for i in range(150):
                emotion = i % n_classes
                center = [4 * np.cos(2 * emotion), 4 * np.sin(2 * emotion), 0, 0]
                values = (center + 2 * generator.standard_normal(4)) * [1, 1_000, 1, 1e-3]
                writer.add(f"u{i}", values[None].astype(np.float32))
                split = ["train", "train", "test"][i % 5 % 3]
                rows.append((f"u{i}", f"u{i}", f"s{i % 5}", classes[emotion], split))
        fold = Fold(0, pd.DataFrame(rows, columns=["utterance", "original", "speaker", "emotion", "split"]))
        archive = FeatureArchive(tmp_path / "functionals")
        settings = SvmSettings(features="toy", kernel=kernel, penalty=1.0, balanced=True)
        svm = fit_svm(fold, archive, classes, settings)
        svm.save(tmp_path / "model.safetensors")
        return svm, np.concatenate([archive[u] for u in archive.utterances])

    return fit


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_scores_equal_those_of_scikit_learn(fitted, tmp_path, kernel, n_classes):
    svm, rows = fitted(kernel, n_classes)
    saved = SavedSvm.read(tmp_path / "model.safetensors", kernel)
    expected = svm.svc.decision_function(svm.standardisation.apply(rows))
    expected = np.stack([-expected, expected], axis=1) if n_classes == 2 else expected
    assert len(set(expected.argmax(axis=1))) == n_classes, "every class is predicted"
    np.testing.assert_allclose(saved.scores(rows), expected, rtol=0, atol=1e-9)


def test_a_damaged_machine_is_refused_in_one_line(fitted, tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match=r"model.safetensors: is missing; expected the support vector machine"):
        SavedSvm.read(path, "rbf")
    fitted("rbf")
    whole, arrays = path.read_bytes(), load_file(path)
    for content in (b"", whole[:-8], save({"support_vectors": arrays["support_vectors"]})):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"^.*model.safetensors: is not a support vector machine .*$"):
            SavedSvm.read(path, "rbf")
    for name in ("n_support", "dual_coefficients", "intercepts", "support_vectors"):
        path.write_bytes(save(arrays | {name: np.ascontiguousarray(arrays[name][1:])}))
        with pytest.raises(InputError, match="arrays of inconsistent shapes"):
            SavedSvm.read(path, "rbf")
