import numpy as np
import pandas as pd
import pytest
import torch

from emofactors.features.archive import ArchiveWriter
from emofactors.features.speech_factors import FactorArchive
from emofactors.systems import build_system
from emofactors.training import run as run_module
from emofactors.training.decomposition import decomposer_data, open_decomposer_training, training_speakers

FRAMES = {"a1": 20, "a2": 40, "b1": 32, "c1": 30}


@pytest.fixture
def run(tmp_path, monkeypatch, restored_process, speechflow_arguments):
    """An open training of a small decomposer."""
    monkeypatch.setattr(run_module, "log_to", lambda path: None)
    rows = pd.DataFrame({"utterance": list(FRAMES), "original": list(FRAMES), "speaker": list("bbac")})
    rows = rows.assign(emotion=["anger", "sadness"] * 2, fold=0, split=["train", "train", "train", "test"])
    rows.to_csv(tmp_path / "folds.csv", index=False)
    generator = np.random.default_rng(0)
    for name, n_bins in (("mel", 6), ("f0", 1)):
        with ArchiveWriter(tmp_path / name, n_bins) as writer:
            for utterance, n_frames in FRAMES.items():
                writer.add(utterance, generator.uniform(100, 300, (n_frames, n_bins)).astype(np.float32))
    settings = {"features": "mel", "pitch": "f0", "batch_size": 4, "pool_batches": 1, "learning_rate": 1e-3}
    settings |= {"max_epochs": 5, "standardise": False, "select": "last"}
    yield open_decomposer_training(
        build_system,
        {"system": "speechflow", "fold": "0", "seed": "0"},
        {
            "run": settings,
            "compute": {"device": "cpu"},
            "arguments": speechflow_arguments,
            "classes": ["anger", "sadness", "fear"],
        },
        log=tmp_path / "train_decomposer.log",
        slots_per_gpu=1,
        stream=False,
        folds=tmp_path / "folds.csv",
        features=tmp_path / "mel",
        pitch=tmp_path / "f0",
    )
    torch.use_deterministic_algorithms(False)


def test_the_input_of_a_decomposer_is_mel_and_normalised_pitch(run):
    assert isinstance(run.archive, FactorArchive)
    assert run.splits["train"].frames[0].shape == (20, 7)
    np.testing.assert_array_equal(run.splits["test"].frames[0], run.archive["c1"])


def test_a_decomposer_has_an_embedding_for_every_training_speaker(run):
    assert training_speakers(run.fold) == ("a", "b")
    assert {len(table) for table in run.system.speakers.parameters()} == {2}
    assert run.splits["train"].speaker.tolist() == [1, 1, 0]


def test_a_decomposer_is_built_from_the_sizes_of_the_training_rows(run):
    data = decomposer_data(run, 7)
    assert (data.n_bins, data.class_counts, data.n_speakers, data.n_updates) == (7, (2, 1, 0), 2, 5)
