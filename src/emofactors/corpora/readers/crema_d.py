"""CREMA-D, the Crowd-sourced Emotional Multimodal Actors Dataset (Cao et al., 2014).

Layout: ``AudioWAV/1001_DFA_ANG_XX.wav``: actor, sentence, emotion, level; optional
``VideoDemographics.csv``. The emotion is the one the actor intended, not the majority
vote of listeners.
"""

import re
from pathlib import Path

import pandas as pd

from emofactors.config.corpora import LayoutCorpus
from emofactors.corpora.audio import wav_files
from emofactors.corpora.manifest import utterance_table
from emofactors.corpora.readers.delimited import read_rows
from emofactors.errors import InputError

_NAME = re.compile(
    r"(?P<actor>1\d{3})_(?P<sentence>IEO|TIE|IOM|IWW|TAI|MTI|IWL|ITH|DFA|ITS|TSI|WSI)"
    r"_(?P<emotion>[A-Z]{3})_(?P<level>LO|MD|HI|XX?)"
)
_EMOTIONS = {
    "ANG": "anger",
    "DIS": "disgust",
    "FEA": "fear",
    "HAP": "happiness",
    "NEU": "neutral",
    "SAD": "sadness",
}
_GENDERS = {"Male": "male", "Female": "female"}


def read(root: Path, corpus: LayoutCorpus) -> pd.DataFrame:
    """Read the file names of CREMA-D, and the gender of its actors if their table exists.

    Args:
        root: folder with ``AudioWAV/`` and, optionally, ``VideoDemographics.csv``.
        corpus: config of the corpus.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``; without the table of actors ``gender`` is empty.

    Raises:
        InputError: if ``AudioWAV/`` has no wav, a file name does not follow the layout, or the table of actors
            lacks an actor.
    """
    files = wav_files(root, "AudioWAV/*.wav")
    if not files:
        raise InputError(f"{root / 'AudioWAV'}: has no wav file, expected the files of {corpus.title}")
    actors = root / "VideoDemographics.csv"
    genders = _genders(actors) if actors.exists() else None
    rows, faults = [], []
    for file in files:
        name = _NAME.fullmatch(file.stem)
        if name is None or name["emotion"] not in _EMOTIONS:
            faults.append(
                f"{file}: expected a name like 1001_DFA_ANG_XX.wav, emotion one of {', '.join(_EMOTIONS)}"
            )
            continue
        if genders is not None and name["actor"] not in genders:
            faults.append(f"{file}: actor {name['actor']} is not in {actors}, expected a row for each actor")
            continue
        # Before 2022 one file was published as 1040_ITH_SAD_X.
        level = "XX" if name["level"] == "X" else name["level"]
        rows.append(
            {
                "utterance": f"{name['actor']}_{name['sentence']}_{name['emotion']}_{level}",
                "path": f"AudioWAV/{file.name}",
                "speaker": name["actor"],
                "gender": genders[name["actor"]] if genders is not None else "",
                "style": "acted",
                "language": corpus.language,
                "text": name["sentence"],
                "emotion": _EMOTIONS[name["emotion"]],
            }
        )
    if faults:
        raise InputError("\n".join(faults))
    return utterance_table(rows)


def _genders(file: Path) -> dict[str, str]:
    """Return actor -> gender."""
    rows = read_rows(file, ("ActorID", "Sex"))
    faults = [
        f"{file}: line {line}: Sex is {cells['Sex']!r}, expected one of {', '.join(_GENDERS)}"
        for line, cells in rows
        if cells["Sex"] not in _GENDERS
    ]
    if faults:
        raise InputError("\n".join(faults))
    return {cells["ActorID"]: _GENDERS[cells["Sex"]] for _, cells in rows}
