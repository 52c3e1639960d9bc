"""The manifest of a corpus: one row per utterance."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from emofactors.io.csv import read_csv, write_csv

#: Columns of the table that a reader returns. ``path`` is relative to the corpus folder; ``start_s`` and ``end_s``
#: are empty if the utterance is the whole file; ``text`` identifies the spoken sentence; ``style`` is the
#: elicitation (acted, scripted, improvised, spontaneous, read); ``partition`` is the split defined by the
#: publishers (train, valid, test).
READER_COLUMNS = (
    "utterance",
    "path",
    "start_s",
    "end_s",
    "speaker",
    "gender",
    "session",
    "partition",
    "style",
    "language",
    "text",
    "emotion",
)

MANIFEST_COLUMNS = (
    "utterance",
    "path",
    "start_s",
    "end_s",
    "duration_s",
    "sample_rate_hz",
    "speaker",
    "gender",
    "session",
    "partition",
    "style",
    "language",
    "text",
    "emotion",
    "audio_sha256",
)

NUMERIC_COLUMNS = ("start_s", "end_s", "duration_s")


def utterance_table(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rows of a reader as a table: absent columns are empty, absent times are NaN.

    Args:
        rows: mappings with keys from ``READER_COLUMNS``.

    Returns:
        Table with columns ``READER_COLUMNS``, ordered by ``utterance``.
    """
    table = pd.DataFrame(list(rows), columns=list(READER_COLUMNS), dtype=object)
    for column in ("start_s", "end_s"):
        table[column] = pd.to_numeric(table[column]).astype(float)
    for column in (column for column in READER_COLUMNS if column not in NUMERIC_COLUMNS):
        # dtype object: pandas with pyarrow stores text as UTF-8, which cannot encode a lone surrogate in a name.
        cells = ["" if pd.isna(cell) else str(cell) for cell in table[column]]
        table[column] = pd.Series(cells, index=table.index, dtype=object)
    return table.sort_values("utterance", kind="stable", ignore_index=True)


def utterance_name(path: PurePosixPath, start_s: float | None) -> str:
    """Return the default name of an utterance: its path and, for a segment, its start in milliseconds.

    Args:
        path: path of its file below the corpus folder.
        start_s: start of the segment; None: the whole file is the utterance.

    Example:
        >>> utterance_name(PurePosixPath("day1/anna.wav"), 2.5)
        'day1_anna_0002500'
    """
    name = "_".join(path.with_suffix("").parts)
    return name if start_s is None else f"{name}_{round(1000 * start_s):07d}"


def write_manifest(utterances: pd.DataFrame, path: Path) -> None:
    """Write a manifest as UTF-8 CSV with columns ``MANIFEST_COLUMNS`` and times to the microsecond."""
    write_csv(path, utterances, columns=MANIFEST_COLUMNS, float_format="%.6f")


def read_manifest(path: Path) -> pd.DataFrame:
    """Read a manifest; names are text (speaker ``03``), times are float with NaN where empty.

    Raises:
        InputError: if it is missing or damaged.
    """
    kinds: dict[str, type] = dict.fromkeys(MANIFEST_COLUMNS, str)
    kinds |= dict.fromkeys(NUMERIC_COLUMNS, float) | {"sample_rate_hz": int}
    return read_csv(path, "the manifest of a corpus", kinds)
