"""JSON between jobs."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from emofactors.io.atomic import damaged, read_text


def read_json(path: str | Path, expected: str, needed: Sequence[str] = ()) -> dict[str, Any]:
    """Content of a JSON file that a job before made.

    Args:
        path: the file.
        expected: what it should be: ``what a run says of itself``.
        needed: keys it must have.

    Returns:
        Its keys and values.

    Raises:
        InputError: if it is missing or damaged, or lacks a key.
    """
    text = read_text(path, expected)
    try:
        content = json.loads(text)
        json.dumps(content, ensure_ascii=False).encode("utf-8")  # half a surrogate pair cannot be written again
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"is no JSON ({error})", expected) from error
    if not isinstance(content, dict):
        raise damaged(path, f"is {type(content).__name__}, no keys and values", expected)
    lacking = [key for key in needed if key not in content]
    if lacking:
        raise damaged(path, f"has no {', '.join(lacking)}", expected)
    return content


def read_json_files(paths: Iterable[str | Path], expected: str) -> dict[str, dict[str, Any]]:
    """Content of JSON files that jobs before made, by their name without its ending; see :func:`read_json`."""
    return {Path(path).stem: read_json(path, expected) for path in paths}
