"""Read archives of arrays."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from tokenize import TokenError

import numpy as np

from emofactors.io.atomic import damaged, missing

#: Errors of numpy and zipfile for invalid or truncated files; MemoryError for arrays of an impossible size.
DAMAGE = (
    *(OSError, ValueError, TypeError, AttributeError, KeyError, EOFError, NotImplementedError, RuntimeError),
    *(MemoryError, OverflowError, SyntaxError, TokenError, zipfile.BadZipFile, zlib.error),
)


def read_npz(path: str | Path, expected: str, required: Sequence[str] = ()) -> dict[str, np.ndarray]:
    """Read the arrays of an ``.npz`` result of an earlier job, without executing pickled code.

    Args:
        path: the file.
        expected: what it should be: ``the embeddings.npz of a run``.
        required: arrays it must have.

    Returns:
        Name -> array, for all arrays.

    Raises:
        InputError: if it is missing or damaged, or lacks an array.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError as error:
        raise missing(path, expected) from error
    except DAMAGE as error:
        raise damaged(path, "is not an archive of arrays", expected) from error
    if not all(isinstance(array, np.ndarray) for array in arrays.values()):
        raise damaged(path, "is not an archive of arrays", expected)
    lacking = [name for name in required if name not in arrays]
    if lacking:
        raise damaged(path, f"lacks {', '.join(lacking)}", f"{expected} with arrays {', '.join(required)}")
    return arrays
