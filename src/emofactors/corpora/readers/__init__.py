"""Readers of corpora: one module per layout or format, with the name of the reader."""

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import pandas as pd

from emofactors.config.corpora import CorpusConfig
from emofactors.errors import InputError


class Reader(Protocol):
    """A module of this package."""

    def read(self, root: Path, corpus: Any) -> pd.DataFrame:
        """Return the utterances of a corpus, columns ``manifest.READER_COLUMNS``."""


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
    reader = cast(Reader, import_module(f"emofactors.corpora.readers.{corpus.reader}"))
    return reader.read(root, corpus)
