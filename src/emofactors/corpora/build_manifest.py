"""Build a manifest: check the rows of a reader, decode every utterance once, describe its audio."""

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

from emofactors.config.corpora import BaseCorpus, ExpectedSize
from emofactors.config.labels import EMOTIONS, OTHER_LABELS
from emofactors.corpora.audio import AudioError, Waveform, describe_recording, fault_of, read_waveform
from emofactors.corpora.augmentations import COPY_MARK
from emofactors.corpora.manifest import MANIFEST_COLUMNS, NUMERIC_COLUMNS, READER_COLUMNS
from emofactors.errors import InputError
from emofactors.io.csv import rows_of

#: Tolerated excess of the last segment over the end of its recording: times are rounded, recordings converted.
_BEYOND_END_S = 0.1

#: Characters not allowed in names and labels: control characters, line ends, direction marks and lone surrogates.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

#: Characters not allowed in a text, which may have several lines and be written from right to left.
_UNPRINTABLE_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

#: Number of samples over all channels above which recordings are decoded one at a time: 0.1 GiB.
_LARGE = 16_000_000


@dataclass(frozen=True)
class Manifest:
    """The utterances of a corpus and properties of the corpus as a whole.

    Attributes:
        utterances: one row per utterance, columns ``MANIFEST_COLUMNS``, ordered by ``utterance``.
        dropped: path and reason of all audio that was left out.
        whole: whether the corpus has the published size; None if no size was published.
    """

    utterances: pd.DataFrame
    dropped: tuple[tuple[str, str], ...]
    whole: bool | None

    def corpus_metadata(self, corpus: BaseCorpus) -> str:
        """Return the metadata of the corpus that the audit and every table use, as JSON text."""
        metadata = {
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
        return json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"


class AudioProperties(NamedTuple):
    """Properties of the audio of an utterance: a fault, or duration (s), sample rate (Hz) and hash."""

    fault: str | None
    duration_s: float = 0.0
    sample_rate_hz: int = 0
    audio_sha256: str = ""


def build_manifest(rows: pd.DataFrame, root: Path, corpus: BaseCorpus) -> Manifest:
    """Check the rows of a reader, decode every utterance once, and describe its audio.

    Args:
        rows: table of the corpus' reader, columns ``READER_COLUMNS``.
        root: folder the paths are relative to.
        corpus: config of the corpus: expected size, treatment of bad audio.

    Returns:
        The manifest.

    Raises:
        InputError: for a duplicate utterance, a name with the mark of copies, a missing speaker, an unknown
            emotion, impossible times, an incomplete corpus (``size: published``) and, with ``on_bad_audio: stop``,
            bad audio; one line per fault.
    """
    row_faults = faults_of_rows(rows)
    if row_faults:
        raise InputError("\n".join(f"utterance {name!r}: {fault}" for name, fault in row_faults))
    if rows.empty:
        raise InputError("no utterance was found")
    known_bad = rows["path"].isin(corpus.known_bad)
    dropped = [(path, "is known to be bad") for path in rows.loc[known_bad, "path"]]
    rows = rows[~known_bad].reset_index(drop=True)
    audio = describe_audio(rows, root)
    # A fault of a recording is listed once, not for each of its utterances.
    faults = list(dict.fromkeys((rows["path"][i], a.fault) for i, a in enumerate(audio) if a.fault))
    if faults and corpus.on_bad_audio == "stop":
        raise InputError(
            "\n".join(f"{root / path}: {fault}" for path, fault in faults)
            + f"\n{root}: {len(faults)} fault(s); expected none, or on_bad_audio: drop in the corpus' config"
        )
    utterances = described_utterances(rows, audio)
    if utterances.empty:
        raise InputError(f"{root}: no utterance is left after bad audio was dropped; expected at least one")
    whole = _check_size(utterances, root, corpus)
    return Manifest(utterances=utterances, dropped=tuple(dropped + faults), whole=whole)


def described_utterances(rows: pd.DataFrame, audio: Sequence[AudioProperties]) -> pd.DataFrame:
    """Return the rows without audio faults, with their audio properties: columns ``MANIFEST_COLUMNS``."""
    described = rows.assign(**{key: [getattr(a, key) for a in audio] for key in AudioProperties._fields[1:]})
    is_sound = [a.fault is None for a in audio]
    return described.loc[is_sound, list(MANIFEST_COLUMNS)].reset_index(drop=True)


def faults_of_rows(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the faults of the rows of a reader.

    Args:
        rows: columns ``READER_COLUMNS``.

    Returns:
        Pairs of utterance and fault.
    """
    faults = []
    for utterance in rows.loc[rows["utterance"].duplicated(), "utterance"].unique():
        paths = rows.loc[rows["utterance"] == utterance, "path"]
        faults.append((utterance, f"is the name of {', '.join(paths)}; expected one file or segment"))
    for row in rows_of(rows[rows["speaker"].str.strip() == ""]):
        faults.append((row.utterance, "speaker is empty, expected a name"))
    for utterance in rows.loc[rows["utterance"].str.contains(COPY_MARK, regex=False), "utterance"]:
        faults.append((utterance, f"has {COPY_MARK!r} in its name, expected none: it marks augmented copies"))
    known = set(EMOTIONS) | set(OTHER_LABELS)
    for column in (column for column in READER_COLUMNS if column not in NUMERIC_COLUMNS):
        unprintable = _UNPRINTABLE_TEXT if column == "text" else _UNPRINTABLE
        for row in rows[rows[column].str.contains(unprintable)].to_dict("records"):
            fault = f"{column} is {row[column]!r}, expected no control characters and no direction marks"
            faults.append((row["utterance"], fault))
    for row in rows_of(rows):
        if not set(row.emotion.split("+")) <= known:
            faults.append((row.utterance, f"emotion is {row.emotion!r}, expected {', '.join(EMOTIONS)}"))
        path = PurePosixPath(row.path)
        if path.is_absolute() or ".." in path.parts:
            faults.append((row.utterance, f"path is {row.path!r}, expected a path within the corpus folder"))
        if row.start_s < 0 or row.start_s >= row.end_s or inf in (row.start_s, row.end_s):
            fault = f"start_s is {row.start_s:g}, end_s {row.end_s:g}; expected 0 <= start_s < end_s"
            faults.append((row.utterance, fault))
    return faults


def describe_audio(rows: pd.DataFrame, root: Path) -> list[AudioProperties]:
    """Decode every utterance once and describe its audio.

    A recording with several utterances is decoded once, or segment by segment if it is too long.

    Args:
        rows: columns ``utterance``, ``path``, ``start_s`` and ``end_s``; index from 0.
        root: folder the paths are relative to.

    Returns:
        Audio properties, in the order of the rows.
    """
    audio = [AudioProperties(None)] * len(rows)
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
                    audio[i] = describe_utterance(i, root / path, whole, start, end, duration_s)
        except AudioError as error:
            for i in part.index:
                audio[i] = AudioProperties(error.reason)

    def describe_utterance(
        i: int, file: Path, whole: Waveform | None, start_s: float | None, end_s: float | None, duration_s: float
    ) -> AudioProperties:
        is_segment = not (start_s is None and end_s is None)
        suffix = f" (utterance {rows['utterance'][i]})" * is_segment
        try:
            segment = read_waveform(file, start_s, end_s) if whole is None else whole.segment(start_s, end_s)
        except AudioError as error:
            return AudioProperties(error.reason + suffix)
        fault = fault_of(segment)
        if end_s is not None and end_s > duration_s + _BEYOND_END_S:
            fault = f"ends at {duration_s:.3f} s, before end_s {end_s:g}"
        digest = sha256(f"{segment.sample_rate_hz} ".encode())
        digest.update(np.ascontiguousarray(segment.samples).data)
        return AudioProperties(
            fault and fault + suffix, segment.duration_s, segment.sample_rate_hz, digest.hexdigest()
        )

    with ThreadPoolExecutor() as pool:  # libsndfile releases the GIL while decoding
        list(pool.map(describe_file, rows.groupby("path", sort=False)))
    return audio


def _check_size(rows: pd.DataFrame, root: Path, corpus: BaseCorpus) -> bool | None:
    """Return whether the corpus has the published size; raise InputError if it must and does not."""
    if corpus.expected is None:
        return None
    differences = _size_differences(rows, corpus.expected)
    if differences and corpus.size == "published":
        raise InputError(
            f"{root}: is not the whole {corpus.title}: {'; '.join(differences)}; "
            "expected the published size, or size: any in the corpus' config for a subset"
        )
    return not differences


def _size_differences(rows: pd.DataFrame, expected: ExpectedSize) -> list[str]:
    """Return the differences from the published size."""
    differences = []
    if len(rows) != expected.utterances:
        differences.append(f"{len(rows)} of {expected.utterances} utterances")
    if expected.speakers is not None and rows["speaker"].nunique() != expected.speakers:
        differences.append(f"{rows['speaker'].nunique()} of {expected.speakers} speakers")
    for column, counts in (("emotion", expected.emotions), ("speaker", expected.per_speaker)):
        found = rows[column].value_counts()
        differences += [
            f"{column} {name} has {found.get(name, 0)} of {count}"
            for name, count in counts.items()
            if found.get(name, 0) != count
        ]
    return differences
