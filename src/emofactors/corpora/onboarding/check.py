"""A corpus of your own, checked as a whole: all that is wrong with its CSV and audio, in one list.

The pipeline reads the same rows, hears the same audio and stops at the same
faults (``table.py``, ``manifest.py``, ``audit.py``), but at the first kind of
them. Here each step goes on with what the one before left sound.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from emofactors.config.corpora import CorpusConfig
from emofactors.config.labels import OTHER_LABELS
from emofactors.corpora.audit import same_audio
from emofactors.corpora.build_manifest import AudioProperties, describe_audio, described_utterances, faults_of_rows
from emofactors.corpora.manifest import utterance_table
from emofactors.corpora.readers.table import faults_of_path, faults_of_times, read_lines, utterance_of
from emofactors.errors import printable
from emofactors.io.csv import rows_of

#: Lines of the CSV that a finding names; the others are counted.
_N_LINES = 5


@dataclass(frozen=True)
class Finding:
    """Something about a corpus that its owner should know.

    Attributes:
        words: what, and what was expected.
        lines: lines of the CSV it is about, the header being line 1; none if it is about the whole.
        is_fault: whether the pipeline would stop; else it is a warning.
    """

    words: str
    lines: tuple[int, ...] = ()
    is_fault: bool = True

    def __str__(self) -> str:
        """The finding in one line: ``lines 3, 4: …``."""
        words = printable(self.words)
        if not self.lines:
            return words
        named = ", ".join(map(str, self.lines[:_N_LINES]))
        more = f" and {len(self.lines) - _N_LINES} more" if len(self.lines) > _N_LINES else ""
        return f"line{'s' * (len(self.lines) > 1)} {named}{more}: {words}"


@dataclass(frozen=True)
class CheckedCorpus:
    """What is to be known of a corpus before it is used.

    Attributes:
        findings: faults first, then warnings, each in the order of lines.
        utterances: the sound ones, columns ``manifest.MANIFEST_COLUMNS``.
    """

    findings: tuple[Finding, ...]
    utterances: pd.DataFrame


def check_corpus(root: Path, corpus: CorpusConfig, *, min_s: float) -> CheckedCorpus:
    """Check a corpus that is read by ``table``.

    Args:
        root: folder of the corpus.
        corpus: its config; ``file`` names the CSV below ``root``.
        min_s: seconds an utterance needs at least.

    Returns:
        All findings, and the utterances without a fault.

    Raises:
        InputError: if the CSV is missing or is no table.
    """
    rows, faults = read_lines(root, corpus)
    findings = [Finding(fault.words, () if fault.line is None else (fault.line,)) for fault in faults]
    unsound = {fault.line for fault in faults}
    lines_of_audio, audio = _audio_of(rows, corpus)
    heard = describe_audio(audio, root)
    findings += _findings_of_audio(audio["path"], lines_of_audio, heard, root)
    findings += [
        Finding(
            f"lasts {h.duration_s:.3f} s, expected at least {min_s:.3f} s, or nothing can be heard of it",
            (line,),
        )
        for line, h in zip(lines_of_audio, heard, strict=True)
        if h.fault is None and h.duration_s < min_s
    ]
    if any(fault.line is None for fault in faults):  # without its columns no row is an utterance
        return CheckedCorpus(ordered(findings), described_utterances(utterance_table([]), []))

    sound = {line: utterance_of(row, corpus) for line, row in rows if line not in unsound}
    table = utterance_table(sound.values())
    lines: dict[str, list[int]] = {}
    for line, utterance in sound.items():
        lines.setdefault(utterance["utterance"], []).append(line)
    findings += [
        Finding(f"utterance {name!r}: {words}", tuple(lines[name])) for name, words in faults_of_rows(table)
    ]
    heard_of_line = dict(zip(lines_of_audio, heard, strict=True))
    once = table[~table["utterance"].duplicated(keep=False)].reset_index(drop=True)
    utterances = described_utterances(once, [heard_of_line[lines[name][0]] for name in once["utterance"]])
    findings += _findings_of_same_audio(utterances, {name: line for name, (line, *_) in lines.items()})
    findings += _findings_of_speakers(table)
    return CheckedCorpus(ordered(findings), utterances)


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Faults first, then warnings, each in the order of lines; what is about the whole comes first."""
    return tuple(sorted(findings, key=lambda finding: (not finding.is_fault, finding.lines[:1])))


