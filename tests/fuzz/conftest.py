"""What all fuzz tests share: how many examples, one folder that is used again, and the one error that may come.

Run one with ``pytest tests/fuzz/test_audio.py --hypothesis-show-statistics`` to see how often what came out.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, settings

from emofactors.errors import InputError

# The same examples every time: a test that fails on some days only would be turned off.
settings.register_profile(
    "fuzz",
    max_examples=2000,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


class Tree:
    """A folder whose files are those of the last example, and no others."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def write(self, files: Mapping[str, bytes]) -> Path:
        """Write files below the folder, which is emptied first; what no file can be called is left out."""
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
def read_or_refused() -> Callable[[Callable[[], Any]], Any]:
    """Calls what reads: what it reads, or None for an InputError of printable lines; any other error is a bug."""

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
