"""Shared by all fuzz tests: the number of examples, a reusable folder, and the only error that may be raised.

``--fuzz-examples`` sets the number of examples: 100 unless given, 2,000 in ``make test-rest``. Run ``pytest tests/fuzz/test_audio.py --hypothesis-show-statistics`` to see the frequency of outcomes.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, settings

from emofactors.errors import InputError


def pytest_configure(config):
    """Set the number of examples, before the tests are imported."""
    settings.register_profile(
        "fuzz",
        max_examples=config.getoption("--fuzz-examples"),
        derandomize=True,  # the same examples in every run: a test must not fail at random
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


class Tree:
    """A folder that contains only the files of the last example."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def write(self, files: Mapping[str, bytes]) -> Path:
        """Empty the folder and write files below it; names the file system rejects are left out."""
        for left in self.root.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left)
            else:
                left.unlink()
        for path, content in files.items():
            try:
                (self.root / path).parent.mkdir(parents=True, exist_ok=True)
                (self.root / path).write_bytes(content)
            except (OSError, ValueError):
                continue
        return self.root


@pytest.fixture(scope="session")
def tree(tmp_path_factory) -> Tree:
    return Tree(tmp_path_factory.mktemp("fuzz") / "tree")


@pytest.fixture(scope="session")
def read_or_rejected() -> Callable[[Callable[[], Any]], Any]:
    """Return a function that calls a reader; an InputError must be printable and gives None, other errors fail."""

    def call(read: Callable[[], Any]) -> Any:
        message = ""
        try:
            content = read()
        except InputError as error:
            message, content = str(error), None
        event("InputError" if message else "read")
        assert all(line.isprintable() for line in message.split("\n"))
        return content

    return call
