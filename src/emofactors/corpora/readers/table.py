"""A user's own corpus: a CSV of audio files, or segments of them, with speaker and emotion."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from math import isfinite
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pandas as pd

from emofactors.config.corpora import TableCorpus
from emofactors.config.labels import EMOTIONS, OTHER_LABELS
from emofactors.corpora.manifest import utterance_name, utterance_table
from emofactors.corpora.readers.delimited import Fault, read_table
from emofactors.errors import InputError

_REQUIRED = ("path", "speaker", "emotion")
_OPTIONAL = ("utterance", "start_s", "end_s", "session", "partition", "gender", "text", "language", "style")
#: Columns that a CSV may have.
COLUMNS = (*_REQUIRED, *_OPTIONAL)

#: Words and codes for emotions that are not similar in spelling to the canonical noun.
_SYNONYMS = {
    **dict.fromkeys(("angry", "ang", "a", "rage", "hot_anger"), "anger"),
    **dict.fromkeys(("happy", "hap", "joy", "joyful", "amused", "amusement"), "happiness"),
    **dict.fromkeys(("sad", "sorrow"), "sadness"),
    **dict.fromkeys(("neu", "normal", "none"), "neutral"),
    **dict.fromkeys(("afraid", "fea", "scared", "anxiety", "anxious"), "fear"),
    **dict.fromkeys(("bored", "bor"), "boredom"),
    **dict.fromkeys(("excited", "exc"), "excitement"),
    **dict.fromkeys(("frustrated", "fru"), "frustration"),
    **dict.fromkeys(("xxx", "unknown", "mixed"), "no_agreement"),
    "oth": "other",
}

_SECONDS = re.compile(r"(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def read(root: Path, corpus: TableCorpus) -> pd.DataFrame:
    """Read the CSV of a corpus.

    The default name of an utterance is its path, and for a segment also its start in milliseconds:
    ``day1/anna.wav`` from 2.5 s is ``day1_anna_0002500``.

    Args:
        root: folder the paths in the CSV are relative to.
        corpus: config of the corpus.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``.

    Raises:
        InputError: for a missing column, an empty cell, an emotion that is not a canonical noun, an invalid time,
            and a path that is absolute or leaves the folder.
    """
    rows, faults = read_lines(root, corpus)
    if faults:
        file = root / corpus.file
        raise InputError("\n".join(fault.in_file(file) for fault in faults))
    return utterance_table(utterance_of(row, corpus) for _, row in rows)


def read_lines(root: Path, corpus: TableCorpus) -> tuple[list[tuple[int, dict[str, str]]], list[Fault]]:
    """Read the CSV of a corpus line by line, and report its faults.

    Args:
        root: folder of the corpus.
        corpus: its config.

    Returns:
        Line and canonical column -> cell of each row, valid or not; and all faults, ordered by line.

    Raises:
        InputError: if the file is missing or not a table, or ``columns`` has an unknown canonical column.
    """
    file = root / corpus.file
    unknown = [column for column in corpus.columns if column not in COLUMNS]
    if unknown:
        raise InputError(f"{file}: 'columns' maps {', '.join(unknown)}; expected some of {', '.join(COLUMNS)}")
    theirs = {column: corpus.columns.get(column, column) for column in COLUMNS}
    required = [theirs[column] for column in theirs if column in _REQUIRED or column in corpus.columns]
    table, faults = read_table(file, required)
    rows = [
        (line, {column: cells[name] for column, name in theirs.items() if name in cells}) for line, cells in table
    ]
    faults += [Fault(line, fault) for line, row in rows for fault in _faults(row)]
    return rows, sorted(faults, key=lambda fault: fault.line or 0)


def faults_of_path(row: Mapping[str, str]) -> list[str]:
    """Return why the path of a row is invalid."""
    if not row.get("path"):
        return []
    path = PurePosixPath(row["path"])
    if path.is_absolute() or PureWindowsPath(row["path"]).is_absolute() or ".." in path.parts:
        return [f"path is {row['path']!r}, expected a path within the corpus folder"]
    return [] if path.name else [f"path is {row['path']!r}, expected an audio file"]


def faults_of_times(row: Mapping[str, str]) -> list[str]:
    """Return why the times of a row are invalid."""
    times = {column: row[column] for column in ("start_s", "end_s") if row.get(column)}
    faults = [
        f"{column} is {time!r}, expected seconds, like 12.5"
        for column, time in times.items()
        if not _is_seconds(time)
    ]
    if len(times) == 2 and not faults and float(times["start_s"]) >= float(times["end_s"]):
        faults.append(f"start_s is {times['start_s']}, end_s {times['end_s']}; expected start_s < end_s")
    return faults


def _faults(row: Mapping[str, str]) -> list[str]:
    """Return the faults of a row."""
    empty = [
        f"{column} is empty, expected a value"
        for column in (*_REQUIRED, "utterance")
        if column in row and not row[column]
    ]
    return [*empty, *_faults_of_emotion(row.get("emotion", "")), *faults_of_path(row), *faults_of_times(row)]


def _faults_of_emotion(emotion: str) -> list[str]:
    """Report an unknown emotion, with the known ones and the most likely one."""
    known = (*EMOTIONS, *OTHER_LABELS)
    if not emotion or emotion.lower() in known:
        return []
    likely = _SYNONYMS.get(emotion.lower()) or next(iter(get_close_matches(emotion.lower(), known, 1)), None)
    hint = f"; did you mean {likely}?" if likely else ""
    return [f"emotion is {emotion!r}, expected one of {', '.join(known)}{hint}"]


def _is_seconds(time: str) -> bool:
    """Return whether a cell is a finite time in seconds."""
    return _SECONDS.fullmatch(time) is not None and isfinite(float(time))


def utterance_of(row: Mapping[str, str], corpus: TableCorpus) -> dict[str, Any]:
    """Return a valid row as an utterance: keys from ``manifest.READER_COLUMNS``."""
    path = PurePosixPath(row["path"])
    times = {column: float(row[column]) for column in ("start_s", "end_s") if row.get(column)}
    name = utterance_name(path, times.get("start_s", 0) if times else None)
    defaults = {"utterance": name, "language": corpus.language}
    return {
        **defaults,
        **{column: cell for column, cell in row.items() if cell and column not in times},
        **times,
        "path": path.as_posix(),
        "emotion": row["emotion"].lower(),
    }
