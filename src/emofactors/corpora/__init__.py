"""The corpora: one module a layout; the list of readers, and nothing else."""

from pathlib import Path

import pandas as pd

from emofactors.config import CorpusConfig
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
            from emofactors.corpora.synthetic import read
        case "emodb":
            from emofactors.corpora.emodb import read
        case "nemo":
            from emofactors.corpora.nemo import read
        case "ravdess":
            from emofactors.corpora.ravdess import read
        case "savee":
            from emofactors.corpora.savee import read
        case "crema_d":
            from emofactors.corpora.crema_d import read
        case "iemocap":
            from emofactors.corpora.iemocap import read
        case "mosei":
            from emofactors.corpora.mosei import read
        case "vctk":
            from emofactors.corpora.vctk import read
        case "table":
            from emofactors.corpora.table import read
        case "audformat":
            from emofactors.corpora.audformat import read
    return read(root, corpus)
