r"""CSV between jobs: the one way to write it and the one way to read it.

A name or a text comes from a corpus of others, and a person may open our files
in a spreadsheet, which takes a cell that begins with ``=``, ``+``, ``-`` or ``@``
for a formula and runs it. Such a text gets an apostrophe in front when it is
written, by which a spreadsheet knows a text, and loses it when it is read. Numbers
are no texts: -0.5 stays as it is.
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

#: Where a spreadsheet would begin a formula: at the start of a cell, or of a part of it where it takes semicolons
#: or tabs for the ends of cells. The full-width characters count in some languages.
_FORMULA = re.compile(r"(^|[;\t])(?='*[=+\-@\t\r\n＝＋－＠])")
#: The same, once it is written inert.
_INERT = re.compile(r"(^|[;\t])'(?='*[=+\-@\t\r\n＝＋－＠])")


def csv_text(table: pd.DataFrame, *, columns: Sequence[str] | None = None, float_format: str | None = None) -> str:
    r"""A table as CSV: no index, ``\n``, and no text that a spreadsheet would run.

    Args:
        table: the table; column names are our own.
        columns: its columns in the order of the file; None: all, as they stand.
        float_format: of numbers with a fraction, ``%.6f``; None: as many digits as it takes to read them back.

    Returns:
        The text.

    Raises:
        ValueError: if a text has a NUL character, which no reader takes.
    """
    chosen = table if columns is None else table[list(columns)]
    words = [name for name in chosen.columns if not is_numeric_dtype(chosen[name])]
    inert = chosen.assign(
        **{n: pd.Series([_inert(cell) for cell in chosen[n]], chosen.index, dtype=object) for n in words}
    )
    # The writer quotes no lone carriage return, which a reader takes for the end of a line.
    has_return = any("\r" in cell for name in words for cell in inert[name] if isinstance(cell, str))
    text = inert.to_csv(
        index=False,
        lineterminator="\n",
        float_format=float_format,
        quoting=csv.QUOTE_NONNUMERIC if has_return else csv.QUOTE_MINIMAL,
    )
    if "\0" in text:
        raise ValueError("a text has a NUL character, which cannot stand in CSV")
    return text


def write_csv(
    path: str | Path,
    table: pd.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    float_format: str | None = None,
) -> None:
    """Write a table as :func:`csv_text` gives it: whole or not at all, in UTF-8."""
    write_text_atomically(path, csv_text(table, columns=columns, float_format=float_format))


def read_csv(
    path: str | Path, expected: str, columns: Mapping[str, type], *, others: type | None = None
) -> pd.DataFrame:
    """Read a table that :func:`write_csv` wrote in a job before; never a guess about a value.

    Args:
        path: the file.
        expected: what it should be: ``the folds of a task``.
        columns: columns it must have, and what they are: ``str``; ``int``; ``float``, NaN where empty.
        others: what all other columns are; None: they are left out.

    Returns:
        The columns in the order of the file; text as it was written (speaker ``03``, name ``NA``).

    Raises:
        InputError: if it is missing or damaged, lacks a column, or a cell is no number where one is expected.
    """
    content = read_result(path, expected)
    if b"\0" in content:
        raise damaged(path, "has a NUL character", expected)
    if not content.endswith(b"\n"):
        raise damaged(path, "is cut off: its last line has no end", expected)
    try:
        table = pd.read_csv(BytesIO(content), dtype=str, na_filter=False, encoding="utf-8")
    except ValueError as error:  # no CSV, no UTF-8, or nothing at all
        raise damaged(path, f"is no CSV ({error})", expected) from error
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes the first cells for an index then
        raise damaged(path, "has lines with cells too many", expected)
    lacking = [name for name in columns if name not in table]
    if lacking:
        raise damaged(path, f"has no column {', '.join(lacking)}", f"{expected} with columns {', '.join(columns)}")
    # pandas fills up a line that is too short, so its last cell is empty.
    if (table.iloc[:, -1] == "").any() and _is_ragged(content):
        raise damaged(path, "has lines with cells too few", expected)
    kinds = {name: columns.get(name, others) for name in table.columns}
    return pd.DataFrame(
        {name: _as(kind, table[name], path, expected) for name, kind in kinds.items() if kind is not None}
    )


def rows_of(table: pd.DataFrame) -> Iterator[Any]:
    """The rows of a table in their order: ``row.speaker`` is a cell, of a type that its column knows."""
    return table.itertuples(index=False)


def groups_of(table: pd.DataFrame, column: str, *, sort: bool = True) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Each value of a column with the rows that have it: in order of the values, or as they first occur."""
    yield from table.groupby(column, sort=sort)


def _inert(cell: object) -> object:
    """A text no spreadsheet runs; what is no text as it is."""
    return _FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell


def _is_ragged(content: bytes) -> bool:
    """Whether a line has fewer cells than the header; of a file that is known to be CSV."""
    lines = csv.reader(StringIO(content.decode("utf-8"), newline=""))
    n_columns = len(next(lines))
    return any(len(line) < n_columns for line in lines if line)


def _as(kind: type, cells: pd.Series, path: str | Path, expected: str) -> pd.Series:
    """A column of text as what it is: bit by bit the number that was written."""
    texts = cells.tolist()
    if kind is str:
        return pd.Series([_INERT.sub(r"\1", cell) for cell in texts], index=cells.index, dtype="str")
    try:
        if kind is int:
            return pd.Series(np.array([int(cell) for cell in texts], dtype=np.int64), index=cells.index)
        return pd.Series([float(cell or "nan") for cell in texts], index=cells.index, dtype=float)
    except (ValueError, OverflowError) as error:
        reason = f"{cells.name}: a cell is no {'whole ' * (kind is int)}number"
        raise damaged(path, reason, expected) from error
