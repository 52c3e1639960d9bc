"""Standardisation of every frequency bin to mean 0 and std 1, over the training utterances or by speaker."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from emofactors.features.archive import Archive

#: Names of the arrays in a file of weights.
_MEAN, _STD = "standardisation.mean", "standardisation.std"


@dataclass(frozen=True)
class Standardisation:
    """Mean and std of each frequency bin.

    Attributes:
        mean: in the unit of the features, float32, shape (F,).
        std: population std, never 0, float32, shape (F,).
    """

    mean: np.ndarray
    std: np.ndarray

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Standardise features (T, F), float32 (T, F)."""
        return (features - self.mean) / self.std

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return both arrays under their names in a file of weights."""
        return {_MEAN: self.mean, _STD: self.std}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self | None:
        """Return the standardisation among named arrays or tensors; None if there is none.

        Raises:
            ValueError: if only one of the two arrays is present, or they are not float32 of one shape (F,).
        """
        if _MEAN not in arrays and _STD not in arrays:
            return None
        found = [np.asarray(arrays[name]) for name in (_MEAN, _STD) if name in arrays]
        kinds = {(array.dtype, array.shape) for array in found}
        if len(found) != 2 or len(kinds) != 1 or found[0].dtype != np.float32 or found[0].ndim != 1:
            shapes = ", ".join(f"{array.dtype} {array.shape}" for array in found)
            raise ValueError(f"{_MEAN} and {_STD} are {shapes}, expected two float32 arrays of one shape (F,)")
        return cls(*found)


def fit_standardisation(archive: Archive, utterances: Sequence[str]) -> Standardisation:
    """Compute mean and std over all frames of some utterances, each frame with equal weight.

    Sums are accumulated in float64, and squares are taken of differences from the mean.
    A constant bin gets std 1, so that it becomes 0.

    Source: Dai et al. 2019, public code (one mean and std per bin, over training frames).

    Args:
        archive: features of the corpus.
        utterances: training utterances.

    Raises:
        ValueError: if there is no utterance.
        InputError: if the archive lacks one.
    """
    if len(utterances) == 0:
        raise ValueError("utterances is empty, expected at least one to compute mean and std")
    n_frames = sum(archive.n_frames(utterance) for utterance in utterances)
    mean = sum(archive[u].sum(axis=0, dtype=np.float64) for u in utterances) / n_frames  # (F,)
    variance = sum(np.square(archive[u] - mean).sum(axis=0) for u in utterances) / n_frames  # (F,)
    std = np.sqrt(variance)
    constant = std <= np.finfo(np.float32).eps * np.abs(mean)  # rounding only
    return Standardisation(mean=mean.astype(np.float32), std=np.where(constant, 1.0, std).astype(np.float32))


def fit_by_speaker(
    archive: Archive, speaker_of: Mapping[str, str], training: Collection[str]
) -> dict[str, Standardisation]:
    """Compute mean and std of each speaker, over the utterances of :func:`reference_utterances`.

    Args:
        archive: features of the corpus.
        speaker_of: utterance -> its speaker.
        training: training utterances.

    Returns:
        Utterance -> the standardisation of its speaker.

    Raises:
        InputError: if the archive lacks an utterance.
    """
    of_speaker = {
        speaker: fit_standardisation(archive, utterances)
        for speaker, utterances in reference_utterances(speaker_of, training).items()
    }
    return {utterance: of_speaker[speaker] for utterance, speaker in speaker_of.items()}


def reference_utterances(speaker_of: Mapping[str, str], training: Collection[str]) -> dict[str, list[str]]:
    """Return speaker -> the utterances of its statistics: its training utterances, or all if it has none.

    Args:
        speaker_of: utterance -> its speaker.
        training: training utterances.
    """
    trained = frozenset(training)
    utterances_of: dict[str, list[str]] = {}
    for utterance, speaker in speaker_of.items():
        utterances_of.setdefault(speaker, []).append(utterance)
    return {
        speaker: [u for u in utterances if u in trained] or utterances
        for speaker, utterances in utterances_of.items()
    }
