"""Training data of a decomposer."""

from collections.abc import Sequence

from emofactors.config.systems import RunSettings
from emofactors.corpora.splits import Fold
from emofactors.systems.base import TrainingData
from emofactors.training.predictions import TRAINING_SPLIT


def decomposer_data(fold: Fold, classes: Sequence[str], n_bins: int, run: RunSettings) -> TrainingData:
    """What a decomposer may know of its training rows: how many speakers it has a place for.

    Args:
        fold: the fold that trains it.
        classes: classes of the task, of which it learns none.
        n_bins: what a frame holds, F0 among it.
        run: the run's settings.

    Returns:
        The data.
    """
    training = fold.of_split(TRAINING_SPLIT)
    counts = training["emotion"].value_counts()
    return TrainingData(
        n_bins=n_bins,
        class_counts=tuple(int(counts.get(name, 0)) for name in classes),
        n_speakers=len(training_speakers(fold)),
        n_updates=run.n_updates(len(training)),
    )


def training_speakers(fold: Fold) -> tuple[str, ...]:
    """The speakers a decomposer has heard, in the order of its table."""
    return tuple(sorted(fold.of_split(TRAINING_SPLIT)["speaker"].unique()))
