"""A workstation runs as many trainings at a time as its GPUs have slots, unless a limit is given."""

import os
import re

import pytest

LISTED = """\
GPU 0: Some card (UUID: GPU-3f-a)
  MIG 1g.10gb Device 0: (UUID: MIG-5c-a)
GPU 1: Some card (UUID: GPU-3f-b)
"""


@pytest.fixture(scope="module")
def project(fresh_project):
    """A copy that prints its limit, on a machine whose driver lists two GPUs."""
    project = fresh_project()
    driver = project.folder / "bin" / "nvidia-smi"
    driver.parent.mkdir()
    driver.with_name("listed").write_text(LISTED)
    driver.write_text('#!/bin/sh\n[ "$1" = -L ] && cat "$(dirname "$0")/listed"\n')
    driver.chmod(0o755)
    with (project.folder / "Snakefile").open("a", encoding="utf-8") as file:
        file.write(
            '\nprint("limit", "gpu" in workflow.global_resources and workflow.global_resources["gpu"].value)\n'
        )
    return project


@pytest.mark.parametrize(
    ("visible", "arguments", "limit"),
    [
        (None, ["--config", "compute={slots_per_gpu: 3}"], 6),
        ("1", ["--config", "compute={slots_per_gpu: 3}"], 3),
        ("", [], False),
        (None, ["--config", "compute={device: cpu}"], False),
        (None, ["--resources", "gpu=5"], 5),
    ],
)
def test_the_default_limit_is_the_number_of_slots(project, monkeypatch, visible, arguments, limit):
    monkeypatch.setenv("PATH", f"{project.folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    run = project.snakemake("-n", *arguments, "--", "results/corpora/manifests/synthetic.csv")
    assert run.returncode == 0, run.stdout
    assert re.findall(r"^limit (\w+)$", run.stdout, flags=re.MULTILINE) == [str(limit)]
