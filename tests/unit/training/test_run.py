import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from emofactors.errors import InputError
from emofactors.features.archive import ArchiveWriter
from emofactors.systems import build_system
from emofactors.training import run as run_module
from emofactors.training.run import open_run, start_run

FRAMES = {"a": 30, "b": 40, "c": 35, "d": 50}


@pytest.fixture
def logs(monkeypatch, restored_process):
    """Log files that were opened; the log of the process itself stays."""
    opened = []
    monkeypatch.setattr(run_module, "log_to", opened.append)
    yield opened
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def files(tmp_path):
    """Folds of a task, and archives of its corpus with the conditions of reconstructed speech below."""
    rows = pd.DataFrame({"utterance": list(FRAMES), "original": list(FRAMES), "speaker": ["x", "x", "y", "z"]})
    rows = rows.assign(emotion=["calm", "anger"] * 2, fold=3, split=["train", "train", "dev", "test"])
    rows.to_csv(tmp_path / "folds.csv", index=False)
    generator = np.random.default_rng(0)
    for folder in ("original", "reconstructed/rhythm"):
        with ArchiveWriter(tmp_path / folder, 16) as writer:
            for utterance, n_frames in FRAMES.items():
                writer.add(utterance, generator.normal(size=(n_frames, 16)).astype(np.float32))
    return tmp_path


@pytest.fixture
def opened(files, logs, settings, tiny_arguments):
    """Function that opens a run of the tiny cnn_bigru."""

    def go(seed="5", condition=None, stream=False, **changes):
        params = {
            "run": settings.model_dump(mode="json"),
            "compute": {"device": "cpu", "threads": 1},
            "arguments": tiny_arguments,
            "classes": ["calm", "anger"],
        }
        if condition is not None:
            params["condition"] = condition
        return open_run(
            build_system,
            {"system": "cnn_bigru", "fold": "3", "seed": seed},
            params,
            log=files / "train.log",
            slots_per_gpu=1,
            stream=stream,
            folds=files / "folds.csv",
            **{"features": [files / "original"]} | changes,
        )

    return go


def test_an_open_run_has_settings_fold_data_and_system(opened, logs, files, settings):
    run = opened()
    assert logs == [str(files / "train.log")]
    assert run.settings == settings
    assert (run.seed, run.fold.number, run.classes, run.device.type) == (5, 3, ("calm", "anger"), "cpu")
    assert {name: len(split) for name, split in run.splits.items()} == {
        "train": 2,
        "dev": 1,
        "test": 1,
        "held_out": 0,
    }
    assert torch.cat(run.splits["train"].frames).mean().abs() < 1e-6
    assert run.system(run.splits["test"].batch(np.array([0]), 1)).logits.shape == (1, 2)


def test_equal_seeds_give_equal_initial_weights(opened):
    first, again, other = (opened(seed=seed).system.state_dict() for seed in ("5", "5", "6"))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_weights_of_another_run_replace_the_initial_ones(opened, files):
    weights = {name: tensor.contiguous() for name, tensor in opened(seed="6").system.state_dict().items()}
    save_file(weights, files / "model.safetensors")
    state = opened(seed="5", weights=files / "model.safetensors").system.state_dict()
    assert all(torch.equal(state[name], weights[name]) for name in weights)


def test_the_condition_is_a_subfolder_of_the_archive(opened, files):
    run = opened(condition="rhythm", features=[files / "reconstructed"])
    assert run.archive.folders == (files / "reconstructed" / "rhythm",)
    assert opened(condition="").archive.folders == (files / "original",)


def test_streamed_data_equal_data_in_memory(opened):
    in_memory, streamed = (opened(stream=stream).splits["train"] for stream in (False, True))
    assert type(in_memory.frames) is not type(streamed.frames)
    assert in_memory.digest() == streamed.digest()


def test_a_missing_fold_is_refused_after_the_log_is_open(files, logs, settings):
    params = {
        "run": settings.model_dump(mode="json"),
        "compute": {"device": "cpu"},
        "arguments": {},
        "classes": [],
    }
    with pytest.raises(InputError, match=r"folds\.csv: has no fold 0"):
        start_run({"fold": "0", "seed": "0"}, params, log="x.log", slots_per_gpu=1, folds=files / "folds.csv")
    assert logs == ["x.log"]
