"""CMU-MOSEI, Multimodal Opinion Sentiment and Emotion Intensity (Zadeh et al., ACL 2018).

Layout: labels of segments in one computational sequence (``.csd``, an HDF5
file) or in ``labels.csv``; recordings in ``Audio/Full/WAV_16000/<video>.wav``; optionally the
publishers' partition in ``cmu_mosei_std_folds.py`` or ``standard_folds.csv``.
"""

import ast
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h5py
import pandas as pd

from emofactors.config.corpora import LayoutCorpus
from emofactors.corpora.manifest import utterance_table
from emofactors.corpora.readers.delimited import read_rows
from emofactors.errors import InputError

#: Scores of a segment, in the order of the labels: sentiment in [-3, 3], each emotion in [0, 3].
_SCORES = ("sentiment", "happy", "sad", "anger", "surprise", "disgust", "fear")
_EMOTIONS = {
    "happy": "happiness",
    "sad": "sadness",
    "anger": "anger",
    "surprise": "surprise",
    "disgust": "disgust",
    "fear": "fear",
}

#: Maximum number of segments of one video, more than the seconds of a day: guards against damaged headers.
_MAX_SEGMENTS = 100_000

#: The publishers' partition as distributed in their kit: three lists of videos in a Python file.
_FOLDS_OF_KIT = "cmu_mosei_std_folds.py"
_PARTITIONS = {"standard_train_fold": "train", "standard_valid_fold": "valid", "standard_test_fold": "test"}
#: The same as a table with columns video and partition.
_FOLDS_AS_TABLE = "standard_folds.csv"


@dataclass(frozen=True)
class _Segment:
    """One labelled segment of a video, with its seven scores."""

    video: str
    start_s: float
    end_s: float
    scores: tuple[float, ...]


def read(root: Path, corpus: LayoutCorpus) -> pd.DataFrame:
    """Read the labels of CMU-MOSEI.

    An emotion is present if its score is above 0; several are joined by ``+``, none is neutral. The corpus has no
    speaker labels, so each video counts as a speaker. ``partition`` is empty for a video that is not in the file
    of the partition, and without such a file.

    Args:
        root: folder with ``Audio/Full/WAV_16000/``, one ``.csd`` or ``labels.csv`` (columns video,
            start_s, end_s and the seven scores), and at most one of ``cmu_mosei_std_folds.py`` and
            ``standard_folds.csv`` (columns video and partition).
        corpus: config of the corpus.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``.

    Raises:
        InputError: if there is not exactly one file of labels, or more than one of the partition; if a file does
            not follow the layout; if a video is in two partitions.
    """
    files = sorted(root.glob("*.csd")) + sorted(root.glob("labels.csv"))
    if len(files) != 1:
        raise InputError(
            f"{root}: has label files {[file.name for file in files]}, expected one file of {corpus.title}: "
            "CMU_MOSEI_Labels.csd or labels.csv"
        )
    partition_of = _partition_of_videos(root)
    segments = _segments_of_csd(files[0]) if files[0].suffix == ".csd" else _segments_of_csv(files[0])
    rows, n_segments = [], dict.fromkeys((segment.video for segment in segments), 0)
    for segment in segments:
        scores = dict(zip(_SCORES, segment.scores, strict=True))
        present = [noun for name, noun in _EMOTIONS.items() if scores[name] > 0]
        rows.append(
            {
                "utterance": f"{segment.video}_{n_segments[segment.video]:03d}",
                "path": f"Audio/Full/WAV_16000/{segment.video}.wav",
                "start_s": segment.start_s,
                "end_s": segment.end_s,
                "speaker": segment.video,
                "partition": partition_of.get(segment.video, ""),
                "style": "spontaneous",
                "language": corpus.language,
                "emotion": "+".join(present) or "neutral",
            }
        )
        n_segments[segment.video] += 1
    return utterance_table(rows)


def _segments_of_csd(file: Path) -> list[_Segment]:
    """Return the segments of a computational sequence: data/<video>/features (n, 7) and intervals (n, 2)."""
    try:
        with h5py.File(file, "r") as sequence:
            return _segments(sequence, file)
    except InputError:
        raise
    # Errors that h5py raises for damaged files.
    except (OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError, MemoryError) as error:
        raise InputError(f"{file}: cannot be read, expected HDF5") from error


