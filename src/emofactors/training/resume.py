"""Fit a system, resuming from a checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emofactors.config.systems import ComputeSettings, RunSettings
from emofactors.systems.base import System
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.dataset import SplitData
from emofactors.training.fit import Trained, fit, run_key


def fit_resumably(
    system: System,
    splits: Mapping[str, SplitData],
    run: RunSettings,
    compute: ComputeSettings,
    *,
    arguments: Mapping[str, Any],
    seed: int,
    code: str,
) -> tuple[Trained, Checkpoint]:
    """Train a system; if the same training was killed before, from where it stood.

    Args:
        system: with the weights it starts from, on its device.
        splits: train and dev are used.
        run: the run's settings.
        compute: precision and threads.
        arguments: of the system's constructor.
        seed: of the training.
        code: fingerprint of the code behind the job.

    Returns:
        The trained system, and its checkpoint: to be removed once all that is made of it is written.
    """
    settings = [run.model_dump(mode="json"), dict(arguments), compute.of_results, seed]
    key = run_key(settings, code, system, splits["train"], splits["dev"])
    checkpoint = Checkpoint(checkpoint_path(key))
    trained = fit(
        system,
        splits["train"],
        splits["dev"],
        run,
        seed=seed,
        precision=compute.precision,
        checkpoint=checkpoint,
    )
    return trained, checkpoint


def checkpoint_path(key: str) -> Path:
    """Where a training with this key keeps its state: beside the results, outside declared outputs."""
    return Path("results") / "checkpoints" / f"{key}.pt"
