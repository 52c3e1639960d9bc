import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SKIPS = """
import pytest

@pytest.mark.skipif(True, reason="no SLURM")
def test_of_a_cluster():
    pass

@pytest.fixture
def browser():
    pytest.skip("no browser")

def test_of_a_page(browser):
    pass

def test_of_nothing():
    pass
"""


@pytest.mark.parametrize(("variables", "summary"), [({"CI": "true"}, "2 errors"), ({}, "2 skipped")])
def test_skipped_tests_fail_in_ci(tmp_path, variables, summary):
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
    assert (run.returncode == 0) == (summary == "2 skipped"), run.stdout
    assert "1 passed" in run.stdout
    assert summary in run.stdout
    if variables:
        assert "CI runs every test: Skipped: no SLURM" in run.stdout
        assert "CI runs every test: Skipped: no browser" in run.stdout