def _audio_of(rows: Sequence[tuple[int, dict[str, str]]], corpus: CorpusConfig) -> tuple[list[int], pd.DataFrame]:
    """Lines and audio of the rows that name any: the segment, or the whole file where its times are wrong."""
    lines, audio = [], []
    for line, row in rows:
        if row.get("path") and not faults_of_path(row):
            times = {} if faults_of_times(row) else {key: row.get(key, "") for key in ("start_s", "end_s")}
            lines.append(line)
            named = {"utterance": row["utterance"]} if row.get("utterance") else {}
            audio.append(utterance_of({"path": row["path"], "emotion": "", **named, **times}, corpus))
    table = pd.DataFrame(audio, columns=["utterance", "path", "start_s", "end_s"])
    return lines, table.astype({"start_s": float, "end_s": float})


def _findings_of_audio(
    paths: pd.Series, lines: Sequence[int], heard: Sequence[AudioProperties], root: Path
) -> list[Finding]:
    """Bad audio, once for each recording and fault; that it is missing with a word on where it was looked for."""
    lines_of: dict[tuple[str, str], list[int]] = {}
    for path, line, h in zip(paths, lines, heard, strict=True):
        if h.fault is not None:
            lines_of.setdefault((path, h.fault), []).append(line)
    findings = [Finding(f"{path}: {fault}", tuple(of)) for (path, fault), of in lines_of.items()]
    if heard and all(h.fault == "is missing" for h in heard):
        findings.append(Finding(f"no file was found: paths are relative to the folder of the CSV, {root}"))
    return findings


def _findings_of_same_audio(utterances: pd.DataFrame, line: dict[str, int]) -> list[Finding]:
    """Utterances with the audio of another, once each: a fault where the two are said to be of two kinds."""
    of = utterances.set_index("utterance")
    findings = []
    for first, second, why in rows_of(same_audio(utterances).drop_duplicates("second")):
        differing = [column for column in ("speaker", "emotion") if of[column][first] != of[column][second]]
        what = f"{of['path'][first]} and {of['path'][second]} have {why}"
        words = (
            f"{what}, and another {' and '.join(differing)}; expected one"
            if differing
            else f"{what}: it counts twice"
        )
        findings.append(Finding(words, tuple(sorted((line[first], line[second]))), is_fault=bool(differing)))
    return findings


def _findings_of_speakers(table: pd.DataFrame) -> list[Finding]:
    """Speakers that a comparison of emotions cannot use, or that may be one; labels that take no part."""
    findings = []
    others = table["emotion"].isin(OTHER_LABELS)
    if others.any():
        findings.append(
            Finding(f"{others.sum()} utterance(s) of {' and '.join(OTHER_LABELS)} take no part", is_fault=False)
        )
    emotions = table[~others].groupby("speaker")["emotion"].agg(["unique", "size"])
    for speaker, spoken, n in emotions.itertuples():
        if len(spoken) == 1:
            words = f"speaker {speaker!r}: all {n} utterance(s) are {spoken[0]}: the voice tells the emotion"
            findings.append(Finding(words, is_fault=False))
    names: dict[str, list[str]] = {}
    for speaker in sorted(set(table["speaker"])):
        names.setdefault(speaker.casefold(), []).append(speaker)
    findings += [
        Finding(f"speakers {' and '.join(map(repr, alike))} differ in case only: are they one?", is_fault=False)
        for alike in names.values()
        if len(alike) > 1
    ]
    return findings
