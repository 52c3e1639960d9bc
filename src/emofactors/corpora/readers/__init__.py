"""The corpora: one module a layout; the list of readers, and nothing else."""

from pathlib import Path

import pandas as pd

from emofactors.config.corpora import CorpusConfig
from emofactors.errors import InputError


def read_corpus(root: Path, corpus: CorpusConfig) -> pd.DataFrame:
    """The utterances of a corpus by its own reader.

    Args:
        root: folder of the corpus.
        corpus: its config; ``reader`` names the module.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``.

    Raises:
        InputError: if files of the layout are missing or a label is unknown.
    """
    if corpus.lacks is not None:
        raise InputError(f"{root}: {corpus.lacks}")
    match corpus.reader:
        case "synthetic":
            from emofactors.corpora.readers.synthetic import read
        case "emodb":
            from emofactors.corpora.readers.emodb import read
        case "nemo":
            from emofactors.corpora.readers.nemo import read
        case "ravdess":
            from emofactors.corpora.readers.ravdess import read
        case "savee":
            from emofactors.corpora.readers.savee import read
        case "crema_d":
            from emofactors.corpora.readers.crema_d import read
        case "iemocap":
            from emofactors.corpora.readers.iemocap import read
        case "mosei":
            from emofactors.corpora.readers.mosei import read
        case "vctk":
            from emofactors.corpora.readers.vctk import read
        case "table":
            from emofactors.corpora.readers.table import read
        case "audformat":
            from emofactors.corpora.readers.audformat import read
    return read(root, corpus)
