"""Open a trained decomposer with the speech it is applied to."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from torch import Tensor

from emofactors.corpora.splits import Fold, read_fold
from emofactors.features.archive import FeatureArchive
from emofactors.features.speech_factors import FactorArchive
from emofactors.systems.base import Network
from emofactors.training.decomposition import decomposer_data, training_speakers
from emofactors.training.run import BuildSystem, build_on_device, start_run

#: Index of the mean of all speaker embeddings.
MEAN_SPEAKER = -1


class Decomposer(Network, Protocol):
    """A system that decomposes speech into factors, see ``systems.speechflow``.

    Attributes:
        downsample: frames per code.
        reconstructed_frames: frames of a segment, T: of all speech that is encoded and reconstructed.
    """

    downsample: int
    reconstructed_frames: int

    def encode(self, speech: Tensor, factors: Collection[str] = ..., /) -> Any:
        """Return the codes, a dataclass of content, rhythm and pitch, of segments (B, T, F)."""

    def decode(self, codes: Any, speaker: Tensor, /) -> Tensor:
        """Return the Mel spectrogram (B, T, n_mels) of codes and speaker embeddings."""

    def speaker_embedding(self, index: Tensor, /) -> Tensor:
        """Return the embeddings of speakers (B,)."""

    def reconstruct(self, speech: Tensor, factors: Collection[str], speaker: Tensor, /) -> Tensor:
        """Return the Mel spectrogram (B, T, n_mels) of some factors of segments (B, T, F)."""


@dataclass(frozen=True)
class OpenDecomposer:
    """A trained decomposer with the speech it is applied to.

    Attributes:
        system: the decomposer, in evaluation mode.
        archive: features of the speech.
        fold: the utterances.
        training_speakers: the training speakers, in the order of their embeddings.
        precision: ``float32`` or ``bfloat16``.
    """

    system: Decomposer
    archive: FactorArchive
    fold: Fold
    training_speakers: tuple[str, ...]
    precision: str


def open_decomposer(
    build: BuildSystem,
    wildcards: Mapping[str, Any],
    params: Mapping[str, Any],
    *,
    log: str | Path,
    slots_per_gpu: int,
    weights: str | Path,
    folds: str | Path,
    target_folds: str | Path,
    features: str | Path,
    pitch: str | Path,
) -> OpenDecomposer:
    """Open a trained decomposer.

    The arguments are those of :func:`emofactors.training.run.open_run`, for its training; ``target_folds`` are the
    folds of the task whose utterances are decomposed, ``features`` and ``pitch`` the archives of their log-Mel
    spectrograms and F0. The fold is that of the training if both tasks are the same, else the first.

    Raises:
        InputError: if a file is missing or damaged, or does not fit the others.
    """
    context = start_run(wildcards, params, log=log, slots_per_gpu=slots_per_gpu, folds=folds)
    is_own = target_folds == folds
    fold = context.fold if is_own else read_fold(Path(target_folds), 0)
    archive = FactorArchive.of_fold(
        FeatureArchive(Path(features)), FeatureArchive(Path(pitch)), fold, own_training=is_own
    )
    data = decomposer_data(context, archive.n_bins)
    system = build_on_device(build, wildcards["system"], context, data, weights).eval()
    return OpenDecomposer(
        system=cast(Decomposer, system),
        archive=archive,
        fold=fold,
        training_speakers=training_speakers(context.fold),
        precision=context.compute.precision,
    )
