"""Codes of the utterances that did not train a decomposer."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from emofactors.config.labels import FACTORS
from emofactors.corpora.splits import Fold
from emofactors.features.archive import Archive
from emofactors.inference.decomposer import MEAN_SPEAKER, Decomposer
from emofactors.io.csv import rows_of
from emofactors.jobs.device import autocast
from emofactors.nn.segments import join_segments, kept_rows, segments
from emofactors.training.predictions import TRAINING_SPLIT

#: Splits of a fold that did not train its decomposer.
SPLITS_OF_CODES = ("dev", "test", "held_out")


@dataclass(frozen=True)
class HeldOutCodes:
    """Concatenated codes of the utterances of a fold that did not train: M codes of N utterances.

    Attributes:
        codes: ``content``, ``rhythm`` and ``pitch``, (M, D) each, and ``spectrogram``, the mean of the frames of
            each code, (M, F); float32.
        utterance: index of the utterance of each code, (M,), int64.
        labels: utterance, speaker, emotion and split, N rows.
        reconstruction: split -> mean squared error of the reconstructed segments (``mel``), and of the mean
            training frame (``mean_spectrogram``).
    """

    codes: Mapping[str, np.ndarray]
    utterance: np.ndarray
    labels: pd.DataFrame
    reconstruction: Mapping[str, Mapping[str, float]]

    def save(self, path: Path) -> None:
        """Write all but the reconstruction errors as NPZ; equal values give equal bytes."""
        columns = {"utterance": "utterances", "speaker": "speakers", "emotion": "emotions", "split": "splits"}
        labels = {name: self.labels[column].to_numpy(dtype=str) for column, name in columns.items()}
        arrays: dict[str, Any] = {**self.codes, "utterance": self.utterance, **labels}
        with Path(path).open("wb") as file:
            np.savez(file, **arrays)


@torch.inference_mode()
def held_out_codes(system: Decomposer, fold: Fold, archive: Archive, precision: str) -> HeldOutCodes:
    """Encode the utterances of a fold that did not train.

    Each utterance is encoded alone, in the segments that are reconstructed for
    classifiers as well. Codes that end in padding, or begin in frames of the segment
    before, are left out. Errors are those of the segments without the padding.

    Args:
        system: a trained decomposer; it is left in evaluation mode.
        fold: the fold.
        archive: log-Mel frames and pitch.
        precision: ``float32`` or ``bfloat16``.

    Returns:
        The codes.
    """
    system.eval()
    device = next(system.parameters()).device
    training = list(fold.of_split(TRAINING_SPLIT)["utterance"])
    n_mels = archive.n_bins - 1
    mean = sum(archive[u][:, :n_mels].sum(axis=0, dtype=np.float64) for u in training)
    mean = (mean / sum(archive.n_frames(u) for u in training)).astype(np.float32)
    labels = pd.concat([fold.of_split(split) for split in SPLITS_OF_CODES], ignore_index=True)
    length, downsample = system.reconstructed_frames, system.downsample
    counts = np.array(
        [
            sum(kept.stop - kept.start for kept in kept_rows(archive.n_frames(u), length, downsample))
            for u in labels["utterance"]
        ],
        dtype=np.int64,
    )
    all_codes: dict[str, np.ndarray] = {}
    errors: dict[str, np.ndarray] = {}
    for row, n_codes, end in zip(rows_of(labels), counts, counts.cumsum(), strict=True):
        frames = torch.from_numpy(archive[row.utterance])
        speech = segments(frames, length).to(device)  # (K, length, F)
        with autocast(device, precision):
            codes = system.encode(speech)
            speaker = system.speaker_embedding(torch.full((len(speech),), MEAN_SPEAKER, device=device))
            decoded = system.decode(codes, speaker)
        # All segments have the same number of frames that are no padding.
        mel, reconstructed = speech[:, : len(frames), :n_mels].cpu(), decoded[:, : len(frames)].float().cpu()
        by_code = {"spectrogram": speech[..., :n_mels].unflatten(1, (-1, downsample)).mean(dim=2)}
        by_code |= {factor: getattr(codes, factor).float() for factor in FACTORS}
        of_utterance = {name: join_segments(part.cpu(), len(frames), downsample) for name, part in by_code.items()}
        if not all_codes:
            # Allocated once: small arrays kept from each utterance would fragment the memory of the next.
            all_codes = {
                name: np.empty((counts.sum(), part.shape[1]), np.float32) for name, part in of_utterance.items()
            }
        for name, part in of_utterance.items():
            all_codes[name][end - n_codes : end] = part.numpy()
        sums = errors.setdefault(row.split, np.zeros(3))
        sums += [
            float((reconstructed - mel).square().sum()),
            float(np.square(mel.numpy() - mean).sum()),
            mel.numel(),
        ]
    return HeldOutCodes(
        codes=all_codes,
        utterance=np.repeat(np.arange(len(labels)), counts),
        labels=labels,
        reconstruction={
            split: {"mel": float(of_mel / n), "mean_spectrogram": float(of_mean / n)}
            for split, (of_mel, of_mean, n) in errors.items()
        },
    )
