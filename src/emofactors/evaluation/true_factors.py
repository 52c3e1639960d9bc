"""Information of codes about the true factors of utterances, which are known for a synthetic corpus.

An ideal decomposer encodes the sentence in the content code, the rate in the
rhythm code, the pitch in the pitch code, and the voice in none of them. Linear
probes measure what the codes of an utterance contain of each factor, mutual
information what they are clustered by.

Each representation of an utterance is summarised by the mean and standard
deviation of its codes. The number of codes is left out, because it alone predicts
sentence and rate. So is their order: codes at fixed positions of an utterance
distinguish ten fixed sentences by the course of the loudness alone, for every
representation.
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
from emofactors.evaluation.probe_models import assign_folds, cross_validate_probe
from emofactors.evaluation.statistics.mutual_information import (
    cluster,
    information_with_permutation_null,
    plug_in_information,
)
from emofactors.io.csv import read_csv, write_csv

#: True factor -> column in the corpus' table of factors. The rate is in words per minute; the pitch is relative
#: to the voice's own, because pitch codes are computed from F0 normalised by speaker.
FACTORS = {"sentence": "sentence", "voice": "voice", "rate": "rate_wpm", "pitch": "pitch_shift"}
#: Factors that are numbers; the others are classes.
NUMBERS = ("rate", "pitch")

#: One row per run, representation (``code``), factor, metric and left-out speaker (empty: none), with the same
#: probe or clusters. ``metric`` is ``skill`` (of classes: 0 at chance, 1 if all are correct), ``r2`` (of numbers:
#: 0 for predicting the mean) or ``information`` (of clusters, in nats above the null). ``n`` is the number of
#: utterances, ``labels`` the number of classes (of quarters for numbers), which determines the chance level.
FACTOR_COLUMNS = ("code", "factor", "metric", "fold", "seed", "speaker", "value", "n", "labels")

_QUARTERS = 4
#: Penalties that ridge regression selects from.
_RIDGE_PENALTIES = np.logspace(-1, 4, 11)


@dataclass(frozen=True)
class TrueFactors:
    """Information of the codes of one variant about the true factors.

    Attributes:
        factors: columns ``FACTOR_COLUMNS``.
    """

    factors: pd.DataFrame

    def write(self, factors: str | Path) -> None:
        """Write the table as CSV at full precision."""
        write_csv(factors, self.factors)


def read_factors(path: str | Path) -> pd.DataFrame:
    """Read the true factors of a corpus.

    Args:
        path: CSV with the columns of ``corpora.synthetic.FACTOR_COLUMNS``.

    Returns:
        Columns sentence, voice, rate and pitch; the index is the utterance.

    Raises:
        InputError: if the file is missing or damaged, or lacks a column.
    """
    types: dict[str, type] = {"utterance": str}
    types |= {column: float if factor in NUMBERS else str for factor, column in FACTORS.items()}
    table = read_csv(path, "the true factors of a synthetic corpus", types).set_index("utterance")
    return pd.DataFrame({factor: table[column] for factor, column in FACTORS.items()})


def probe_true_factors(
    runs: Mapping[tuple[int, int], Codes], factors: pd.DataFrame, settings: ProbeSettings
) -> TrueFactors:
    """Probe the codes of the test utterances of every run for each true factor.

    Classes are predicted by logistic regression (``probe_models.cross_validate_probe``),
    numbers by ridge regression, whose penalty is selected by leave-one-out on the
    training folds. Both are cross-validated over utterances, not over voices: they
    measure what the codes contain, not what generalises to other voices. Mutual
    information is that of k-means clusters of the utterances, not standardised, with the
    factor (numbers in quarters), above its mean under permutations.

    Args:
        runs: (fold, seed) -> codes; the utterances of split ``test`` are probed.
        factors: table from :func:`read_factors`.
        settings: number of cross-validation folds, clusters and permutations, and the seed.

    Returns:
        All metrics of every run; none for a factor with a single class in a run's test split.

    Raises:
        ValueError: if there is no run, an utterance has no factors, or the utterances cannot be divided into folds
            or are fewer than the clusters.
    """
    if not runs:
        raise ValueError("no codes, expected those of at least one run")
    rows: list[dict[str, Any]] = []
    with threadpool_limits(1):  # the last bits of sums, and so the results, depend on the number of threads
        for (fold, seed), codes in sorted(runs.items()):
            test = codes.of_split("test")
            if not len(test.utterances):
                raise ValueError(
                    f"fold {fold} of seed {seed} has no utterance of split 'test', expected at least one"
                )
            unknown = sorted(set(test.utterances.tolist()) - set(factors.index))
            if unknown:
                raise ValueError(
                    f"fold {fold} of seed {seed}: {unknown[0]!r} has no true factors, expected those of all"
                )
            rows += [{"fold": fold, "seed": seed} | row for row in _probe_run(test, factors, settings)]
    return TrueFactors(pd.DataFrame(rows)[list(FACTOR_COLUMNS)])


def summarise_codes(codes: np.ndarray, utterance: np.ndarray) -> np.ndarray:
    """Return the mean and standard deviation of the codes of each utterance.

    Args:
        codes: shape (M, D).
        utterance: index of each code's utterance, from 0, shape (M,); each utterance has at least one code.

    Returns:
        Means, then standard deviations, shape (N, 2 D), float64.
    """
    codes = np.asarray(codes, dtype=np.float64)
    counts = np.bincount(utterance)[:, None]  # (N, 1)
    means = _sum_by_utterance(codes, utterance) / counts
    variances = _sum_by_utterance(np.square(codes - means[utterance]), utterance) / counts
    return np.hstack([means, np.sqrt(variances)])


def _sum_by_utterance(codes: np.ndarray, utterance: np.ndarray) -> np.ndarray:
    """Sum codes (M, D) by utterance, (N, D)."""
    sums = np.zeros((utterance.max() + 1, codes.shape[1]))
    np.add.at(sums, utterance, codes)
    return sums


def _probe_run(codes: Codes, factors: pd.DataFrame, settings: ProbeSettings) -> list[dict[str, Any]]:
    """Return all metrics of one run."""
    factors = factors.loc[codes.utterances]
    rows = []
    for name in REPRESENTATIONS:
        utterances = summarise_codes(getattr(codes, name), codes.utterance)
        clusters = cluster(utterances, n_clusters=settings.clusters, seed=settings.seed)
        for factor in FACTORS:
            truth = labels = factors[factor].to_numpy()
            if factor in NUMBERS:
                truth = truth.astype(float)
                labels = pd.qcut(truth, _QUARTERS, labels=False, duplicates="drop")
            n_labels = len(np.unique(labels))
            if n_labels < 2:
                continue
            if factor in NUMBERS:
                metrics = {"r2": _r2(utterances, truth, codes, settings)}
            else:
                metrics = {"skill": _skill(utterances, truth, codes, settings)}
            metrics["information"] = _information(clusters, labels, codes, settings)
            rows += [
                {
                    "code": name,
                    "factor": factor,
                    "n": len(truth),
                    "labels": n_labels,
                    "metric": metric,
                    "speaker": speaker,
                    "value": value,
                }
                for metric, by_speaker in metrics.items()
                for speaker, value in by_speaker.items()
            ]
    return rows


def _leave_one_out(codes: Codes) -> dict[str, np.ndarray]:
    """Return masks (N,) of the remaining utterances: all under "", and those without each speaker by its name."""
    everyone = {"": np.ones(len(codes.speakers), dtype=bool)}
    return everyone | {str(speaker): codes.speakers != speaker for speaker in np.unique(codes.speakers)}


def _skill(utterances: np.ndarray, truth: np.ndarray, codes: Codes, settings: ProbeSettings) -> dict[str, float]:
    """Return the mean recall of a probe of classes, scaled from chance (0) to 1, for all and without each speaker.

    Leaving out a speaker may leave out a class, such as its voice. The chance level remains that of all classes,
    which the probe was fitted to.
    """
    predictions = cross_validate_probe(
        *(utterances, truth),
        groups=codes.utterances,
        kind="linear",
        folds=settings.folds,
        seed=settings.seed,
    )
    is_correct = (predictions.truth == predictions.prediction).astype(float)
    chance = predictions.chance_ua
    values = {}
    for speaker, is_left in _leave_one_out(codes).items():
        correct = np.bincount(predictions.truth[is_left], is_correct[is_left])
        n = np.bincount(predictions.truth[is_left])
        recalls = correct[n > 0] / n[n > 0]
        values[speaker] = float((recalls.mean() - chance) / (1 - chance)) if len(recalls) else np.nan
    return values


def _r2(utterances: np.ndarray, truth: np.ndarray, codes: Codes, settings: ProbeSettings) -> dict[str, float]:
    """Return R² of a probe of numbers, for all and without each speaker.

    The baseline predicts the mean of the training folds, so R² is negative for a probe that is worse.
    """
    fold_of = assign_folds(np.zeros(len(truth)), codes.utterances, folds=settings.folds, seed=settings.seed)
    errors, baseline_errors = np.empty(len(truth)), np.empty(len(truth))
    for fold in range(settings.folds):
        test = fold_of == fold
        scaler = StandardScaler().fit(utterances[~test])
        ridge = RidgeCV(alphas=_RIDGE_PENALTIES).fit(scaler.transform(utterances[~test]), truth[~test])
        errors[test] = truth[test] - ridge.predict(scaler.transform(utterances[test]))
        baseline_errors[test] = truth[test] - truth[~test].mean()
    values = {}
    for speaker, is_left in _leave_one_out(codes).items():
        baseline = float(np.square(baseline_errors[is_left]).sum())
        values[speaker] = 1 - float(np.square(errors[is_left]).sum()) / baseline if baseline > 0 else np.nan
    return values


def _information(
    clusters: np.ndarray, labels: np.ndarray, codes: Codes, settings: ProbeSettings
) -> dict[str, float]:
    """Return the mutual information of clusters and a factor above the null, for all and without each speaker."""
    found = information_with_permutation_null(
        clusters, labels, groups=codes.utterances, permutations=settings.permutations, seed=settings.seed
    )
    _, label = np.unique(labels, return_inverse=True)
    values = {}
    for speaker, is_left in _leave_one_out(codes).items():
        # The mean of the null is inversely proportional to the number of rows, as is the bias of the estimate.
        null = found.null_mean * len(is_left) / max(is_left.sum(), 1)
        values[speaker] = (
            plug_in_information(clusters[is_left], label[is_left]) - null if is_left.any() else np.nan
        )
    return values
