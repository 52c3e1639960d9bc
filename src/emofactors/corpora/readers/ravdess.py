"""RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song (Livingstone & Russo, 2018): speech.

Layout: ``Actor_12/03-01-06-01-02-01-12.wav``: modality, channel, emotion,
intensity, statement, repetition, actor. Only the file name is used; folders differ with the way
the corpus was unpacked.
"""

import re
from pathlib import Path

import pandas as pd

from emofactors.config.corpora import LayoutCorpus
from emofactors.corpora.audio import wav_files
from emofactors.corpora.manifest import utterance_table
from emofactors.errors import InputError

_NAME = re.compile(  # modality 03: audio; channel 01: speech
    r"03-01-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])-(?P<repetition>0[12])"
    r"-(?P<actor>0[1-9]|1\d|2[0-4])"
)
_EMOTIONS = {
    "01": "neutral",
    "02": "calm",
    "03": "happiness",
    "04": "sadness",
    "05": "anger",
    "06": "fear",
    "07": "disgust",
    "08": "surprise",
}


def read(root: Path, corpus: LayoutCorpus) -> pd.DataFrame:
    """Read the file names of RAVDESS.

    Args:
        root: folder with the wav files in ``Actor_01/`` to ``Actor_24/`` or any other folders.
        corpus: config of the corpus.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``.

    Raises:
        InputError: if the folder has no wav, or a file name is not one of the speech of RAVDESS (songs are
            rejected).
    """
    files = wav_files(root, "**/*.wav")
    if not files:
        raise InputError(f"{root}: has no wav file, expected Actor_01/ to Actor_24/ of {corpus.title}")
    rows, faults = [], []
    for file in files:
        name = _NAME.fullmatch(file.stem)
        if name is None:
            faults.append(f"{file}: expected the name of an audio-only speech file, like 03-01-06-01-02-01-12.wav")
            continue
        rows.append(
            {
                "utterance": file.stem,
                "path": file.relative_to(root).as_posix(),
                "speaker": name["actor"],
                "gender": "male" if int(name["actor"]) % 2 else "female",
                "style": "acted",
                "language": corpus.language,
                "text": name["statement"],
                "emotion": _EMOTIONS[name["emotion"]],
            }
        )
    if faults:
        raise InputError("\n".join(faults))
    return utterance_table(rows)
