import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from emofactors.errors import InputError
from emofactors.features.standardisation import Standardisation
from emofactors.training.weights import load_weights


def assert_same_weights(system, other):
    assert system.state_dict().keys() == other.state_dict().keys()
    for name, tensor in system.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[name]), name


def test_saved_weights_are_loaded_with_their_standardisation(tmp_path, trained, fresh_system):
    statistics = Standardisation(np.arange(16, dtype=np.float32) / 3, np.arange(1, 17, dtype=np.float32) / 7)
    trained.save(tmp_path / "with.safetensors", tmp_path / "history.csv", statistics)
    trained.save(tmp_path / "without.safetensors", tmp_path / "history.csv")
    system, other = fresh_system(1), fresh_system(2)
    loaded = load_weights(system, tmp_path / "with.safetensors")
    np.testing.assert_array_equal(loaded.mean, statistics.mean)
    np.testing.assert_array_equal(loaded.std, statistics.std)
    assert load_weights(other, tmp_path / "without.safetensors") is None
    assert_same_weights(system, trained.system)
    assert_same_weights(other, trained.system)


def contiguous(system):
    return {name: tensor.contiguous() for name, tensor in system.state_dict().items()}


def test_half_of_the_statistics_is_refused(tmp_path, fresh_system):
    system = fresh_system()
    save_file(contiguous(system) | {"standardisation.mean": torch.zeros(16)}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"model\.safetensors: is not a file of weights .*standardisation\.std"):
        load_weights(system, tmp_path / "model.safetensors")


def test_weights_of_another_network_are_refused(tmp_path, fresh_system):
    save_file(contiguous(fresh_system()), tmp_path / "model.safetensors")
    with pytest.raises(
        InputError, match=r"model.safetensors: does not fit the system .* expected the same network"
    ):
        load_weights(nn.Linear(2, 3), tmp_path / "model.safetensors")


def test_missing_or_damaged_weights_are_refused_in_one_line(tmp_path, fresh_system):
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match=r"^.*model\.safetensors: is missing; expected the weights of a run.*$"):
        load_weights(fresh_system(), path)
    save_file(contiguous(fresh_system()), path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(InputError, match=r"^.*model\.safetensors: is not a file of weights .*$"):
        load_weights(fresh_system(), path)
