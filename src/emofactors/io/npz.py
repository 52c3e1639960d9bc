"""Arrays between jobs: reading an archive that a job before wrote."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError

import numpy as np

from emofactors.io.atomic import damaged, missing

#: What numpy and zipfile make of bytes that are no archive, or of a part of one; an array that claims more memory
#: than there is among them.
DAMAGE = (
    *(OSError, ValueError, TypeError, AttributeError, KeyError, EOFError, NotImplementedError, RuntimeError),
    *(MemoryError, OverflowError, SyntaxError, TokenError, zipfile.BadZipFile, zlib.error),
)


def read_npz(path: str | Path, expected: str, needed: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz``; nothing in it can run code.

    Args:
        path: the file.
        expected: what it should be: ``the embeddings.npz of a run``.
        needed: arrays it must have.

    Returns:
        Name -> array, all of them.

    Raises:
        InputError: if it is missing or damaged, or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise missing(path, expected) from error
    except DAMAGE as error:
        raise damaged(path, "is no archive of arrays", expected) from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise damaged(path, "is no archive of arrays", expected)
    lacking = [name for name in needed if name not in arrays]
    if lacking:
        raise damaged(path, f"lacks {', '.join(lacking)}", f"{expected} with arrays {', '.join(needed)}")
    return arrays
