"""Build a manifest: check the rows of a reader, decode every utterance once, describe it."""

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from math import inf
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import NamedTuple

import numpy as np
import pandas as pd

from emofactors.config.corpora import CorpusConfig, ExpectedSize
from emofactors.config.labels import EMOTIONS, OTHER_LABELS
from emofactors.corpora.audio import AudioError, Waveform, describe_recording, fault_of, read_waveform
from emofactors.corpora.augmentations import COPY_MARK
from emofactors.corpora.manifest import MANIFEST_COLUMNS, NUMERIC_COLUMNS, READER_COLUMNS
from emofactors.errors import InputError
from emofactors.io.csv import rows_of

#: Labels of a recording's last segment may end this much after it: times are rounded, recordings converted.
_BEYOND_END_S = 0.1

#: What names and labels go without, for it breaks lines, hides, or turns the order of what is read around: control
#: characters, ends of lines, marks of direction, and halves of surrogate pairs, which cannot be written.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

#: What a text goes without: it may have several lines, and be written from right to left.
_UNPRINTABLE_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

#: Samples over all channels from which on a recording is decoded while no other such is: 0.1 GiB.
_LARGE = 16_000_000


@dataclass(frozen=True)
class Manifest:
    """The utterances of a corpus, and what is to be known of it as a whole.

    Attributes:
        utterances: one row an utterance, columns ``MANIFEST_COLUMNS``, in the order of ``utterance``.
        dropped: path and reason of whatever audio was left out.
        whole: whether it has the published size; None if no size was published.
    """

    utterances: pd.DataFrame
    dropped: tuple[tuple[str, str], ...]
    whole: bool | None

    def notes(self, corpus: CorpusConfig) -> str:
        """What the audit and every table say of the corpus as a whole, as JSON text."""
        notes = {
            "title": corpus.title,
            "source": corpus.source,
            "licence": corpus.licence,
            "language": corpus.language,
            "utterances": len(self.utterances),
            "speakers": self.utterances["speaker"].nunique(),
            "duration_s": round(float(self.utterances["duration_s"].sum()), 3),
            "published_utterances": corpus.expected.utterances if corpus.expected else None,
            "whole": self.whole,
            "dropped": self.dropped,
        }
        return json.dumps(notes, indent=2, ensure_ascii=False) + "\n"


def build_manifest(rows: pd.DataFrame, root: Path, corpus: CorpusConfig) -> Manifest:
    """Check a reader's rows, hear every utterance once, and describe it.

    Args:
        rows: what the corpus' reader gave, columns ``READER_COLUMNS``.
        root: folder the paths are relative to.
        corpus: the corpus' config: expected size, what to do with bad audio.

    Returns:
        The manifest.

    Raises:
        InputError: for a duplicate utterance, a name with the mark of copies, a missing speaker, an
            unknown emotion, times that do not fit, a corpus that is not whole (``size: published``)
            and, with ``on_bad_audio: stop``, for bad audio; each fault on a line of its own.
    """
    unsound = faults_of_rows(rows)
    if unsound:
        raise InputError("\n".join(f"utterance {name!r}: {words}" for name, words in unsound))
    if rows.empty:
        raise InputError("no utterance was found")
    known_bad = rows["path"].isin(corpus.known_bad)
    dropped = [(path, "is known to be bad") for path in rows.loc[known_bad, "path"]]
    rows = rows[~known_bad].reset_index(drop=True)
    heard = describe_audio(rows, root)
    # Once for each fault: a recording that is missing is one, however many utterances it holds.
    faults = list(dict.fromkeys((rows["path"][i], h.fault) for i, h in enumerate(heard) if h.fault))
    if faults and corpus.on_bad_audio == "stop":
        raise InputError(
            "\n".join(f"{root / path}: {fault}" for path, fault in faults)
            + f"\n{root}: {len(faults)} fault(s); expected none, or on_bad_audio: drop in the corpus' config"
        )
    described = described_utterances(rows, heard)
    if described.empty:
        raise InputError(f"{root}: no utterance is left once bad audio is dropped; expected some")
    whole = _check_size(described, root, corpus)
    return Manifest(
        utterances=described,
        dropped=tuple(dropped + faults),
        whole=whole,
    )


class AudioProperties(NamedTuple):
    """What hearing an utterance told: a fault in words, or duration (s), rate (Hz) and hash of its audio."""

    fault: str | None
    duration_s: float = 0.0
    sample_rate_hz: int = 0
    audio_sha256: str = ""


def described_utterances(rows: pd.DataFrame, heard: Sequence[AudioProperties]) -> pd.DataFrame:
    """The rows whose audio is sound, with what hearing them told: columns ``MANIFEST_COLUMNS``."""
    described = rows.assign(**{key: [getattr(h, key) for h in heard] for key in AudioProperties._fields[1:]})
    sound = [h.fault is None for h in heard]
    return described.loc[sound, list(MANIFEST_COLUMNS)].reset_index(drop=True)


