"""SAVEE, Surrey Audio-Visual Expressed Emotion (Haq & Jackson, 2010).

Layout: ``AudioData/DC/a01.wav`` as published, or ``DC_a01.wav`` in copies:
speaker, emotion, sentence.
"""

import re
from pathlib import Path

import pandas as pd

from emofactors.config.corpora import LayoutCorpus
from emofactors.corpora.audio import wav_files
from emofactors.corpora.manifest import utterance_table
from emofactors.errors import InputError

_NAME = re.compile(r"((?P<speaker>[A-Z]{2})_)?(?P<emotion>sa|su|[adfhn])(?P<number>\d\d)")
_EMOTIONS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
_SPEAKERS = ("DC", "JE", "JK", "KL")  # all are male


def read(root: Path, corpus: LayoutCorpus) -> pd.DataFrame:
    """Read the file names of SAVEE.

    The names do not tell which sentences are shared by several emotions, so a sentence is identified by emotion
    and number.

    Args:
        root: folder with the wav files in either layout, in any folders.
        corpus: config of the corpus.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``.

    Raises:
        InputError: if the folder has no wav, or a file name does not follow the layout.
    """
    files = wav_files(root, "**/*.wav")
    if not files:
        raise InputError(f"{root}: has no wav file, expected AudioData/DC/a01.wav or DC_a01.wav of {corpus.title}")
    rows, faults = [], []
    for file in files:
        name = _NAME.fullmatch(file.stem)
        speaker = (name["speaker"] or file.parent.name) if name else ""
        if name is None or speaker not in _SPEAKERS:
            faults.append(
                f"{file}: expected DC/a01.wav or DC_a01.wav, speaker one of {', '.join(_SPEAKERS)}, "
                f"emotion one of {', '.join(_EMOTIONS)}"
            )
            continue
        sentence = name["emotion"] + name["number"]
        rows.append(
            {
                "utterance": f"{speaker}_{sentence}",
                "path": file.relative_to(root).as_posix(),
                "speaker": speaker,
                "gender": "male",
                "style": "acted",
                "language": corpus.language,
                "text": sentence,
                "emotion": _EMOTIONS[name["emotion"]],
            }
        )
    if faults:
        raise InputError("\n".join(faults))
    return utterance_table(rows)
