"""Tables of labels as text: strict about columns and cells, and never a guess about a value.

pandas reads speaker ``03`` as the number 3, the name ``NA`` as missing, and a
row with a cell too many as an index; a corpus' labels are text.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Fault:
    """What is wrong with a table: in one of its lines, or as a whole (``line`` is None)."""

    line: int | None
    words: str

    def of(self, file: Path) -> str:
        """The fault as a line of an error."""
        return f"{file}: {self.words}" if self.line is None else f"{file}: line {self.line}: {self.words}"


def read_table(
    file: Path, needed: Sequence[str], *, delimiter: str = ","
) -> tuple[list[tuple[int, dict[str, str]]], list[Fault]]:
    """Read a CSV or TSV whose first line names the columns, as far as it can be read.

    Args:
        file: UTF-8, with or without byte order mark.
        needed: columns it must have.
        delimiter: comma (cells may be quoted) or tab (quotes are part of the text).

    Returns:
        For each sound row with content, its line in the file (the header is line 1) and column -> cell,
        without white space around them; and what is wrong: a needed column that is missing, a column that is
        there twice (then no row is read), cells too few or too many, no row at all.

    Raises:
        InputError: if the file is missing or is no such table.
    """
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(
                handle,
                delimiter=delimiter,
                quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL,
                strict=True,
            )
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except OSError as error:
        raise InputError(f"{file}: cannot be read, expected a table with columns {', '.join(needed)}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{file}: is no table in UTF-8: {error}") from error
    header = lines[0][1] if lines else []
    faults = []
    missing = [column for column in needed if column not in header]
    if missing:
        faults.append(Fault(None, f"has no column {', '.join(missing)}; its columns are {', '.join(header)}"))
    if len(set(header)) != len(header):
        return [], [*faults, Fault(None, f"its columns are {', '.join(header)}; expected each once")]
    rows = [(line, cells) for line, cells in lines[1:] if any(cells)]  # spreadsheets leave blank rows
    faults += [
        Fault(line, f"has {len(cells)} cells, expected {len(header)}")
        for line, cells in rows
        if len(cells) != len(header)
    ]
    if not rows and not missing:
        faults.append(Fault(None, "has no row below its header, expected one for each utterance"))
    sound = [(line, dict(zip(header, cells, strict=True))) for line, cells in rows if len(cells) == len(header)]
    return sound, faults


def read_rows(file: Path, needed: Sequence[str], *, delimiter: str = ",") -> list[tuple[int, dict[str, str]]]:
    """Read a CSV or TSV as :func:`read_table` does, whole or not at all.

    Raises:
        InputError: if the file is missing, is no such table, or has a fault; each on a line of its own.
    """
    rows, faults = read_table(file, needed, delimiter=delimiter)
    if faults:
        raise InputError("\n".join(fault.of(file) for fault in faults))
    return rows
