"""Files appear whole or not at all; one that another job left damaged is said in one line."""

import contextlib
import json
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from emofactors.errors import InputError


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


def damaged(path: str | Path, reason: str, expected: str) -> InputError:
    """The error of a file that a job before made and this one cannot use.

    Args:
        path: the file.
        reason: what is wrong with it: ``is cut off``.
        expected: what it should be: ``the folds of a task``.

    Returns:
        The error, of one line: such a file is made anew once it is deleted.
    """
    words = " ".join(f"{reason}; expected {expected}".split())
    return InputError(f"{path}: {words}; delete it and run again to make it anew")


def missing(path: str | Path, expected: str) -> InputError:
    """The error of a file that a job before should have made."""
    return InputError(f"{path}: is missing; expected {expected}; run again to make it")


def read_made(path: str | Path, expected: str) -> bytes:
    """Content of a file that a job before made.

    Args:
        path: the file.
        expected: what it should be.

    Returns:
        All of it.

    Raises:
        InputError: if it is missing or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise missing(path, expected) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); expected {expected}") from error


def read_text(path: str | Path, expected: str) -> str:
    """Text of a file that a job before made; see :func:`read_made`.

    Raises:
        InputError: if it is missing, cannot be read or is no UTF-8.
    """
    try:
        return read_made(path, expected).decode("utf-8")
    except UnicodeDecodeError as error:
        raise damaged(path, "is no UTF-8", expected) from error


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


def set_future_times_to_now(folder: Path) -> int:
    """Give what a folder holds a time that has been: a clock was ahead when it was written.

    Snakemake throws a job's results away when they are older than what they were made of.

    Args:
        folder: a folder; links in it are left alone.

    Returns:
        How many files and folders had a time to come.
    """
    now = time.time()
    n_ahead = 0
    for path in folder.rglob("*"):
        # A process that a killed run left behind may still be at work: its files come and go.
        with contextlib.suppress(FileNotFoundError):
            if not path.is_symlink() and path.stat().st_mtime > now:
                os.utime(path, (now, now))
                n_ahead += 1
    return n_ahead
