"""All that is asked of the frozen embeddings of one variant: probes of every run, and what clusters share.

The training utterances are probed for their speakers, those the system was
to forget. Emotion is learnt from them too, and looked for in speakers that
were not heard.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from emofactors.config.evaluation import ProbeSettings
from emofactors.evaluation.probe_models import (
    Embeddings,
    ProbeResult,
    probe,
    probe_counts,
    probe_others,
    read_embeddings,
)
from emofactors.evaluation.scores import fold_and_seed
from emofactors.evaluation.statistics.mutual_information import cluster, shared_information
from emofactors.io.csv import write_csv

PROBE_COLUMNS = ("probe", "fold", "seed", "speaker", "truth", "prediction", "count")
INFORMATION_COLUMNS = (
    *("label", "fold", "seed", "n", "nats", "null_mean", "null_high", "above_null", "normalised", "adjusted"),
)


@dataclass(frozen=True)
class Probed:
    """What is left of speaker and emotion in the embeddings of one variant.

    Attributes:
        probes: columns ``PROBE_COLUMNS``: how often which label was taken for which, by speaker, in each run;
            counts above zero.
        information: columns ``INFORMATION_COLUMNS``: mutual information of clusters with speaker and with
            emotion, a row a run and label; see ``mutual_information.SharedInformation``.
    """

    probes: pd.DataFrame
    information: pd.DataFrame

    def write(self, probes: str | Path, information: str | Path) -> None:
        """Write both as CSV, at full precision."""
        for path, table in ((probes, self.probes), (information, self.information)):
            write_csv(path, table)


def read_runs(paths: Iterable[str | Path]) -> dict[tuple[int, int], Embeddings]:
    """Read the embeddings of the runs of one variant.

    Args:
        paths: files ``…/fold{fold}/seed{seed}/embeddings.npz``.

    Returns:
        (fold, seed) -> embeddings.

    Raises:
        InputError: if a file is no such archive.
        ValueError: if a path tells no fold and seed.
    """
    return {fold_and_seed(path): read_embeddings(path) for path in paths}


def probe_runs(
    runs: Mapping[tuple[int, int], Embeddings], settings: ProbeSettings, original_of: Callable[[str], str]
) -> Probed:
    """Probe and cluster the embeddings of every run.

    ``speaker_linear`` and ``speaker_mlp`` are cross-validated over the training
    utterances, but for speakers with one alone; ``speaker_held_out`` learns from all
    of them and is tested on held-out utterances of the same speakers;
    ``emotion_linear`` learns from them and is tested on the test speakers. The
    last two are linear. Clusters are those of the training utterances.

    Args:
        runs: (fold, seed) -> embeddings.
        settings: parts, clusters and permutations, and the seed of all.
        original_of: utterance -> what it is a copy of, or itself.

    Returns:
        Counts and information of every run.

    Raises:
        ValueError: if the training utterances of a run are of one speaker only, cannot be divided, or are
            fewer than the clusters.
    """
    with threadpool_limits(1):  # sums, and so clusters and probes, vary in the last bit with the number of threads
        return _probe_runs(runs, settings, original_of)


def _probe_runs(
    runs: Mapping[tuple[int, int], Embeddings], settings: ProbeSettings, original_of: Callable[[str], str]
) -> Probed:
    """Probes and information of every run, by as many threads as there are."""
    probes, information = [], []
    for (fold, seed), embeddings in sorted(runs.items()):
        train = embeddings.of_split("train")
        originals = np.array([original_of(utterance) for utterance in train.utterance])
        for name, (result, of) in _probe(embeddings, train, originals, settings).items():
            probes.append(probe_counts(result, of.speaker, seed=seed).assign(probe=name, fold=fold))
        information += [{"fold": fold, "seed": seed} | row for row in _information(train, originals, settings)]
    return Probed(
        probes=pd.concat(probes, ignore_index=True)[list(PROBE_COLUMNS)],
        information=pd.DataFrame(information)[list(INFORMATION_COLUMNS)],
    )


def _probe(
    embeddings: Embeddings, train: Embeddings, originals: np.ndarray, settings: ProbeSettings
) -> dict[str, tuple[ProbeResult, Embeddings]]:
    """Probe -> its result, and the embeddings that were probed."""
    results = {}
    # Who has one original alone would have to be told unheard.
    of_originals = train.speaker[np.unique(originals, return_index=True)[1]]
    speakers, n_originals = np.unique(of_originals, return_counts=True)
    is_told = np.isin(train.speaker, speakers[n_originals > 1])
    told = train.chosen(is_told)
    for kind in ("linear", "mlp"):
        result = probe(
            *(told.embedding, told.speaker),
            groups=originals[is_told],
            kind=kind,
            folds=settings.folds,
            seed=settings.seed,
        )
        results[f"speaker_{kind}"] = (result, told)
    of_others: tuple[tuple[str, str, Literal["speaker", "emotion"]], ...] = (
        ("speaker_held_out", "held_out", "speaker"),
        ("emotion_linear", "test", "emotion"),
    )
    for name, split, label in of_others:
        others = embeddings.of_split(split)
        if len(others.utterance):
            results[name] = (probe_others(train, others, label), others)
    return results


def _information(train: Embeddings, originals: np.ndarray, settings: ProbeSettings) -> list[dict[str, Any]]:
    """What clusters of the training embeddings share with each label."""
    clusters = cluster(train.embedding, n_clusters=settings.clusters, seed=settings.seed)
    rows = []
    for label in ("speaker", "emotion"):
        shared = shared_information(
            *(clusters, getattr(train, label)),
            groups=originals,
            permutations=settings.permutations,
            seed=settings.seed,
        )
        rows.append({"label": label, "n": len(clusters), "above_null": shared.above_null} | asdict(shared))
    return rows
