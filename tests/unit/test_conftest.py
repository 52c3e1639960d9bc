import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SKIPS = """
import pytest

@pytest.mark.skipif(True, reason="no SLURM here")
def test_of_a_cluster():
    pass

@pytest.fixture
def browser():
    pytest.skip("no browser here")

def test_of_a_page(browser):
    pass

def test_of_nothing():
    pass
"""


@pytest.mark.parametrize(("variables", "closing"), [({"CI": "true"}, "2 errors"), ({}, "2 skipped")])
def test_what_is_skipped_fails_in_ci(tmp_path, variables, closing):
    file = tmp_path / "test_skips.py"
    file.write_text(SKIPS)
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "--rootdir", tmp_path, file],
        env=environment | {"PYTHONPATH": f"{TESTS}:{os.environ.get('PYTHONPATH', '')}"} | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode == 0) == (closing == "2 skipped"), run.stdout
    assert "1 passed" in run.stdout
    assert closing in run.stdout
    if variables:
        assert "not run, and CI runs every test: Skipped: no SLURM here" in run.stdout
        assert "not run, and CI runs every test: Skipped: no browser here" in run.stdout
