"""Open the training of a decomposer."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emofactors.corpora.splits import Fold
from emofactors.features.archive import FeatureArchive
from emofactors.features.speech_factors import FactorArchive
from emofactors.systems.base import TrainingData
from emofactors.training.dataset import load_splits
from emofactors.training.predictions import TRAINING_SPLIT
from emofactors.training.run import BuildSystem, OpenRun, RunContext, build_on_device, start_run


def open_decomposer_training(
    build: BuildSystem,
    wildcards: Mapping[str, Any],
    params: Mapping[str, Any],
    *,
    log: str | Path,
    slots_per_gpu: int,
    stream: bool,
    folds: str | Path,
    features: str | Path,
    pitch: str | Path,
) -> OpenRun:
    """Open the training of a decomposer.

    The arguments are those of :func:`emofactors.training.run.open_run`, with one archive of log-Mel spectrograms
    (``features``) and one of F0 (``pitch``). The archive of the run is a :class:`FactorArchive`.

    Raises:
        InputError: if a file is missing or damaged, or does not fit the others.
    """
    context = start_run(wildcards, params, log=log, slots_per_gpu=slots_per_gpu, folds=folds)
    archive = FactorArchive.of_fold(FeatureArchive(Path(features)), FeatureArchive(Path(pitch)), context.fold)
    splits = load_splits(context.fold, archive, context.classes, context.settings, context.device, stream=stream)
    system = build_on_device(build, wildcards["system"], context, decomposer_data(context, archive.n_bins), None)
    return OpenRun(**vars(context), archive=archive, splits=splits, system=system)


def decomposer_data(context: RunContext, n_bins: int) -> TrainingData:
    """Return the sizes of the training rows of a decomposer.

    Args:
        context: settings, classes and fold of its training.
        n_bins: bins of a frame: Mel bands and the pitch.
    """
    training = context.fold.of_split(TRAINING_SPLIT)
    counts = training["emotion"].value_counts()
    return TrainingData(
        n_bins=n_bins,
        class_counts=tuple(int(counts.get(name, 0)) for name in context.classes),
        n_speakers=len(training_speakers(context.fold)),
        n_updates=context.settings.n_updates(len(training)),
    )


def training_speakers(fold: Fold) -> tuple[str, ...]:
    """Return the training speakers of a fold, in the order of the decomposer's speaker embeddings."""
    return tuple(sorted(fold.of_split(TRAINING_SPLIT)["speaker"].unique()))
