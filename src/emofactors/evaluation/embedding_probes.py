"""Probe and cluster the frozen embeddings of all runs of one variant.

Speaker probes use the training utterances, whose speakers an adversarial system
learns to ignore. Emotion probes are fitted to the training utterances and
evaluated on the test speakers.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from emofactors.config.evaluation import ProbeSettings
from emofactors.errors import InputError
from emofactors.evaluation.probe_models import ProbePredictions, cross_validate_probe, fit_and_evaluate_probe
from emofactors.evaluation.statistics.mutual_information import cluster, information_with_permutation_null
from emofactors.io.csv import write_csv
from emofactors.io.npz import read_npz

PROBE_COLUMNS = ("probe", "fold", "seed", "speaker", "truth", "prediction", "count")
INFORMATION_COLUMNS = (
    *("label", "fold", "seed", "n", "nats", "null_mean", "null_high", "above_null", "normalised", "adjusted"),
)

_ARRAYS = ("embedding", "utterance", "split", "emotion", "speaker")
_PROBE_KINDS: tuple[Literal["linear", "mlp"], ...] = ("linear", "mlp")


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of every utterance of one run's fold.

    Attributes:
        embedding: shape (N, D), float32.
        utterance: names, shape (N,); names are text.
        split: train, dev, test or held_out, shape (N,).
        emotion: shape (N,).
        speaker: shape (N,).
    """

    embedding: np.ndarray
    utterance: np.ndarray
    split: np.ndarray
    emotion: np.ndarray
    speaker: np.ndarray

    def of_split(self, split: str) -> Self:
        """Select the utterances of one split."""
        return self.select(self.split == split)

    def select(self, index: np.ndarray) -> Self:
        """Select utterances by indices or by a mask of shape (N,)."""
        return type(self)(**{name: getattr(self, name)[index] for name in _ARRAYS})


@dataclass(frozen=True)
class EmbeddingProbes:
    """Speaker and emotion information in the embeddings of one variant.

    Attributes:
        probes: columns ``PROBE_COLUMNS``: confusion counts above zero of each probe and run, by speaker.
        information: columns ``INFORMATION_COLUMNS``: mutual information of clusters with speaker and with
            emotion, one row per run and label; see ``mutual_information.MutualInformation``.
    """

    probes: pd.DataFrame
    information: pd.DataFrame

    def write(self, probes: str | Path, information: str | Path) -> None:
        """Write both tables as CSV at full precision."""
        for path, table in ((probes, self.probes), (information, self.information)):
            write_csv(path, table)


def read_embeddings(path: str | Path) -> Embeddings:
    """Read ``embeddings.npz`` of a run.

    Args:
        path: the file.

    Returns:
        The embeddings.

    Raises:
        InputError: if the file is missing or damaged, or the shapes of its arrays do not match.
    """
    arrays = read_npz(path, "the embeddings.npz of a run", _ARRAYS)
    embedding = arrays["embedding"]
    n = len(embedding) if embedding.ndim == 2 else 0
    if n == 0 or any(arrays[name].shape != (n,) for name in _ARRAYS[1:]):
        shapes = ", ".join(f"{name} {arrays[name].shape}" for name in _ARRAYS)
        raise InputError(f"{path}: has {shapes}; expected embedding (N, D) and the others (N,)")
    if embedding.dtype.kind != "f" or not np.isfinite(embedding).all():
        raise InputError(f"{path}: embedding: has values that are not finite; expected finite numbers")
    return Embeddings(**{name: arrays[name] for name in _ARRAYS})


