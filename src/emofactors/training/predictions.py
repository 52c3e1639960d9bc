"""Predictions and embeddings of one run as files; whatever made them, no torch from here on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import softmax

#: The role whose predictions are not kept: they are of no use, its embeddings are.
TRAINING_ROLE = "train"


@dataclass(frozen=True)
class Heard:
    """What a trained system made of the utterances of one role.

    Attributes:
        role: name of the role.
        utterances: N names.
        speakers: speaker of each, N entries.
        emotion: class index of each, (N,).
        logits: of each class before softmax, (N, C).
        embedding: (N, D), float32.
    """

    role: str
    utterances: Sequence[str]
    speakers: Sequence[str]
    emotion: np.ndarray
    logits: np.ndarray
    embedding: np.ndarray


@dataclass(frozen=True)
class Predictions:
    """Predictions and embeddings of one run.

    Attributes:
        table: utterance, speaker, role, truth, prediction, p_<class> for each class; every role but train.
        embedding: of every role, (N, D), float32.
        labels: utterance, role, emotion and speaker of each embedding, N rows.
        utterances_per_s: utterances heard a second, all roles.
    """

    table: pd.DataFrame
    embedding: np.ndarray
    labels: pd.DataFrame
    utterances_per_s: float

    def save(self, predictions: Path, embeddings: Path) -> None:
        """Write both; the same numbers give the same bytes."""
        self.table.to_csv(predictions, index=False, lineterminator="\n", float_format="%.6f")
        labels = {name: self.labels[name].to_numpy(dtype=str) for name in self.labels.columns}
        with Path(embeddings).open("wb") as file:
            np.savez(file, embedding=self.embedding, **labels)


def as_predictions(heard: Iterable[Heard], classes: Sequence[str], *, wall_s: float) -> Predictions:
    """What was heard of each role, as the tables of a run.

    Args:
        heard: the roles that have utterances; the class with the highest logit is predicted, and
            p_<class> is the softmax of the logits.
        classes: classes of the task, in order.
        wall_s: seconds it took to hear them all.

    Returns:
        Predictions of every role but train, embeddings of all roles.
    """
    tables, embeddings, labels = [], [], []
    for role in heard:
        about = pd.DataFrame(
            {
                "utterance": role.utterances,
                "speaker": role.speakers,
                "role": role.role,
                "truth": [classes[i] for i in role.emotion],
            }
        )
        embeddings.append(role.embedding)
        labels.append(about.rename(columns={"truth": "emotion"}))
        if role.role != TRAINING_ROLE:
            about["prediction"] = [classes[i] for i in role.logits.argmax(axis=1)]
            posterior = softmax(role.logits.astype(np.float64), axis=1)  # (N, C)
            for i, emotion in enumerate(classes):
                about[f"p_{emotion}"] = posterior[:, i]
            tables.append(about)
    columns = ["utterance", "speaker", "role", "truth", "prediction", *(f"p_{c}" for c in classes)]
    embedding = np.concatenate(embeddings)
    return Predictions(
        table=pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns),
        embedding=embedding,
        labels=pd.concat(labels, ignore_index=True),
        utterances_per_s=len(embedding) / wall_s,
    )
