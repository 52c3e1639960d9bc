"""Predictions and embeddings of one run as files. No torch: a job of a support vector machine does not load it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emofactors.io.csv import write_csv
from emofactors.training.posteriors import log_softmax, softmax

#: The training split: its embeddings are written, its predictions are not.
TRAINING_SPLIT = "train"


@dataclass(frozen=True)
class ModelOutputs:
    """Outputs of a trained system for the utterances of one split, or for their segments.

    Attributes:
        split: name of the split.
        utterances: N names; an utterance in segments has one row per segment, in order.
        speakers: speaker of each row, N entries.
        emotion: class index of each row, (N,).
        logits: logits of each class, (N, C).
        embedding: embedding of each row, (N, D), float32.
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
        table: utterance, speaker, split, truth, prediction and p_<class> of each class; every split but train.
        embedding: embeddings of every split, (N, D), float32.
        labels: utterance, split, emotion and speaker of each embedding, N rows.
        utterances_per_s: speed of inference, in utterances of all splits per second.
    """

    table: pd.DataFrame
    embedding: np.ndarray
    labels: pd.DataFrame
    utterances_per_s: float

    def save(self, predictions: Path, embeddings: Path | None = None) -> None:
        """Write predictions as CSV and, with a second path, embeddings as NPZ; equal values give equal bytes."""
        write_csv(predictions, self.table, float_format="%.6f")
        if embeddings is None:
            return
        labels: dict[str, Any] = {name: self.labels[name].to_numpy(dtype=str) for name in self.labels.columns}
        with Path(embeddings).open("wb") as file:
            np.savez(file, embedding=self.embedding, **labels)


def merge_segments(outputs: ModelOutputs) -> ModelOutputs:
    """Merge the segments of each utterance into one row.

    The posterior of a class is its maximum over the segments, the embedding
    their mean. Utterances with one row are unchanged.

    Source: Chen et al. 2018, public code (score of an utterance).

    Args:
        outputs: outputs of segments or of whole utterances.

    Returns:
        One row per utterance, in the order of first rows; logits of merged rows are the logarithm of the
        maximum posteriors, which a softmax normalises.
    """
    names = np.array(outputs.utterances)
    first = np.flatnonzero(np.append(True, names[1:] != names[:-1])[: len(names)])  # (U,)
    if len(first) == len(names):
        return outputs
    n_segments = np.diff(np.append(first, len(names)))[:, None]  # (U, 1)
    log_posterior = np.maximum.reduceat(log_softmax(outputs.logits.astype(np.float64)), first)  # (U, C)
    embedding = np.add.reduceat(outputs.embedding, first) / n_segments.astype(outputs.embedding.dtype)
    return replace(
        outputs,
        utterances=[outputs.utterances[i] for i in first.tolist()],
        speakers=[outputs.speakers[i] for i in first.tolist()],
        emotion=outputs.emotion[first],
        logits=np.where(n_segments == 1, outputs.logits[first], log_posterior),
        embedding=embedding,
    )


def as_predictions(outputs: Iterable[ModelOutputs], classes: Sequence[str], *, wall_s: float) -> Predictions:
    """Convert the outputs of each split to the tables of a run.

    Args:
        outputs: outputs of the splits that have utterances, one row per utterance. The class with the highest
            logit is predicted; p_<class> is the softmax of the logits.
        classes: classes of the task, in order.
        wall_s: duration of inference in seconds.

    Returns:
        Predictions of every split but train, embeddings of all splits.
    """
    tables, embeddings, labels = [], [], []
    for split in outputs:
        table = pd.DataFrame(
            {
                "utterance": split.utterances,
                "speaker": split.speakers,
                "split": split.split,
                "truth": [classes[i] for i in split.emotion],
            }
        )
        embeddings.append(split.embedding)
        labels.append(table.rename(columns={"truth": "emotion"}))
        if split.split != TRAINING_SPLIT:
            table["prediction"] = [classes[i] for i in split.logits.argmax(axis=1)]
            posterior = softmax(split.logits.astype(np.float64))  # (N, C)
            for i, emotion in enumerate(classes):
                table[f"p_{emotion}"] = posterior[:, i]
            tables.append(table)
    columns = ["utterance", "speaker", "split", "truth", "prediction", *(f"p_{c}" for c in classes)]
    embedding = np.concatenate(embeddings)
    return Predictions(
        table=pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns),
        embedding=embedding,
        labels=pd.concat(labels, ignore_index=True),
        utterances_per_s=len(embedding) / wall_s,
    )
