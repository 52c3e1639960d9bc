"""A corpus of your own: a CSV that names audio files, or segments of them, with speaker and emotion."""

import re
from collections.abc import Mapping
from math import isfinite
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pandas as pd

from emofactors.config import EMOTIONS, CorpusConfig
from emofactors.corpora.delimited import read_rows
from emofactors.corpora.manifest import OTHER_LABELS, utterance_table
from emofactors.errors import InputError

_NEEDED = ("path", "speaker", "emotion")
_OPTIONAL = ("utterance", "start_s", "end_s", "session", "partition", "gender", "text", "language", "style")
_SECONDS = re.compile(r"(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def read(root: Path, corpus: CorpusConfig) -> pd.DataFrame:
    """Read the CSV of a corpus.

    An utterance without a name is named by its path, a segment also by its
    start in milliseconds: ``day1/anna.wav`` from 2.5 s is ``day1_anna_0002500``.

    Args:
        root: folder the paths in the CSV are relative to.
        corpus: config of the corpus; ``file`` names the CSV below ``root``, ``columns`` its columns
            where they are called otherwise (``{speaker: who}``).

    Returns:
        Table with columns ``manifest.READER_COLUMNS``.

    Raises:
        InputError: for a missing column, an empty cell, an emotion that is no canonical noun, a time
            that is no number or not before its end, and a path that is absolute or leaves the folder.
    """
    file = root / corpus.file
    unknown = [column for column in corpus.columns if column not in (*_NEEDED, *_OPTIONAL)]
    if unknown:
        raise InputError(
            f"{file}: 'columns' maps {', '.join(unknown)}; expected some of {', '.join((*_NEEDED, *_OPTIONAL))}"
        )
    theirs = {column: corpus.columns.get(column, column) for column in (*_NEEDED, *_OPTIONAL)}
    needed = [theirs[column] for column in theirs if column in _NEEDED or column in corpus.columns]
    rows, faults = [], []
    for line, cells in read_rows(file, needed):
        row = {column: cells[name] for column, name in theirs.items() if name in cells}
        faults_of_row = _faults(row)
        faults += [f"{file}: line {line}: {fault}" for fault in faults_of_row]
        if not faults_of_row:
            rows.append(_utterance(row, corpus))
    if faults:
        raise InputError("\n".join(faults))
    return utterance_table(rows)


def _faults(row: Mapping[str, str]) -> list[str]:
    """What is wrong with a row, in words."""
    faults = [
        f"{column} is empty, expected a value"
        for column in (*_NEEDED, "utterance")
        if column in row and not row[column]
    ]
    if row["emotion"] and row["emotion"].lower() not in (*EMOTIONS, *OTHER_LABELS):
        faults.append(f"emotion is {row['emotion']!r}, expected one of {', '.join((*EMOTIONS, *OTHER_LABELS))}")
    path = PurePosixPath(row["path"])
    if path.is_absolute() or PureWindowsPath(row["path"]).is_absolute() or ".." in path.parts:
        faults.append(f"path is {row['path']!r}, expected one that stays within the corpus' folder")
    elif row["path"] and not path.name:
        faults.append(f"path is {row['path']!r}, expected an audio file")
    times = {column: row[column] for column in ("start_s", "end_s") if row.get(column)}
    for column, time in times.items():
        if not _is_seconds(time):
            faults.append(f"{column} is {time!r}, expected seconds, like 12.5")
    both = len(times) == 2 and all(map(_is_seconds, times.values()))
    if both and float(times["start_s"]) >= float(times["end_s"]):
        faults.append(f"start_s is {times['start_s']}, end_s {times['end_s']}; expected start_s < end_s")
    return faults


def _is_seconds(time: str) -> bool:
    return _SECONDS.fullmatch(time) is not None and isfinite(float(time))


def _utterance(row: Mapping[str, str], corpus: CorpusConfig) -> dict[str, Any]:
    """A sound row as an utterance of the manifest."""
    path = PurePosixPath(row["path"])
    name = "_".join(path.with_suffix("").parts)
    times = {column: float(row[column]) for column in ("start_s", "end_s") if row.get(column)}
    if times:
        name += f"_{round(1000 * times.get('start_s', 0)):07d}"
    defaults = {"utterance": name, "language": corpus.language}
    return {
        **defaults,
        **{column: cell for column, cell in row.items() if cell and column not in times},
        **times,
        "path": path.as_posix(),
        "emotion": row["emotion"].lower(),
    }
