"""What a trained system says of every utterance of a fold."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from emofactors.systems.base import System
from emofactors.training.batches import RoleData
from emofactors.training.fit import infer

#: Roles whose predictions are kept; the training rows' are of no use, their embeddings are.
PREDICTED_ROLES = ("dev", "test")


@dataclass(frozen=True)
class Predictions:
    """Predictions and embeddings of one run.

    Attributes:
        table: utterance, speaker, role, truth, prediction, p_<class> for each class; dev and test.
        embedding: of train, dev and test, (N, D), float32.
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


def predict(
    system: System,
    roles: Mapping[str, RoleData],
    classes: Sequence[str],
    *,
    batch_size: int,
    precision: str,
) -> Predictions:
    """Hear every utterance of a fold once.

    Args:
        system: trained.
        roles: role -> its data; an empty role is left out.
        classes: classes of the task, in order.
        batch_size: utterances heard together.
        precision: ``float32`` or ``bfloat16``.

    Returns:
        Predictions of dev and test, embeddings of all roles.
    """
    tables, embeddings, labels, wall_s = [], [], [], 0.0
    for name, role in roles.items():
        if len(role) == 0:
            continue
        started = time.monotonic()
        logits, embedding = infer(system, role, batch_size, precision)
        wall_s += time.monotonic() - started
        about = pd.DataFrame(
            {
                "utterance": role.utterances,
                "speaker": role.speakers,
                "role": name,
                "truth": [classes[i] for i in role.emotion],
            }
        )
        embeddings.append(embedding)
        labels.append(about.rename(columns={"truth": "emotion"}))
        if name in PREDICTED_ROLES:
            about["prediction"] = [classes[i] for i in logits.argmax(axis=1)]
            posterior = torch.from_numpy(logits).double().softmax(dim=1).numpy()  # (N, C)
            for i, emotion in enumerate(classes):
                about[f"p_{emotion}"] = posterior[:, i]
            tables.append(about)
    columns = ["utterance", "speaker", "role", "truth", "prediction", *(f"p_{c}" for c in classes)]
    return Predictions(
        table=pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns),
        embedding=np.concatenate(embeddings),
        labels=pd.concat(labels, ignore_index=True),
        utterances_per_s=sum(map(len, roles.values())) / wall_s,
    )
