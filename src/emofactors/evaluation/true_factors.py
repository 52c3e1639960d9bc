"""What codes tell of the factors an utterance was made from, where these are known: in a synthetic corpus.

A decomposition that works puts the sentence into the code of content, the pace into that of
rhythm and the pitch into that of pitch, and the voice into none. Linear
probes say what an utterance's codes hold of each factor, clusters
what they are arranged by.

An utterance is the mean and the std of its codes, of every representation alike. The number of codes is not
given, or it would tell sentence and pace without a look at any of them. Nor is
their order: codes set at fixed places of the utterance were tried, and tell ten fixed sentences apart
whatever they are codes of, for the course of the loudness is enough. What is
asked is how much of the sounds a code holds, not whether it rises and falls with them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from emofactors.config.evaluation import ProbeSettings
from emofactors.evaluation.code_information import REPRESENTATIONS, Codes
from emofactors.evaluation.probe_models import probe, probe_parts
from emofactors.evaluation.statistics.mutual_information import cluster, plug_in_information, shared_information
from emofactors.io.csv import read_csv, write_csv

#: True factor -> column of the corpus' table of factors. Pace is in words a minute, as it is heard; pitch is
#: that above the voice's own, as codes of pitch are of F0 normalised by speaker.
FACTORS = {"sentence": "sentence", "voice": "voice", "rate": "rate_wpm", "pitch": "pitch_shift"}
#: Those that are numbers; the others are classes.
NUMBERS = ("rate", "pitch")

#: A row is a measure of a representation and a factor in one run: of all test utterances where ``speaker`` is
#: empty, else of all but that speaker's, the probe or the clusters held as found.
#: ``measure`` is ``skill`` (of classes: 0 at chance, 1 where all is right), ``r2`` (of numbers: 0 for a probe no
#: better than the mean) or ``information`` (of 10 clusters, in nats above null); ``n`` is the number of
#: utterances, and ``labels`` that of classes (of numbers, of quarters), which sets the chance.
FACTOR_COLUMNS = ("code", "factor", "measure", "fold", "seed", "speaker", "value", "n", "labels")

_QUARTERS = 4
#: Weights of the squared weights that ridge regression chooses among.
_RIDGE_PENALTIES = np.logspace(-1, 4, 11)


@dataclass(frozen=True)
class TrueFactors:
    """What the codes of one variant tell of the true factors.

    Attributes:
        factors: columns ``FACTOR_COLUMNS``.
    """

    factors: pd.DataFrame

    def write(self, factors: str | Path) -> None:
        """Write them as CSV, at full precision."""
        write_csv(factors, self.factors)


def read_factors(path: str | Path) -> pd.DataFrame:
    """Read the true factors of a corpus.

    Args:
        path: CSV in the columns of ``corpora.synthetic.FACTOR_COLUMNS``.

    Returns:
        Columns sentence, voice, rate and pitch; the index is the utterance.

    Raises:
        InputError: if the file is missing or damaged, or lacks a column.
    """
    kinds: dict[str, type] = {"utterance": str}
    kinds |= {column: float if factor in NUMBERS else str for factor, column in FACTORS.items()}
    table = read_csv(path, "the true factors of a synthetic corpus", kinds)
    table = table.set_index("utterance")
    return pd.DataFrame({factor: table[column] for factor, column in FACTORS.items()})


def probe_true_factors(
    runs: Mapping[tuple[int, int], Codes], factors: pd.DataFrame, settings: ProbeSettings
) -> TrueFactors:
    """Probe the codes of the test utterances of every run for each true factor.

    Classes are told by logistic regression (``probes.probe``), numbers by ridge regression with a
    penalty chosen by leave-one-out within the training part, both cross-validated over the
    utterances: it is asked what the codes hold, not what carries over to other
    voices. Mutual information is that of k-means clusters of the utterances, as they are, with the
    factor, numbers cut into quarters, above its mean under permutations.

    Args:
        runs: (fold, seed) -> codes; those of split ``test`` are taken.
        factors: as :func:`read_factors` gives them.
        settings: parts of the cross-validation, clusters, permutations, and the seed of all.

    Returns:
        All measures of every run; of a factor with one class only in a run's test, none.

    Raises:
        ValueError: if there is no run, an utterance has no factors, or utterances cannot be divided or are fewer
            than the clusters.
    """
    if not runs:
        raise ValueError("no codes, expected those of at least one run")
    rows: list[dict[str, Any]] = []
    with threadpool_limits(1):  # sums, and so clusters and probes, vary in the last bit with the number of threads
        for (fold, seed), codes in sorted(runs.items()):
            tested = codes.of_split("test")
            strangers = sorted(set(tested.utterances.tolist()) - set(factors.index))
            if strangers or not len(tested.utterances):
                raise ValueError(
                    f"fold {fold} of seed {seed}: {strangers[0]!r} has no true factors, expected those of all"
                    if strangers
                    else f"fold {fold} of seed {seed} has no utterance of split 'test', expected at least one"
                )
            rows += [{"fold": fold, "seed": seed} | row for row in _probe_run(tested, factors, settings)]
    return TrueFactors(pd.DataFrame(rows)[list(FACTOR_COLUMNS)])


def summaries(codes: np.ndarray, utterance: np.ndarray) -> np.ndarray:
    """Mean and std of the codes of each utterance.

    Args:
        codes: shape (M, D).
        utterance: index from 0 of each code, shape (M,); each utterance has one.

    Returns:
        Means, then stds, shape (N, 2 D), float64.
    """
    codes = np.asarray(codes, dtype=np.float64)
    counts = np.bincount(utterance)[:, None]  # (N, 1)
    means = _summed(codes, utterance) / counts
    variances = _summed(np.square(codes - means[utterance]), utterance) / counts
    return np.hstack([means, np.sqrt(variances)])


def _summed(codes: np.ndarray, utterance: np.ndarray) -> np.ndarray:
    """Codes (M, D) summed by utterance (N, D)."""
    sums = np.zeros((utterance.max() + 1, codes.shape[1]))
    np.add.at(sums, utterance, codes)
    return sums


def _probe_run(codes: Codes, factors: pd.DataFrame, settings: ProbeSettings) -> list[dict[str, Any]]:
    """All measures of one run."""
    of_run = factors.loc[codes.utterances]
    rows = []
    for name in REPRESENTATIONS:
        utterances = summaries(getattr(codes, name), codes.utterance)
        clusters = cluster(utterances, n_clusters=settings.clusters, seed=settings.seed)
        for factor in FACTORS:
            truth = of_run[factor].to_numpy()
            if factor in NUMBERS:
                truth = truth.astype(float)
                labels = pd.qcut(truth, _QUARTERS, labels=False, duplicates="drop")
            else:
                labels = truth
            n_labels = len(np.unique(labels))
            if n_labels < 2:
                continue
            measures = {
                "r2" if factor in NUMBERS else "skill": (
                    _r2(utterances, truth, codes, settings)
                    if factor in NUMBERS
                    else _skill(utterances, truth, codes, settings)
                ),
                "information": _information(clusters, labels, codes, settings),
            }
            about = {"code": name, "factor": factor, "n": len(truth), "labels": n_labels}
            rows += [
                about | {"measure": measure, "speaker": speaker, "value": value}
                for measure, of_speaker in measures.items()
                for speaker, value in of_speaker.items()
            ]
    return rows


def _left_out(codes: Codes) -> dict[str, np.ndarray]:
    """Which utterances (N,) are left: all under "", and those without each speaker under its name."""
    everybody = {"": np.ones(len(codes.speakers), dtype=bool)}
    return everybody | {str(speaker): codes.speakers != speaker for speaker in np.unique(codes.speakers)}


def _skill(utterances: np.ndarray, truth: np.ndarray, codes: Codes, settings: ProbeSettings) -> dict[str, float]:
    """Mean recall of a probe of classes from chance (0) to 1, of all and without each speaker.

    A speaker's class, as its voice, leaves with it; what is a chance to guess stays that of all classes, which
    the probe told apart.
    """
    result = probe(
        *(utterances, truth),
        groups=codes.utterances,
        kind="linear",
        folds=settings.folds,
        seed=settings.seed,
    )
    is_right = (result.truth == result.prediction).astype(float)
    chance = result.chance_ua
    values = {}
    for speaker, left in _left_out(codes).items():
        right, n = (np.bincount(result.truth[left], of) for of in (is_right[left], None))
        recalls = right[n > 0] / n[n > 0]
        values[speaker] = float((recalls.mean() - chance) / (1 - chance)) if len(recalls) else np.nan
    return values


def _r2(utterances: np.ndarray, truth: np.ndarray, codes: Codes, settings: ProbeSettings) -> dict[str, float]:
    """Share of the squares that a probe of numbers explains, of all and without each speaker.

    What it is compared with is the mean of the numbers it learnt from, all that is known without a look at the
    codes; so it is below 0 where a probe is misled.
    """
    part = probe_parts(np.zeros(len(truth)), codes.utterances, folds=settings.folds, seed=settings.seed)
    errors, guesses = np.empty(len(truth)), np.empty(len(truth))
    for fold in range(settings.folds):
        held_out = part == fold
        standardise = StandardScaler().fit(utterances[~held_out])
        ridge = RidgeCV(alphas=_RIDGE_PENALTIES).fit(
            standardise.transform(utterances[~held_out]), truth[~held_out]
        )
        errors[held_out] = truth[held_out] - ridge.predict(standardise.transform(utterances[held_out]))
        guesses[held_out] = truth[held_out] - truth[~held_out].mean()
    values = {}
    for speaker, left in _left_out(codes).items():
        squares = float(np.square(guesses[left]).sum())
        values[speaker] = 1 - float(np.square(errors[left]).sum()) / squares if squares > 0 else np.nan
    return values


def _information(
    clusters: np.ndarray, labels: np.ndarray, codes: Codes, settings: ProbeSettings
) -> dict[str, float]:
    """Mutual information of clusters with a factor above its null in nats, of all and without each speaker."""
    shared = shared_information(
        clusters, labels, groups=codes.utterances, permutations=settings.permutations, seed=settings.seed
    )
    _, label = np.unique(labels, return_inverse=True)
    values = {}
    for speaker, left in _left_out(codes).items():
        # The null falls with the number of utterances, as the bias of the plug-in estimate does.
        null = shared.null_mean * len(left) / max(left.sum(), 1)
        values[speaker] = plug_in_information(clusters[left], label[left]) - null if left.any() else np.nan
    return values
