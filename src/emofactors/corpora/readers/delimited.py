"""Read tables of labels as text, with strict checks of columns and cells.

pandas would read speaker ``03`` as the number 3, the name ``NA`` as missing, and a row with
a surplus cell as an index.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emofactors.errors import InputError


def read_text(file: Path, expected: str) -> str:
    """Return the text of a file of a corpus; invalid UTF-8 is replaced.

    Raises:
        InputError: if it is missing or cannot be read.
    """
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}), expected {expected}") from error


@dataclass(frozen=True)
class Fault:
    """A fault in a line of a table, or in the table as a whole (``line`` is None)."""

    line: int | None
    message: str

    def in_file(self, file: Path) -> str:
        """Return the fault with its file, as a line of an error."""
        return f"{file}: {self.message}" if self.line is None else f"{file}: line {self.line}: {self.message}"


def read_table(
    file: Path, needed: Sequence[str], *, delimiter: str = ","
) -> tuple[list[tuple[int, dict[str, str]]], list[Fault]]:
    """Read a CSV or TSV with a header line, and report its faults.

    Args:
        file: UTF-8, with or without byte order mark.
        needed: required columns.
        delimiter: comma (cells may be quoted) or tab (quotes are part of the text).

    Returns:
        For each valid row with content, its line in the file (the header is line 1) and column -> stripped cell;
        and the faults: a missing column, a duplicate column (then no row is read), too few or too many cells, or
        no row at all.

    Raises:
        InputError: if the file is missing or not such a table.
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
        raise InputError(f"{file}: is not a table in UTF-8 ({error}), expected one") from error
    header = lines[0][1] if lines else []
    faults = []
    missing = [column for column in needed if column not in header]
    if missing:
        faults.append(Fault(None, f"has no column {', '.join(missing)}; its columns are {', '.join(header)}"))
    if len(set(header)) != len(header):
        return [], [*faults, Fault(None, f"its columns are {', '.join(header)}; expected each once")]
    rows = [(line, cells) for line, cells in lines[1:] if any(cells)]  # spreadsheets leave empty rows
    faults += [
        Fault(line, f"has {len(cells)} cells, expected {len(header)}")
        for line, cells in rows
        if len(cells) != len(header)
    ]
    if not rows and not missing:
        faults.append(Fault(None, "has no row below its header, expected one for each utterance"))
    valid = [(line, dict(zip(header, cells, strict=True))) for line, cells in rows if len(cells) == len(header)]
    return valid, faults


def read_rows(file: Path, needed: Sequence[str], *, delimiter: str = ",") -> list[tuple[int, dict[str, str]]]:
    """Read a CSV or TSV as :func:`read_table` does; any fault is an error.

    Raises:
        InputError: if the file is missing, is not such a table, or has faults; one line per fault.
    """
    rows, faults = read_table(file, needed, delimiter=delimiter)
    if faults:
        raise InputError("\n".join(fault.in_file(file) for fault in faults))
    return rows
