"""Files appear whole or not at all: a job that is killed leaves no half-written result."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write_bytes_atomically(path: str | Path, content: bytes) -> None:
    """Write a file under another name beside it, then rename it.

    Args:
        path: the file, in a folder that exists; replaced if it is there.
        content: its whole content.

    Raises:
        OSError: if it cannot be written; an earlier file is then left as it was.
    """
    path = Path(path)
    # Not tempfile: its files are readable by their owner only, and keep that when renamed.
    # One name for every process: what a killed one left half-written, the next one replaces.
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_text_atomically(path: str | Path, text: str) -> None:
    r"""Write a text file as :func:`write_bytes_atomically` does: UTF-8, ``\n`` stays ``\n``."""
    write_bytes_atomically(path, text.encode("utf-8"))


def read_json_files(paths: Iterable[str | Path]) -> dict[str, dict[str, Any]]:
    """Content of JSON files, by their name without its ending."""
    return {Path(path).stem: json.loads(Path(path).read_text(encoding="utf-8")) for path in paths}
