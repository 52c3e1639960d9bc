"""Train the system of a run, resuming from a checkpoint."""

from pathlib import Path

from emofactors.training.checkpoint import Checkpoint
from emofactors.training.fit import Trained, fit, run_key
from emofactors.training.run import OpenRun


def fit_resumably(run: OpenRun, *, code: str) -> tuple[Trained, Checkpoint]:
    """Train the system of a run; resume if the same training was killed before.

    Args:
        run: the run; its system is trained in place.
        code: fingerprint of the code of the job.

    Returns:
        The trained system and its checkpoint, which is to be removed when all results are written.
    """
    settings = [run.settings.model_dump(mode="json"), dict(run.arguments), run.compute.of_results, run.seed]
    train, dev = run.splits["train"], run.splits["dev"]
    checkpoint = Checkpoint(checkpoint_path(run_key(settings, code, run.system, train, dev)))
    trained = fit(
        run.system,
        train,
        dev,
        run.settings,
        seed=run.seed,
        precision=run.compute.precision,
        checkpoint=checkpoint,
    )
    return trained, checkpoint


def checkpoint_path(key: str) -> Path:
    """Return the checkpoint of a training: outside the declared outputs."""
    return Path("results") / "checkpoints" / f"{key}.pt"
