"""What a trained system says of every utterance of a fold."""

import time
from collections.abc import Mapping, Sequence

from emofactors.systems.base import System
from emofactors.training.dataset import SplitData
from emofactors.training.fit import infer
from emofactors.training.predictions import ModelOutputs, Predictions, as_predictions, of_utterances


def predict(
    system: System,
    splits: Mapping[str, SplitData],
    classes: Sequence[str],
    *,
    batch_size: int,
    precision: str,
) -> Predictions:
    """Hear every utterance of a fold once.

    Args:
        system: trained.
        splits: split -> its data; an empty split is left out.
        classes: classes of the task, in order.
        batch_size: utterances, or segments of them, heard together.
        precision: ``float32`` or ``bfloat16``.

    Returns:
        Predictions of every split but train, embeddings of all splits.
    """
    heard, wall_s = [], 0.0
    for name, split in splits.items():
        if len(split) == 0:
            continue
        started = time.monotonic()
        logits, embedding = infer(system, split, batch_size, precision)
        wall_s += time.monotonic() - started
        rows = ModelOutputs(name, split.utterances, split.speakers, split.emotion, logits, embedding)
        heard.append(of_utterances(rows))
    return as_predictions(heard, classes, wall_s=wall_s)
