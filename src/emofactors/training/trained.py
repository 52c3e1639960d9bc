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

from emofactors.config import FeatureSettings, RunSettings, SvmSettings
from emofactors.errors import InputError
from emofactors.files import damaged, read_json, read_made
from emofactors.systems.base import System, TrainingData
from emofactors.training.batches import load_role
from emofactors.training.fit import infer
from emofactors.training.hearing import Hearing
from emofactors.training.predictions import Heard, of_utterances
from emofactors.training.run import start_from
from emofactors.training.svm import SavedSvm

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
class TrainedRun:
    """A run that hears.

    Attributes:
        folder: where it lies.
        hearing: which run it is, and what becomes of a recording before it is heard.
        code: fingerprint of the code it was trained by.
        weights_sha256: of its file of weights.
        max_heard_s: of a longer recording it hears so many seconds at its middle; infinity: all of it.
        max_s: a longer recording it cannot hear; infinity: there is none.
        posteriors: posteriors (N, C) float64 of recordings, by their features.
    """

    folder: Path
    hearing: Hearing
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
) -> TrainedRun:
    """Read a run from its folder; it need not lie where it was trained.

    Args:
        folder: with ``run.json`` and ``model.safetensors``.
        build: ``systems.build_system``.
        device: where a network shall hear.

    Returns:
        The run.

    Raises:
        InputError: if a file is missing or damaged, or the run is not one that hears recordings: a decomposer, a
            judge of rebuilt speech, or a student that was matched to its teacher and has not learnt the classes.
    """
    path, model = folder / "run.json", folder / "model.safetensors"
    about = read_json(path, _EXPECTED)
    if "reconstruction" in about:
        raise InputError(f"{folder}: takes speech apart and knows no emotions, expected a run of a classifier")
    if "hearing" not in about:
        raise InputError(f"{path}: has no 'hearing', as runs of earlier versions; expected a run trained anew")
    try:
        hearing = Hearing(**about["hearing"])
        if hearing.features is None:
            raise InputError(
                f"{folder}: hears speech that a decomposer rebuilds (variant {hearing.variant!r}), "
                "expected a run that hears speech as it is"
            )
        made = (_svm if hearing.method == "svm" else _network)(hearing, about, model, build, device)
        weights = sha256(read_made(model, "the weights of a run")).hexdigest()
        return TrainedRun(folder, hearing, str(about["code"]), weights, **made)
    except (ValidationError, KeyError, TypeError) as error:
        raise damaged(path, f"lacks or misstates what hearing takes ({_first_line(error)})", _EXPECTED) from error


def classes_of(runs: Sequence[TrainedRun]) -> tuple[str, ...]:
    """The classes that all runs have, in the order of the first.

    Raises:
        InputError: if one has others.
    """
    first = runs[0].hearing.classes
    for run in runs:
        if set(run.hearing.classes) != set(first):
            raise InputError(
                f"{run.folder}: has the classes {', '.join(run.hearing.classes)}, "
                f"expected those of {runs[0].folder}: {', '.join(first)}"
            )
    return first


def _first_line(error: Exception) -> str:
    """What is wrong, on one line, without the advice of the library that found it."""
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    return " ".join(f"{type(error).__name__}: {error}".split())


def _svm(hearing: Hearing, about: Mapping[str, Any], model: Path, *_: Any) -> dict[str, Any]:
    """How a support vector machine hears."""
    machine = SavedSvm.read(model, SvmSettings(**about["settings"]).kernel)
    _check_fit(model, len(machine.n_support), machine.support_vectors.shape[1], hearing)

    def posteriors(heard: HeldFeatures) -> np.ndarray:
        return softmax(machine.scores(np.concatenate([heard[name] for name in heard.utterances])), axis=1)

    return {"max_heard_s": np.inf, "max_s": np.inf, "posteriors": posteriors}


def _network(
    hearing: Hearing, about: Mapping[str, Any], model: Path, build: Callable[..., System], device: torch.device
) -> dict[str, Any]:
    """How a network hears."""
    if about["arguments"].get("stage") == "matched":
        raise InputError(
            f"{model.parent}: was matched to its teacher and has not learnt the classes, expected a later stage"
        )
    features = hearing.features
    if not isinstance(features, FeatureSettings):
        raise damaged(model.with_name("run.json"), "has features that no network hears", "spectrograms")
    run, precision = RunSettings(**about["settings"]), about["precision"]
    data = TypeAdapter(TrainingData).validate_python(about["training_data"])
    _check_fit(model, data.n_classes, data.n_bins, hearing)
    system = build(hearing.system, about["arguments"], data)
    standardisation = start_from(system, model)
    if run.standardise and (standardisation is None or standardisation.mean.shape != (data.n_bins,)):
        raise damaged(model, f"has no mean and deviation of {data.n_bins} bins", "the weights of a run")
    system = system.to(device)
    is_image = features.image_frames is not None
    is_cut = run.max_frames is not None or run.segment_frames is not None
    hop_s = features.hop_length / features.sample_rate_hz

    def posteriors(heard: HeldFeatures) -> np.ndarray:
        # Nobody knows speaker and emotion: any stand for them, and nothing looks at them.
        rows = pd.DataFrame({"utterance": heard.utterances, "speaker": "", "emotion": hearing.classes[0]})
        role = load_role(
            rows,
            hearing.classes,
            heard,
            standardisation,
            training_speakers=(),
            max_frames=run.max_frames,
            segment_frames=run.segment_frames,
            device=device,
        )
        logits, embedding = infer(system, role, run.batch_size, precision)
        whole = of_utterances(Heard("test", role.utterances, role.speakers, role.emotion, logits, embedding))
        return softmax(whole.logits.astype(np.float64), axis=1)

    return {
        "max_heard_s": np.inf if run.max_frames is None else run.max_frames * hop_s,
        "max_s": np.inf if is_image or is_cut else MAX_WHOLE_S,
        "posteriors": posteriors,
    }


def _check_fit(model: Path, n_classes: int, n_bins: int, hearing: Hearing) -> None:
    """Whether a model's sizes are those of what it is to hear."""
    assert hearing.features is not None  # load_run refuses a run of rebuilt speech
    if (n_classes, n_bins) != (len(hearing.classes), hearing.features.n_bins):
        raise damaged(
            model.with_name("run.json"),
            f"has {n_classes} classes and {n_bins} bins of a model",
            f"{len(hearing.classes)} and {hearing.features.n_bins} as it hears",
        )
