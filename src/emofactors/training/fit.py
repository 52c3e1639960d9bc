"""The one training loop: named losses, dev scored as it goes, the best kept."""

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import reduce
from hashlib import sha256
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save
from torch import Tensor

from emofactors.config.systems import RunSettings
from emofactors.evaluation.statistics.metrics import class_recalls, confusion_matrix
from emofactors.features.standardisation import Standardisation
from emofactors.io.atomic import write_bytes_atomically
from emofactors.io.csv import write_csv
from emofactors.jobs.device import autocast
from emofactors.systems.base import HasDevLosses, System
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.dataset import SplitData, shuffled_batches, sorted_batches
from emofactors.training.predictions import ModelOutputs, of_utterances

log = logging.getLogger(__name__)


@dataclass
class Progress:
    """Where a training stands; all of it is in a checkpoint.

    Attributes:
        epoch: number of the current epoch, from 0.
        batch: next batch of the epoch.
        step: updates so far.
        history: a row an evaluation: epoch, step, mean of each loss since the row before, ``dev_<loss>`` of a
            system that has losses on dev, dev_ua, dev_wa.
        loss_sums: sum of each loss since the last evaluation.
        loss_steps: updates in those sums.
        best_step: update of the best evaluation so far; 0 before the first that counts.
        best_ua: its dev UA.
        stale: evaluations since.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    loss_sums: dict[str, Tensor] = field(default_factory=dict)
    loss_steps: int = 0
    best_step: int = 0
    best_ua: float = -1.0
    stale: int = 0

    def count(self, losses: Mapping[str, Tensor]) -> None:
        """One more update, with its losses; they stay on their device until they are wanted."""
        self.step += 1
        self.batch += 1
        self.loss_steps += 1
        for name, term in losses.items():
            self.loss_sums[name] = self.loss_sums.get(name, 0.0) + term.detach()


@dataclass(frozen=True)
class Trained:
    """A system with the weights of its best evaluation.

    Attributes:
        system: in evaluation mode.
        history: see :class:`Progress`.
        best_step: the update whose weights were kept.
        steps: updates in all.
        wall_s: seconds of training by this process.
        utterances_per_s: training utterances a second, in this process.
        resumed_at_step: where it went on from a checkpoint; 0 if it began anew.
    """

    system: System
    history: list[dict[str, float]]
    best_step: int
    steps: int
    wall_s: float
    utterances_per_s: float
    resumed_at_step: int

    def save(self, model: Path, history: Path, standardisation: Standardisation | None = None) -> None:
        """Write the weights as safetensors and the history as CSV, a row an evaluation.

        Beside the weights stands by which statistics features are standardised for them, where they are.
        """
        state = {name: tensor.cpu().contiguous() for name, tensor in self.system.state_dict().items()}
        if standardisation is not None:
            state |= {name: torch.from_numpy(array) for name, array in standardisation.to_arrays().items()}
        write_bytes_atomically(model, save(state))
        write_csv(history, pd.DataFrame(self.history), float_format="%.6f")


def fit(
    system: System,
    train: SplitData,
    dev: SplitData,
    run: RunSettings,
    *,
    seed: int,
    precision: str,
    checkpoint: Checkpoint,
) -> Trained:
    """Train a system and keep the weights that score best on dev.

    The test split is no argument: nothing here can look at it.

    Args:
        system: with fresh weights, on its device.
        train: training rows.
        dev: rows for selection; if empty or ``run.select`` says so, the last weights are kept. A system that has
            ``dev_losses`` says what it loses on them, whatever is selected.
        run: the run's settings.
        seed: of the order of batches.
        precision: ``float32`` or ``bfloat16``.
        checkpoint: where the state is kept against a kill.

    Returns:
        The trained system. A training that went on from a checkpoint gives the same, bit by bit.

    Raises:
        FloatingPointError: if a loss is not finite.
        SystemExit: after SIGTERM or SIGINT, with the state written.
    """
    # Without weight decay AdamW is Adam, bit by bit.
    optimiser = torch.optim.AdamW(
        _parameter_groups(system, run.learning_rate), lr=run.learning_rate, weight_decay=run.weight_decay
    )
    max_steps = run.n_updates(len(train))
    progress, best = Progress(), _copy_of(system.state_dict())
    state = checkpoint.load()
    if state is not None:
        system.load_state_dict(state["system"])
        optimiser.load_state_dict(state["optimiser"])
        progress, best = Progress(**state["progress"]), state["best"]
        progress.loss_sums = {name: total.to(train.device) for name, total in progress.loss_sums.items()}
        _restore_generators(state["generators"])
        log.info("going on from step %d of %d", progress.step, max_steps)
    resumed_at_step = progress.step
    checkpoint.end_on_signals()

    def full_state() -> dict[str, Any]:
        return {
            "system": system.state_dict(),
            "optimiser": optimiser.state_dict(),
            "progress": asdict(progress),
            "best": best,
            "generators": _generators(),
        }

    started, heard = time.monotonic(), 0
    system.train()
    while not _is_over(progress, run, max_steps):
        batches = shuffled_batches(
            train.n_frames, run.batch_size, pool_batches=run.pool_batches, seed=seed, epoch=progress.epoch
        )
        for chosen in batches[progress.batch :]:
            checkpoint.offer(full_state)
            batch = train.batch(chosen, system.min_frames)
            with autocast(batch.features.device, precision):
                output = system(batch)
            losses = system.losses(output, batch)
            optimiser.zero_grad()
            reduce(add, losses.values()).backward()
            optimiser.step()
            system.after_step(output, batch)

            heard += len(chosen)
            progress.count(losses)
            epoch_ends = progress.batch == len(batches)
            if _is_time_to_evaluate(progress, run, epoch_ends=epoch_ends) or progress.step == max_steps:
                if _evaluate(system, dev, run, precision, progress):
                    best = _copy_of(system.state_dict())
                _log_progress(progress, run, max_steps, heard / (time.monotonic() - started))
            if _is_over(progress, run, max_steps):
                break
        progress.epoch, progress.batch = progress.epoch + 1, 0

    if progress.best_step > 0:
        system.load_state_dict(best)
    system.eval()
    wall_s = time.monotonic() - started
    return Trained(
        system=system,
        history=progress.history,
        best_step=progress.best_step or progress.step,
        steps=progress.step,
        wall_s=wall_s,
        utterances_per_s=heard / wall_s if heard else 0.0,
        resumed_at_step=resumed_at_step,
    )


@torch.inference_mode()
def infer(system: System, split: SplitData, batch_size: int, precision: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits (N, C) and embeddings (N, D) of a split's rows, float32, in their order; it has at least one."""
    system.eval()
    made: tuple[np.ndarray, np.ndarray] | None = None
    for chosen in sorted_batches(split.n_frames, batch_size):
        batch = split.batch(chosen, system.min_frames)
        with autocast(batch.features.device, precision):
            output = system(batch)
        if made is None:
            # Made at once: what is kept between batches would break up the memory that the next one wants.
            made = (
                np.empty((len(split), output.logits.shape[1]), np.float32),
                np.empty((len(split), output.embedding.shape[1]), np.float32),
            )
        logits, embeddings = made
        logits[chosen] = output.logits.float().cpu().numpy()
        embeddings[chosen] = output.embedding.float().cpu().numpy()
    assert made is not None  # the split has at least one row
    return made


