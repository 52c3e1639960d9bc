r"""Read and write CSV tables.

Text of a corpus may start with ``=``, ``+``, ``-`` or ``@``, which a spreadsheet
interprets as a formula and executes. Such text is written with a leading
apostrophe, which marks text in spreadsheets and is removed when read. Numbers are
unchanged: -0.5 stays -0.5.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from emofactors.io.atomic import damaged, read_result, write_text_atomically

#: Where a spreadsheet may start a formula: at the start of a cell, or after a semicolon or tab, which may be
#: delimiters. The full-width characters count in some locales.
_FORMULA = re.compile(r"(^|[;\t])(?='*[=+\-@\t\r\n＝＋－＠])")
#: The same after escaping.
_ESCAPED = re.compile(r"(^|[;\t])'(?='*[=+\-@\t\r\n＝＋－＠])")


def csv_text(table: pd.DataFrame, *, columns: Sequence[str] | None = None, float_format: str | None = None) -> str:
    r"""Format a table as CSV without index, with ``\n`` as line end and escaped formulas.

    Args:
        table: the table; its column names are not escaped.
        columns: columns in the order of the file; None: all columns.
        float_format: format of floats, such as ``%.6f``; None: the shortest that reads back exactly.

    Returns:
        The text.

    Raises:
        ValueError: if a text has a NUL character, which CSV readers reject.
    """
    chosen = table if columns is None else table[list(columns)]
    text_columns = [name for name in chosen.columns if not is_numeric_dtype(chosen[name])]
    escaped = chosen.assign(
        **{
            name: pd.Series([_escape(cell) for cell in chosen[name]], chosen.index, dtype=object)
            for name in text_columns
        }
    )
    # The writer does not quote a lone carriage return, which readers take for a line end.
    has_return = any("\r" in cell for name in text_columns for cell in escaped[name] if isinstance(cell, str))
    text = escaped.to_csv(
        index=False,
        lineterminator="\n",
        float_format=float_format,
        quoting=csv.QUOTE_NONNUMERIC if has_return else csv.QUOTE_MINIMAL,
    )
    if "\0" in text:
        raise ValueError("a text has a NUL character, which CSV cannot contain")
    return text


def write_csv(
    path: str | Path,
    table: pd.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    float_format: str | None = None,
) -> None:
    """Write the text of :func:`csv_text` atomically as UTF-8."""
    write_text_atomically(path, csv_text(table, columns=columns, float_format=float_format))


def read_csv(
    path: str | Path, expected: str, columns: Mapping[str, type], *, others: type | None = None
) -> pd.DataFrame:
    """Read a table written by :func:`write_csv` in an earlier job, without guessing types.

    Args:
        path: the file.
        expected: what it should be: ``the folds of a task``.
        columns: required columns and their types: ``str``; ``int``; ``float``, NaN where empty.
        others: type of all other columns; None: drop them.

    Returns:
        The columns in the order of the file; text as it was written (speaker ``03``, name ``NA``).

    Raises:
        InputError: if the file is missing or damaged, lacks a column, or a cell is not the expected number.
    """
    content = read_result(path, expected)
    if b"\0" in content:
        raise damaged(path, "has a NUL character", expected)
    if not content.endswith(b"\n"):
        raise damaged(path, "is truncated: its last line has no line end", expected)
    try:
        table = pd.read_csv(BytesIO(content), dtype=str, na_filter=False, encoding="utf-8")
    except ValueError as error:  # not CSV, not UTF-8, or empty
        raise damaged(path, f"is not CSV ({error})", expected) from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas uses the first cells as index if there are too many
        raise damaged(path, "has lines with too many cells", expected)
    lacking = [name for name in columns if name not in table]
    if lacking:
        raise damaged(path, f"has no column {', '.join(lacking)}", f"{expected} with columns {', '.join(columns)}")
    # pandas pads short lines, so their last cell is empty.
    if (table.iloc[:, -1] == "").any() and _has_short_line(content):
        raise damaged(path, "has lines with too few cells", expected)
    types = {name: columns.get(name, others) for name in table.columns}
    return pd.DataFrame(
        {name: _parse(table[name], kind, path, expected) for name, kind in types.items() if kind is not None}
    )


def rows_of(table: pd.DataFrame) -> Iterator[Any]:
    """Iterate over the rows of a table as named tuples, typed as Any: ``row.speaker``."""
    return table.itertuples(index=False)


def groups_of(table: pd.DataFrame, column: str, *, sort: bool = True) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Iterate over the values of a column and their rows, by sorted value or in order of first occurrence."""
    yield from table.groupby(column, sort=sort)


def _escape(cell: object) -> object:
    """Escape a text that a spreadsheet would execute; return other values unchanged."""
    return _FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell


def _has_short_line(content: bytes) -> bool:
    """Return whether a line of a valid CSV file has fewer cells than the header."""
    lines = csv.reader(StringIO(content.decode("utf-8"), newline=""))
    n_columns = len(next(lines))
    return any(len(line) < n_columns for line in lines if line)


def _parse(cells: pd.Series, kind: type, path: str | Path, expected: str) -> pd.Series:
    """Convert a text column to its type; floats are restored exactly."""
    texts = cells.tolist()
    if kind is str:
        return pd.Series([_ESCAPED.sub(r"\1", cell) for cell in texts], index=cells.index, dtype="str")
    try:
        if kind is int:
            return pd.Series(np.array([int(cell) for cell in texts], dtype=np.int64), index=cells.index)
        return pd.Series([float(cell or "nan") for cell in texts], index=cells.index, dtype=float)
    except (ValueError, OverflowError) as error:
        number = "an integer" if kind is int else "a number"
        raise damaged(path, f"{cells.name}: a cell is not {number}", expected) from error
