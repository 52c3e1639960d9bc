"""Check a user's own corpus and list all faults of its CSV and audio at once.

The pipeline finds the same faults (``table.py``, ``build_manifest.py``, ``audit.py``), but stops at the first kind
of them. Here each step continues with the rows that passed the previous one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from emofactors.config.corpora import TableCorpus
from emofactors.config.labels import OTHER_LABELS
from emofactors.corpora.audit import same_audio
from emofactors.corpora.build_manifest import AudioProperties, describe_audio, described_utterances, faults_of_rows
from emofactors.corpora.manifest import utterance_table
from emofactors.corpora.readers.table import faults_of_path, faults_of_times, read_lines, utterance_of
from emofactors.errors import printable
from emofactors.io.csv import rows_of

#: Maximum number of CSV lines that a finding lists; the others are counted.
_N_LINES = 5


@dataclass(frozen=True)
class Finding:
    """A fault or warning about a corpus.

    Attributes:
        message: what is wrong, and what was expected.
        lines: lines of the CSV, the header being line 1; empty for the corpus as a whole.
        is_fault: whether the pipeline would stop; else it is a warning.
    """

    message: str
    lines: tuple[int, ...] = ()
    is_fault: bool = True

    def __str__(self) -> str:
        """Return the finding on one line: ``lines 3, 4: …``."""
        message = printable(self.message)
        if not self.lines:
            return message
        listed = ", ".join(map(str, self.lines[:_N_LINES]))
        more = f" and {len(self.lines) - _N_LINES} more" if len(self.lines) > _N_LINES else ""
        return f"line{'s' * (len(self.lines) > 1)} {listed}{more}: {message}"


@dataclass(frozen=True)
class CheckedCorpus:
    """Result of the check of a corpus.

    Attributes:
        findings: faults first, then warnings, each in the order of lines.
        utterances: utterances without a fault, columns ``manifest.MANIFEST_COLUMNS``.
    """

    findings: tuple[Finding, ...]
    utterances: pd.DataFrame


def check_corpus(root: Path, corpus: TableCorpus, *, min_s: float) -> CheckedCorpus:
    """Check a corpus with reader ``table``.

    Args:
        root: folder of the corpus.
        corpus: its config.
        min_s: minimum duration of an utterance in seconds.

    Returns:
        All findings, and the utterances without a fault.

    Raises:
        InputError: if the CSV is missing or not a table.
    """
    rows, faults = read_lines(root, corpus)
    findings = [Finding(fault.message, () if fault.line is None else (fault.line,)) for fault in faults]
    faulty = {fault.line for fault in faults}
    lines_of_audio, segments = _segments_of(rows, corpus)
    audio = describe_audio(segments, root)
    findings += _findings_of_audio(segments["path"], lines_of_audio, audio, root)
    findings += [
        Finding(f"lasts {a.duration_s:.3f} s, expected at least {min_s:.3f} s for all features", (line,))
        for line, a in zip(lines_of_audio, audio, strict=True)
        if a.fault is None and a.duration_s < min_s
    ]
    if any(fault.line is None for fault in faults):  # rows without a required column are no utterances
        return CheckedCorpus(ordered(findings), described_utterances(utterance_table([]), []))

    valid = {line: utterance_of(row, corpus) for line, row in rows if line not in faulty}
    table = utterance_table(valid.values())
    lines: dict[str, list[int]] = {}
    for line, utterance in valid.items():
        lines.setdefault(utterance["utterance"], []).append(line)
    findings += [
        Finding(f"utterance {name!r}: {fault}", tuple(lines[name])) for name, fault in faults_of_rows(table)
    ]
    audio_of_line = dict(zip(lines_of_audio, audio, strict=True))
    unique = table[~table["utterance"].duplicated(keep=False)].reset_index(drop=True)
    utterances = described_utterances(unique, [audio_of_line[lines[name][0]] for name in unique["utterance"]])
    findings += _findings_of_same_audio(utterances, {name: line for name, (line, *_) in lines.items()})
    findings += _findings_of_speakers(table)
    return CheckedCorpus(ordered(findings), utterances)


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Sort findings: faults before warnings, each by line; those about the whole corpus come first."""
    return tuple(sorted(findings, key=lambda finding: (not finding.is_fault, finding.lines[:1])))


