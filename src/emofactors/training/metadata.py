"""Metadata of a run: run.json."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version

import numpy as np

from emofactors.jobs.device import device_description
from emofactors.training.dataset import training_data
from emofactors.training.fit import Trained
from emofactors.training.flops import forward_flops
from emofactors.training.input_spec import InputSpec
from emofactors.training.run import OpenRun

#: Packages whose version can change a result.
_PACKAGES = ("emofactors", "torch", "torchaudio", "numpy", "scipy", "soundfile")


def run_metadata(
    trained: Trained,
    run: OpenRun,
    *,
    code: str,
    inference_utterances_per_s: float | None = None,
    input_spec: InputSpec | None = None,
    reconstruction: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """Return settings, size, cost and provenance of a run as JSON text.

    FLOPs are those of one input of the median length of the training rows, see :func:`forward_flops`.

    Args:
        trained: the trained system.
        run: the run.
        code: fingerprint of the code of the job.
        inference_utterances_per_s: speed of inference; None for a decomposer.
        input_spec: input specification; None for a decomposer.
        reconstruction: reconstruction errors of a decomposer; None for a classifier.
    """
    train = run.splits["train"]
    median = int(np.argsort(train.n_frames, kind="stable")[len(train) // 2])
    batch = train.batch(np.array([median]), trained.system.min_frames)
    metadata = {
        "settings": run.settings.model_dump(mode="json"),
        "arguments": dict(run.arguments),
        "parameters": sum(p.numel() for p in trained.system.parameters()),
        "flops": forward_flops(trained.system, batch),
        "flops_frames": int(train.n_frames[median]),
        "training_utterances": len(train),
        "steps": trained.steps,
        "epochs": int(trained.history[-1]["epoch"]),
        "best_step": trained.best_step,
        "resumed_at_step": trained.resumed_at_step,
        "wall_s": round(trained.wall_s, 3),
        "utterances_per_s": round(trained.utterances_per_s, 1),
        "inference_utterances_per_s": inference_utterances_per_s and round(inference_utterances_per_s, 1),
        "device": device_description(train.device),
        "precision": run.compute.precision,
        "threads": run.compute.threads,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES},
        "code": code,
    }
    if input_spec is not None:
        metadata["input_spec"] = input_spec.model_dump(mode="json")
        metadata["training_data"] = asdict(training_data(train, input_spec.classes, run.settings))
    if reconstruction is not None:
        metadata["reconstruction"] = reconstruction
    return json.dumps(metadata, indent=2) + "\n"
