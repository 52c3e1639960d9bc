"""Recordings that belong to no corpus, as trained runs hear them: decode, make features once, ask every run."""

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
from emofactors.inference.saved_model import HeldFeatures, SavedModel, classes_of

#: Endings of what is heard in a folder; a file that is named may have any.
ENDINGS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff")

#: Recordings are heard together up to so many seconds of audio: enough for batches of one length, little enough to
#: hold the features of all of them.
CHUNK_S = 3600.0

#: Features and the padding of images: what runs can share.
_Kind = tuple[Features, float | None]


@dataclass(frozen=True)
class Recording:
    """What was heard in a file, or why nothing was.

    Attributes:
        path: the file.
        duration_s: its length in seconds; None where it cannot be decoded.
        posterior: of each class, mean over the runs, float64 (C,); None where there is a fault.
        fault: what is wrong with the file, in words; None where it was heard.
    """

    path: Path
    duration_s: float | None
    posterior: np.ndarray | None
    fault: str | None


@dataclass(frozen=True)
class _Decoded:
    """A file before it is heard: its features of each kind, none where there is a fault."""

    path: Path
    duration_s: float | None
    features: Mapping[_Kind, np.ndarray]
    fault: str | None


def audio_files(paths: Sequence[Path]) -> list[Path]:
    """Files as they are named, and of each folder all audio below it, in order.

    Raises:
        InputError: if a folder has none.
    """
    files = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        # A mac puts ._x beside each x.
        below = [
            file for file in sorted(path.rglob("*")) if file.suffix.lower() in ENDINGS and file.name[0] != "."
        ]
        if not below:
            raise InputError(f"{path}: has no audio below it, expected files ending in {', '.join(ENDINGS)}")
        files += below
    return files


def predict_files(
    files: Sequence[Path],
    runs: Sequence[SavedModel],
    feature_transform: Callable[[Features], Transform | None],
    *,
    threads: int,
) -> Iterator[Recording]:
    """What runs make of recordings, each as a run hears an utterance of its corpus.

    A file is decoded once, and its features are made once for all runs that hear the same.

    Args:
        files: audio files, of any rate and any number of channels.
        runs: at least one; all of the same classes.
        feature_transform: ``features.feature_transform``.
        threads: files decoded at the same time.

    Returns:
        The recordings, in the order of the files. A file that cannot be heard, or is silent, says why.

    Raises:
        InputError: if classes differ, or features need a package that is not installed.
    """
    classes = classes_of(runs)
    transforms = {kind: feature_transform(kind[0]) or _spectrogram_transform(*kind) for kind in map(_kind_of, runs)}
    decode = partial(_decoded, transforms=transforms, max_s=min(run.max_s for run in runs))
    chunk, chunk_s = [], 0.0
    # One thread of torch in each of ours, as where a corpus' features are made.
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for decoded in map_in_order(pool, decode, files, ahead=2 * threads):
            chunk.append(decoded)
            chunk_s += decoded.duration_s or 0.0
            if chunk_s > CHUNK_S:
                yield from _heard(chunk, runs, classes)
                chunk, chunk_s = [], 0.0
        yield from _heard(chunk, runs, classes)


def as_table(recordings: Sequence[Recording], runs: Sequence[SavedModel]) -> pd.DataFrame:
    """A row a file: file, duration_s, prediction, p_<class> of each class, n_models, problem; empty where none is.

    The class with the highest posterior is predicted.
    """
    classes = classes_of(runs)
    rows = []
    for recording in recordings:
        heard = recording.posterior is not None
        posterior = np.full(len(classes), np.nan) if recording.posterior is None else recording.posterior
        about = {
            "file": _shown(recording.path),
            "duration_s": recording.duration_s,
            "prediction": classes[posterior.argmax()] if heard else "",
        }
        of_classes = {f"p_{name}": p for name, p in zip(classes, posterior, strict=True)}
        rows.append(about | of_classes | {"n_models": len(runs) if heard else 0, "problem": recording.fault or ""})
    return pd.DataFrame(rows).astype({"duration_s": float})


