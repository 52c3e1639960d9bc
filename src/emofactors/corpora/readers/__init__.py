"""Readers of corpora, one module per layout or format."""

from pathlib import Path

import pandas as pd

from emofactors.config.corpora import AudformatCorpus, CorpusConfig, LayoutCorpus, SyntheticCorpus, TableCorpus
from emofactors.errors import InputError


def read_corpus(root: Path, corpus: CorpusConfig) -> pd.DataFrame:
    """Read the utterances of a corpus with the reader named in its config.

    Args:
        root: folder of the corpus.
        corpus: config of the corpus.

    Returns:
        Table with columns ``manifest.READER_COLUMNS``.

    Raises:
        InputError: if a package is not installed, files of the layout are missing, or a label is unknown.
    """
    if corpus.package_fault is not None:
        raise InputError(f"{root}: {corpus.package_fault}")
    match corpus:
        case SyntheticCorpus():
            from emofactors.corpora.readers import synthetic

            return synthetic.read(root, corpus)
        case TableCorpus():
            from emofactors.corpora.readers import table

            return table.read(root, corpus)
        case AudformatCorpus():
            from emofactors.corpora.readers import audformat

            return audformat.read(root, corpus)
        case LayoutCorpus():
            return _read_layout(root, corpus)


def _read_layout(root: Path, corpus: LayoutCorpus) -> pd.DataFrame:
    """Read a corpus with a published layout."""
    match corpus.reader:
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
    return read(root, corpus)
