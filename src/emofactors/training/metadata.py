"""Metadata of a run: run.json."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np

from emofactors.config.systems import ComputeSettings, RunSettings
from emofactors.jobs.device import device_words
from emofactors.training.data_of_fold import training_data
from emofactors.training.dataset import SplitData
from emofactors.training.fit import Trained
from emofactors.training.flops import forward_flops
from emofactors.training.input_spec import InputSpec

#: Packages whose version can change a number.
_PACKAGES = ("emofactors", "torch", "torchaudio", "numpy", "scipy", "soundfile")


def run_metadata(
    trained: Trained,
    train: SplitData,
    *,
    run: RunSettings,
    arguments: Mapping[str, Any],
    compute: ComputeSettings,
    code: str,
    inference_utterances_per_s: float | None = None,
    input_spec: InputSpec | None = None,
    reconstruction: Mapping[str, Mapping[str, float]] | None = None,
) -> str:
    """What a run says of itself, as JSON text: settings, size, cost, and what it was made with.

    FLOPs are those of one input of the training rows' median length, see :func:`forward_flops`. How well
    speech was reconstructed, a decomposer says alone; how fast it predicts and how it hears a recording, all others.
    """
    typical = int(np.argsort(train.n_frames, kind="stable")[len(train) // 2])
    batch = train.batch(np.array([typical]), trained.system.min_frames)
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
    if input_spec is not None:
        about["input_spec"] = input_spec.model_dump(mode="json")
        about["training_data"] = asdict(training_data(train, input_spec.classes, run))
    if reconstruction is not None:
        about["reconstruction"] = reconstruction
    return json.dumps(about, indent=2) + "\n"
