"""Read JSON results."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from emofactors.io.atomic import damaged, read_text


def read_json(path: str | Path, expected: str, required: Sequence[str] = ()) -> dict[str, Any]:
    """Read a JSON result of an earlier job.

    Args:
        path: the file.
        expected: what it should be: ``the metadata of a run``.
        required: keys it must have.

    Returns:
        Its keys and values.

    Raises:
        InputError: if it is missing or damaged, or lacks a key.
    """
    text = read_text(path, expected)
    try:
        content = json.loads(text)
        json.dumps(content, ensure_ascii=False).encode("utf-8")  # refuses lone surrogates, which cannot be written
    except (ValueError, RecursionError) as error:
        raise damaged(path, f"is not JSON ({error})", expected) from error
    if not isinstance(content, dict):
        raise damaged(path, f"is {type(content).__name__}, not keys and values", expected)
    lacking = [key for key in required if key not in content]
    if lacking:
        raise damaged(path, f"lacks {', '.join(lacking)}", expected)
    return content


def read_json_files(paths: Iterable[str | Path], expected: str) -> dict[str, dict[str, Any]]:
    """Read JSON results with :func:`read_json`; return file name without suffix -> content."""
    return {Path(path).stem: read_json(path, expected) for path in paths}
