"""What a trained system hears in time: where its class token looks, and whether the order of frames matters."""

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

#: Utterances whose attention is kept: one of each of so many classes fit a figure.
_N_SHOWN = 5


@dataclass(frozen=True)
class ColumnShuffle:
    """A system's test utterances heard as they are, and again with their frames in random order.

    Attributes:
        n_utterances: test utterances of the fold.
        largest_logit: largest absolute logit of the utterances as they are.
        largest_logit_change: largest absolute difference of a logit between the two.
        changed_predictions: utterances that are recognised as another class.
        ua: UA of the utterances as they are, in percent; None where a class has no test utterance.
        ua_shuffled: UA with frames in random order, likewise.
    """

    n_utterances: int
    largest_logit: float
    largest_logit_change: float
    changed_predictions: int
    ua: float | None
    ua_shuffled: float | None

    def save(self, path: str | Path) -> None:
        """Write it as JSON."""
        write_text_atomically(path, json.dumps(asdict(self), indent=2) + "\n")


@dataclass(frozen=True)
class AttentionMaps:
    """Where the class token of a system looks, in some utterances.

    Attributes:
        utterance: their names, (n,).
        emotion: their true class, (n,).
        prediction: the class they are recognised as, (n,).
        image: what the system saw, (n, T, F), float32, zero beyond each utterance's end.
        n_frames: frames of each, (n,).
        attention: of the class token over time, (n, T), each row sums to 1.
    """

    utterance: np.ndarray
    emotion: np.ndarray
    prediction: np.ndarray
    image: np.ndarray
    n_frames: np.ndarray
    attention: np.ndarray

    def save(self, path: str | Path) -> None:
        """Write them as NPZ; the same numbers give the same bytes."""
        with Path(path).open("wb") as file:
            np.savez(file, **vars(self))


@torch.inference_mode()
def shuffle_columns(system: System, split: SplitData, batch_size: int, seed: int) -> ColumnShuffle:
    """Hear utterances as they are and with the frames of each in a random order, in float32.

    A system that gives the same logits for both cannot know where in time anything was.

    Args:
        system: a trained system, in evaluation mode.
        split: the utterances, at least one.
        batch_size: utterances heard together.
        seed: of the orders.

    Returns:
        How much the logits and the predictions change.
    """
    generator = np.random.default_rng(seed)
    logits, shuffled = [], []
    for first in range(0, len(split), batch_size):
        batch = split.batch(np.arange(first, min(first + batch_size, len(split))), system.min_frames)
        logits.append(system(batch).logits.float().cpu())
        shuffled.append(system(_shuffled(batch, generator)).logits.float().cpu())
    before, after = torch.cat(logits).numpy(), torch.cat(shuffled).numpy()  # (N, C)
    return ColumnShuffle(
        n_utterances=len(split),
        largest_logit=float(np.abs(before).max()),
        largest_logit_change=float(np.abs(after - before).max()),
        changed_predictions=int((after.argmax(axis=1) != before.argmax(axis=1)).sum()),
        ua=_ua_percent(before, split.emotion),
        ua_shuffled=_ua_percent(after, split.emotion),
    )


@torch.inference_mode()
def attention_maps(system: System, split: SplitData, classes: Sequence[str]) -> AttentionMaps:
    """The class token's attention over time, of the first utterance of each of the first classes.

    Args:
        system: a trained system with a class token, in evaluation mode.
        split: the utterances to choose from.
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
    of_class = [np.flatnonzero(split.emotion == index) for index in range(len(classes))]
    chosen = np.array([rows[0] for rows in of_class if len(rows)][:_N_SHOWN])
    batch = split.batch(chosen, system.min_frames)
    predicted = system(batch).logits.argmax(dim=1).cpu().numpy()
    return AttentionMaps(
        utterance=np.array([split.utterances[i] for i in chosen]),
        emotion=np.array([classes[i] for i in split.emotion[chosen]]),
        prediction=np.array([classes[i] for i in predicted]),
        image=batch.features.cpu().numpy(),
        n_frames=batch.n_frames.cpu().numpy(),
        attention=system.class_attention(batch).float().cpu().numpy(),
    )


def _shuffled(batch: Batch, generator: np.random.Generator) -> Batch:
    """The frames of each utterance in a random order; what lies beyond its end stays there."""
    n_frames = batch.n_frames.tolist()
    order = np.tile(np.arange(batch.features.shape[1]), (len(n_frames), 1))  # (B, T)
    for row, length in zip(order, n_frames, strict=True):
        row[:length] = generator.permutation(length)
    index = torch.from_numpy(order).to(batch.features.device)[:, :, None].expand_as(batch.features)
    return Batch(features=batch.features.gather(1, index), n_frames=batch.n_frames, emotion=batch.emotion)


def _ua_percent(logits: np.ndarray, emotion: np.ndarray) -> float | None:
    """UA of logits (N, C), where every class is there."""
    confusion = confusion_matrix(emotion, logits.argmax(axis=1), logits.shape[1])
    return float(100 * unweighted_accuracy(confusion)) if (confusion.sum(axis=1) > 0).all() else None
