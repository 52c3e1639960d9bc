import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from emofactors.features.archive import FeatureArchive
from emofactors.features.speech_factors import FactorArchive
from emofactors.inference.decomposer import open_decomposer
from emofactors.systems import build_system
from emofactors.training import run as run_module

PARAMS = {
    "run": {
        **{"features": "mel", "pitch": "f0", "batch_size": 4, "pool_batches": 1, "learning_rate": 1e-3},
        **{"max_steps": 5, "standardise": False, "select": "last"},
    },
    "compute": {"device": "cpu"},
    "classes": ["anger", "sadness"],
}


@pytest.fixture
def opened(monkeypatch, restored_process, sound, fold, system, speechflow_arguments):
    """Function that opens the saved decomposer on its own task, or on another."""
    monkeypatch.setattr(run_module, "log_to", lambda path: None)
    weights = {name: tensor.contiguous() for name, tensor in system.state_dict().items()}
    save_file(weights, sound / "model.safetensors")
    own = fold.utterances.assign(fold=1)
    own.to_csv(sound / "own.csv", index=False)
    fold.utterances.assign(fold=0, speaker=list("ddeeff"), split="train").to_csv(sound / "other.csv", index=False)

    def go(target):
        return open_decomposer(
            build_system,
            {"system": "speechflow", "fold": "1", "seed": "0"},
            PARAMS | {"arguments": speechflow_arguments},
            log=sound / "reconstruct_speech.log",
            slots_per_gpu=1,
            weights=sound / "model.safetensors",
            folds=sound / "own.csv",
            target_folds=sound / target,
            features=sound / "mel",
            pitch=sound / "f0",
        )

    yield go
    torch.use_deterministic_algorithms(False)


def test_a_saved_decomposer_has_its_weights_and_is_in_evaluation_mode(opened, system):
    decomposer = opened("own.csv")
    assert not decomposer.system.training
    for name, tensor in system.state_dict().items():
        assert torch.equal(tensor, decomposer.system.state_dict()[name]), name


def test_utterances_of_its_own_task_are_those_of_its_fold_with_pitch_normalised_as_in_training(opened, archive):
    decomposer = opened("own.csv")
    assert decomposer.fold.number == 1
    assert decomposer.training_speakers == ("a", "b")
    for utterance in archive.utterances:
        np.testing.assert_array_equal(decomposer.archive[utterance], archive[utterance])


def test_utterances_of_another_task_did_not_train_it(opened, sound):
    decomposer = opened("other.csv")
    assert decomposer.fold.number == 0
    assert decomposer.training_speakers == ("a", "b")
    expected = FactorArchive.of_fold(
        FeatureArchive(sound / "mel"), FeatureArchive(sound / "f0"), decomposer.fold, own_training=False
    )
    for utterance in expected.utterances:
        np.testing.assert_array_equal(decomposer.archive[utterance], expected[utterance])
