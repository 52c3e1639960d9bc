"""Shards of a corpus: parts whose features are extracted as jobs of their own."""

from hashlib import sha256
from pathlib import Path

import pandas as pd

from emofactors.corpora.manifest import write_manifest
from emofactors.io.atomic import damaged, read_text, write_text_atomically


def shard_of(utterance: str, n_shards: int) -> int:
    """Number of the shard of an utterance, from 0: it follows from its name alone, so that no other moves it.

    Example:
        >>> [shard_of(name, 3) for name in ("03a01Fa", "03a01Nc", "03a01Wa")]
        [1, 2, 0]
    """
    return int.from_bytes(sha256(utterance.encode()).digest()) % n_shards


def write_shards(manifest: pd.DataFrame, n_shards: int, folder: Path) -> None:
    """Write a manifest for each shard of a corpus, ``0.csv`` …; one that did not change has the same bytes again.

    Args:
        manifest: utterances of the corpus, columns ``MANIFEST_COLUMNS``.
        n_shards: number of shards; one without utterances has a manifest without rows.
        folder: where the manifests shall be; made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = manifest["utterance"].map(lambda utterance: shard_of(utterance, n_shards))
    for shard in range(n_shards):
        write_manifest(manifest[shards == shard], folder / f"{shard}.csv")


def write_longest(manifest: pd.DataFrame, path: Path) -> None:
    """Write the duration of a corpus' longest utterance, in seconds: no shard alone knows it."""
    write_text_atomically(path, f"{manifest['duration_s'].max():.6f}\n")


def read_longest(path: Path) -> float:
    """What :func:`write_longest` wrote, in seconds.

    Raises:
        InputError: if it is missing or damaged.
    """
    expected = "a duration in seconds"
    text = read_text(path, expected)
    try:
        return float(text)
    except ValueError as error:
        raise damaged(path, f"is {text[:40]!r}", expected) from error
