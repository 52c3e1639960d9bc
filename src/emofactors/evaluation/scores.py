"""Score the test predictions of all folds and seeds of one variant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emofactors.evaluation.statistics.metrics import (
    class_recalls,
    confusion_matrix,
    macro_f1,
    unweighted_accuracy,
    weighted_accuracy,
)
from emofactors.io.csv import read_csv, write_csv

_PREDICTION_COLUMNS = ("utterance", "speaker", "split", "truth", "prediction")
_COUNT_COLUMNS = {"fold": int, "seed": int, "speaker": str, "truth": str, "prediction": str, "count": int}

#: Value of the column ``fold`` in rows that pool the test predictions of all folds of a seed.
POOLED = "pooled"


@dataclass(frozen=True)
class Scores:
    """Scores of one variant over all folds and seeds.

    Attributes:
        scores: one row per fold and seed, and one per seed with fold ``pooled``: fold, seed, ua, wa,
            macro_f1, recall_<class> of each class, n; scores in [0, 1]. Where the test split of a fold lacks
            a class, its recall, ua and macro_f1 are NaN.
        confusion: counts above zero of each run: fold, seed, speaker, truth, prediction, count.
        held_out: the same for the held-out utterances of training speakers, which count once in each fold that
            holds them out; empty if the folds have no split ``held_out``.
    """

    scores: pd.DataFrame
    confusion: pd.DataFrame
    held_out: pd.DataFrame

    def write(self, scores: str | Path, confusion: str | Path, held_out: str | Path) -> None:
        """Write all tables as CSV at full precision; numbers are rounded only for display."""
        for path, table in ((scores, self.scores), (confusion, self.confusion), (held_out, self.held_out)):
            write_csv(path, table)


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Read the predictions of a run.

    Args:
        path: file ``predictions.csv`` of a run.

    Returns:
        Columns utterance, speaker, split, truth and prediction, all of them text (speaker ``03``).

    Raises:
        InputError: if the file is missing or damaged.
    """
    return read_csv(path, "the predictions of a run", dict.fromkeys(_PREDICTION_COLUMNS, str))


def score_runs(predictions: Mapping[tuple[int, int], pd.DataFrame], classes: Sequence[str]) -> Scores:
    """Score the test predictions of one variant: each run, and all folds of a seed pooled.

    Args:
        predictions: (fold, seed) -> table with columns utterance, speaker, split, truth and prediction.
            Rows of split ``test`` are scored; rows of split ``held_out`` are only counted.
        classes: the task's classes, in the order of the columns, C.

    Returns:
        The scores and the confusion counts.

    Raises:
        ValueError: if a fold of a seed is missing, an utterance is tested twice in a seed, the test utterances
            differ between seeds, a label is not a class of the task, or a class of the task has no test
            utterance in any fold.
    """
    folds, seeds = (sorted({run[i] for run in predictions}) for i in (0, 1))
    missing = [(fold, seed) for fold in folds for seed in seeds if (fold, seed) not in predictions]
    if missing or not predictions:
        raise ValueError(f"no predictions of (fold, seed) {missing}; expected every fold of every seed")
    rows, counts, held_out_counts = [], [], []
    expected_truths: dict[str, str] | None = None
    for seed in seeds:
        by_fold = {fold: _select_split("test", predictions[fold, seed], classes) for fold in folds}
        if any(table.empty for table in by_fold.values()):
            raise ValueError("no prediction of split 'test', expected at least one")
        pooled = pd.concat(by_fold.values(), ignore_index=True)
        repeated = pooled.loc[pooled["utterance"].duplicated(), "utterance"]
        if len(repeated):
            raise ValueError(
                f"seed {seed}: {repeated.iloc[0]!r} is tested twice; expected one fold for each utterance"
            )
        truths = dict(zip(pooled["utterance"], pooled["truth"], strict=True))
        expected_truths = expected_truths or truths
        if truths != expected_truths:
            raise ValueError(f"seeds {seeds[0]} and {seed} have different test utterances; expected the same")
        absent = [noun for noun in classes if noun not in set(pooled["truth"])]
        if absent:
            raise ValueError(f"no test utterance of {', '.join(absent)}: UA needs every class of the task")
        rows += [_score(table, classes, fold=str(fold), seed=seed) for fold, table in by_fold.items()]
        rows.append(_score(pooled, classes, fold=POOLED, seed=seed))
        for fold, table in by_fold.items():
            counts.append(_count(table, classes, fold=fold, seed=seed))
            held_out = _select_split("held_out", predictions[fold, seed], classes)
            held_out_counts.append(_count(held_out, classes, fold=fold, seed=seed))
    return Scores(
        scores=pd.DataFrame(rows),
        confusion=pd.concat(counts, ignore_index=True),
        held_out=pd.concat(held_out_counts, ignore_index=True),
    )