def _segments_of(
    rows: Sequence[tuple[int, dict[str, str]]], corpus: TableCorpus
) -> tuple[list[int], pd.DataFrame]:
    """Return lines and segments of the rows with a valid path; a row with invalid times is the whole file."""
    lines, segments = [], []
    for line, row in rows:
        if row.get("path") and not faults_of_path(row):
            times = {} if faults_of_times(row) else {key: row.get(key, "") for key in ("start_s", "end_s")}
            lines.append(line)
            named = {"utterance": row["utterance"]} if row.get("utterance") else {}
            segments.append(utterance_of({"path": row["path"], "emotion": "", **named, **times}, corpus))
    table = pd.DataFrame(segments, columns=["utterance", "path", "start_s", "end_s"])
    return lines, table.astype({"start_s": float, "end_s": float})


def _findings_of_audio(
    paths: pd.Series, lines: Sequence[int], audio: Sequence[AudioProperties], root: Path
) -> list[Finding]:
    """Return bad audio, once per recording and fault; if all files are missing, also where they are expected."""
    lines_of: dict[tuple[str, str], list[int]] = {}
    for path, line, a in zip(paths, lines, audio, strict=True):
        if a.fault is not None:
            lines_of.setdefault((path, a.fault), []).append(line)
    findings = [Finding(f"{path}: {fault}", tuple(of)) for (path, fault), of in lines_of.items()]
    if audio and all(a.fault == "is missing" for a in audio):
        findings.append(Finding(f"no file was found: paths are relative to the folder of the CSV, {root}"))
    return findings


def _findings_of_same_audio(utterances: pd.DataFrame, line: dict[str, int]) -> list[Finding]:
    """Return utterances with the audio of another one: a fault if the labels of the two differ."""
    of = utterances.set_index("utterance")
    findings = []
    for first, second, why in rows_of(same_audio(utterances).drop_duplicates("second")):
        differing = [column for column in ("speaker", "emotion") if of[column][first] != of[column][second]]
        what = f"{of['path'][first]} and {of['path'][second]} have {why}"
        message = (
            f"{what} but a different {' and '.join(differing)}; expected the same"
            if differing
            else f"{what}: it is counted twice"
        )
        findings.append(Finding(message, tuple(sorted((line[first], line[second]))), is_fault=bool(differing)))
    return findings


def _findings_of_speakers(table: pd.DataFrame) -> list[Finding]:
    """Return warnings about speakers with one emotion, similar names of speakers, and labels that are left out."""
    findings = []
    others = table["emotion"].isin(OTHER_LABELS)
    if others.any():
        findings.append(
            Finding(f"{others.sum()} utterance(s) of {' and '.join(OTHER_LABELS)} are left out", is_fault=False)
        )
    emotions = table[~others].groupby("speaker")["emotion"].agg(["unique", "size"])
    for speaker, nouns, n in emotions.itertuples():
        if len(nouns) == 1:
            message = f"speaker {speaker!r}: all {n} utterance(s) are {nouns[0]}: the voice predicts the emotion"
            findings.append(Finding(message, is_fault=False))
    names: dict[str, list[str]] = {}
    for speaker in sorted(set(table["speaker"])):
        names.setdefault(speaker.casefold(), []).append(speaker)
    findings += [
        Finding(
            f"speakers {' and '.join(map(repr, alike))} differ in case only: are they the same speaker?",
            is_fault=False,
        )
        for alike in names.values()
        if len(alike) > 1
    ]
    return findings