def as_json(recordings: Sequence[Recording], runs: Sequence[SavedModel]) -> dict[str, Any]:
    """The same as keys and values, with what the runs are: where they lie, what trained them, their weights."""
    models = [
        {
            "folder": str(run.folder),
            **run.input_spec.model_dump(include={"task", "corpus", "system", "variant", "fold", "seed"}),
            "weights_sha256": run.weights_sha256,
            "code": run.code,
        }
        for run in runs
    ]
    classes, rows = classes_of(runs), []
    for row in as_table(recordings, runs).round(6).to_dict("records"):
        heard = not row["problem"]
        rows.append(
            {
                "file": row["file"],
                "duration_s": None if np.isnan(row["duration_s"]) else row["duration_s"],
                "prediction": row["prediction"] if heard else None,
                "posteriors": {name: row[f"p_{name}"] for name in classes} if heard else None,
                "n_models": row["n_models"],
                "problem": row["problem"] or None,
            }
        )
    return {"classes": list(classes), "models": models, "recordings": rows}


def _shown(path: Path) -> str:
    """A file's name, printable: what a terminal would obey, and what no UTF-8 can say, is written as its code."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(path))


def _kind_of(run: SavedModel) -> _Kind:
    assert run.input_spec.features is not None  # load_run refuses a run of reconstructed speech
    return run.input_spec.features, run.input_spec.longest_s


def _spectrogram_transform(settings: Features, longest_s: float | None) -> Transform:
    """What makes spectrograms: all features that nothing else makes."""
    assert isinstance(settings, FeatureSettings)
    return spectrogram_transform(settings, longest_s or 0.0)


def _decoded(path: Path, *, transforms: Mapping[_Kind, Transform], max_s: float) -> _Decoded:
    """A file's features of each kind, or what is wrong with it."""
    duration_s = None
    try:
        waveform = read_waveform(path)
        duration_s = waveform.duration_s
        fault = fault_of(waveform)
        if fault is None and duration_s > max_s:
            fault = f"has {duration_s:,.1f} s, expected at most {max_s:,.0f} s for a run that hears it whole"
        if fault is not None:
            return _Decoded(path, duration_s, {}, fault)
        features = {
            kind: _features(path, resampled(waveform, kind[0].sample_rate_hz).samples, kind[0], transform)
            for kind, transform in transforms.items()
        }
    except AudioError as error:
        return _Decoded(path, duration_s, {}, error.reason)
    except UnicodeEncodeError:
        return _Decoded(path, duration_s, {}, "has a name that is no UTF-8")
    except InputError as error:
        return _Decoded(path, duration_s, {}, str(error).removeprefix(f"{path}: "))
    return _Decoded(path, duration_s, features, None)


def _features(path: Path, samples: np.ndarray, settings: Features, transform: Transform) -> np.ndarray:
    """Features of one file, (T, F)."""
    (features,) = features_of_clips([Clip(path.name, path, samples)], settings, transform).values()
    return features


def _heard(chunk: Sequence[_Decoded], runs: Sequence[SavedModel], classes: Sequence[str]) -> Iterator[Recording]:
    """The recordings of a chunk, with the mean of what all runs say of each."""
    sound = [i for i, decoded in enumerate(chunk) if decoded.fault is None]
    posteriors = {}
    if sound:
        total = np.zeros((len(sound), len(classes)))
        for run in runs:
            held = HeldFeatures({str(i): chunk[i].features[_kind_of(run)] for i in sound})
            total += run.posteriors(held)[:, [run.input_spec.classes.index(name) for name in classes]]
        posteriors = dict(zip(sound, total / len(runs), strict=True))
    for i, decoded in enumerate(chunk):
        yield Recording(decoded.path, decoded.duration_s, posteriors.get(i), decoded.fault)
