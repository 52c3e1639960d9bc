"""A corpus as an audformat database on disk: ``db.yaml``, tables in the same folder, and audio below it.

This is the layout of ``audb.load_to`` and ``audformat.Database.save``. Tables are read from parquet or CSV, never
from pickles, and the header is not read by audformat's own loader: both could execute code.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NamedTuple

import audformat
import pandas as pd

from emofactors.config.corpora import AudformatCorpus, AudformatSettings
from emofactors.config.labels import EMOTIONS, OTHER_LABELS
from emofactors.corpora.manifest import utterance_name, utterance_table
from emofactors.errors import InputError
from emofactors.io.yaml import read_foreign_yaml

_HEADER = "db.yaml"
_GENDER = "gender"


class _Segment(NamedTuple):
    """File of an utterance, with its start and end; ``end_s`` is None for the end of the file."""

    file: str
    start_s: float
    end_s: float | None


def read(root: Path, corpus: AudformatCorpus) -> pd.DataFrame:
    """Read tables of an audformat database.

    The name of an utterance is its path, and for a segment also its start in milliseconds.

    Args:
        root: folder with ``db.yaml`` and its tables.
        corpus: config of the corpus.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``; ``partition`` is the type of the table's split.

    Raises:
        InputError: for a missing or invalid header or table, an unknown table or column, a row without speaker or
            emotion, an emotion that is neither a canonical noun nor in ``labels``, and a path that is absolute or
            leaves the folder.
    """
    settings = corpus.audformat
    database = _Database(root)
    rows, faults = [], []
    for table in settings.tables:
        segments = database.segments(table)
        partition = database.partition(table)
        columns = {
            "emotion": settings.emotion,
            "speaker": settings.speaker,
            "gender": settings.gender,
            "session": settings.session,
            "text": settings.text,
        }
        cells = {
            key: database.values(table, column, segments) for key, column in columns.items() if column is not None
        }
        if settings.gender is None:
            cells["gender"] = database.values(table, settings.speaker, segments, key=_GENDER)
        for i, segment in enumerate(segments):
            row = {key: values[i] for key, values in cells.items()}
            row["emotion"] = settings.labels.get(row["emotion"], row["emotion"])
            faults_of_row = _faults(segment, row, settings)
            faults += [f"{root / _HEADER}: {table}: {segment.file}: {fault}" for fault in faults_of_row]
            if not faults_of_row:
                rows.append(_utterance(segment, row) | {"partition": partition, "language": corpus.language})
    if faults:
        raise InputError("\n".join(faults))
    return utterance_table(rows)


class _Database:
    """The header and the requested tables of a database.

    Args:
        root: folder of the database.

    Raises:
        InputError: if the header is missing or invalid.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._header = root / _HEADER
        content = read_foreign_yaml(self._header)
        with _in_one_line(f"{self._header}: is not a header of an audformat database"):
            self._database = audformat.Database.load_header_from_yaml(content)
            self._tables = set(self._database.tables)
            misc = list(self._database.misc_tables)
        self._loaded: set[str] = set()
        for name in misc:  # they hold the labels of schemes
            self._load(name)

    def segments(self, table: str) -> list[_Segment]:
        """Return the file and times of each row of a table."""
        if table not in self._tables:
            raise self._unknown_table(table)
        self._load(table)
        with _in_one_line(f"{self._header}: {table}: has no index of files or segments, expected one"):
            index = audformat.utils.to_segmented_index(self._database[table].df.index)
            files, starts, ends = (index.get_level_values(level).tolist() for level in range(3))
            return [
                _Segment(str(file), start.total_seconds(), None if pd.isna(end) else end.total_seconds())
                for file, start, end in zip(files, starts, ends, strict=True)
            ]

    def partition(self, table: str) -> str:
        """Return the type of a table's split; empty if it has none."""
        with _in_one_line(f"{self._header}: {table}: has an undefined split, expected one of the header"):
            split = self._database[table].split_id
            return "" if split is None else str(self._database.splits[split].type)

    def values(self, of_table: str, reference: str, segments: list[_Segment], key: str | None = None) -> list[str]:
        """Return the values of a column for each segment, as text; empty for missing values.

        Args:
            of_table: table of the segments.
            reference: ``column`` of that table, or ``table/column`` of another.
            segments: rows of the table.
            key: return this property of the label in the column's scheme instead of the label itself.
        """
        table, _, column = reference.rpartition("/")
        table = table or of_table
        self._load(table)
        columns = self._database[table].columns
        if column not in columns:
            raise InputError(
                f"{self._header}: table {table!r} has no column {column!r}; expected one of {', '.join(columns)}"
            )
        if key is not None and not self._has_property(columns[column], key):
            return [""] * len(segments)
        with _in_one_line(f"{self._header}: {table}: {column}: cannot be read"):
            cells = columns[column].get(map=key).astype(object)
            texts = ["" if pd.isna(cell) else str(cell) for cell in cells]
        if table == of_table:
            return texts
        others = self.segments(table)
        if self._database[table].is_filewise:
            of_file = dict(zip((other.file for other in others), texts, strict=True))
            return [of_file.get(segment.file, "") for segment in segments]
        of_segment = dict(zip(others, texts, strict=True))
        return [of_segment.get(segment, "") for segment in segments]

    @staticmethod
    def _has_property(column: Any, key: str) -> bool:
        """Return whether the labels of a column's scheme have a property."""
        scheme = column.scheme
        if scheme is None or scheme.labels is None:
            return False
        if isinstance(scheme.labels, str):  # a misc table
            return key in column.table.db[scheme.labels].columns
        labels = scheme.labels
        return isinstance(labels, dict) and any(isinstance(v, Mapping) and key in v for v in labels.values())

    def _unknown_table(self, name: str) -> InputError:
        """Return the error for a table that is not in the header."""
        return InputError(
            f"{self._header}: has no table {name!r}; expected one of {', '.join(sorted(self._tables))}"
        )

    def _load(self, name: str) -> None:
        """Read a table from parquet or CSV."""
        if name in self._loaded:
            return
        if name not in self._tables and name not in self._database.misc_tables:
            raise self._unknown_table(name)
        files = [file for kind in ("parquet", "csv") if (file := self._root / f"db.{name}.{kind}").is_file()]
        if not files or PurePosixPath(name).name != name:
            raise InputError(f"{self._root / f'db.{name}'}: is missing; expected the table as .parquet or .csv")
        # audformat prefers a pickle in the same folder, so the table is read from a folder without one.
        with _in_one_line(f"{files[0]}: is not a table of the database"), tempfile.TemporaryDirectory() as folder:
            (Path(folder) / files[0].name).symlink_to(files[0].resolve())
            self._database[name].load(str(Path(folder) / f"db.{name}"))
        self._loaded.add(name)


