"""Tables of labels as text: strict about columns and cells, and never a guess about a value.

pandas reads speaker ``03`` as the number 3, the name ``NA`` as missing, and a
row with a cell too many as an index; a corpus' labels are text.
"""

import csv
from collections.abc import Sequence
from pathlib import Path

from emofactors.errors import InputError


def read_text(file: Path, expected: str) -> str:
    """Text of a corpus' file, broken letters and all.

    Raises:
        InputError: if it is missing or cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}), expected {expected}") from error


def read_rows(file: Path, needed: Sequence[str], *, delimiter: str = ",") -> list[tuple[int, dict[str, str]]]:
    """Read a CSV or TSV whose first line names the columns.

    Args:
        file: UTF-8, with or without byte order mark.
        needed: columns it must have.
        delimiter: comma (cells may be quoted) or tab (quotes are part of the text).

    Returns:
        For each row with content, its line in the file (the header is line 1) and column -> cell,
        without white space around them.

    Raises:
        InputError: if the file is missing, is no such table, lacks a needed column, or has a row with
            cells too few or too many.
    """
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, delimiter=delimiter, quoting=quoting, strict=True)
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except OSError as error:
        raise InputError(f"{file}: cannot be read, expected a table with columns {', '.join(needed)}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: is no table in UTF-8: {error}") from error
    header = lines[0][1] if lines else []
    missing = [column for column in needed if column not in header]
    if missing:
        raise InputError(f"{file}: has no column {', '.join(missing)}; its columns are {', '.join(header)}")
    if len(set(header)) != len(header):
        raise InputError(f"{file}: its columns are {', '.join(header)}; expected each once")
    rows = [(line, cells) for line, cells in lines[1:] if any(cells)]  # spreadsheets leave blank rows
    faults = [
        f"{file}: line {line}: has {len(cells)} cells, expected {len(header)}"
        for line, cells in rows
        if len(cells) != len(header)
    ]
    if faults:
        raise InputError("\n".join(faults))
    if not rows:
        raise InputError(f"{file}: has no row below its header, expected one for each utterance")
    return [(line, dict(zip(header, cells, strict=True))) for line, cells in rows]
