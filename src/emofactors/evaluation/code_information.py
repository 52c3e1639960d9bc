"""Mutual information between the codes of a decomposer: how much its factors of speech overlap.

Codes of test utterances, which the decomposer was not trained on, are compared.
Each of four representations (the spectrogram and the codes of content, rhythm and
pitch) is clustered by k-means. The clusters of independent factors have no mutual
information. Codes are clustered without standardisation, as the decoder reads
them.

There are two units: single codes, and segments of several consecutive codes of
one utterance. All representations of a unit have the same rows, so the estimates
of all pairs have similar bias.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from emofactors.config.evaluation import InformationSettings
from emofactors.errors import InputError
from emofactors.evaluation.statistics.mutual_information import (
    MutualInformation,
    cluster,
    information_with_permutation_null,
    information_with_shift_null,
    plug_in_information,
)
from emofactors.io.csv import write_csv
from emofactors.io.npz import read_npz

#: What is compared: the spectrogram and the codes of the factors.
REPRESENTATIONS = ("spectrogram", "content", "rhythm", "pitch")
#: All pairs of representations.
PAIRS = tuple(combinations(REPRESENTATIONS, 2))

_KEY_COLUMNS = ("unit", "clusters", "kmeans_seed", "fold", "seed", "one", "other")
#: ``n`` is the number of codes or segments of ``n_utterances`` test utterances; the others are those of
#: ``mutual_information.MutualInformation``.
_ESTIMATE_COLUMNS = (
    *("nats", "null_mean", "null_high", "above_null", "permuted_mean", "above_permuted", "normalised", "adjusted"),
)
INFORMATION_COLUMNS = (*_KEY_COLUMNS, "n", "n_utterances", *_ESTIMATE_COLUMNS)
LEAVE_ONE_OUT_COLUMNS = (*_KEY_COLUMNS, "speaker", "above_null", "above_permuted")

_UTTERANCE_ARRAYS = ("utterances", "speakers", "splits")
_ARRAYS = (*REPRESENTATIONS, "utterance", *_UTTERANCE_ARRAYS)

#: Initialisations of k-means; few, because k-means is repeated with several seeds.
_N_INIT = 3
#: Number of samples to fit the centers to; more do not move the centers.
_MAX_FIT_SAMPLES = 20_000


@dataclass(frozen=True)
class Codes:
    """Codes of one decomposer for utterances that it was not trained on.

    Attributes:
        spectrogram: mean spectrogram of the frames of each code, shape (M, 80), float32.
        content: codes, shape (M, D), float32.
        rhythm: codes, shape (M, D'), float32.
        pitch: codes, shape (M, D''), float32.
        utterance: index into ``utterances`` of each code, shape (M,); codes of one utterance are contiguous.
        utterances: names, shape (N,); names are text.
        speakers: speaker of each utterance, shape (N,).
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
        """Select the utterances of one split that have codes; an utterance may be too short for any."""
        is_selected = (self.splits == split) & np.isin(np.arange(len(self.splits)), self.utterance)  # (N,)
        of_selected = is_selected[self.utterance]  # (M,)
        return type(self)(
            **{name: getattr(self, name)[of_selected] for name in REPRESENTATIONS},
            utterance=(np.cumsum(is_selected) - 1)[self.utterance[of_selected]],
            **{name: getattr(self, name)[is_selected] for name in _UTTERANCE_ARRAYS},
        )


@dataclass(frozen=True)
class CodeInformation:
    """Mutual information between the representations of one variant, in every fold and seed.

    Attributes:
        information: columns ``INFORMATION_COLUMNS``: one row per unit, number of clusters, seed of k-means, run
            and pair; NaN where there are fewer rows than clusters.
        leave_one_out: columns ``LEAVE_ONE_OUT_COLUMNS``: for the main number of clusters, information above both
            nulls without one speaker, in nats; NaN where no speaker remains.
    """

    information: pd.DataFrame
    leave_one_out: pd.DataFrame

    def write(self, information: str | Path, leave_one_out: str | Path) -> None:
        """Write both tables as CSV at full precision."""
        for path, table in ((information, self.information), (leave_one_out, self.leave_one_out)):
            write_csv(path, table)


def read_codes(path: str | Path) -> Codes:
    """Read ``codes.npz`` of a run.

    Args:
        path: the file.

    Returns:
        The codes.

    Raises:
        InputError: if the file is missing or damaged, or the shapes of its arrays do not match.
    """
    arrays = read_npz(path, "the codes.npz of a decomposer", _ARRAYS)
    codes = Codes(**{name: arrays[name] for name in _ARRAYS})
    n = len(codes.utterances)
    shapes = ", ".join(f"{name} {arrays[name].shape}" for name in _ARRAYS)
    if any(arrays[name].ndim != 2 or len(arrays[name]) != len(codes.utterance) for name in REPRESENTATIONS) or any(
        arrays[name].shape != (n,) for name in _UTTERANCE_ARRAYS
    ):
        raise InputError(f"{path}: has {shapes}; expected codes (M, D), utterance (M,) and the others (N,)")
    if not all(np.isfinite(arrays[name]).all() for name in REPRESENTATIONS):
        raise InputError(f"{path}: has codes that are not finite; expected finite numbers")
    index = codes.utterance
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    if len(index) and (index.min() < 0 or index.max() >= n or len(starts) != len(np.unique(index))):
        raise InputError(f"{path}: utterance: expected indices below {n}, contiguous for each utterance")
    return codes


def estimate_code_information(
    runs: Mapping[tuple[int, int], Codes], settings: InformationSettings
) -> CodeInformation:
    """Estimate the mutual information of each pair of representations on the test utterances of every run.

    The null of single codes uses circular shifts of at least the longest
    utterance, because consecutive codes are correlated
    (``mutual_information.information_with_shift_null``); the mean under permutations of
    single codes is estimated, too. The null of segments uses
    free permutations, because an utterance has only a few segments of about a second.

    For intervals, the information is estimated again without each speaker, with the
    same clusters. The null is not drawn again, but scaled by the number of rows, as
    its mean is inversely proportional to it.

    Source: k-means with 10 clusters, a research note on the method of CycleFlow; bias of the plug-in estimate,
    Miller 1955.

    Args:
        runs: (fold, seed) -> codes; the utterances of split ``test`` are compared.
        settings: numbers of clusters, seeds of k-means, permutations, and the length of a segment.

    Returns:
        Mutual information of every run.

    Raises:
        ValueError: if there is no run, or a run has no test utterance.
    """
    if not runs:
        raise ValueError("no codes, expected those of at least one run")
    information: list[dict[str, Any]] = []
    leave_one_out: list[dict[str, Any]] = []
    with threadpool_limits(1):  # the last bits of sums, and so the results, depend on the number of threads
        for (fold, seed), codes in sorted(runs.items()):
            test = codes.of_split("test")
            if not len(test.utterance):
                raise ValueError(f"fold {fold} of seed {seed} has no code of split 'test', expected at least one")
            run = {"fold": fold, "seed": seed, "n_utterances": len(test.utterances)}
            for unit, rows, n_clusters in _units(test, settings):
                for kmeans_seed in range(settings.kmeans_seeds):
                    key = run | {"unit": unit, "clusters": n_clusters, "kmeans_seed": kmeans_seed}
                    pairs, without_speaker = _estimate_pairs(rows, n_clusters, kmeans_seed, settings)
                    information += [key | {"n": len(rows.speaker)} | pair for pair in pairs]
                    if n_clusters == settings.clusters:
                        leave_one_out += [key | row for row in without_speaker]
    return CodeInformation(
        information=pd.DataFrame(information)[list(INFORMATION_COLUMNS)],
        leave_one_out=pd.DataFrame(leave_one_out)[list(LEAVE_ONE_OUT_COLUMNS)],
    )


def segments(codes: Codes, length: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Concatenate consecutive codes of one utterance; drop the remainder of each utterance.

    Args:
        codes: codes of utterances.
        length: codes per segment, L.

    Returns:
        Representation -> segments (N, L * D); and the speaker of each segment, (N,).
    """
    starts = np.flatnonzero(np.diff(codes.utterance, prepend=-1))
    counts = np.diff(np.append(starts, len(codes.utterance)))
    position = np.arange(len(codes.utterance)) - np.repeat(starts, counts)  # within the utterance
    is_used = position < np.repeat(counts // length * length, counts)
    concatenated = {}
    for name in REPRESENTATIONS:
        used = getattr(codes, name)[is_used]  # (L * N, D)
        concatenated[name] = used.reshape(len(used) // length, length * used.shape[1])
    return concatenated, codes.speaker[is_used][::length]


@dataclass(frozen=True)
class _Rows:
    """Rows of one unit.

    Attributes:
        values: representation -> shape (N, D).
        speaker: speaker of each row, shape (N,).
        speakers: all speakers, some of which may have no row.
        min_shift: smallest shift of the null; 0: free permutations.
    """

    values: dict[str, np.ndarray]
    speaker: np.ndarray
    speakers: np.ndarray
    min_shift: int


def _units(codes: Codes, settings: InformationSettings) -> list[tuple[str, _Rows, int]]:
    """Return unit, rows and number of clusters of each clustering of one run."""
    speakers = np.unique(codes.speaker)
    longest = int(np.bincount(codes.utterance).max())
    of_codes = _Rows({name: getattr(codes, name) for name in REPRESENTATIONS}, codes.speaker, speakers, longest)
    of_segments = _Rows(*segments(codes, settings.segment_codes), speakers, 0)
    return [
        *(("code", of_codes, n_clusters) for n_clusters in (settings.clusters, *settings.other_clusters)),
        ("segment", of_segments, settings.clusters),
    ]


def _estimate_pairs(
    rows: _Rows, n_clusters: int, kmeans_seed: int, settings: InformationSettings
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the estimates of all pairs for one clustering, and those of all pairs without each speaker."""
    n = len(rows.speaker)
    if n < n_clusters:
        pairs = [{"one": one, "other": other} for one, other in PAIRS]
        return (
            [pair | dict.fromkeys(_ESTIMATE_COLUMNS, np.nan) for pair in pairs],
            [
                pair | {"speaker": speaker, "above_null": np.nan, "above_permuted": np.nan}
                for pair in pairs
                for speaker in rows.speakers
            ],
        )
    clusters = {
        name: cluster(
            values,
            n_clusters=n_clusters,
            seed=settings.seed + kmeans_seed,
            n_init=_N_INIT,
            max_fit_samples=_MAX_FIT_SAMPLES,
        )
        for name, values in rows.values.items()
    }
    estimates, leave_one_out = [], []
    for one, other in PAIRS:
        pair = {"one": one, "other": other}
        found = _estimate(clusters[one], clusters[other], rows.min_shift, settings)
        above = {"above_null": found.above_null, "above_permuted": found.above_permuted}
        estimates.append(pair | above | asdict(found))
        for speaker in rows.speakers:
            is_left = rows.speaker != speaker
            nats, scale = np.nan, np.nan
            if is_left.any():
                nats = plug_in_information(clusters[one][is_left], clusters[other][is_left])
                scale = n / is_left.sum()
            above = {
                "above_null": nats - scale * found.null_mean,
                "above_permuted": nats - scale * found.permuted_mean,
            }
            leave_one_out.append(pair | {"speaker": speaker} | above)
    return estimates, leave_one_out


def _estimate(
    one: np.ndarray, other: np.ndarray, min_shift: int, settings: InformationSettings
) -> MutualInformation:
    """Estimate the mutual information of two clusterings with the null of their unit."""
    if min_shift:
        return information_with_shift_null(
            one, other, min_shift=min_shift, shifts=settings.permutations, seed=settings.seed
        )
    return information_with_permutation_null(
        one, other, groups=np.arange(len(one)), permutations=settings.permutations, seed=settings.seed
    )