def run_key(settings: Any, code: str, system: System, *splits: SplitData) -> str:
    """Hash of what makes a training what it is: settings, code, the weights it starts from, and data."""
    weights = sha256()
    for name, tensor in system.state_dict().items():
        weights.update(name.encode())
        weights.update(tensor.cpu().contiguous().numpy().data)
    text = json.dumps([settings, code, weights.hexdigest(), [split.digest() for split in splits]], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:32]


def _parameter_groups(system: System, learning_rate: float) -> list[dict[str, Any]]:
    """Parameters with the learning rate of their part; a system without ``learning_rate_factors`` is one part."""
    groups: dict[float, list[Tensor]] = {1.0: []}
    factors = getattr(system, "learning_rate_factors", {})
    for name, parameter in system.named_parameters():
        factor = next((factor for part, factor in factors.items() if name.startswith(part)), 1.0)
        groups.setdefault(factor, []).append(parameter)
    return [
        {"params": parameters, "lr": factor * learning_rate} for factor, parameters in groups.items() if parameters
    ]


def _is_over(progress: Progress, run: RunSettings, max_steps: int) -> bool:
    """After the last update, or when dev has not become better for too long."""
    return progress.step >= max_steps or (run.patience is not None and progress.stale >= run.patience)


def _is_time_to_evaluate(progress: Progress, run: RunSettings, *, epoch_ends: bool) -> bool:
    """At the end of an epoch or every so many updates, as the run says."""
    every = run.evaluate_every_steps
    return epoch_ends if every is None else progress.step % every == 0


