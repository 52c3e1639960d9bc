"""Saved models: runs in any folder, with everything needed to predict new audio."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import TypeAdapter, ValidationError

from emofactors.config.features import FeatureSettings
from emofactors.config.training import RunSettings, SvmSettings
from emofactors.errors import InputError
from emofactors.inference.saved_svm import SavedSvm
from emofactors.io.atomic import damaged, read_result
from emofactors.io.json import read_json
from emofactors.systems.base import TrainingData
from emofactors.training.dataset import load_split
from emofactors.training.input_spec import InputSpec
from emofactors.training.outputs import model_outputs
from emofactors.training.posteriors import softmax
from emofactors.training.run import BuildSystem
from emofactors.training.weights import load_weights

#: Longest recording in seconds that a network reads whole, frame by frame: the memory of attention grows with its
#: square.
MAX_WHOLE_S = 60.0

#: What run.json contains.
_EXPECTED = "the metadata of a run"


class FeaturesInMemory:
    """Features of recordings in memory, with the interface of a ``FeatureArchive``.

    Args:
        features: name -> (T, F) float32; at least one.

    Attributes:
        utterances: names of the recordings, in order.
        n_bins: frequency bins of one frame, F.
    """

    def __init__(self, features: Mapping[str, np.ndarray]) -> None:
        self._features = dict(features)
        self.utterances = tuple(self._features)
        self.n_bins = next(iter(self._features.values())).shape[1]

    def __getitem__(self, utterance: str) -> np.ndarray:
        """Return the features of a recording, (T, F)."""
        return self._features[utterance]

    def n_frames(self, utterance: str) -> int:
        """Return the number of frames of a recording, T."""
        return len(self._features[utterance])


@dataclass(frozen=True)
class SavedModel:
    """A saved model.

    Attributes:
        folder: folder of its run.
        input_spec: identity of the run, and the features that the model reads.
        code: fingerprint of the code of its training.
        weights_sha256: SHA-256 of its weights.
        max_used_s: longer recordings are cut to this many seconds at their center; infinity: they are not cut.
        max_s: longest recording in seconds that the model can read; infinity: any.
        posteriors: function of the features of recordings that returns their posteriors, (N, C) float64.
    """

    folder: Path
    input_spec: InputSpec
    code: str
    weights_sha256: str
    max_used_s: float
    max_s: float
    posteriors: Callable[[FeaturesInMemory], np.ndarray]


def find_runs(folder: Path) -> list[Path]:
    """Return the folder itself if it is that of a run, else the folders of all runs below it.

    Raises:
        InputError: if there is none.
    """
    expected = "the folder of a run (with run.json and model.safetensors), or one above such folders"
    if not folder.is_dir():
        raise InputError(f"{folder}: is not a folder, expected {expected}")
    if (folder / "run.json").is_file():
        return [folder]
    runs = sorted(file.parent for file in folder.rglob("run.json"))
    if not runs:
        raise InputError(f"{folder}: contains no run, expected {expected}")
    return runs


def load_model(folder: Path, build: BuildSystem, device: torch.device) -> SavedModel:
    """Load the model of a run, from the folder of its training or from a copy of it.

    Args:
        folder: folder with ``run.json`` and ``model.safetensors``.
        build: ``systems.build_system``.
        device: device of a network.

    Returns:
        The model.

    Raises:
        InputError: if a file is missing or damaged, or the model does not predict emotions of new audio: a
            decomposer, a classifier of reconstructed speech or of features standardised by speaker, or a student
            that is matched to its teacher but has not been trained on the classes.
    """
    path, weights = folder / "run.json", folder / "model.safetensors"
    metadata = read_json(path, _EXPECTED)
    if "reconstruction" in metadata:
        raise InputError(f"{folder}: is a decomposer, which predicts no emotions; expected a run of a classifier")
    if "input_spec" not in metadata:
        raise InputError(f"{path}: has no 'input_spec'; expected a run of this version, train it again")
    try:
        input_spec = InputSpec(**metadata["input_spec"])
        if input_spec.features is None:
            raise InputError(
                f"{folder}: reads speech reconstructed by a decomposer (variant {input_spec.variant!r}); "
                "expected a run on original speech"
            )
        if input_spec.method == "svm":
            method = _svm(input_spec, metadata, weights)
        else:
            method = _network(input_spec, metadata, weights, build, device)
        weights_sha256 = sha256(read_result(weights, "the weights of a run")).hexdigest()
        return SavedModel(folder, input_spec, str(metadata["code"]), weights_sha256, **method)
    except (ValidationError, KeyError, TypeError) as error:
        raise damaged(path, f"has missing or invalid metadata ({_first_line(error)})", _EXPECTED) from error


def classes_of(models: Sequence[SavedModel]) -> tuple[str, ...]:
    """Return the common classes of all models, in the order of the first.

    Raises:
        InputError: if the classes of a model differ.
    """
    first = models[0].input_spec.classes
    for model in models:
        if set(model.input_spec.classes) != set(first):
            raise InputError(
                f"{model.folder}: has the classes {', '.join(model.input_spec.classes)}, "
                f"expected those of {models[0].folder}: {', '.join(first)}"
            )
    return first


def _first_line(error: Exception) -> str:
    """Return the message of an error on one line, without the advice of the library that raised it."""
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    return " ".join(f"{type(error).__name__}: {error}".split())


def _svm(input_spec: InputSpec, metadata: Mapping[str, Any], weights: Path) -> dict[str, Any]:
    """Return the limits and the posteriors of a support vector machine."""
    svm = SavedSvm.read(weights, SvmSettings(**metadata["settings"]).kernel)
    _check_sizes(weights, len(svm.n_support), svm.support_vectors.shape[1], input_spec)

    def posteriors(features: FeaturesInMemory) -> np.ndarray:
        return softmax(svm.scores(np.concatenate([features[name] for name in features.utterances])))

    return {"max_used_s": np.inf, "max_s": np.inf, "posteriors": posteriors}


def _network(
    input_spec: InputSpec,
    metadata: Mapping[str, Any],
    weights: Path,
    build: BuildSystem,
    device: torch.device,
) -> dict[str, Any]:
    """Return the limits and the posteriors of a network."""
    if metadata["arguments"].get("stage") == "matched":
        raise InputError(
            f"{weights.parent}: is matched to its teacher but not trained on the classes, expected a later stage"
        )
    features = input_spec.features
    if not isinstance(features, FeatureSettings):
        raise damaged(weights.with_name("run.json"), "has functionals as input of a network", "spectrograms")
    settings, precision = RunSettings(**metadata["settings"]), metadata["precision"]
    if settings.standardise_by_speaker:
        raise InputError(
            f"{weights.parent}: standardises features by speaker (variant {input_spec.variant!r}), but those of "
            "new audio are unknown; expected a run without standardise_by_speaker"
        )
    data = TypeAdapter(TrainingData).validate_python(metadata["training_data"])
    _check_sizes(weights, data.n_classes, data.n_bins, input_spec)
    system = build(input_spec.system, metadata["arguments"], data)
    standardisation = load_weights(system, weights)
    if settings.standardise and (standardisation is None or standardisation.mean.shape != (data.n_bins,)):
        raise damaged(weights, f"has no mean and std of {data.n_bins} bins", "the weights of a run")
    system = system.to(device)
    is_image = features.image_frames is not None
    is_cut = settings.max_frames is not None or settings.segment_frames is not None
    hop_s = features.hop_length / features.sample_rate_hz

    def posteriors(recordings: FeaturesInMemory) -> np.ndarray:
        # Speaker and emotion are unused placeholders.
        rows = pd.DataFrame({"utterance": recordings.utterances, "speaker": "", "emotion": input_spec.classes[0]})
        split = load_split(
            rows,
            input_spec.classes,
            recordings,
            standardisation,
            training_speakers=(),
            max_frames=settings.max_frames,
            segment_frames=settings.segment_frames,
            device=device,
        )
        outputs = model_outputs(system, split, split="test", batch_size=settings.batch_size, precision=precision)
        return softmax(outputs.logits.astype(np.float64))

    return {
        "max_used_s": np.inf if settings.max_frames is None else settings.max_frames * hop_s,
        "max_s": np.inf if is_image or is_cut else MAX_WHOLE_S,
        "posteriors": posteriors,
    }


def _check_sizes(weights: Path, n_classes: int, n_bins: int, input_spec: InputSpec) -> None:
    """Check that the sizes of a model are those of its input specification."""
    assert input_spec.features is not None  # load_model refuses runs on reconstructed speech
    if (n_classes, n_bins) != (len(input_spec.classes), input_spec.features.n_bins):
        raise damaged(
            weights.with_name("run.json"),
            f"has {n_classes} classes and {n_bins} bins of a model",
            f"{len(input_spec.classes)} and {input_spec.features.n_bins} as in its input_spec",
        )
