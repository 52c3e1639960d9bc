"""EmoDB, the Berlin Database of Emotional Speech (Burkhardt et al., 2005).

Layout: ``wav/03a01Fa.wav``: speaker, sentence, emotion, take.
"""

import re
from pathlib import Path

import pandas as pd

from emofactors.config.corpora import LayoutCorpus
from emofactors.corpora.audio import wav_files
from emofactors.corpora.manifest import utterance_table
from emofactors.errors import InputError

_NAME = re.compile(r"(?P<speaker>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[A-Z])(?P<take>[a-z])")
_EMOTIONS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "T": "sadness",
    "N": "neutral",
}
_MALE = {"03", "10", "11", "12", "15"}


def read(root: Path, corpus: LayoutCorpus) -> pd.DataFrame:
    """Read the file names of EmoDB.

    Args:
        root: folder with ``wav/``.
        corpus: config of the corpus.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``.

    Raises:
        InputError: if ``wav/`` has no wav, or a file name does not follow the layout.
    """
    files = wav_files(root, "wav/*.wav")
    if not files:
        raise InputError(f"{root / 'wav'}: has no wav file, expected the files of {corpus.title}")
    rows, faults = [], []
    for file in files:
        name = _NAME.fullmatch(file.stem)
        if name is None or name["emotion"] not in _EMOTIONS:
            faults.append(f"{file}: expected a name like 03a01Fa.wav, emotion one of {''.join(_EMOTIONS)}")
            continue
        rows.append(
            {
                "utterance": file.stem,
                "path": f"wav/{file.name}",
                "speaker": name["speaker"],
                "gender": "male" if name["speaker"] in _MALE else "female",
                "style": "acted",
                "language": corpus.language,
                "text": name["text"],
                "emotion": _EMOTIONS[name["emotion"]],
            }
        )
    if faults:
        raise InputError("\n".join(faults))
    return utterance_table(rows)
