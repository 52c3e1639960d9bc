"""IEMOCAP, the Interactive Emotional Dyadic Motion Capture database (Busso et al., 2008).

Layout: ``Session1/dialog/EmoEvaluation/Ses01F_impro01.txt`` labels
``Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M012.wav``.
"""

import re
from pathlib import Path

import pandas as pd

from emofactors.config.corpora import LayoutCorpus
from emofactors.corpora.manifest import utterance_table
from emofactors.corpora.readers.delimited import read_text
from emofactors.errors import InputError

_LINE = re.compile(r"\[(\d+\.\d+) - (\d+\.\d+)\]\t(?P<utterance>Ses\S+)\t(?P<emotion>\w+)\t\[.+\]")
# The first letter is the wearer of the motion capture markers; the last one is the speaker.
_UTTERANCE = re.compile(
    r"(?P<session>Ses0[1-5])[FM]_(?P<dialogue>(?P<style>impro|script)\w+)_(?P<speaker>[FM])[A-Z]*\d+"
)
_EMOTIONS = {
    "neu": "neutral",
    "hap": "happiness",
    "sad": "sadness",
    "ang": "anger",
    "exc": "excitement",
    "fru": "frustration",
    "sur": "surprise",
    "fea": "fear",
    "dis": "disgust",
    "oth": "other",
    "xxx": "no_agreement",
}
_STYLES = {"impro": "improvised", "script": "scripted"}


def read(root: Path, corpus: LayoutCorpus) -> pd.DataFrame:
    """Read the label files of IEMOCAP: every utterance with any label.

    A speaker is named by session and gender (``Ses01_M``). The text of an utterance is not known; its dialogue
    (``impro01``, ``script01_1``) is used instead.

    Args:
        root: folder with ``Session1/`` to ``Session5/``.
        corpus: config of the corpus.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``.

    Raises:
        InputError: if there is no session, a session has no label file, or a label file has no label or an
            unknown one.
    """
    sessions = sorted(root.glob("Session[1-5]"))
    if not sessions:
        raise InputError(f"{root}: has no session, expected Session1/ to Session5/ of {corpus.title}")
    rows, faults = [], []
    for session in sessions:
        # macOS adds a file ``._x`` for each ``x``; subfolders hold the labels of single annotators.
        folder = session / "dialog" / "EmoEvaluation"
        files = sorted(file for file in folder.glob("*.txt") if not file.name.startswith("."))
        if not files:
            faults.append(f"{folder}: has no label file, expected one for each dialogue, like Ses01F_impro01.txt")
        for file in files:
            labels, faults_of_file = _labels(file)
            faults += faults_of_file
            rows += [_row(session.name, name, emotion, corpus) for name, emotion in labels]
    if faults:
        raise InputError("\n".join(faults))
    return utterance_table(rows)


def _labels(file: Path) -> tuple[list[tuple[re.Match[str], str]], list[str]]:
    """Return the parts of the name and the emotion of each labelled utterance, and the faults of the file."""
    labels, faults = [], []
    for number, line in enumerate(read_text(file, "labels").splitlines(), start=1):
        if not line.startswith("["):  # header, single annotators
            continue
        label = _LINE.fullmatch(line.rstrip())
        name = _UTTERANCE.fullmatch(label["utterance"]) if label else None
        if label is None or name is None or label["emotion"] not in _EMOTIONS:
            faults.append(
                f"{file}: line {number}: is {line!r}, expected [start - end], utterance, one of "
                f"{' '.join(_EMOTIONS)} and [V, A, D], separated by tabs"
            )
            continue
        labels.append((name, label["emotion"]))
    if not labels and not faults:
        faults.append(f"{file}: has no labels, expected lines like [6.2901 - 8.2357] Ses01F_impro01_F000 neu")
    return labels, faults


def _row(session: str, name: re.Match[str], emotion: str, corpus: LayoutCorpus) -> dict[str, str]:
    """Return one labelled utterance."""
    utterance = name[0]
    return {
        "utterance": utterance,
        "path": f"{session}/sentences/wav/{utterance.rpartition('_')[0]}/{utterance}.wav",
        "speaker": f"{name['session']}_{name['speaker']}",
        "gender": "male" if name["speaker"] == "M" else "female",
        "session": name["session"],
        "style": _STYLES[name["style"]],
        "language": corpus.language,
        "text": name["dialogue"],
        "emotion": _EMOTIONS[emotion],
    }
