"""VCTK, the English Multi-speaker Corpus for CSTR Voice Cloning Toolkit (Yamagishi, Veaux & MacDonald, 2019).

Layout of version 0.92: ``wav48_silence_trimmed/p225/p225_001_mic1.flac``:
speaker, number, microphone; of 0.80: ``wav48/p225/p225_001.wav``. Optional:
``txt/p225/p225_001.txt`` and ``speaker-info.txt``. The speech is read, not acted: the
corpus is used to train decomposers.
"""

import re
from pathlib import Path

import pandas as pd

from emofactors.config.corpora import LayoutCorpus
from emofactors.corpora.audio import wav_files
from emofactors.corpora.manifest import utterance_table
from emofactors.corpora.readers.delimited import read_text
from emofactors.errors import InputError

#: Only the first microphone is used: two speakers have no recording with the second.
_PATTERNS = {"0.92": "wav48_silence_trimmed/*/*_mic1.flac", "0.80": "wav48/*/*.wav"}
_NAME = re.compile(r"(?P<speaker>p\d{3}|s5)_(?P<number>\d{3})")

#: A line of the table of speakers: ``p225  23  F    English    Southern  England``; 0.80 writes 225.
_SPEAKER = re.compile(r"^\s*(?P<speaker>[ps]?\d+)\s+\S+\s+(?P<gender>[FM])\b", re.MULTILINE)
_GENDERS = {"F": "female", "M": "male"}

#: Remainder of number / 6 -> partition; others train. Source: FantSun/Speechflow, tools/make_cat.sh, which holds
#: out every third number; here these are divided into dev and test, as dev selects the epoch.
_PARTITION = {0: "dev", 3: "test"}


def read(root: Path, corpus: LayoutCorpus) -> pd.DataFrame:
    """Read the file names of VCTK, and texts and genders if their files exist.

    ``partition`` follows from the number in the name: dev if divisible by 6, test if divisible by 3 only, else
    train.

    Args:
        root: folder with ``wav48_silence_trimmed/`` or ``wav48/`` and, optionally, ``txt/`` and
            ``speaker-info.txt``.
        corpus: config of the corpus.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``; ``text`` is empty without a transcript (all of
        p315), ``gender`` for a speaker missing from the table (p280 in 0.80).

    Raises:
        InputError: if the folder has audio of neither version or of both, a file name does not follow the layout,
            or ``speaker-info.txt`` exists but lists no speaker.
    """
    of_version = {version: wav_files(root, pattern) for version, pattern in _PATTERNS.items()}
    found = [version for version, files in of_version.items() if files]
    if len(found) != 1:
        layouts = " or ".join(f"{pattern} ({version})" for version, pattern in _PATTERNS.items())
        raise InputError(
            f"{root}: has audio of {' and '.join(found) or 'no version'} of {corpus.title}, expected {layouts}"
        )
    genders = _genders(root / "speaker-info.txt")
    rows, faults = [], []
    for file in of_version[found[0]]:
        name = _NAME.fullmatch(file.stem.removesuffix("_mic1"))
        if name is None or name["speaker"] != file.parent.name:
            faults.append(f"{file}: expected speaker and number, like p225/p225_001{file.suffix}")
            continue
        rows.append(
            {
                "utterance": name[0],
                "path": file.relative_to(root).as_posix(),
                "speaker": name["speaker"],
                "gender": genders.get(name["speaker"], ""),
                "partition": _PARTITION.get(int(name["number"]) % 6, "train"),
                "style": "read",
                "language": corpus.language,
                "text": _text(root / "txt" / name["speaker"] / f"{name[0]}.txt"),
                "emotion": "neutral",
            }
        )
    if faults:
        raise InputError("\n".join(faults))
    return utterance_table(rows)


def _genders(file: Path) -> dict[str, str]:
    """Return speaker -> gender of the speakers in the table; empty without the table."""
    if not file.exists():
        return {}
    lines = list(_SPEAKER.finditer(read_text(file, "the table of speakers")))
    if not lines:
        raise InputError(
            f"{file}: lists no speaker, expected lines of ID, AGE, GENDER like 'p225  23  F  English'"
        )
    return {
        ("p" if line["speaker"].isdigit() else "") + line["speaker"]: _GENDERS[line["gender"]] for line in lines
    }


def _text(file: Path) -> str:
    """Return the transcript on one line, empty if missing; it only identifies a sentence."""
    return " ".join(read_text(file, "a transcript").split()) if file.exists() else ""
