"""Predictions and embeddings of one run as files; whatever made them, no torch from here on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import log_softmax, softmax

from emofactors.io.csv import write_csv

#: The split whose predictions are not kept: they are of no use, its embeddings are.
TRAINING_SPLIT = "train"


@dataclass(frozen=True)
class ModelOutputs:
    """What a trained system made of the utterances of one split, or of their segments.

    Attributes:
        split: name of the split.
        utterances: N names; an utterance in segments has a row for each of them, one after the other.
        speakers: speaker of each, N entries.
        emotion: class index of each, (N,).
        logits: of each class before softmax, (N, C).
        embedding: (N, D), float32.
    """

    split: str
    utterances: Sequence[str]
    speakers: Sequence[str]
    emotion: np.ndarray
    logits: np.ndarray
    embedding: np.ndarray


@dataclass(frozen=True)
class Predictions:
    """Predictions and embeddings of one run.

    Attributes:
        table: utterance, speaker, split, truth, prediction, p_<class> for each class; every split but train.
        embedding: of every split, (N, D), float32.
        labels: utterance, split, emotion and speaker of each embedding, N rows.
        utterances_per_s: utterances heard a second, all splits.
    """

    table: pd.DataFrame
    embedding: np.ndarray
    labels: pd.DataFrame
    utterances_per_s: float

    def save(self, predictions: Path, embeddings: Path | None = None) -> None:
        """Write both, or predictions alone; the same numbers give the same bytes."""
        write_csv(predictions, self.table, float_format="%.6f")
        if embeddings is None:
            return
        labels: dict[str, Any] = {name: self.labels[name].to_numpy(dtype=str) for name in self.labels.columns}
        with Path(embeddings).open("wb") as file:
            np.savez(file, embedding=self.embedding, **labels)


def of_utterances(heard: ModelOutputs) -> ModelOutputs:
    """One row an utterance, where rows are segments.

    The posterior of a class is its largest in any segment, the embedding is
    their mean. An utterance that is one row stays as it is, bit by bit.

    Source: Chen et al. 2018, public code (an utterance's score).

    Args:
        heard: segments, or whole utterances.

    Returns:
        The utterances, in the order of their first rows; logits of several segments are the logarithm of the
        largest posteriors, which the softmax brings to a sum of 1.
    """
    names = np.array(heard.utterances)
    first = np.flatnonzero(np.append(True, names[1:] != names[:-1])[: len(names)])  # (U,)
    if len(first) == len(names):
        return heard
    n_segments = np.diff(np.append(first, len(names)))[:, None]  # (U, 1)
    posterior = np.maximum.reduceat(log_softmax(heard.logits.astype(np.float64), axis=1), first)  # (U, C), log
    embedding = np.add.reduceat(heard.embedding, first) / n_segments.astype(heard.embedding.dtype)
    return replace(
        heard,
        utterances=[heard.utterances[i] for i in first.tolist()],
        speakers=[heard.speakers[i] for i in first.tolist()],
        emotion=heard.emotion[first],
        logits=np.where(n_segments == 1, heard.logits[first], posterior),
        embedding=embedding,
    )


def as_predictions(heard: Iterable[ModelOutputs], classes: Sequence[str], *, wall_s: float) -> Predictions:
    """What was heard of each split, as the tables of a run.

    Args:
        heard: the splits that have utterances, a row an utterance; the class with the highest logit is predicted,
            and p_<class> is the softmax of the logits.
        classes: classes of the task, in order.
        wall_s: seconds it took to hear them all.

    Returns:
        Predictions of every split but train, embeddings of all splits.
    """
    tables, embeddings, labels = [], [], []
    for split in heard:
        about = pd.DataFrame(
            {
                "utterance": split.utterances,
                "speaker": split.speakers,
                "split": split.split,
                "truth": [classes[i] for i in split.emotion],
            }
        )
        embeddings.append(split.embedding)
        labels.append(about.rename(columns={"truth": "emotion"}))
        if split.split != TRAINING_SPLIT:
            about["prediction"] = [classes[i] for i in split.logits.argmax(axis=1)]
            posterior = softmax(split.logits.astype(np.float64), axis=1)  # (N, C)
            for i, emotion in enumerate(classes):
                about[f"p_{emotion}"] = posterior[:, i]
            tables.append(about)
    columns = ["utterance", "speaker", "split", "truth", "prediction", *(f"p_{c}" for c in classes)]
    embedding = np.concatenate(embeddings)
    return Predictions(
        table=pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns),
        embedding=embedding,
        labels=pd.concat(labels, ignore_index=True),
        utterances_per_s=len(embedding) / wall_s,
    )
