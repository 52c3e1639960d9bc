import subprocess

import pytest

from emofactors.config.training import ComputeSettings
from emofactors.plan import gpus


@pytest.mark.parametrize(
    ("device", "driver", "expected"),
    [("cuda", None, True), ("auto", "/usr/bin/nvidia-smi", True), ("auto", None, False), ("cpu", "/x", False)],
)
def test_gpus_are_used_by_name_or_where_there_is_a_driver(monkeypatch, device, driver, expected):
    monkeypatch.setattr(gpus.shutil, "which", lambda name: driver)
    gpus.uses_gpus.cache_clear()
    assert gpus.uses_gpus(ComputeSettings(device=device)) == expected
    gpus.uses_gpus.cache_clear()


@pytest.mark.parametrize(("visible", "expected"), [("0,1", 2), ("", 0), ("GPU-1,", 1)])
def test_visible_devices_are_counted(monkeypatch, visible, expected):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus.n_gpus() == expected


def test_the_drivers_list_is_counted(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(gpus.shutil, "which", lambda name: None)
    assert gpus.n_gpus() == 0
    listed = subprocess.CompletedProcess([], 0, stdout="GPU 0: A\n  MIG 1g\nGPU 1: B\n")
    monkeypatch.setattr(gpus.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(gpus.subprocess, "run", lambda *_, **__: listed)
    assert gpus.n_gpus() == 2
