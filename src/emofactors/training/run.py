"""One run: (task, system, variant, fold, seed), from its fold and features to what it says of itself."""

import json
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from emofactors.config import ComputeSettings, RunSettings
from emofactors.corpora.splits import ROLES, Fold
from emofactors.features.archive import FeatureArchive
from emofactors.features.standardisation import fit_standardisation
from emofactors.systems.base import System, TrainingData
from emofactors.training.batches import RoleData, load_role
from emofactors.training.device import device_words
from emofactors.training.fit import Trained

#: Packages whose version can change a number.
_PACKAGES = ("emofactors", "torch", "torchaudio", "numpy", "scipy", "soundfile")


def load_roles(
    fold: Fold, archive: FeatureArchive, classes: Sequence[str], run: RunSettings, device: torch.device
) -> dict[str, RoleData]:
    """The fold's features in memory, standardised by its training rows.

    Args:
        fold: who is heard in which role.
        archive: features of the corpus.
        classes: classes of the task, in order.
        run: the run's settings.
        device: where the features shall lie.

    Returns:
        train, dev and test; dev and test are empty where the protocol has none.

    Raises:
        InputError: if the archive lacks an utterance.
    """
    standardisation = fit_standardisation(archive, list(fold.of_role("train")["utterance"]))
    return {
        role: load_role(
            fold.of_role(role), classes, archive, standardisation, max_frames=run.max_frames, device=device
        )
        for role in ROLES
    }


def describe_training_data(train: RoleData, classes: Sequence[str]) -> TrainingData:
    """What a system may know of its training rows when it is built."""
    counts = np.bincount(train.emotion, minlength=len(classes))
    return TrainingData(n_bins=train.frames.shape[1], class_counts=tuple(int(n) for n in counts))


def describe_run(
    trained: Trained,
    train: RoleData,
    *,
    run: RunSettings,
    arguments: Mapping[str, Any],
    compute: ComputeSettings,
    code: str,
) -> str:
    """What a run says of itself, as JSON text: settings, size, cost, and what it was made with.

    FLOPs are those of convolutions and matrix products for one input of the
    training rows' median length, as torch counts them (a product and a sum are two).
    """
    device = train.frames.device
    typical = int(np.argsort(train.n_frames, kind="stable")[len(train) // 2])
    batch = train.batch(np.array([typical]), trained.system.least_frames)
    parameters = sum(p.numel() for p in trained.system.parameters())
    about = {
        "settings": run.model_dump(mode="json"),
        "arguments": dict(arguments),
        "parameters": parameters,
        "flops": _flops(trained.system, batch),
        "flops_frames": int(train.n_frames[typical]),
        "training_utterances": len(train),
        "steps": trained.steps,
        "epochs": int(trained.history[-1]["epoch"]),
        "best_step": trained.best_step,
        "resumed_at_step": trained.resumed_at_step,
        "wall_s": round(trained.wall_s, 3),
        "utterances_per_s": round(trained.utterances_per_s, 1),
        "device": device_words(device),
        "precision": compute.precision,
        "threads": compute.threads,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "code": code,
    }
    return json.dumps(about, indent=2) + "\n"


def checkpoint_path(key: str) -> Path:
    """Where a training with this key keeps its state: beside the results, outside declared outputs."""
    return Path("results") / "checkpoints" / f"{key}.pt"


@torch.inference_mode()
def _flops(system: System, batch: Any) -> int:
    with FlopCounterMode(display=False) as counter:
        system(batch)
    return counter.get_total_flops()
