"""What a trained system says of every utterance of a fold."""

import time
from collections.abc import Mapping, Sequence

from emofactors.systems.base import System
from emofactors.training.batches import RoleData
from emofactors.training.fit import infer
from emofactors.training.predictions import Heard, Predictions, as_predictions, of_utterances


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
        batch_size: utterances, or segments of them, heard together.
        precision: ``float32`` or ``bfloat16``.

    Returns:
        Predictions of every role but train, embeddings of all roles.
    """
    heard, wall_s = [], 0.0
    for name, role in roles.items():
        if len(role) == 0:
            continue
        started = time.monotonic()
        logits, embedding = infer(system, role, batch_size, precision)
        wall_s += time.monotonic() - started
        rows = Heard(name, role.utterances, role.speakers, role.emotion, logits, embedding)
        heard.append(of_utterances(rows))
    return as_predictions(heard, classes, wall_s=wall_s)
