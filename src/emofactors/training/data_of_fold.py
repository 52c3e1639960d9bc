"""The splits of a fold as a system reads them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from emofactors.config.systems import RunSettings
from emofactors.corpora.splits import SPLITS, Fold
from emofactors.errors import InputError
from emofactors.features.archive import FeatureArchive
from emofactors.features.standardisation import fit_standardisation
from emofactors.io.npz import read_npz
from emofactors.systems.base import TrainingData
from emofactors.training.dataset import SplitData, load_split


def load_splits(
    fold: Fold,
    archive: FeatureArchive,
    classes: Sequence[str],
    run: RunSettings,
    device: torch.device,
    teacher: str | Path | None = None,
    *,
    stream: bool = False,
) -> dict[str, SplitData]:
    """The fold's features, standardised by its training rows if the run says so.

    Args:
        fold: who is heard in which split.
        archive: features of the corpus.
        classes: classes of the task, in order.
        run: the run's settings.
        device: where batches shall lie.
        teacher: embeddings the variant's teacher wrote, of the same fold; None without a teacher.
        stream: read features from the archive batch by batch; else they are held on ``device``.

    Returns:
        train, dev, test and held_out; all but train may be empty.

    Raises:
        InputError: if the archive or the teacher lacks an utterance, or the teacher's file is damaged.
    """
    training = fold.of_split("train")
    training_speakers = sorted(training["speaker"].unique())
    standardisation = fit_standardisation(archive, list(training["utterance"])) if run.standardise else None
    targets = None if teacher is None else _read_embeddings(teacher, fold)
    return {
        split: load_split(
            fold.of_split(split),
            classes,
            archive,
            standardisation,
            training_speakers=training_speakers,
            max_frames=run.max_frames,
            segment_frames=run.segment_frames,
            device=device,
            teacher=targets,
            stream=stream,
        )
        for split in SPLITS
    }


def load_evaluation_data(
    heard: pd.DataFrame,
    archive: FeatureArchive,
    *,
    fold: Fold,
    trained_on: FeatureArchive,
    classes: Sequence[str],
    run: RunSettings,
    device: torch.device,
    stream: bool = False,
) -> SplitData:
    """Other utterances, or the same reconstructed otherwise, as a run that is trained hears them.

    Args:
        heard: utterance, speaker and emotion of each, N rows.
        archive: features of these.
        fold: the fold the run was trained on.
        trained_on: features it was trained on, by whose training rows these are standardised.
        classes: classes of the task, in order.
        run: the run's settings.
        device: where batches shall lie.
        stream: read features from the archive batch by batch; else they are held on ``device``.

    Returns:
        The data, in the order of ``heard``.

    Raises:
        InputError: if an archive lacks an utterance.
    """
    training = list(fold.of_split("train")["utterance"])
    return load_split(
        heard,
        classes,
        archive,
        fit_standardisation(trained_on, training) if run.standardise else None,
        training_speakers=(),
        max_frames=run.max_frames,
        segment_frames=run.segment_frames,
        device=device,
        stream=stream,
    )


def _read_embeddings(path: str | Path, fold: Fold) -> dict[str, np.ndarray]:
    """Utterance -> embedding (D,), of every utterance of a fold."""
    content = read_npz(path, "the embeddings.npz of a teacher", ["utterance", "embedding"])
    embeddings = dict(zip(content["utterance"].tolist(), content["embedding"], strict=True))
    lacking = [utterance for utterance in fold.utterances["utterance"] if utterance not in embeddings]
    if lacking:
        raise InputError(
            f"{path}: has no embedding of {lacking[0]!r} and {len(lacking) - 1} more; "
            f"expected one of every utterance of fold {fold.number}"
        )
    return embeddings


def training_data(train: SplitData, classes: Sequence[str], run: RunSettings) -> TrainingData:
    """What a system may know of its training rows when it is built."""
    counts = np.bincount(train.emotion, minlength=len(classes))
    lengths = set(train.n_frames.tolist())
    return TrainingData(
        n_bins=train.frames[0].shape[1],
        class_counts=tuple(int(n) for n in counts),
        n_frames=lengths.pop() if len(lengths) == 1 else None,
        n_speakers=len(set(train.speakers)),
        n_updates=run.n_updates(len(train)),
    )
