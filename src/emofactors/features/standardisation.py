"""Standardisation: every frequency bin to mean 0 and deviation 1, by the statistics of the training rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emofactors.features.archive import FeatureArchive


@dataclass(frozen=True)
class Standardisation:
    """Mean and deviation of each frequency bin.

    Attributes:
        mean: in the unit of the features, float32, shape (F,).
        deviation: of the population, never 0, float32, shape (F,).
    """

    mean: np.ndarray
    deviation: np.ndarray

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Features (T, F) in units of the deviation around the mean, float32 (T, F)."""
        return (features - self.mean) / self.deviation


def fit_standardisation(archive: FeatureArchive, utterances: Sequence[str]) -> Standardisation:
    """Mean and deviation over all frames of some utterances, each frame counting once.

    Sums are kept in float64, and squares are taken of distances from the mean.
    A bin that does not vary has deviation 1: standardised, it is 0.

    Source: Dai et al. 2019, public code (one mean and deviation a bin, over training frames).

    Args:
        archive: features of the corpus.
        utterances: those to learn from: training rows only.

    Returns:
        The statistics.

    Raises:
        ValueError: if there is no utterance.
        InputError: if the archive lacks one.
    """
    if len(utterances) == 0:
        raise ValueError("no utterance to learn mean and deviation from")
    n_frames = sum(archive.n_frames(utterance) for utterance in utterances)
    mean = sum(archive[u].sum(axis=0, dtype=np.float64) for u in utterances) / n_frames  # (F,)
    variance = sum(np.square(archive[u] - mean).sum(axis=0) for u in utterances) / n_frames  # (F,)
    deviation = np.sqrt(variance)
    constant = deviation <= np.finfo(np.float32).eps * np.abs(mean)  # nothing but rounding
    return Standardisation(
        mean=mean.astype(np.float32),
        deviation=np.where(constant, 1.0, deviation).astype(np.float32),
    )
