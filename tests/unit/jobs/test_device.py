import logging
from types import SimpleNamespace

import pytest
import torch

from emofactors.errors import InputError
from emofactors.jobs.device import autocast, choose_device, device_description, gpu_identity, lease_device


@pytest.fixture
def gpus(monkeypatch, tmp_path):
    """Function that simulates GPUs with given UUIDs and no lease; it returns the list of current devices."""
    current = []

    def install(*uuids):
        properties = [SimpleNamespace() if uuid is None else SimpleNamespace(uuid=uuid) for uuid in uuids]
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: len(properties))
        monkeypatch.setattr(torch.cuda, "get_device_properties", properties.__getitem__)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU of index {device.index}")
        monkeypatch.setattr(torch.cuda, "set_device", current.append)
        return current

    monkeypatch.setenv("EMOFACTORS_GPU_LOCKS", str(tmp_path / "locks"))
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return install


def test_auto_selects_an_available_device():
    available = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device("auto").type == available


def test_an_unavailable_device_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match="device: is 'cuda', expected one this machine has: cpu"):
        choose_device("cuda")


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)])
def test_products_have_the_precision(precision, dtype):
    with autocast(torch.device("cpu"), precision):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_a_leased_gpu_is_the_current_device_and_logged(gpus, caplog):
    caplog.set_level(logging.INFO)
    current = gpus("aa", "bb")
    assert (
        [lease_device("auto", 1), lease_device("cuda", 1)] == current == [torch.device("cuda", i) for i in (0, 1)]
    )
    assert [record.getMessage() for record in caplog.records] == [
        "leased slot 1 of 1 of GPU aa",
        "running on cuda:0: GPU of index 0",
        "leased slot 1 of 1 of GPU bb",
        "running on cuda:1: GPU of index 1",
    ]


def test_the_cpu_needs_no_lease(gpus, tmp_path):
    gpus("aa")
    assert lease_device("cpu", 1) == torch.device("cpu")
    assert not (tmp_path / "locks").exists()


def test_under_slurm_a_single_gpu_needs_no_lease_and_one_of_several_is_leased(gpus, tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    current = gpus("aa")
    assert [lease_device("auto", 1) for _ in range(2)] == 2 * [torch.device("cuda")]
    assert current == []
    assert not (tmp_path / "locks").exists()
    gpus("aa", "bb")
    assert [lease_device("auto", 1).index for _ in range(2)] == [0, 1]


@pytest.mark.parametrize(
    ("visible", "uuids", "identities"),
    [
        (None, ["3f-a", "3f-b"], ["3f-a", "3f-b"]),
        ("1,0", ["3f-b", "3f-a"], ["3f-b", "3f-a"]),
        ("GPU-3f", ["3f-a"], ["3f-a"]),
        ("1, 0", [None, None], ["1", "0"]),
        ("GPU-3f-a", [None], ["3f-a"]),
        (None, [None, None], ["0", "1"]),
        # Two parts of one GPU: torch may report the UUID of the whole GPU.
        ("MIG-5c-a", ["3f-a"], ["5c-a"]),
        ("MIG-GPU-3f-a/1/0", ["3f-a"], ["3f-a_1_0"]),
        (None, ["../etc"], ["___etc"]),
    ],
)
def test_the_identity_of_a_gpu_does_not_depend_on_visible_devices(gpus, monkeypatch, visible, uuids, identities):
    gpus(*uuids)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [gpu_identity(index) for index in range(len(uuids))] == identities


def test_a_description_names_the_model_of_the_device(gpus):
    gpus("aa")
    assert device_description(torch.device("cuda", 0)) == "cuda (GPU of index 0)"
    assert device_description(torch.device("cpu")).startswith("cpu (")
