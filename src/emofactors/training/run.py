"""One run: (task, system, variant, fold, seed), from its fold and features to what it says of itself."""

import copy
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from emofactors.arrays import read_arrays
from emofactors.config import ComputeSettings, RunSettings
from emofactors.corpora.splits import ROLES, Fold
from emofactors.errors import InputError
from emofactors.features.archive import FeatureArchive
from emofactors.features.standardisation import Standardisation, fit_standardisation
from emofactors.files import damaged, missing
from emofactors.systems.base import Batch, System, TrainingData
from emofactors.training.batches import RoleData, load_role
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.device import device_words
from emofactors.training.fit import Trained, fit, run_key
from emofactors.training.hearing import Hearing

#: Packages whose version can change a number.
_PACKAGES = ("emofactors", "torch", "torchaudio", "numpy", "scipy", "soundfile")


def load_roles(
    fold: Fold,
    archive: FeatureArchive,
    classes: Sequence[str],
    run: RunSettings,
    device: torch.device,
    teacher: str | Path | None = None,
    *,
    stream: bool = False,
) -> dict[str, RoleData]:
    """The fold's features, standardised by its training rows if the run says so.

    Args:
        fold: who is heard in which role.
        archive: features of the corpus.
        classes: classes of the task, in order.
        run: the run's settings.
        device: where batches shall lie.
        teacher: embeddings the variant's teacher wrote, of the same fold; None without a teacher.
        stream: read features from the archive batch by batch; else they are held on ``device``.

    Returns:
        train, dev, test and seen; all but train may be empty.

    Raises:
        InputError: if the archive or the teacher lacks an utterance, or the teacher's file is damaged.
    """
    training = fold.of_role("train")
    training_speakers = sorted(training["speaker"].unique())
    standardisation = fit_standardisation(archive, list(training["utterance"])) if run.standardise else None
    targets = None if teacher is None else _read_embeddings(teacher, fold)
    return {
        role: load_role(
            fold.of_role(role),
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
        for role in ROLES
    }


def load_heard(
    heard: pd.DataFrame,
    archive: FeatureArchive,
    *,
    fold: Fold,
    trained_on: FeatureArchive,
    classes: Sequence[str],
    run: RunSettings,
    device: torch.device,
    stream: bool = False,
) -> RoleData:
    """Other utterances, or the same rebuilt otherwise, as a run that is trained hears them.

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
    training = list(fold.of_role("train")["utterance"])
    return load_role(
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
    content = read_arrays(path, "the embeddings.npz of a teacher", ["utterance", "embedding"])
    embeddings = dict(zip(content["utterance"].tolist(), content["embedding"], strict=True))
    lacking = [utterance for utterance in fold.utterances["utterance"] if utterance not in embeddings]
    if lacking:
        raise InputError(
            f"{path}: has no embedding of {lacking[0]!r} and {len(lacking) - 1} more; "
            f"expected one of every utterance of fold {fold.number}"
        )
    return embeddings


def fit_resumably(
    system: System,
    roles: Mapping[str, RoleData],
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
        roles: train and dev are used.
        run: the run's settings.
        compute: precision and threads.
        arguments: of the system's constructor.
        seed: of the training.
        code: fingerprint of the code behind the job.

    Returns:
        The trained system, and its checkpoint: to be removed once all that is made of it is written.
    """
    settings = [run.model_dump(mode="json"), dict(arguments), compute.of_results, seed]
    key = run_key(settings, code, system, roles["train"], roles["dev"])
    checkpoint = Checkpoint(checkpoint_path(key))
    trained = fit(
        system,
        roles["train"],
        roles["dev"],
        run,
        seed=seed,
        precision=compute.precision,
        checkpoint=checkpoint,
    )
    return trained, checkpoint


def start_from(system: System, initial: str | Path | None) -> Standardisation | None:
    """Give a system the weights another run ended with; without one its own stay.

    Args:
        system: the system, with fresh weights.
        initial: weights as ``Trained.save`` writes them, or None.

    Returns:
        By which statistics that run standardised its features; None where it did not, or there is none.

    Raises:
        InputError: if the file is missing or damaged, or they are those of another network.
    """
    if initial is None:
        return None
    try:
        weights = load_file(initial)
        standardisation = Standardisation.from_arrays(weights)
    except FileNotFoundError as error:
        raise missing(initial, "the weights of a run") from error
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(initial, f"is no file of weights ({error})", "the weights of a run") from error
    if standardisation is not None:
        weights = {name: tensor for name, tensor in weights.items() if name not in standardisation.to_arrays()}
    try:
        system.load_state_dict(weights)
    except RuntimeError as error:
        raise InputError(
            f"{initial}: does not fit the system ({' '.join(str(error).split())}); expected the same network"
        ) from error
    return standardisation


def describe_training_data(train: RoleData, classes: Sequence[str], run: RunSettings) -> TrainingData:
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


def describe_run(
    trained: Trained,
    train: RoleData,
    *,
    run: RunSettings,
    arguments: Mapping[str, Any],
    compute: ComputeSettings,
    code: str,
    inference_utterances_per_s: float | None = None,
    hearing: Hearing | None = None,
    reconstruction: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """What a run says of itself, as JSON text: settings, size, cost, and what it was made with.

    FLOPs are those of one input of the training rows' median length, see :func:`forward_flops`. How well
    speech was rebuilt, a decomposer says alone; how fast it predicts and how it hears a recording, all others.
    """
    typical = int(np.argsort(train.n_frames, kind="stable")[len(train) // 2])
    batch = train.batch(np.array([typical]), trained.system.least_frames)
    parameters = sum(p.numel() for p in trained.system.parameters())
    about = {
        "settings": run.model_dump(mode="json"),
        "arguments": dict(arguments),
        "parameters": parameters,
        "flops": forward_flops(trained.system, batch),
        "flops_frames": int(train.n_frames[typical]),
        "training_utterances": len(train),
        "steps": trained.steps,
        "epochs": int(trained.history[-1]["epoch"]),
        "best_step": trained.best_step,
        "resumed_at_step": trained.resumed_at_step,
        "wall_s": round(trained.wall_s, 3),
        "utterances_per_s": round(trained.utterances_per_s, 1),
        "inference_utterances_per_s": inference_utterances_per_s and round(inference_utterances_per_s, 1),
        "device": device_words(train.device),
        "precision": compute.precision,
        "threads": compute.threads,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "code": code,
    }
    if hearing is not None:
        about["hearing"] = hearing.model_dump(mode="json")
        about["training_data"] = asdict(describe_training_data(train, hearing.classes, run))
    if reconstruction is not None:
        about["reconstruction"] = reconstruction
    return json.dumps(about, indent=2) + "\n"


def checkpoint_path(key: str) -> Path:
    """Where a training with this key keeps its state: beside the results, outside declared outputs."""
    return Path("results") / "checkpoints" / f"{key}.pt"


@torch.inference_mode()
def forward_flops(system: System, batch: Batch) -> int:
    """FLOPs of one pass over a batch, as torch counts them: those of convolutions and matrix products.

    A product and a sum are two. They are counted on a copy on the processor: a GPU's recurrent layers are
    one operation that torch has no formula for, a processor's fused attention another.
    """
    system = copy.deepcopy(system).cpu()
    moved: dict[str, Any] = {name: None if value is None else value.cpu() for name, value in vars(batch).items()}
    formulas = {torch.ops.aten.mkldnn_rnn_layer: _recurrent_flops}
    with FlopCounterMode(display=False, custom_mapping=formulas) as counter, sdpa_kernel(SDPBackend.MATH):
        system(Batch(**moved))
    return counter.get_total_flops()


def _recurrent_flops(x: Sequence[int], w_input: Sequence[int], w_state: Sequence[int], *_: Any, **__: Any) -> int:
    """FLOPs of oneDNN's LSTM, one operation torch has no formula for: of shapes (T, B, n) and (4 U, n)."""
    return 2 * x[0] * x[1] * (w_input[0] * w_input[1] + w_state[0] * w_state[1])
