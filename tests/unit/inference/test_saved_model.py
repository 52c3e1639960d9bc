import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from emofactors.config.features import FeatureSettings
from emofactors.errors import InputError
from emofactors.features.standardisation import Standardisation
from emofactors.inference.saved_model import FeaturesInMemory, classes_of, find_runs, load_model
from emofactors.systems import build_system
from emofactors.training.input_spec import InputSpec
from emofactors.training.metadata import run_metadata

MEL = FeatureSettings(
    kind="log_mel",
    sample_rate_hz=16_000,
    window="hann",
    win_ms=25,
    hop_ms=10,
    n_fft=512,
    n_mels=16,
    pad_mode="reflect",
)
SPEC = InputSpec(
    task="toy2",
    corpus="toy",
    system="cnn_bigru",
    variant="mel",
    fold=0,
    seed=0,
    method="network",
    classes=("calm", "anger"),
    features=MEL,
)


@pytest.fixture
def folder(tmp_path, trained, run):
    """Folder of a trained run."""
    folder = tmp_path / "toy2" / "cnn_bigru" / "mel" / "fold0" / "seed0"
    folder.mkdir(parents=True)
    statistics = Standardisation(np.full(16, -40, np.float32), np.full(16, 10, np.float32))
    trained.save(folder / "model.safetensors", folder / "history.csv", statistics)
    (folder / "run.json").write_text(run_metadata(trained, run, code="c0de", input_spec=SPEC))
    return folder


def load(folder):
    return load_model(folder, build_system, torch.device("cpu"))


def change(folder, **changes):
    """Change the metadata of a run: merge keys and values, remove what is None."""
    metadata = json.loads((folder / "run.json").read_text())
    for key, value in changes.items():
        metadata[key] = metadata.get(key, {}) | value if isinstance(value, dict) else value
    (folder / "run.json").write_text(json.dumps({k: v for k, v in metadata.items() if v is not None}))


def test_features_are_standardised_by_the_training_rows(folder):
    model = load(folder)
    assert model.input_spec == SPEC
    assert model.code == "c0de"
    rng = np.random.default_rng(0)
    clips = {name: rng.normal(-40, 10, (n, 16)).astype(np.float32) for name, n in (("a", 30), ("b", 50), ("c", 2))}
    clips["a"][:, 3] += 40  # anger: four stds, as in training
    p = model.posteriors(FeaturesInMemory(clips))
    assert p.shape == (3, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p[0, 1] > 0.5 > p[1, 1]
    for i, name in enumerate(clips):
        np.testing.assert_allclose(model.posteriors(FeaturesInMemory({name: clips[name]}))[0], p[i], atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "max_used_s", "max_s"),
    [({}, np.inf, 60.0), ({"max_frames": 150}, 1.5, np.inf), ({"segment_frames": 32}, np.inf, np.inf)],
)
def test_settings_limit_the_duration_that_a_model_reads(folder, changes, max_used_s, max_s):
    change(folder, settings=changes)
    model = load(folder)
    assert (model.max_used_s, model.max_s) == (max_used_s, max_s)
    frames = np.random.default_rng(1).normal(-40, 10, (400, 16)).astype(np.float32)
    frames[:, 3] += 60
    p = model.posteriors(FeaturesInMemory({"long": frames}))
    np.testing.assert_allclose(p.sum(), 1)
    if max_used_s == 1.5:
        center = model.posteriors(FeaturesInMemory({"long": frames[125:275]}))
        np.testing.assert_array_equal(p, center)


def test_runs_are_found_at_and_below_a_folder(folder, tmp_path):
    other = folder.with_name("seed1")
    other.mkdir()
    (other / "run.json").write_text("{}")
    assert find_runs(folder) == [folder]
    assert find_runs(tmp_path) == [folder, other]


def test_a_folder_without_runs_is_refused_in_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    for path, reason in ((tmp_path / "none", "is not a folder"), (tmp_path / "empty", "contains no run")):
        with pytest.raises(
            InputError, match=rf"^{path}: {reason}, expected the folder of a run \(with run.json.*$"
        ):
            find_runs(path)


def test_models_with_other_classes_are_refused_in_another_order_accepted(folder):
    model = load(folder)
    spec = SPEC.model_copy(update={"classes": ("anger", "calm")})
    assert classes_of([model, replace(model, input_spec=spec)]) == ("calm", "anger")
    spec = SPEC.model_copy(update={"classes": ("anger", "fear")})
    with pytest.raises(InputError, match=r"has the classes anger, fear, expected those of .*: calm, anger$"):
        classes_of([model, replace(model, input_spec=spec)])


OPENSMILE = {"kind": "opensmile", "feature_set": "ComParE_2016", "sample_rate_hz": 16000}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"input_spec": None}, r"run.json: has no 'input_spec'; expected a run of this version, train it again$"),
        ({"reconstruction": {}}, r"seed0: is a decomposer, which predicts no emotions; expected a run of a class"),
        ({"input_spec": {"features": None}}, r"seed0: reads speech reconstructed by .* \(variant 'mel'\)"),
        ({"input_spec": {"features": OPENSMILE}}, r"run.json: has functionals as input .*; expected spectrograms"),
        ({"arguments": {"stage": "matched"}}, r"seed0: is matched to its teacher but not trained on the classes"),
        ({"input_spec": {"classes": 7}}, r"run.json: has missing or invalid metadata \(classes: "),
        ({"input_spec": {"classes": ["calm"]}}, r"run.json: has 2 classes and 16 bins .*; expected 1 and 16"),
        ({"input_spec": {"system": "oracle"}}, r"system is 'oracle'"),
        (
            {"settings": {"standardise_by_speaker": True}},
            r"seed0: standardises features by speaker \(variant 'mel'\)",
        ),
        ({"settings": {"batch_size": 0}}, r"run.json: has missing or invalid metadata \(batch_size: "),
        ({"settings": None}, r"run.json: has missing or invalid metadata \(KeyError: 'settings'"),
        ({"training_data": {"n_bins": "many"}}, r"run.json: has missing or invalid metadata \(n_bins: "),
        ({"arguments": {"no_such": 1}}, r"run.json: has missing or invalid metadata \(TypeError: "),
        ({"arguments": {"gru_units": 5}}, r"model.safetensors: does not fit the system .* the same network"),
    ],
)
def test_a_run_that_predicts_no_emotions_of_new_audio_is_refused_in_one_line(folder, changes, reason):
    change(folder, **changes)
    with pytest.raises(InputError, match=reason) as raised:
        load(folder)
    assert "\n" not in str(raised.value)


def test_missing_or_damaged_weights_are_refused_in_one_line(folder):
    model = folder / "model.safetensors"
    whole = model.read_bytes()
    for content in (b"", whole[: len(whole) // 2]):
        model.write_bytes(content)
        with pytest.raises(InputError, match=r"^.*model.safetensors: is not a file of weights .*$"):
            load(folder)
    model.unlink()
    with pytest.raises(InputError, match=r"^.*model.safetensors: is missing.*$"):
        load(folder)


def test_weights_without_statistics_are_refused(folder, trained):
    trained.save(folder / "model.safetensors", folder / "history.csv")
    with pytest.raises(InputError, match=r"model.safetensors: has no mean and std of 16 bins"):
        load(folder)
