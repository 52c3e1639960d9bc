"""Files appear whole or not at all; a damaged or missing one is an error of one line."""

from pathlib import Path

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


def read_result(path: str | Path, expected: str) -> bytes:
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
    """Text of a file that a job before made; see :func:`read_result`.

    Raises:
        InputError: if it is missing, cannot be read or is no UTF-8.
    """
    try:
        return read_result(path, expected).decode("utf-8")
    except UnicodeDecodeError as error:
        raise damaged(path, "is no UTF-8", expected) from error