def _evaluate(system: System, dev: SplitData, run: RunSettings, precision: str, progress: Progress) -> bool:
    """Add a row to the history; whether its weights are the best so far."""
    row: dict[str, float] = {"epoch": progress.epoch + 1, "step": progress.step}
    for name, total in progress.loss_sums.items():
        row[name] = float(total) / progress.loss_steps
        if not np.isfinite(row[name]):
            raise FloatingPointError(
                f"loss {name!r} is {row[name]} at step {progress.step}: the training diverged"
            )
    progress.loss_sums, progress.loss_steps = {}, 0
    progress.history.append(row)
    if len(dev) == 0:
        return False
    if isinstance(system, HasDevLosses):
        row |= _dev_losses(system, dev, run.batch_size, precision)
    if run.select == "last":  # nobody would look at the scores
        return False
    logits, embedding = infer(system, dev, run.batch_size, precision)
    system.train()
    heard = of_utterances(ModelOutputs("dev", dev.utterances, dev.speakers, dev.emotion, logits, embedding))
    confusion = confusion_matrix(heard.emotion, heard.logits.argmax(axis=1), heard.logits.shape[1])
    # A dev speaker may lack a class. Which ones are there is the same at every evaluation, so the mean
    # over these still ranks them; it is used for nothing else.
    row["dev_ua"] = float(np.nanmean(class_recalls(confusion)))
    row["dev_wa"] = float(confusion.trace() / confusion.sum())
    if progress.step <= run.select_after_step:
        return False
    better = row["dev_ua"] > progress.best_ua
    progress.stale = 0 if better else progress.stale + 1
    if better:
        progress.best_ua, progress.best_step = row["dev_ua"], progress.step
    return better


@torch.inference_mode()
def _dev_losses(system: HasDevLosses, dev: SplitData, batch_size: int, precision: str) -> dict[str, float]:
    """Mean of each loss of a system over the rows of dev, as ``dev_<loss>``."""
    system.eval()
    sums: dict[str, float] = {}
    for chosen in sorted_batches(dev.n_frames, batch_size):
        batch = dev.batch(chosen, system.min_frames)
        with autocast(batch.features.device, precision):
            losses = system.dev_losses(batch)
        for name, term in losses.items():
            sums[name] = sums.get(name, 0.0) + len(chosen) * float(term)
    system.train()
    return {f"dev_{name}": total / len(dev) for name, total in sums.items()}


def _log_progress(progress: Progress, run: RunSettings, max_steps: int, utterances_per_s: float) -> None:
    """One line: epoch, losses, dev UA if there is one, speed and the time that is left at most."""
    row = progress.history[-1]
    losses = "  ".join(f"{name} {value:.4f}" for name, value in row.items() if name not in _NO_LOSS)
    dev = f"  dev UA {100 * row['dev_ua']:.1f} %" if "dev_ua" in row else ""
    left_s = (max_steps - progress.step) * run.batch_size / utterances_per_s
    log.info(
        "epoch %d  step %d/%d  %s%s  %.0f utterances/s  %d:%02d left",
        *(row["epoch"], progress.step, max_steps, losses, dev, utterances_per_s),
        *divmod(round(left_s), 60),
    )


_NO_LOSS = ("epoch", "step", "dev_ua", "dev_wa")


def _copy_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def _generators() -> dict[str, Any]:
    """State of torch's generators: a system may draw from them (dropout, resampling).

    Of GPUs the current one alone counts: a training that goes on may be given another.
    """
    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,
    }


def _restore_generators(state: Mapping[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"])
