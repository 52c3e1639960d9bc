"""Mutual information between the codes of a decomposer: what its factors of speech still share.

Codes are those of test utterances, which the decomposer never heard. Each of
four representations, the spectrogram and the codes of content, rhythm and pitch, is
clustered by k-means, and each pair of clusterings compared: were the
factors independent, their clusters would share nothing. Clusters are found in
the codes as they are, as whatever decodes them sees them.

Two units are clustered: single codes, and segments of several codes of one
utterance, end to end. All representations are of the same rows, so that a number of
one pair is as biased as that of another.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from emofactors.config.evaluation import InformationSettings
from emofactors.errors import InputError
from emofactors.evaluation.scores import fold_and_seed
from emofactors.evaluation.statistics.mutual_information import (
    SharedInformation,
    cluster,
    plug_in_information,
    shared_information,
    shifted_information,
)
from emofactors.io.csv import write_csv
from emofactors.io.npz import read_npz

#: What is compared: the speech itself, then the codes of its factors.
REPRESENTATIONS = ("spectrogram", "content", "rhythm", "pitch")
#: Every pair of these once.
PAIRS = tuple(combinations(REPRESENTATIONS, 2))

_RUN_COLUMNS = ("unit", "clusters", "kmeans_seed", "fold", "seed", "one", "other")
#: ``n`` is the number of codes, or segments, of ``n_utterances`` test utterances; the others are those of
#: ``mutual_information.SharedInformation``.
INFORMATION_COLUMNS = (
    *_RUN_COLUMNS,
    *("n", "n_utterances", "nats", "null_mean", "null_high", "above_null", "normalised", "adjusted"),
)
WITHOUT_COLUMNS = (*_RUN_COLUMNS, "speaker", "nats")

#: Runs of k-means from other centers; fewer than of embeddings, as it is run again under other seeds anyway.
_STARTS = 3
#: Rows in which centers are looked for; more do not move them.
_FIT_AT_MOST = 20_000


@dataclass(frozen=True)
class Codes:
    """What one decomposer makes of utterances it has not learnt from.

    Attributes:
        spectrogram: mean spectrogram of the frames of each code, shape (M, 80), float32.
        content: codes, shape (M, D), float32.
        rhythm: likewise, another D.
        pitch: likewise.
        utterance: index into ``utterances`` of each code, shape (M,), those of one utterance in a row.
        utterances: names, shape (N,); names are text.
        speakers: of each utterance, shape (N,).
        splits: dev, test or held_out, shape (N,).
    """

    spectrogram: np.ndarray
    content: np.ndarray
    rhythm: np.ndarray
    pitch: np.ndarray
    utterance: np.ndarray
    utterances: np.ndarray
    speakers: np.ndarray
    splits: np.ndarray

    @property
    def speaker(self) -> np.ndarray:
        """Speaker of each code, shape (M,)."""
        return self.speakers[self.utterance]

    def of_split(self, split: str) -> Self:
        """The codes of the utterances of one split, and these alone; too short an utterance has none."""
        is_chosen = (self.splits == split) & np.isin(np.arange(len(self.splits)), self.utterance)  # (N,)
        there = is_chosen[self.utterance]  # (M,)
        return type(self)(
            **{name: getattr(self, name)[there] for name in REPRESENTATIONS},
            utterance=(np.cumsum(is_chosen) - 1)[self.utterance[there]],
            **{name: getattr(self, name)[is_chosen] for name in _NAMES},
        )


_NAMES = ("utterances", "speakers", "splits")


@dataclass(frozen=True)
class CodeInformation:
    """What the codes of one variant share, in every fold and seed.

    Attributes:
        information: columns ``INFORMATION_COLUMNS``: a row a unit, number of clusters, seed of k-means, run and
            pair; NaN where there are fewer rows than clusters.
        without: columns ``WITHOUT_COLUMNS``: of the main number of clusters, information above null in nats of
            all rows but those of one speaker; NaN where nobody is left.
    """

    information: pd.DataFrame
    without: pd.DataFrame

    def write(self, information: str | Path, without: str | Path) -> None:
        """Write both as CSV, at full precision."""
        for path, table in ((information, self.information), (without, self.without)):
            write_csv(path, table)


def read_codes(path: str | Path) -> Codes:
    """Read ``codes.npz`` of a run.

    Args:
        path: the file.

    Returns:
        Its codes.

    Raises:
        InputError: if it is no such file, or its arrays do not fit together.
    """
    expected = (*REPRESENTATIONS, "utterance", *_NAMES)
    arrays = read_npz(path, "the codes.npz of a decomposer", expected)
    codes = Codes(**{name: arrays[name] for name in expected})
    n = len(codes.utterances)
    shapes = ", ".join(f"{name} {arrays[name].shape}" for name in expected)
    if any(arrays[name].ndim != 2 or len(arrays[name]) != len(codes.utterance) for name in REPRESENTATIONS) or any(
        arrays[name].shape != (n,) for name in _NAMES
    ):
        raise InputError(f"{path}: has {shapes}; expected codes (M, D), utterance (M,) and the others (N,)")
    if not all(np.isfinite(arrays[name]).all() for name in REPRESENTATIONS):
        raise InputError(f"{path}: a code is not finite in every place; expected finite numbers")
    index = codes.utterance
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    if len(index) and (index.min() < 0 or index.max() >= n or len(starts) != len(np.unique(index))):
        raise InputError(f"{path}: utterance: expected indices below {n}, those of one utterance in a row")
    return codes


def read_code_runs(paths: Iterable[str | Path]) -> dict[tuple[int, int], Codes]:
    """Read the codes of the runs of one variant.

    Args:
        paths: files ``…/fold{fold}/seed{seed}/codes.npz``.

    Returns:
        (fold, seed) -> codes.

    Raises:
        InputError: if a file is no such archive.
        ValueError: if a path tells no fold and seed.
    """
    return {fold_and_seed(path): read_codes(path) for path in paths}


def measure_information(runs: Mapping[tuple[int, int], Codes], settings: InformationSettings) -> CodeInformation:
    """What each pair of representations shares, of the test utterances of every run.

    Of codes, the null is that of circular shifts, by at least the longest
    utterance: neighbours in time are alike, and a free permutation would take
    them for independent draws (``mutual_information.shifted_information``). Of
    segments, it is that of free permutations: of a second or so each, there are few in
    an utterance.

    For intervals the information is computed again without each speaker,
    the clusters held as found. The null is not drawn anew: its mean falls with the
    number of rows, by which it is scaled.

    Source: k-means with 10 clusters, a research note on the method of CycleFlow; bias of the plug-in estimate,
    Miller 1955.

    Args:
        runs: (fold, seed) -> codes; those of split ``test`` are taken.
        settings: numbers of clusters, seeds of k-means, the null, and the length of a segment.

    Returns:
        Information of every run.

    Raises:
        ValueError: if there is no run, or one has no test utterance.
    """
    if not runs:
        raise ValueError("no codes, expected those of at least one run")
    information: list[dict[str, Any]] = []
    without: list[dict[str, Any]] = []
    with threadpool_limits(1):  # sums, and so clusters, vary in the last bit with the number of threads
        for (fold, seed), codes in sorted(runs.items()):
            tested = codes.of_split("test")
            if not len(tested.utterance):
                raise ValueError(f"fold {fold} of seed {seed} has no code of split 'test', expected at least one")
            run = {"fold": fold, "seed": seed}
            for rows, without_rows in _measure_run(tested, settings):
                information += [run | row for row in rows]
                without += [run | row for row in without_rows]
    return CodeInformation(
        information=pd.DataFrame(information)[list(INFORMATION_COLUMNS)],
        without=pd.DataFrame(without)[list(WITHOUT_COLUMNS)],
    )


@dataclass(frozen=True)
class _Rows:
    """The rows of one unit: representation -> (N, D), speaker of each (N,), all speakers, and the least shift.

    A unit without a least shift (0) is permuted freely. Not every speaker has a row.
    """

    of: dict[str, np.ndarray]
    speaker: np.ndarray
    speakers: np.ndarray
    min_shift: int


def segments(codes: Codes, length: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Codes of one utterance end to end, ``length`` at a time; what is left over is dropped.

    Args:
        codes: of utterances.
        length: codes a segment, L.

    Returns:
        Representation -> segments (N, L * D); and the speaker of each segment, (N,).
    """
    starts = np.flatnonzero(np.diff(codes.utterance, prepend=-1))
    counts = np.diff(np.append(starts, len(codes.utterance)))
    place = np.arange(len(codes.utterance)) - np.repeat(starts, counts)
    kept = place < np.repeat(counts // length * length, counts)
    return (
        {name: _end_to_end(getattr(codes, name)[kept], length) for name in REPRESENTATIONS},
        codes.speaker[kept][::length],
    )


def _end_to_end(codes: np.ndarray, length: int) -> np.ndarray:
    """Codes (L * N, D) as (N, L * D)."""
    return codes.reshape(len(codes) // length, length * codes.shape[1])


def _measure_run(
    codes: Codes, settings: InformationSettings
) -> Iterator[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """The rows of one run, unit by unit and clustering by clustering."""
    longest = int(np.bincount(codes.utterance).max())
    of_segments, speaker = segments(codes, settings.segment_codes)
    speakers = np.unique(codes.speaker)
    units = {
        "code": _Rows({name: getattr(codes, name) for name in REPRESENTATIONS}, codes.speaker, speakers, longest),
        "segment": _Rows(of_segments, speaker, speakers, 0),
    }
    for unit, rows in units.items():
        others = settings.other_clusters if unit == "code" else ()
        for n_clusters in (settings.clusters, *others):
            for kmeans_seed in range(settings.kmeans_seeds):
                about = {
                    "unit": unit,
                    "clusters": n_clusters,
                    "kmeans_seed": kmeans_seed,
                    "n": len(rows.speaker),
                    "n_utterances": len(codes.utterances),
                }
                information, without = _measure_clusters(rows, n_clusters, kmeans_seed, settings)
                yield (
                    [about | row for row in information],
                    [about | row for row in without if n_clusters == settings.clusters],
                )


def _measure_clusters(
    rows: _Rows, n_clusters: int, kmeans_seed: int, settings: InformationSettings
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All pairs of one clustering; and, for each speaker, all pairs without it."""
    n = len(rows.speaker)
    if n < n_clusters:
        nothing = dict.fromkeys(("nats", "null_mean", "null_high", "above_null", "normalised", "adjusted"), np.nan)
        pairs = [{"one": one, "other": other} for one, other in PAIRS]
        return (
            [pair | nothing for pair in pairs],
            [pair | {"speaker": speaker, "nats": np.nan} for pair in pairs for speaker in rows.speakers],
        )
    found = {
        name: cluster(
            of,
            n_clusters=n_clusters,
            seed=settings.seed + kmeans_seed,
            starts=_STARTS,
            fit_at_most=_FIT_AT_MOST,
        )
        for name, of in rows.of.items()
    }
    information, without = [], []
    for one, other in PAIRS:
        pair = {"one": one, "other": other}
        shared = _shared(found[one], found[other], rows.min_shift, settings)
        information.append(
            pair
            | {
                "nats": shared.nats,
                "null_mean": shared.null_mean,
                "null_high": shared.null_high,
                "above_null": shared.above_null,
                "normalised": shared.normalised,
                "adjusted": shared.adjusted,
            }
        )
        for speaker in rows.speakers:
            kept = rows.speaker != speaker
            nats = np.nan
            if kept.any():
                null = shared.null_mean * n / kept.sum()
                nats = plug_in_information(found[one][kept], found[other][kept]) - null
            without.append(pair | {"speaker": speaker, "nats": nats})
    return information, without


def _shared(
    one: np.ndarray, other: np.ndarray, min_shift: int, settings: InformationSettings
) -> SharedInformation:
    """What two clusterings share, against the null of their unit."""
    if min_shift:
        return shifted_information(
            one, other, min_shift=min_shift, shifts=settings.permutations, seed=settings.seed
        )
    return shared_information(
        one, other, groups=np.arange(len(one)), permutations=settings.permutations, seed=settings.seed
    )