def treat_runs_as_seeds(
    predictions: Mapping[tuple[int, int], pd.DataFrame],
) -> dict[tuple[int, int], pd.DataFrame]:
    """Renumber runs of all folds and seeds as seeds of a single fold.

    In a cross-corpus test every run predicts all utterances of the other corpus,
    so runs of different folds are repetitions, as runs of different seeds are.

    Args:
        predictions: (fold, seed) -> table.

    Returns:
        (0, number of the run, ordered by seed and fold) -> the same tables.
    """
    ordered = sorted(predictions, key=lambda run: (run[1], run[0]))
    return {(0, i): predictions[run] for i, run in enumerate(ordered)}


def read_confusion(path: str | Path) -> pd.DataFrame:
    """Read ``confusion.csv`` or ``held_out_confusion.csv``; names are text (speaker ``03``).

    Raises:
        InputError: if the file is missing or damaged.
    """
    return read_csv(path, "counts of true and predicted classes", _COUNT_COLUMNS)


def read_probes(path: str | Path) -> pd.DataFrame:
    """Read ``probes.csv``; names are text.

    Raises:
        InputError: if the file is missing or damaged.
    """
    return read_csv(path, "counts of probes", {"probe": str} | _COUNT_COLUMNS)


def speaker_confusions(confusion: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    """Return the confusion matrix of each speaker in each run.

    Args:
        confusion: columns fold, seed, speaker, truth, prediction, count.
        classes: the task's classes, in the order of the matrices.

    Returns:
        Counts, shape (K, F, S, C, C): seed, fold, speaker, true class, predicted class; the first three sorted.

    Raises:
        ValueError: if a label is not a class of the task.
    """
    names = {column: sorted(confusion[column].unique()) for column in ("seed", "fold", "speaker")}
    counts = np.zeros((*map(len, names.values()), len(classes), len(classes)), dtype=np.int64)
    index = (
        *(_index(confusion[column], of_column) for column, of_column in names.items()),
        _class_index(confusion["truth"], classes),
        _class_index(confusion["prediction"], classes),
    )
    np.add.at(counts, index, confusion["count"])
    return counts


def _select_split(split: str, predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return the rows of a split, with the class indices ``i_truth`` and ``i_prediction``."""
    rows = predictions[predictions["split"] == split]
    return rows.assign(
        i_truth=_class_index(rows["truth"], classes), i_prediction=_class_index(rows["prediction"], classes)
    )


def _class_index(labels: pd.Series, classes: Sequence[str]) -> np.ndarray:
    """Return the index of each label in the task's classes, shape (N,)."""
    unknown = sorted(set(labels) - set(classes))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not a class of the task, expected one of {', '.join(classes)}")
    return _index(labels, classes)


def _index(values: pd.Series, names: Sequence[Any]) -> np.ndarray:
    """Return the index of each value in the names, shape (N,)."""
    return values.map({name: i for i, name in enumerate(names)}).to_numpy(dtype=np.int64)


def _score(tested: pd.DataFrame, classes: Sequence[str], *, fold: str, seed: int) -> dict[str, str | int | float]:
    """Return one row of the scores."""
    confusion = confusion_matrix(tested["i_truth"].to_numpy(), tested["i_prediction"].to_numpy(), len(classes))
    has_every_class = (confusion.sum(axis=1) > 0).all()
    recalls = class_recalls(confusion)  # (C,)
    return {
        "fold": fold,
        "seed": seed,
        "ua": unweighted_accuracy(confusion) if has_every_class else np.nan,
        "wa": weighted_accuracy(confusion),
        "macro_f1": macro_f1(confusion) if has_every_class else np.nan,
        **{f"recall_{noun}": recall for noun, recall in zip(classes, recalls, strict=True)},
        "n": len(tested),
    }


def _count(rows: pd.DataFrame, classes: Sequence[str], *, fold: int, seed: int) -> pd.DataFrame:
    """Return the confusion counts of one run, ordered by speaker and then by the classes of the task."""
    keys = ["speaker", "i_truth", "i_prediction"]
    counts = rows.groupby(keys, sort=True).size().rename("count").reset_index()
    return pd.DataFrame(
        {
            "fold": fold,
            "seed": seed,
            "speaker": counts["speaker"],
            "truth": np.asarray(classes)[counts["i_truth"]],
            "prediction": np.asarray(classes)[counts["i_prediction"]],
            "count": counts["count"],
        }
    )