def _segments(sequence: h5py.File, file: Path) -> list[_Segment]:
    """Return the segments of an open computational sequence."""
    segments, faults = [], []
    roots = [group for group in sequence.values() if isinstance(group, h5py.Group) and "data" in group]
    if len(roots) != 1 or not len(roots[0]["data"]):
        raise InputError(f"{file}: has groups {list(sequence)}, expected one with videos under data/")
    for video, labels in roots[0]["data"].items():
        shapes = [labels[key].shape if key in labels else None for key in ("features", "intervals")]
        n_segments = shapes[0][0] if shapes[0] else 0
        if shapes != [(n_segments, len(_SCORES)), (n_segments, 2)]:
            faults.append(
                f"{file}: {video}: features and intervals have shapes {shapes}, expected (n, 7) and (n, 2)"
            )
            continue
        kinds = [labels[key].dtype.kind for key in ("features", "intervals")]
        if n_segments > _MAX_SEGMENTS or not set(kinds) <= set("fiu"):
            faults.append(f"{file}: {video}: expected at most {_MAX_SEGMENTS:,} segments, and numbers")
            continue
        scores, intervals = labels["features"][:].tolist(), labels["intervals"][:].tolist()
        for index, (score, (start_s, end_s)) in enumerate(zip(scores, intervals, strict=True)):
            if not all(math.isfinite(number) for number in (*score, start_s, end_s)):
                faults.append(f"{file}: {video}: segment {index} has numbers that are not finite")
            segments.append(_Segment(video, start_s, end_s, tuple(score)))
    if faults:
        raise InputError("\n".join(faults))
    return segments


def _segments_of_csv(file: Path) -> list[_Segment]:
    """Return the segments of a CSV."""
    segments, faults = [], []
    for line, cells in read_rows(file, ("video", "start_s", "end_s", *_SCORES)):
        if not cells["video"]:
            faults.append(f"{file}: line {line}: video is empty, expected the name of a recording")
        numbers = {}
        for column in ("start_s", "end_s", *_SCORES):
            try:
                numbers[column] = float(cells[column])
            except ValueError:
                numbers[column] = math.nan
            if not math.isfinite(numbers[column]):
                faults.append(f"{file}: line {line}: {column} is {cells[column]!r}, expected a number")
        segments.append(
            _Segment(cells["video"], numbers["start_s"], numbers["end_s"], tuple(numbers[s] for s in _SCORES))
        )
    if faults:
        raise InputError("\n".join(faults))
    return segments


def _partition_of_videos(root: Path) -> dict[str, str]:
    """Return video -> train, valid or test; empty without a file of the partition."""
    files = [root / name for name in (_FOLDS_OF_KIT, _FOLDS_AS_TABLE) if (root / name).exists()]
    if len(files) > 1:
        raise InputError(f"{root}: has {_FOLDS_OF_KIT} and {_FOLDS_AS_TABLE}, expected one of them: the partition")
    if not files:
        return {}
    members = _members_of_python(files[0]) if files[0].name == _FOLDS_OF_KIT else _members_of_table(files[0])
    partition_of: dict[str, str] = {}
    for where, video, partition in members:
        if partition_of.setdefault(video, partition) != partition:
            raise InputError(
                f"{where}: video {video!r} is in {partition_of[video]} and {partition}; expected one partition"
            )
    return partition_of


def _members_of_python(file: Path) -> Iterable[tuple[str, str, str]]:
    """Return location, video and partition from the kit's file; it is parsed as text and never executed."""
    expected = f"expected {', '.join(_PARTITIONS)}, each a list of video names in quotes, and nothing else"
    try:
        statements = ast.parse(file.read_bytes()).body
    except (OSError, SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise InputError(f"{file}: cannot be read as Python ({type(error).__name__}); {expected}") from error
    found = {}
    for statement in statements:
        where = f"{file}: line {statement.lineno}"
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.List(elts=elements)) if name in _PARTITIONS:
                values = [element.value for element in elements if isinstance(element, ast.Constant)]
                videos = [value for value in values if isinstance(value, str) and value]
            case _:
                raise InputError(f"{where}: is not one of the three partitions; {expected}")
        if len(videos) < len(elements):
            raise InputError(f"{where}: {name} is not a list of names; {expected}")
        if name in found:
            raise InputError(f"{where}: {name} is defined twice; {expected}")
        found[name] = [(where, video, _PARTITIONS[name]) for video in videos]
    lacking = [name for name in _PARTITIONS if not found.get(name)]
    if lacking:
        raise InputError(f"{file}: has no videos of {', '.join(lacking)}; {expected}")
    return [member for members in found.values() for member in members]


def _members_of_table(file: Path) -> Iterable[tuple[str, str, str]]:
    """Return location, video and partition from a table."""
    members = []
    for line, cells in read_rows(file, ("video", "partition")):
        if not cells["video"]:
            raise InputError(f"{file}: line {line}: video is empty, expected the name of a recording")
        if cells["partition"] not in _PARTITIONS.values():
            raise InputError(
                f"{file}: line {line}: partition is {cells['partition']!r}, "
                f"expected one of {', '.join(_PARTITIONS.values())}"
            )
        members.append((f"{file}: line {line}", cells["video"], cells["partition"]))
    return members
