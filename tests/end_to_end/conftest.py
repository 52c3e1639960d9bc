"""One run of the smoke study that the tests share."""

import pytest

STUDY = ("--configfile", "config/studies/smoke.yaml")


@pytest.fixture(scope="session")
def finished(fresh_smoke):
    """The project after its first run; tests read it and change nothing."""
    project = fresh_smoke()
    run = project.snakemake(*STUDY)
    assert run.returncode == 0, run.stdout
    return project
