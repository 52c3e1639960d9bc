"""Run a system over a split."""

import numpy as np
import torch

from emofactors.jobs.device import autocast
from emofactors.systems.base import System
from emofactors.training.batches import sorted_batches
from emofactors.training.dataset import SplitData
from emofactors.training.predictions import ModelOutputs, merge_segments


@torch.inference_mode()
def model_outputs(system: System, data: SplitData, *, split: str, batch_size: int, precision: str) -> ModelOutputs:
    """Return logits and embeddings of the utterances of a split, float32, in evaluation mode.

    Args:
        system: the system; it is left in evaluation mode.
        data: the data of the split, at least one row.
        split: name of the split.
        batch_size: rows per batch.
        precision: ``float32`` or ``bfloat16``.

    Returns:
        One row per utterance, in the order of ``data``; see :func:`merge_segments`.
    """
    system.eval()
    arrays: tuple[np.ndarray, np.ndarray] | None = None
    for chosen in sorted_batches(data.n_frames, batch_size):
        batch = data.batch(chosen, system.min_frames)
        with autocast(batch.features.device, precision):
            output = system(batch)
        if arrays is None:
            # Allocated once: small arrays kept from each batch would fragment the memory of the next.
            arrays = (
                np.empty((len(data), output.logits.shape[1]), np.float32),
                np.empty((len(data), output.embedding.shape[1]), np.float32),
            )
        logits, embedding = arrays
        logits[chosen] = output.logits.float().cpu().numpy()
        embedding[chosen] = output.embedding.float().cpu().numpy()
    assert arrays is not None  # the split has at least one row
    return merge_segments(ModelOutputs(split, data.utterances, data.speakers, data.emotion, *arrays))
