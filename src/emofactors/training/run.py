"""Open a run of the workflow: settings, device, data and system of a job that trains or applies a network."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from emofactors.config.training import ComputeSettings, RunSettings
from emofactors.corpora.splits import Fold, read_fold
from emofactors.features.archive import Archive, FeatureArchive
from emofactors.jobs.device import lease_device
from emofactors.jobs.log import log_to
from emofactors.jobs.seeding import seed_everything
from emofactors.systems.base import System, TrainingData
from emofactors.training.dataset import SplitData, load_splits, training_data
from emofactors.training.weights import load_weights

#: ``systems.build_system``, which imports a system by its name: only scripts may call it.
BuildSystem = Callable[[str, Mapping[str, Any], TrainingData], System]


@dataclass(frozen=True)
class RunContext:
    """Settings, device and fold of a run.

    Attributes:
        settings: settings of the run.
        compute: device, precision and threads.
        arguments: keyword arguments of the constructor of the system.
        classes: classes of the task, in order.
        seed: seed of the training.
        device: the device, leased if it is a GPU.
        fold: the fold that trains the system.
    """

    settings: RunSettings
    compute: ComputeSettings
    arguments: Mapping[str, Any]
    classes: tuple[str, ...]
    seed: int
    device: torch.device
    fold: Fold


@dataclass(frozen=True)
class OpenRun(RunContext):
    """A run with its data and its system.

    Attributes:
        archive: features of the training corpus.
        splits: split -> its data.
        system: the system, on the device.
    """

    archive: Archive
    splits: Mapping[str, SplitData]
    system: System


def start_run(
    wildcards: Mapping[str, Any],
    params: Mapping[str, Any],
    *,
    log: str | Path,
    slots_per_gpu: int,
    folds: str | Path,
) -> RunContext:
    """Open the log of a job, seed the generators, lease a device and read the fold.

    The arguments are those of :func:`open_run`.

    Raises:
        InputError: if the folds are missing or damaged, or the machine lacks the device.
    """
    log_to(str(log))
    settings, compute = RunSettings(**params["run"]), ComputeSettings(**params["compute"])
    seed = int(wildcards["seed"])
    seed_everything(seed, compute.threads)
    return RunContext(
        settings=settings,
        compute=compute,
        arguments=params["arguments"],
        classes=tuple(params["classes"]),
        seed=seed,
        device=lease_device(compute.device, slots_per_gpu),
        fold=read_fold(Path(folds), int(wildcards["fold"])),
    )


def open_run(
    build: BuildSystem,
    wildcards: Mapping[str, Any],
    params: Mapping[str, Any],
    *,
    log: str | Path,
    slots_per_gpu: int,
    stream: bool,
    folds: str | Path,
    features: Iterable[str | Path],
    weights: str | Path | None = None,
    teacher: str | Path | None = None,
) -> OpenRun:
    """Open a run of a classifier.

    Args:
        build: ``systems.build_system``.
        wildcards: ``system``, ``fold`` and ``seed``.
        params: ``run``, ``compute``, ``arguments`` and ``classes``, and ``condition`` if the features are
            reconstructed speech: the subfolder of each archive.
        log: log file of the job.
        slots_per_gpu: trainings that may share a GPU.
        stream: read features from disk batch by batch; else hold them on the device.
        folds: folds of the task.
        features: archives of the corpus and of its augmented copies.
        weights: weights of another run, to start from or to apply; None for random weights.
        teacher: embeddings of the teacher on the same fold; None without a teacher.

    Returns:
        The run.

    Raises:
        InputError: if a file is missing or damaged, or does not fit the others, or the machine lacks the device.
    """
    context = start_run(wildcards, params, log=log, slots_per_gpu=slots_per_gpu, folds=folds)
    archive = FeatureArchive(*(Path(folder) / params.get("condition", "") for folder in features))
    splits = load_splits(
        context.fold, archive, context.classes, context.settings, context.device, teacher, stream=stream
    )
    data = training_data(splits["train"], context.classes, context.settings)
    system = build_on_device(build, wildcards["system"], context, data, weights)
    return OpenRun(**vars(context), archive=archive, splits=splits, system=system)


def build_on_device(
    build: BuildSystem, name: str, context: RunContext, data: TrainingData, weights: str | Path | None
) -> System:
    """Return a system on the device of a run, with the given weights or with random ones."""
    system = build(name, context.arguments, data).to(context.device)
    if weights is not None:
        load_weights(system, weights)
    return system
