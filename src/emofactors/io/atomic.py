"""Write files atomically; report missing and damaged files in one line."""

from pathlib import Path

from emofactors.errors import InputError


def write_bytes_atomically(path: str | Path, content: bytes) -> None:
    """Write a temporary file in the same folder and rename it.

    Args:
        path: file in an existing folder; an existing file is replaced.
        content: content of the file.

    Raises:
        OSError: if the file cannot be written; an existing file is unchanged.
    """
    path = Path(path)
    # Not tempfile, which makes files that only their owner can read. The name is the same for every process, so
    # that the next one replaces what a killed one left.
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_text_atomically(path: str | Path, text: str) -> None:
    r"""Write text with :func:`write_bytes_atomically`, as UTF-8 with line ends unchanged (``\n``)."""
    write_bytes_atomically(path, text.encode("utf-8"))


def damaged(path: str | Path, reason: str, expected: str) -> InputError:
    """Return the error for a result of an earlier job that cannot be used.

    Args:
        path: the file.
        reason: what is wrong with it: ``is truncated``.
        expected: what it should be: ``the folds of a task``.

    Returns:
        An error of one line.
    """
    message = " ".join(f"{reason}; expected {expected}".split())
    return InputError(f"{path}: {message}; delete it and run again")


def missing(path: str | Path, expected: str) -> InputError:
    """Return the error for a missing result of an earlier job."""
    return InputError(f"{path}: is missing; expected {expected}; run again to make it")


def read_result(path: str | Path, expected: str) -> bytes:
    """Read a result of an earlier job.

    Args:
        path: the file.
        expected: what it should be.

    Returns:
        Its content.

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
    """Read a text result of an earlier job with :func:`read_result`.

    Raises:
        InputError: if it is missing, cannot be read or is not UTF-8.
    """
    try:
        return read_result(path, expected).decode("utf-8")
    except UnicodeDecodeError as error:
        raise damaged(path, "is not UTF-8", expected) from error
