"""Predict new audio files: decode each file, compute its features once, average the posteriors of all models."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from emofactors.config.features import Features, FeatureSettings
from emofactors.corpora.audio import AudioError, fault_of, read_waveform
from emofactors.errors import InputError
from emofactors.features.audio import Transform, resampled
from emofactors.features.extract import Clip, features_of_clips, map_in_order, spectrogram_transform
from emofactors.inference.saved_model import FeaturesInMemory, SavedModel, classes_of

#: Suffixes of the files that are read from a folder; a file given by name may have any.
SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff")

#: Seconds of audio that are predicted together: enough for batches of similar length, and few enough to hold all
#: features in memory.
CHUNK_S = 3600.0

#: Settings of features and the padding of images: models with equal keys share their features.
_FeatureKey = tuple[Features, float | None]


@dataclass(frozen=True)
class FilePrediction:
    """Prediction of one audio file, or why there is none.

    Attributes:
        path: the file.
        duration_s: duration in seconds; None if the file cannot be decoded.
        posterior: posterior of each class, the mean over the models, (C,) float64; None for an unusable file.
        fault: why the file is unusable; None if it is usable.
    """

    path: Path
    duration_s: float | None
    posterior: np.ndarray | None
    fault: str | None


@dataclass(frozen=True)
class _Decoded:
    """A decoded file with its features, (T, F) each; none if it is unusable."""

    path: Path
    duration_s: float | None
    features: Mapping[_FeatureKey, np.ndarray]
    fault: str | None


def audio_files(paths: Sequence[Path]) -> list[Path]:
    """Return the given files, and all audio files below the given folders, in order.

    Raises:
        InputError: if a folder contains none.
    """
    files = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        # macOS adds a file ._x to each file x.
        below = [
            file for file in sorted(path.rglob("*")) if file.suffix.lower() in SUFFIXES and file.name[0] != "."
        ]
        if not below:
            raise InputError(f"{path}: contains no audio, expected files ending in {', '.join(SUFFIXES)}")
        files += below
    return files


def predict_files(
    files: Sequence[Path],
    models: Sequence[SavedModel],
    feature_transform: Callable[[Features], Transform | None],
    *,
    threads: int,
) -> Iterator[FilePrediction]:
    """Predict audio files, each as one utterance.

    Each file is decoded once, and models with the same features share them.

    Args:
        files: audio files of any sample rate and number of channels.
        models: at least one; all with the same classes.
        feature_transform: ``features.feature_transform``.
        threads: number of files decoded in parallel.

    Yields:
        The predictions, in the order of the files.

    Raises:
        InputError: if classes differ, or features require a package that is not installed.
    """
    classes = classes_of(models)
    transforms = {key: feature_transform(key[0]) or _spectrogram_transform(*key) for key in map(_key_of, models)}
    decode = partial(_decode, transforms=transforms, max_s=min(model.max_s for model in models))
    chunk, chunk_s = [], 0.0
    # One thread of torch per thread of the pool, as in the extraction of features.
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for decoded in map_in_order(pool, decode, files, ahead=2 * threads):
            chunk.append(decoded)
            chunk_s += decoded.duration_s or 0.0
            if chunk_s > CHUNK_S:
                yield from _predict_chunk(chunk, models, classes)
                chunk, chunk_s = [], 0.0
        yield from _predict_chunk(chunk, models, classes)


def as_table(predictions: Sequence[FilePrediction], models: Sequence[SavedModel]) -> pd.DataFrame:
    """Return one row per file: file, duration_s, prediction, p_<class> of each class, n_models, problem.

    The class with the highest posterior is predicted; cells without a value are empty.
    """
    classes = classes_of(models)
    rows = []
    for prediction in predictions:
        is_usable = prediction.posterior is not None
        posterior = np.full(len(classes), np.nan) if prediction.posterior is None else prediction.posterior
        rows.append(
            {
                "file": _printable(prediction.path),
                "duration_s": prediction.duration_s,
                "prediction": classes[posterior.argmax()] if is_usable else "",
                **{f"p_{name}": p for name, p in zip(classes, posterior, strict=True)},
                "n_models": len(models) if is_usable else 0,
                "problem": prediction.fault or "",
            }
        )
    return pd.DataFrame(rows).astype({"duration_s": float})


def as_json(predictions: Sequence[FilePrediction], models: Sequence[SavedModel]) -> dict[str, Any]:
    """Return the content of :func:`as_table` as keys and values, with the identity of each model."""
    identities = [
        {
            "folder": str(model.folder),
            **model.input_spec.model_dump(include={"task", "corpus", "system", "variant", "fold", "seed"}),
            "weights_sha256": model.weights_sha256,
            "code": model.code,
        }
        for model in models
    ]
    classes, rows = classes_of(models), []
    for row in as_table(predictions, models).round(6).to_dict("records"):
        is_usable = not row["problem"]
        rows.append(
            {
                "file": row["file"],
                "duration_s": None if np.isnan(row["duration_s"]) else row["duration_s"],
                "prediction": row["prediction"] if is_usable else None,
                "posteriors": {name: row[f"p_{name}"] for name in classes} if is_usable else None,
                "n_models": row["n_models"],
                "problem": row["problem"] or None,
            }
        )
    return {"classes": list(classes), "models": identities, "recordings": rows}


def _printable(path: Path) -> str:
    """Return the name of a file with escapes for control characters and for bytes that are not UTF-8."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(path))


