"""Scatter of embeddings: how compact the classes of emotions are."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from emofactors.evaluation.embedding_probes import Embeddings

#: ``speaker`` is the one who is left out, or empty; ``n`` is the number of utterances with all speakers.
SCATTER_COLUMNS = ("split", "fold", "seed", "speaker", "n", "share")

_SPLITS = ("train", "test")


def measure_scatter(runs: Mapping[tuple[int, int], Embeddings]) -> pd.DataFrame:
    """Measure the scatter of training and test embeddings within the classes of emotions, in every run.

    Args:
        runs: (fold, seed) -> embeddings.

    Returns:
        Columns ``SCATTER_COLUMNS``: for each split and run :func:`within_class_share` of all utterances, and
        without each speaker.
    """
    rows = []
    for (fold, seed), embeddings in sorted(runs.items()):
        for split in _SPLITS:
            of = embeddings.of_split(split)
            run = {"split": split, "fold": fold, "seed": seed, "n": len(of.embedding)}
            for speaker in ("", *np.unique(of.speaker).tolist()):
                is_left = of.speaker != speaker
                share = within_class_share(of.embedding[is_left], of.emotion[is_left])
                rows.append(run | {"speaker": speaker, "share": share})
    return pd.DataFrame(rows, columns=list(SCATTER_COLUMNS))


def within_class_share(embedding: np.ndarray, label: np.ndarray) -> float:
    """Return the share of the scatter of embeddings that is within classes.

    Scatter is the sum of squared distances to a mean: of the class within classes, and
    of all embeddings in total, which is the sum of that within and between classes.

    Source: traces of the scatter matrices of Fisher's discriminant analysis.

    Args:
        embedding: shape (N, D).
        label: class of each embedding, shape (N,).

    Returns:
        The share, in [0, 1]: 0 if each class is one point, 1 if all classes have the same mean; NaN without
        embeddings or if all are equal.

    Example:
        >>> embedding = np.array([[0.0], [2.0], [4.0], [6.0]])  # within 1 + 1 + 1 + 1, in total 9 + 1 + 1 + 9
        >>> within_class_share(embedding, np.array(["a", "a", "b", "b"]))
        0.2
    """
    embedding = np.asarray(embedding, dtype=np.float64)
    if not len(embedding):
        return float("nan")
    total = np.square(embedding - embedding.mean(axis=0)).sum()
    within = sum(
        np.square(of_class - of_class.mean(axis=0)).sum()
        for of_class in (embedding[label == name] for name in np.unique(label))
    )
    return float(within / total) if total > 0 else float("nan")