def faults_of_rows(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Every row that names no one utterance of one speaker with one known label.

    Args:
        rows: columns ``READER_COLUMNS``.

    Returns:
        Utterance, and what is wrong with it in words.
    """
    faults = []
    for utterance in rows.loc[rows["utterance"].duplicated(), "utterance"].unique():
        paths = rows.loc[rows["utterance"] == utterance, "path"]
        faults.append((utterance, f"stands for {', '.join(paths)}; expected one"))
    for row in rows_of(rows[rows["speaker"].str.strip() == ""]):
        faults.append((row.utterance, "speaker is empty, expected a name"))
    for utterance in rows.loc[rows["utterance"].str.contains(COPY_MARK, regex=False), "utterance"]:
        faults.append((utterance, f"has {COPY_MARK!r} in its name, expected none: it marks copies"))
    known = set(EMOTIONS) | set(OTHER_LABELS)
    for column in (column for column in READER_COLUMNS if column not in NUMERIC_COLUMNS):
        unprintable = _UNPRINTABLE_TEXT if column == "text" else _UNPRINTABLE
        for named in rows[rows[column].str.contains(unprintable)].to_dict("records"):
            words = f"{column} is {named[column]!r}, expected no control characters, nor marks of direction"
            faults.append((named["utterance"], words))
    for row in rows_of(rows):
        if not set(row.emotion.split("+")) <= known:
            faults.append((row.utterance, f"emotion is {row.emotion!r}, expected {', '.join(EMOTIONS)}"))
        path = PurePosixPath(row.path)
        if path.is_absolute() or ".." in path.parts:
            faults.append((row.utterance, f"path is {row.path!r}, expected one within the corpus' folder"))
        if row.start_s < 0 or row.start_s >= row.end_s or inf in (row.start_s, row.end_s):
            words = f"start_s is {row.start_s:g}, end_s {row.end_s:g}; expected 0 <= start_s < end_s"
            faults.append((row.utterance, words))
    return faults


def describe_audio(rows: pd.DataFrame, root: Path) -> list[AudioProperties]:
    """Hear every utterance once; a recording with many is decoded once.

    One too long to be decoded at once is read utterance by utterance.

    Args:
        rows: columns ``utterance``, ``path``, ``start_s`` and ``end_s``; rows are numbered from 0.
        root: folder the paths are relative to.

    Returns:
        What was heard, in the order of the rows.
    """
    heard = [AudioProperties(None)] * len(rows)
    one_at_a_time = Lock()

    def describe_file(recording: tuple[str, pd.DataFrame]) -> None:
        path, part = recording
        try:
            header = describe_recording(root / path)
            is_large = header.n_frames * header.n_channels > _LARGE
            with one_at_a_time if is_large else nullcontext():
                whole = read_waveform(root / path) if header.is_within_limits(header.n_frames) else None
                duration_s = header.duration_s if whole is None else whole.duration_s
                for i, start_s, end_s in zip(part.index, part["start_s"], part["end_s"], strict=True):
                    start, end = (None if pd.isna(t) else t for t in (start_s, end_s))
                    heard[i] = describe_utterance(i, root / path, whole, start, end, duration_s)
        except AudioError as error:
            for i in part.index:
                heard[i] = AudioProperties(error.reason)

    def describe_utterance(
        i: int, file: Path, whole: Waveform | None, start_s: float | None, end_s: float | None, duration_s: float
    ) -> AudioProperties:
        is_part = not (start_s is None and end_s is None)
        try:
            segment = read_waveform(file, start_s, end_s) if whole is None else whole.segment(start_s, end_s)
        except AudioError as error:
            return AudioProperties(error.reason + f" (utterance {rows['utterance'][i]})" * is_part)
        fault = fault_of(segment)
        if end_s is not None and end_s > duration_s + _BEYOND_END_S:
            fault = f"ends at {duration_s:.3f} s, before end_s {end_s:g}"
        if fault and is_part:
            fault += f" (utterance {rows['utterance'][i]})"
        digest = sha256(f"{segment.sample_rate_hz} ".encode())
        digest.update(np.ascontiguousarray(segment.samples).data)
        return AudioProperties(fault, segment.duration_s, segment.sample_rate_hz, digest.hexdigest())

    with ThreadPoolExecutor() as pool:  # libsndfile decodes without the interpreter's lock
        list(pool.map(describe_file, rows.groupby("path", sort=False)))
    return heard


def _check_size(rows: pd.DataFrame, root: Path, corpus: CorpusConfig) -> bool | None:
    """Whether what is left of the corpus is all of it; an InputError says what is missing where it must be."""
    if corpus.expected is None:
        return None
    lines = _differences_of_size(rows, corpus.expected)
    if lines and corpus.size == "published":
        raise InputError(
            f"{root}: is not the whole {corpus.title}: {'; '.join(lines)}; "
            "expected the published size, or size: any in the corpus' config for a subset"
        )
    return not lines


def _differences_of_size(rows: pd.DataFrame, expected: ExpectedSize) -> list[str]:
    """What is missing or too many, in words."""
    lines = []
    if len(rows) != expected.utterances:
        lines.append(f"{len(rows)} of {expected.utterances} utterances")
    if expected.speakers is not None and rows["speaker"].nunique() != expected.speakers:
        lines.append(f"{rows['speaker'].nunique()} of {expected.speakers} speakers")
    for column, counts in (("emotion", expected.emotions), ("speaker", expected.per_speaker)):
        found = rows[column].value_counts()
        lines += [
            f"{column} {name} has {found.get(name, 0)} of {count}"
            for name, count in counts.items()
            if found.get(name, 0) != count
        ]
    return lines