def probe_embeddings(
    runs: Mapping[tuple[int, int], Embeddings], settings: ProbeSettings, original_of: Callable[[str], str]
) -> EmbeddingProbes:
    """Probe and cluster the embeddings of every run.

    ``speaker_linear`` and ``speaker_mlp`` are cross-validated over the training
    utterances, without speakers that have a single original. ``speaker_held_out`` and
    ``emotion_linear`` are linear probes fitted to all training utterances;
    the first predicts held-out utterances of the same speakers, the second the
    test speakers. Clusters are those of the training utterances.

    Args:
        runs: (fold, seed) -> embeddings.
        settings: number of cross-validation folds, clusters and permutations, and the seed.
        original_of: maps an utterance to its original, or to itself.

    Returns:
        Counts and mutual information of every run.

    Raises:
        ValueError: if the training utterances of a run have only one speaker, cannot be divided into folds, or are
            fewer than the clusters.
    """
    probes, information = [], []
    with threadpool_limits(1):  # the last bits of sums, and so the results, depend on the number of threads
        for (fold, seed), embeddings in sorted(runs.items()):
            train = embeddings.of_split("train")
            originals = np.array([original_of(utterance) for utterance in train.utterance])
            for name, (predictions, probed) in _probe_run(embeddings, train, originals, settings).items():
                counts = count_by_speaker(predictions, probed.speaker, seed=seed)
                probes.append(counts.assign(probe=name, fold=fold))
            information += [
                {"fold": fold, "seed": seed} | row for row in _estimate_information(train, originals, settings)
            ]
    return EmbeddingProbes(
        probes=pd.concat(probes, ignore_index=True)[list(PROBE_COLUMNS)],
        information=pd.DataFrame(information)[list(INFORMATION_COLUMNS)],
    )


def count_by_speaker(predictions: ProbePredictions, speaker: np.ndarray, *, seed: int) -> pd.DataFrame:
    """Count the predictions of a probe by speaker, in the columns of ``confusion.csv``.

    Args:
        predictions: predictions for the embeddings of one run.
        speaker: speaker of each predicted utterance, shape (N,).
        seed: seed of the run.

    Returns:
        seed, speaker, truth, prediction, count; counts above zero only.

    Raises:
        ValueError: if the numbers of speakers and predictions differ.
    """
    if np.shape(speaker) != predictions.truth.shape:
        raise ValueError(f"speaker is {np.shape(speaker)}, expected {predictions.truth.shape}: one per utterance")
    labels = np.asarray(predictions.labels)
    rows = pd.DataFrame(
        {"speaker": speaker, "truth": labels[predictions.truth], "prediction": labels[predictions.prediction]}
    )
    counts = rows.groupby(list(rows.columns), sort=True).size().rename("count").reset_index()
    counts.insert(0, "seed", seed)
    return counts


def _probe_run(
    embeddings: Embeddings, train: Embeddings, originals: np.ndarray, settings: ProbeSettings
) -> dict[str, tuple[ProbePredictions, Embeddings]]:
    """Return the predictions and the predicted embeddings of each probe."""
    results = {}
    # Cross-validation needs at least two originals of each speaker.
    original_speakers = train.speaker[np.unique(originals, return_index=True)[1]]
    speakers, n_originals = np.unique(original_speakers, return_counts=True)
    is_included = np.isin(train.speaker, speakers[n_originals > 1])
    included = train.select(is_included)
    for kind in _PROBE_KINDS:
        predictions = cross_validate_probe(
            *(included.embedding, included.speaker),
            groups=originals[is_included],
            kind=kind,
            folds=settings.folds,
            seed=settings.seed,
        )
        results[f"speaker_{kind}"] = (predictions, included)
    for name, split, label in (
        ("speaker_held_out", "held_out", "speaker"),
        ("emotion_linear", "test", "emotion"),
    ):
        test = embeddings.of_split(split)
        if len(test.utterance):
            predictions = fit_and_evaluate_probe(
                *(train.embedding, getattr(train, label)), *(test.embedding, getattr(test, label))
            )
            results[name] = (predictions, test)
    return results


def _estimate_information(
    train: Embeddings, originals: np.ndarray, settings: ProbeSettings
) -> list[dict[str, Any]]:
    """Return the mutual information of clusters of the training embeddings with each label."""
    clusters = cluster(train.embedding, n_clusters=settings.clusters, seed=settings.seed)
    rows = []
    for label in ("speaker", "emotion"):
        information = information_with_permutation_null(
            *(clusters, getattr(train, label)),
            groups=originals,
            permutations=settings.permutations,
            seed=settings.seed,
        )
        rows.append(
            {"label": label, "n": len(clusters), "above_null": information.above_null} | asdict(information)
        )
    return rows
