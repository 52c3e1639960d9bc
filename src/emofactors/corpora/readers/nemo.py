"""nEMO, Emotional Speech in Polish (Christop, LREC-COLING 2024).

Layout: ``data.tsv`` names the files in ``samples/`` and labels them.
"""

from pathlib import Path

import pandas as pd

from emofactors.config.corpora import LayoutCorpus
from emofactors.corpora.manifest import utterance_table
from emofactors.corpora.readers.delimited import read_rows
from emofactors.errors import InputError

_EMOTIONS = {
    "anger": "anger",
    "fear": "fear",
    "happiness": "happiness",
    "neutral": "neutral",
    "sadness": "sadness",
    "surprised": "surprise",
}


def read(root: Path, corpus: LayoutCorpus) -> pd.DataFrame:
    """Read the table of nEMO; audio files that it does not list are ignored.

    Args:
        root: folder with ``data.tsv`` and ``samples/``.
        corpus: config of the corpus.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``.

    Raises:
        InputError: if ``data.tsv`` is missing or lacks a column, or a row has an unknown emotion or an invalid
            file name.
    """
    file = root / "data.tsv"
    needed = ("file_id", "emotion", "raw_text", "speaker_id", "gender")
    rows, faults = [], []
    for line, cells in read_rows(file, needed, delimiter="\t"):
        name = cells["file_id"]
        if Path(name).name != name or not Path(name).suffix:
            faults.append(f"{file}: line {line}: file_id is {name!r}, expected a file like EB0_anger_1.wav")
        if cells["emotion"] not in _EMOTIONS:
            faults.append(
                f"{file}: line {line}: emotion is {cells['emotion']!r}, expected one of {', '.join(_EMOTIONS)}"
            )
        rows.append(
            {
                "utterance": Path(name).stem,
                "path": f"samples/{name}",
                "speaker": cells["speaker_id"],
                "gender": cells["gender"],
                "style": "acted",
                "language": corpus.language,
                "text": cells["raw_text"],
                "emotion": _EMOTIONS.get(cells["emotion"], ""),
            }
        )
    if faults:
        raise InputError("\n".join(faults))
    return utterance_table(rows)
