"""Standardisation: every frequency bin to mean 0 and std 1, by the statistics of the training rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emofactors.features.archive import FeatureArchive

#: Names beside a model's weights.
_MEAN, _STD = "standardisation.mean", "standardisation.std"


@dataclass(frozen=True)
class Standardisation:
    """Mean and std of each frequency bin.

    Attributes:
        mean: in the unit of the features, float32, shape (F,).
        std: of the population, never 0, float32, shape (F,).
    """

    mean: np.ndarray
    std: np.ndarray

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Features (T, F) in units of the std around the mean, float32 (T, F)."""
        return (features - self.mean) / self.std

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Both by their names beside a model's weights."""
        return {_MEAN: self.mean, _STD: self.std}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self | None:
        """What :meth:`to_arrays` said, among other arrays or tensors; None where it is not there.

        Raises:
            ValueError: if one is there without the other, or they are no rows of as many float32.
        """
        if _MEAN not in arrays and _STD not in arrays:
            return None
        found = [np.asarray(arrays[name]) for name in (_MEAN, _STD) if name in arrays]
        kinds = {(array.dtype, array.shape) for array in found}
        if len(found) != 2 or len(kinds) != 1 or found[0].dtype != np.float32 or found[0].ndim != 1:
            raise ValueError(f"{_MEAN} and {_STD} are no two rows of as many float32")
        return cls(*found)


def fit_standardisation(archive: FeatureArchive, utterances: Sequence[str]) -> Standardisation:
    """Mean and std over all frames of some utterances, each frame counting once.

    Sums are kept in float64, and squares are taken of distances from the mean.
    A bin that does not vary has std 1: standardised, it is 0.

    Source: Dai et al. 2019, public code (one mean and std a bin, over training frames).

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
        raise ValueError("no utterance to learn mean and std from")
    n_frames = sum(archive.n_frames(utterance) for utterance in utterances)
    mean = sum(archive[u].sum(axis=0, dtype=np.float64) for u in utterances) / n_frames  # (F,)
    variance = sum(np.square(archive[u] - mean).sum(axis=0) for u in utterances) / n_frames  # (F,)
    std = np.sqrt(variance)
    constant = std <= np.finfo(np.float32).eps * np.abs(mean)  # nothing but rounding
    return Standardisation(
        mean=mean.astype(np.float32),
        std=np.where(constant, 1.0, std).astype(np.float32),
    )
