"""Shards of a corpus: parts whose features are extracted as separate jobs."""

from hashlib import sha256
from pathlib import Path

import pandas as pd

from emofactors.corpora.manifest import write_manifest
from emofactors.io.atomic import damaged, read_text, write_text_atomically


def shard_of(utterance: str, n_shards: int) -> int:
    """Return the shard of an utterance, from 0; it depends only on the utterance's name.

    Example:
        >>> [shard_of(name, 3) for name in ("03a01Fa", "03a01Nc", "03a01Wa")]
        [1, 2, 0]
    """
    return int.from_bytes(sha256(utterance.encode()).digest()) % n_shards


def write_shards(manifest: pd.DataFrame, n_shards: int, folder: Path) -> None:
    """Write a manifest for each shard of a corpus: ``0.csv``, ``1.csv``, ...

    Args:
        manifest: utterances of the corpus, columns ``MANIFEST_COLUMNS``.
        n_shards: number of shards; the manifest of an empty shard has no rows.
        folder: folder of the manifests; created if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shards = manifest["utterance"].map(lambda utterance: shard_of(utterance, n_shards))
    for shard in range(n_shards):
        write_manifest(manifest[shards == shard], folder / f"{shard}.csv")


def write_longest(manifest: pd.DataFrame, path: Path) -> None:
    """Write the duration of the longest utterance of a corpus, in seconds."""
    write_text_atomically(path, f"{manifest['duration_s'].max():.6f}\n")


def read_longest(path: Path) -> float:
    """Read the duration written by :func:`write_longest`, in seconds.

    Raises:
        InputError: if it is missing or damaged.
    """
    expected = "a duration in seconds"
    text = read_text(path, expected)
    try:
        return float(text)
    except ValueError as error:
        raise damaged(path, f"is {text[:40]!r}", expected) from error