def _key_of(model: SavedModel) -> _FeatureKey:
    assert model.input_spec.features is not None  # load_model refuses runs on reconstructed speech
    return model.input_spec.features, model.input_spec.longest_s


def _spectrogram_transform(settings: Features, longest_s: float | None) -> Transform:
    """Return the spectrogram transform for feature kinds without their own."""
    assert isinstance(settings, FeatureSettings)
    return spectrogram_transform(settings, longest_s or 0.0)


def _decode(path: Path, *, transforms: Mapping[_FeatureKey, Transform], max_s: float) -> _Decoded:
    """Decode a file and compute its features."""
    duration_s = None
    try:
        waveform = read_waveform(path)
        duration_s = waveform.duration_s
        fault = fault_of(waveform)
        if fault is None and duration_s > max_s:
            fault = f"has {duration_s:,.1f} s, expected at most {max_s:,.0f} s for a model that reads it whole"
        if fault is not None:
            return _Decoded(path, duration_s, {}, fault)
        features = {}
        for key, transform in transforms.items():
            settings, _ = key
            clip = Clip(path.name, path, resampled(waveform, settings.sample_rate_hz).samples)
            (features[key],) = features_of_clips([clip], settings, transform).values()
    except AudioError as error:
        return _Decoded(path, duration_s, {}, error.reason)
    except UnicodeEncodeError:
        return _Decoded(path, duration_s, {}, "has a name that is not UTF-8")
    except InputError as error:
        return _Decoded(path, duration_s, {}, str(error).removeprefix(f"{path}: "))
    return _Decoded(path, duration_s, features, None)


def _predict_chunk(
    chunk: Sequence[_Decoded], models: Sequence[SavedModel], classes: Sequence[str]
) -> Iterator[FilePrediction]:
    """Predict decoded files: the posterior is the mean over all models."""
    usable = [i for i, decoded in enumerate(chunk) if decoded.fault is None]
    posteriors = {}
    if usable:
        total = np.zeros((len(usable), len(classes)))
        for model in models:
            features = FeaturesInMemory({str(i): chunk[i].features[_key_of(model)] for i in usable})
            total += model.posteriors(features)[:, [model.input_spec.classes.index(name) for name in classes]]
        posteriors = dict(zip(usable, total / len(models), strict=True))
    for i, decoded in enumerate(chunk):
        yield FilePrediction(decoded.path, decoded.duration_s, posteriors.get(i), decoded.fault)
