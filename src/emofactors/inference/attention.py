"""Attention of a trained system over time, and the effect of the order of frames."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from emofactors.errors import InputError
from emofactors.evaluation.statistics.metrics import confusion_matrix, unweighted_accuracy
from emofactors.io.atomic import write_text_atomically
from emofactors.systems.base import Batch, System
from emofactors.training.dataset import SplitData

#: Largest number of utterances whose attention is written: one per class, as many as fit a figure.
_N_UTTERANCES = 5


@dataclass(frozen=True)
class ColumnShuffle:
    """Comparison of the outputs for test utterances with those for the same frames in random order.

    Attributes:
        n_utterances: number of test utterances of the fold.
        largest_logit: largest absolute logit of the original utterances.
        largest_logit_change: largest absolute difference between original and shuffled logits.
        changed_predictions: number of utterances whose predicted class changes.
        ua: UA of the original utterances in percent; None if a class has no test utterance.
        ua_shuffled: UA of the shuffled utterances in percent, likewise.
    """

    n_utterances: int
    largest_logit: float
    largest_logit_change: float
    changed_predictions: int
    ua: float | None
    ua_shuffled: float | None

    def save(self, path: str | Path) -> None:
        """Write the comparison as JSON."""
        write_text_atomically(path, json.dumps(asdict(self), indent=2) + "\n")


@dataclass(frozen=True)
class AttentionMaps:
    """Attention of the class token of a system, for n utterances.

    Attributes:
        utterance: names of the utterances, (n,).
        emotion: true class of each, (n,).
        prediction: predicted class of each, (n,).
        image: input of the system, (n, T, F), float32, zero beyond the end of each utterance.
        n_frames: number of frames of each, (n,).
        attention: attention of the class token over time, (n, T); each row sums to 1.
    """

    utterance: np.ndarray
    emotion: np.ndarray
    prediction: np.ndarray
    image: np.ndarray
    n_frames: np.ndarray
    attention: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write the arrays as NPZ; equal values give equal bytes."""
        with Path(path).open("wb") as file:
            np.savez(file, **vars(self))


@torch.inference_mode()
def shuffle_columns(system: System, data: SplitData, batch_size: int, seed: int) -> ColumnShuffle:
    """Compare the outputs for utterances with those for their frames in random order, in float32.

    A system with equal logits for both does not use the order of frames.

    Args:
        system: a trained system; it is left in evaluation mode.
        data: the utterances, at least one.
        batch_size: utterances per batch.
        seed: seed of the random orders.

    Returns:
        The changes of logits and predictions.
    """
    system.eval()
    generator = np.random.default_rng(seed)
    original_batches, shuffled_batches = [], []
    for first in range(0, len(data), batch_size):
        batch = data.batch(np.arange(first, min(first + batch_size, len(data))), system.min_frames)
        original_batches.append(system(batch).logits.float().cpu())
        shuffled_batches.append(system(_shuffled(batch, generator)).logits.float().cpu())
    original, shuffled = torch.cat(original_batches).numpy(), torch.cat(shuffled_batches).numpy()  # (N, C)
    return ColumnShuffle(
        n_utterances=len(data),
        largest_logit=float(np.abs(original).max()),
        largest_logit_change=float(np.abs(shuffled - original).max()),
        changed_predictions=int((shuffled.argmax(axis=1) != original.argmax(axis=1)).sum()),
        ua=_ua_percent(original, data.emotion),
        ua_shuffled=_ua_percent(shuffled, data.emotion),
    )


@torch.inference_mode()
def attention_maps(system: System, data: SplitData, classes: Sequence[str]) -> AttentionMaps:
    """Return the class token's attention over time for the first utterance of each of the first classes.

    Args:
        system: a trained system with a class token; it is left in evaluation mode.
        data: the utterances to choose from.
        classes: classes of the task, in order.

    Returns:
        The maps, in the order of the classes.

    Raises:
        InputError: if the system has no class token.
    """
    if not hasattr(system, "class_attention"):
        raise InputError(
            f"figure of kind attention: {type(system).__name__} has no class token, expected one like vit_transfer"
        )
    system.eval()
    of_class = [np.flatnonzero(data.emotion == index) for index in range(len(classes))]
    chosen = np.array([rows[0] for rows in of_class if len(rows)][:_N_UTTERANCES])
    batch = data.batch(chosen, system.min_frames)
    predicted = system(batch).logits.argmax(dim=1).cpu().numpy()
    return AttentionMaps(
        utterance=np.array([data.utterances[i] for i in chosen]),
        emotion=np.array([classes[i] for i in data.emotion[chosen]]),
        prediction=np.array([classes[i] for i in predicted]),
        image=batch.features.cpu().numpy(),
        n_frames=batch.n_frames.cpu().numpy(),
        attention=system.class_attention(batch).float().cpu().numpy(),
    )


def _shuffled(batch: Batch, generator: np.random.Generator) -> Batch:
    """Shuffle the frames of each utterance; its padding stays in place."""
    n_frames = batch.n_frames.tolist()
    order = np.tile(np.arange(batch.features.shape[1]), (len(n_frames), 1))  # (B, T)
    for row, length in zip(order, n_frames, strict=True):
        row[:length] = generator.permutation(length)
    index = torch.from_numpy(order).to(batch.features.device)[:, :, None].expand_as(batch.features)
    return Batch(features=batch.features.gather(1, index), n_frames=batch.n_frames, emotion=batch.emotion)


def _ua_percent(logits: np.ndarray, emotion: np.ndarray) -> float | None:
    """Return the UA of logits (N, C) in percent; None if a class has no utterance."""
    confusion = confusion_matrix(emotion, logits.argmax(axis=1), logits.shape[1])
    return float(100 * unweighted_accuracy(confusion)) if (confusion.sum(axis=1) > 0).all() else None