def _faults(segment: _Segment, row: Mapping[str, str], settings: AudformatSettings) -> list[str]:
    """Return the faults of a row."""
    faults = []
    if not row["speaker"]:
        faults.append(f"speaker ({settings.speaker}) is empty, expected a value")
    if row["emotion"] not in (*EMOTIONS, *OTHER_LABELS):
        known = ", ".join((*EMOTIONS, *OTHER_LABELS))
        faults.append(f"emotion is {row['emotion']!r}, expected one of {known}, or an entry of 'labels' for it")
    path = PurePosixPath(segment.file)
    if path.is_absolute() or PureWindowsPath(segment.file).is_absolute() or ".." in path.parts or not path.name:
        faults.append("expected a path within the corpus folder")
    return faults


def _utterance(segment: _Segment, row: Mapping[str, str]) -> dict[str, Any]:
    """Return a valid row as an utterance; an utterance of a whole file has no times."""
    path = PurePosixPath(segment.file)
    is_segment = segment.start_s != 0 or segment.end_s is not None
    times = {"start_s": segment.start_s, "end_s": segment.end_s} if is_segment else {}
    return {
        "utterance": utterance_name(path, segment.start_s if is_segment else None),
        "path": path.as_posix(),
        **{key: time for key, time in times.items() if time is not None},
        **row,
    }


@contextmanager
def _in_one_line(fault: str) -> Iterator[None]:
    """Convert any error of audformat for an invalid file to an InputError of one line."""
    try:
        yield
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise InputError(f"{fault} ({reason})") from error
