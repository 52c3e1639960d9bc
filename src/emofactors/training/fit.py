"""The training loop of all networks: named losses, evaluation on dev, selection of the best weights."""

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

from emofactors.config.training import RunSettings
from emofactors.evaluation.statistics.metrics import class_recalls, confusion_matrix
from emofactors.features.standardisation import Standardisation
from emofactors.io.atomic import write_bytes_atomically
from emofactors.io.csv import write_csv
from emofactors.jobs.device import autocast
from emofactors.systems.base import HasDevLosses, System
from emofactors.training.batches import shuffled_batches, sorted_batches
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.dataset import SplitData
from emofactors.training.optimiser import AdamW
from emofactors.training.outputs import model_outputs

log = logging.getLogger(__name__)

#: Columns of the history that are not losses.
_NO_LOSS = ("epoch", "step", "dev_ua", "dev_wa")


@dataclass
class Progress:
    """Progress of a training; part of its checkpoint.

    Attributes:
        epoch: number of the current epoch, from 0.
        batch: next batch of the epoch.
        step: updates so far.
        history: one row per evaluation: epoch, step, mean of each loss since the previous row, ``dev_<loss>`` of a
            system that has losses on dev, dev_ua, dev_wa.
        loss_sums: sum of each loss since the last evaluation.
        loss_steps: updates in those sums.
        best_step: update of the best evaluation so far; 0 before any evaluation counts.
        best_ua: dev UA of the best evaluation.
        stale: evaluations since the best one.
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
        """Count one update and add its losses, which stay on their device until the next evaluation."""
        self.step += 1
        self.batch += 1
        self.loss_steps += 1
        for name, term in losses.items():
            self.loss_sums[name] = self.loss_sums.get(name, 0.0) + term.detach()


@dataclass(frozen=True)
class Trained:
    """A system with the selected weights.

    Attributes:
        system: the system, in evaluation mode.
        history: see :class:`Progress`.
        best_step: update of the selected weights.
        steps: number of updates.
        wall_s: seconds of training in this process.
        utterances_per_s: training utterances per second in this process.
        resumed_at_step: update at which training resumed from a checkpoint; 0 if it started from scratch.
    """

    system: System
    history: list[dict[str, float]]
    best_step: int
    steps: int
    wall_s: float
    utterances_per_s: float
    resumed_at_step: int

    def save(self, model: Path, history: Path, standardisation: Standardisation | None = None) -> None:
        """Write weights and standardisation as safetensors, and the history as CSV, one row per evaluation."""
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
    """Train a system and select the weights with the best UA on dev.

    Args:
        system: the system with its initial weights, on its device.
        train: training rows.
        dev: rows for selection; the last weights are selected if there are none or ``run.select`` is ``last``.
            The losses of a system with ``dev_losses`` are recorded on these rows in any case.
        run: settings of the run.
        seed: seed of the order of batches.
        precision: ``float32`` or ``bfloat16``.
        checkpoint: where the state is written, and resumed from.

    Returns:
        The trained system. A resumed training gives the same result, bit by bit.

    Raises:
        FloatingPointError: if a loss is not finite.
        SystemExit: after SIGTERM or SIGINT, when the state is written.
    """
    groups = _parameter_groups(system, run.learning_rate)
    optimiser = AdamW(groups, lr=run.learning_rate, weight_decay=run.weight_decay)
    max_steps = run.n_updates(len(train))
    progress, best = Progress(), _copy_of(system.state_dict())
    state = checkpoint.load()
    if state is not None:
        system.load_state_dict(state["system"])
        optimiser.load_state_dict(state["optimiser"])
        progress, best = Progress(**state["progress"]), state["best"]
        progress.loss_sums = {name: total.to(train.device) for name, total in progress.loss_sums.items()}
        _restore_generators(state["generators"])
        log.info("resuming at step %d of %d", progress.step, max_steps)
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

    started, n_utterances = time.monotonic(), 0
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

            n_utterances += len(chosen)
            progress.count(losses)
            epoch_ends = progress.batch == len(batches)
            if _is_time_to_evaluate(progress, run, epoch_ends=epoch_ends) or progress.step == max_steps:
                if _evaluate(system, dev, run, precision, progress):
                    best = _copy_of(system.state_dict())
                _log_progress(progress, run, max_steps, n_utterances / (time.monotonic() - started))
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
        utterances_per_s=n_utterances / wall_s if n_utterances else 0.0,
        resumed_at_step=resumed_at_step,
    )


def run_key(settings: Any, code: str, system: System, *splits: SplitData) -> str:
    """Return a hash of what determines a training: settings, code, initial weights and data."""
    weights = sha256()
    for name, tensor in system.state_dict().items():
        weights.update(name.encode())
        weights.update(tensor.cpu().contiguous().numpy().data)
    text = json.dumps([settings, code, weights.hexdigest(), [split.digest() for split in splits]], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:32]


def _parameter_groups(system: System, learning_rate: float) -> list[dict[str, Any]]:
    """Group parameters by learning rate; a system without ``learning_rate_factors`` has one group."""
    groups: dict[float, list[Tensor]] = {1.0: []}
    factors = getattr(system, "learning_rate_factors", {})
    for name, parameter in system.named_parameters():
        factor = next((factor for part, factor in factors.items() if name.startswith(part)), 1.0)
        groups.setdefault(factor, []).append(parameter)
    return [
        {"params": parameters, "lr": factor * learning_rate} for factor, parameters in groups.items() if parameters
    ]


def _is_over(progress: Progress, run: RunSettings, max_steps: int) -> bool:
    """Return True after the last update, or when patience is exhausted."""
    return progress.step >= max_steps or (run.patience is not None and progress.stale >= run.patience)


def _is_time_to_evaluate(progress: Progress, run: RunSettings, *, epoch_ends: bool) -> bool:
    """Return True at the end of an epoch, or every ``evaluate_every_steps`` updates if the run has them."""
    every = run.evaluate_every_steps
    return epoch_ends if every is None else progress.step % every == 0


def _evaluate(system: System, dev: SplitData, run: RunSettings, precision: str, progress: Progress) -> bool:
    """Append a row to the history; return True if its weights are the best so far."""
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
    if run.select == "last":  # scores are not used
        return False
    outputs = model_outputs(system, dev, split="dev", batch_size=run.batch_size, precision=precision)
    system.train()
    confusion = confusion_matrix(outputs.emotion, outputs.logits.argmax(axis=1), outputs.logits.shape[1])
    # The dev speakers may lack a class. The classes are the same at every evaluation, so the mean over
    # the others still ranks them; it has no other use.
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
    """Return the mean of each loss over the dev rows, as ``dev_<loss>``."""
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
    """Log one line: epoch, losses, dev UA if there is one, speed and the longest remaining time."""
    row = progress.history[-1]
    losses = "  ".join(f"{name} {value:.4f}" for name, value in row.items() if name not in _NO_LOSS)
    dev = f"  dev UA {100 * row['dev_ua']:.1f} %" if "dev_ua" in row else ""
    left_s = (max_steps - progress.step) * run.batch_size / utterances_per_s
    log.info(
        "epoch %d  step %d/%d  %s%s  %.0f utterances/s  %d:%02d left",
        *(row["epoch"], progress.step, max_steps, losses, dev, utterances_per_s),
        *divmod(round(left_s), 60),
    )


def _copy_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in state.items()}


def _generators() -> dict[str, Any]:
    """Return the states of torch's generators, which dropout and resampling draw from.

    Of the GPUs only the current one is included: a resumed training may lease another.
    """
    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,
    }


def _restore_generators(state: Mapping[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"])
