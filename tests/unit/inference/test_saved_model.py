import json

import numpy as np
import pytest
import torch

from emofactors.config.features import FeatureSettings
from emofactors.config.training import ComputeSettings
from emofactors.errors import InputError
from emofactors.features.standardisation import Standardisation
from emofactors.inference.saved_model import HeldFeatures, find_runs, load_run
from emofactors.systems import build_system
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.fit import fit
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
HEARING = InputSpec(
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
def folder(tmp_path, train, dev, run, fresh_system, tiny_arguments):
    """Folder of a run that learnt a little."""
    trained = fit(
        fresh_system(), train, dev, run, seed=0, precision="float32", checkpoint=Checkpoint(tmp_path / "c.pt")
    )
    folder = tmp_path / "toy2" / "cnn_bigru" / "mel" / "fold0" / "seed0"
    folder.mkdir(parents=True)
    statistics = Standardisation(np.full(16, -40, np.float32), np.full(16, 10, np.float32))
    trained.save(folder / "model.safetensors", folder / "history.csv", statistics)
    about = run_metadata(
        trained,
        train,
        run=run,
        arguments=tiny_arguments,
        compute=ComputeSettings(),
        code="c0de",
        input_spec=HEARING,
    )
    (folder / "run.json").write_text(about)
    return folder


def load(folder):
    return load_run(folder, build_system, torch.device("cpu"))


def change(folder, **changes):
    about = json.loads((folder / "run.json").read_text())
    for key, value in changes.items():
        if isinstance(value, dict):
            about[key] = about[key] | value
        elif value is None:
            del about[key]
        else:
            about[key] = value
    (folder / "run.json").write_text(json.dumps(about))


def test_a_run_hears_what_is_standardised_as_in_training(folder):
    run = load(folder)
    assert run.input_spec == HEARING
    assert run.code == "c0de"
    rng = np.random.default_rng(0)
    clips = {name: rng.normal(-40, 10, (n, 16)).astype(np.float32) for name, n in (("a", 30), ("b", 50), ("c", 2))}
    clips["a"][:, 3] += 60  # anger, in units of the std
    clips["b"][:, 3] -= 60
    p = run.posteriors(HeldFeatures(clips))
    assert p.shape == (3, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert p[0, 1] > 0.5 > p[1, 1]
    for i, name in enumerate(clips):
        np.testing.assert_allclose(run.posteriors(HeldFeatures({name: clips[name]}))[0], p[i], atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "max_heard_s", "max_s"),
    [({}, np.inf, 60.0), ({"max_frames": 150}, 1.5, np.inf), ({"segment_frames": 32}, np.inf, np.inf)],
)
def test_how_much_of_a_long_recording_is_heard(folder, settings, max_heard_s, max_s):
    change(folder, settings=settings)
    run = load(folder)
    assert (run.max_heard_s, run.max_s) == (max_heard_s, max_s)
    frames = np.random.default_rng(1).normal(-40, 10, (400, 16)).astype(np.float32)
    frames[:, 3] += 60
    p = run.posteriors(HeldFeatures({"long": frames}))
    np.testing.assert_allclose(p.sum(), 1)
    if max_heard_s == 1.5:
        middle = run.posteriors(HeldFeatures({"long": frames[125:275]}))
        np.testing.assert_array_equal(p, middle)


def test_runs_are_found_at_and_below_a_folder(folder, tmp_path):
    other = folder.with_name("seed1")
    other.mkdir()
    (other / "run.json").write_text("{}")
    assert find_runs(folder) == [folder]
    assert find_runs(tmp_path) == [folder, other]


def test_without_a_run_one_line_says_what_was_expected(tmp_path):
    (tmp_path / "empty").mkdir()
    for path, reason in ((tmp_path / "none", "is no folder"), (tmp_path / "empty", "has no run in it")):
        with pytest.raises(
            InputError, match=rf"^{path}: {reason}, expected the folder of a run \(with run.json.*$"
        ):
            find_runs(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"input_spec": None},
            r"run.json: has no 'hearing', as runs of earlier versions; expected a run trained anew$",
        ),
        (
            {"reconstruction": {}},
            r"seed0: takes speech apart and knows no emotions, expected a run of a classifier$",
        ),
        (
            {"input_spec": {"features": None}},
            r"seed0: hears speech that a decomposer reconstructs \(variant 'mel'\)",
        ),
        (
            {
                "input_spec": {
                    "features": {"kind": "opensmile", "feature_set": "ComParE_2016", "sample_rate_hz": 16000}
                }
            },
            r"run.json: has features that no network hears; expected spectrograms",
        ),
        ({"arguments": {"stage": "matched"}}, r"seed0: was matched to its teacher and has not learnt the classes"),
        ({"input_spec": {"classes": 7}}, r"run.json: lacks or misstates what hearing takes \(classes: "),
        (
            {"input_spec": {"classes": ["calm"]}},
            r"run.json: has 2 classes and 16 bins of a model; expected 1 and 16",
        ),
        ({"input_spec": {"system": "oracle"}}, r"system 'oracle': is not known"),
        ({"settings": {"batch_size": 0}}, r"run.json: lacks or misstates what hearing takes \(batch_size: "),
        ({"settings": None}, r"run.json: lacks or misstates what hearing takes \(KeyError: 'settings'"),
        ({"training_data": {"n_bins": "many"}}, r"run.json: lacks or misstates what hearing takes \(n_bins: "),
        ({"arguments": {"no_such": 1}}, r"run.json: lacks or misstates what hearing takes \(TypeError: "),
        (
            {"arguments": {"gru_units": 5}},
            r"model.safetensors: does not fit the system .* expected the same network",
        ),
    ],
)
def test_a_run_that_cannot_hear_says_so_in_one_line(folder, changes, reason):
    if "reconstruction" in changes:
        about = json.loads((folder / "run.json").read_text())
        (folder / "run.json").write_text(json.dumps(about | changes))
    else:
        change(folder, **changes)
    with pytest.raises(InputError, match=reason) as raised:
        load(folder)
    assert "\n" not in str(raised.value)


def test_damaged_weights_are_said_in_one_line(folder, tmp_path):
    model = folder / "model.safetensors"
    whole = model.read_bytes()
    for content in (b"", whole[: len(whole) // 2]):
        model.write_bytes(content)
        with pytest.raises(InputError, match=r"^.*model.safetensors: is no file of weights .*$"):
            load(folder)
    model.unlink()
    with pytest.raises(InputError, match=r"^.*model.safetensors: is missing.*$"):
        load(folder)


def test_weights_without_their_statistics_are_refused(folder, tmp_path, train, dev, run, fresh_system):
    trained = fit(
        fresh_system(), train, dev, run, seed=0, precision="float32", checkpoint=Checkpoint(tmp_path / "c.pt")
    )
    trained.save(folder / "model.safetensors", folder / "history.csv")
    with pytest.raises(InputError, match=r"model.safetensors: has no mean and std of 16 bins"):
        load(folder)
