"""Trained runs, wherever their folders lie: all that hearing a new recording takes is in them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import TypeAdapter, ValidationError
from scipy.special import softmax

from emofactors.config.features import FeatureSettings
from emofactors.config.training import RunSettings, SvmSettings
from emofactors.errors import InputError
from emofactors.io.atomic import damaged, read_result
from emofactors.io.json import read_json
from emofactors.systems.base import System, TrainingData
from emofactors.training.dataset import load_split
from emofactors.training.fit import infer
from emofactors.training.input_spec import InputSpec
from emofactors.training.predictions import ModelOutputs, of_utterances
from emofactors.training.svm import SavedSvm
from emofactors.training.weights import load_weights

#: A recording that a network hears whole, frame by frame, is at most this long: attention takes memory with the
#: square of it.
MAX_WHOLE_S = 60.0

#: What a run's file should be.
_EXPECTED = "what a run says of itself"


class HeldFeatures:
    """Features of recordings in memory, to be read as a ``FeatureArchive`` is.

    Args:
        features: name -> (T, F) float32; at least one.

    Attributes:
        utterances: their names, in their order.
        n_bins: frequency bins of one frame, F.
    """

    def __init__(self, features: Mapping[str, np.ndarray]) -> None:
        self._features = dict(features)
        self.utterances = tuple(self._features)
        self.n_bins = next(iter(self._features.values())).shape[1]

    def __getitem__(self, utterance: str) -> np.ndarray:
        """Features of one recording, (T, F)."""
        return self._features[utterance]

    def n_frames(self, utterance: str) -> int:
        """Frames of one recording, T."""
        return len(self._features[utterance])


@dataclass(frozen=True)
class SavedModel:
    """A run that hears.

    Attributes:
        folder: where it lies.
        input_spec: which run it is, and what becomes of a recording before it is heard.
        code: fingerprint of the code it was trained by.
        weights_sha256: of its file of weights.
        max_heard_s: of a longer recording it hears so many seconds at its middle; infinity: all of it.
        max_s: a longer recording it cannot hear; infinity: there is none.
        posteriors: posteriors (N, C) float64 of recordings, by their features.
    """

    folder: Path
    input_spec: InputSpec
    code: str
    weights_sha256: str
    max_heard_s: float
    max_s: float
    posteriors: Callable[[HeldFeatures], np.ndarray]


def find_runs(folder: Path) -> list[Path]:
    """The folder itself, if it is that of a run; else those of all runs below it.

    Raises:
        InputError: if there is none.
    """
    expected = "the folder of a run (with run.json and model.safetensors), or one above such folders"
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder, expected {expected}")
    if (folder / "run.json").is_file():
        return [folder]
    runs = sorted(file.parent for file in folder.rglob("run.json"))
    if not runs:
        raise InputError(f"{folder}: has no run in it, expected {expected}")
    return runs


def load_run(
    folder: Path, build: Callable[[str, Mapping[str, Any], TrainingData], System], device: torch.device
) -> SavedModel:
    """Read a run from its folder; it need not lie where it was trained.

    Args:
        folder: with ``run.json`` and ``model.safetensors``.
        build: ``systems.build_system``.
        device: where a network shall hear.

    Returns:
        The run.

    Raises:
        InputError: if a file is missing or damaged, or the run is not one that hears recordings: a decomposer, a
            classifier of reconstructed speech, or a student that was matched to its teacher and has not learnt the classes.
    """
    path, model = folder / "run.json", folder / "model.safetensors"
    about = read_json(path, _EXPECTED)
    if "reconstruction" in about:
        raise InputError(f"{folder}: takes speech apart and knows no emotions, expected a run of a classifier")
    if "input_spec" not in about:
        raise InputError(f"{path}: has no 'hearing', as runs of earlier versions; expected a run trained anew")
    try:
        input_spec = InputSpec(**about["input_spec"])
        if input_spec.features is None:
            raise InputError(
                f"{folder}: hears speech that a decomposer reconstructs (variant {input_spec.variant!r}), "
                "expected a run that hears speech as it is"
            )
        made = (_svm if input_spec.method == "svm" else _network)(input_spec, about, model, build, device)
        weights = sha256(read_result(model, "the weights of a run")).hexdigest()
        return SavedModel(folder, input_spec, str(about["code"]), weights, **made)
    except (ValidationError, KeyError, TypeError) as error:
        raise damaged(path, f"lacks or misstates what hearing takes ({_first_line(error)})", _EXPECTED) from error


def classes_of(runs: Sequence[SavedModel]) -> tuple[str, ...]:
    """The classes that all runs have, in the order of the first.

    Raises:
        InputError: if one has others.
    """
    first = runs[0].input_spec.classes
    for run in runs:
        if set(run.input_spec.classes) != set(first):
            raise InputError(
                f"{run.folder}: has the classes {', '.join(run.input_spec.classes)}, "
                f"expected those of {runs[0].folder}: {', '.join(first)}"
            )
    return first


def _first_line(error: Exception) -> str:
    """What is wrong, on one line, without the advice of the library that found it."""
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    return " ".join(f"{type(error).__name__}: {error}".split())


def _svm(input_spec: InputSpec, about: Mapping[str, Any], model: Path, *_: Any) -> dict[str, Any]:
    """How a support vector machine hears."""
    machine = SavedSvm.read(model, SvmSettings(**about["settings"]).kernel)
    _check_fit(model, len(machine.n_support), machine.support_vectors.shape[1], input_spec)

    def posteriors(heard: HeldFeatures) -> np.ndarray:
        return softmax(machine.scores(np.concatenate([heard[name] for name in heard.utterances])), axis=1)

    return {"max_heard_s": np.inf, "max_s": np.inf, "posteriors": posteriors}


def _network(
    input_spec: InputSpec,
    about: Mapping[str, Any],
    model: Path,
    build: Callable[..., System],
    device: torch.device,
) -> dict[str, Any]:
    """How a network hears."""
    if about["arguments"].get("stage") == "matched":
        raise InputError(
            f"{model.parent}: was matched to its teacher and has not learnt the classes, expected a later stage"
        )
    features = input_spec.features
    if not isinstance(features, FeatureSettings):
        raise damaged(model.with_name("run.json"), "has features that no network hears", "spectrograms")
    run, precision = RunSettings(**about["settings"]), about["precision"]
    data = TypeAdapter(TrainingData).validate_python(about["training_data"])
    _check_fit(model, data.n_classes, data.n_bins, input_spec)
    system = build(input_spec.system, about["arguments"], data)
    standardisation = load_weights(system, model)
    if run.standardise and (standardisation is None or standardisation.mean.shape != (data.n_bins,)):
        raise damaged(model, f"has no mean and std of {data.n_bins} bins", "the weights of a run")
    system = system.to(device)
    is_image = features.image_frames is not None
    is_cut = run.max_frames is not None or run.segment_frames is not None
    hop_s = features.hop_length / features.sample_rate_hz

    def posteriors(heard: HeldFeatures) -> np.ndarray:
        # Nobody knows speaker and emotion: any stand for them, and nothing looks at them.
        rows = pd.DataFrame({"utterance": heard.utterances, "speaker": "", "emotion": input_spec.classes[0]})
        split = load_split(
            rows,
            input_spec.classes,
            heard,
            standardisation,
            training_speakers=(),
            max_frames=run.max_frames,
            segment_frames=run.segment_frames,
            device=device,
        )
        logits, embedding = infer(system, split, run.batch_size, precision)
        whole = of_utterances(
            ModelOutputs("test", split.utterances, split.speakers, split.emotion, logits, embedding)
        )
        return softmax(whole.logits.astype(np.float64), axis=1)

    return {
        "max_heard_s": np.inf if run.max_frames is None else run.max_frames * hop_s,
        "max_s": np.inf if is_image or is_cut else MAX_WHOLE_S,
        "posteriors": posteriors,
    }


def _check_fit(model: Path, n_classes: int, n_bins: int, input_spec: InputSpec) -> None:
    """Whether a model's sizes are those of what it is to hear."""
    assert input_spec.features is not None  # load_run refuses a run of reconstructed speech
    if (n_classes, n_bins) != (len(input_spec.classes), input_spec.features.n_bins):
        raise damaged(
            model.with_name("run.json"),
            f"has {n_classes} classes and {n_bins} bins of a model",
            f"{len(input_spec.classes)} and {input_spec.features.n_bins} as it hears",
        )
