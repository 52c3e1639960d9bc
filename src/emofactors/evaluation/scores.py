"""The scores of one variant: its test predictions of all folds and seeds, counted and scored."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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

#: Columns of counts, and what they are.
_COUNTED = {"seed": int, "speaker": str, "truth": str, "prediction": str, "count": int}

#: The fold of a row that pools the test predictions of all folds of a seed.
POOLED = "pooled"


@dataclass(frozen=True)
class Scores:
    """What the test predictions of all folds and seeds of one variant come to.

    Attributes:
        scores: one row a fold and seed, and one with fold ``pooled`` a seed: fold, seed, ua, wa,
            macro_f1, recall_<class> of each class, n; scores in [0, 1]. Where a fold's test lacks
            a class, its recall, ua and macro_f1 are NaN.
        confusion: seed, speaker, truth, prediction, count over all folds; counts above zero only.
        held_out: likewise of the held-out utterances of seen speakers, each as often as it is held out; empty
            where the folds have no split ``held_out``.
    """

    scores: pd.DataFrame
    confusion: pd.DataFrame
    held_out: pd.DataFrame

    def write(self, scores: str | Path, confusion: str | Path, held_out: str | Path) -> None:
        """Write all as CSV; at full precision, for a number is rounded once, where it is printed."""
        for path, table in ((scores, self.scores), (confusion, self.confusion), (held_out, self.held_out)):
            write_csv(path, table)


def read_predictions(paths: Iterable[str | Path]) -> dict[tuple[int, int], pd.DataFrame]:
    """Read the predictions of the runs of one variant.

    Args:
        paths: files ``…/fold{fold}/seed{seed}/…predictions.csv``.

    Returns:
        (fold, seed) -> utterance, speaker, split, truth and prediction, all of them text (speaker ``03``).

    Raises:
        InputError: if a file is missing or damaged.
        ValueError: if a path tells no fold and seed, or two tell the same.
    """
    columns = ("utterance", "speaker", "split", "truth", "prediction")
    predictions = {}
    for path in map(Path, paths):
        run = fold_and_seed(path)
        if run in predictions:
            raise ValueError(f"{path}: fold {run[0]} of seed {run[1]} is there twice, expected once")
        predictions[run] = read_csv(path, "the predictions of a run", dict.fromkeys(columns, str))
    return predictions


def fold_and_seed(path: str | Path) -> tuple[int, int]:
    """Which run a file is of.

    Raises:
        ValueError: if the path is not ``…/fold{fold}/seed{seed}/…``.
    """
    run = re.search(r"/fold(\d+)/seed(\d+)/", Path(path).as_posix())
    if run is None:
        raise ValueError(f"{path}: expected a path with /fold<number>/seed<number>/")
    return int(run[1]), int(run[2])


def score_runs(predictions: Mapping[tuple[int, int], pd.DataFrame], classes: Sequence[str]) -> Scores:
    """Score the test predictions of one variant: each run, and all folds of a seed pooled.

    Args:
        predictions: (fold, seed) -> table with columns utterance, speaker, split, truth and
            prediction; rows of split ``test`` are scored, those of split ``held_out`` counted.
        classes: the task's classes, in the order of its columns, C.

    Returns:
        The scores and the confusion counts.

    Raises:
        ValueError: if a fold of a seed is missing, an utterance occurs twice in a seed, the seeds
            were not tested on the same utterances, a label is no class of the task, or a class of the
            task has no test utterance in any fold.
    """
    folds, seeds = (sorted({run[i] for run in predictions}) for i in (0, 1))
    missing = [(fold, seed) for fold in folds for seed in seeds if (fold, seed) not in predictions]
    if missing or not predictions:
        raise ValueError(f"no predictions of (fold, seed) {missing}; expected every fold of every seed")
    rows, counts, held_out = [], [], []
    first_tested: dict[str, str] | None = None
    for seed in seeds:
        runs = {fold: _of_split("test", predictions[fold, seed], classes) for fold in folds}
        if any(part.empty for part in runs.values()):
            raise ValueError("no prediction of split 'test', expected at least one")
        pooled = pd.concat(runs.values(), ignore_index=True)
        twice = pooled.loc[pooled["utterance"].duplicated(), "utterance"]
        if len(twice):
            raise ValueError(f"seed {seed}: {twice.iloc[0]!r} was tested twice; expected one fold an utterance")
        tested = dict(zip(pooled["utterance"], pooled["truth"], strict=True))
        first_tested = first_tested or tested
        if tested != first_tested:
            raise ValueError(f"seed {seed} was tested on other utterances than seed {seeds[0]}; expected the same")
        absent = [noun for noun in classes if noun not in set(pooled["truth"])]
        if absent:
            raise ValueError(f"no test utterance of {', '.join(absent)}: UA needs every class of the task")
        rows += [_score(part, classes, fold=str(fold), seed=seed) for fold, part in runs.items()]
        rows.append(_score(pooled, classes, fold=POOLED, seed=seed))
        counts.append(_count(pooled, classes, seed=seed))
        heard = pd.concat([_of_split("held_out", predictions[fold, seed], classes) for fold in folds])
        held_out.append(_count(heard, classes, seed=seed))
    return Scores(
        scores=pd.DataFrame(rows),
        confusion=pd.concat(counts, ignore_index=True),
        held_out=pd.concat(held_out, ignore_index=True),
    )


def as_models(predictions: Mapping[tuple[int, int], pd.DataFrame]) -> dict[tuple[int, int], pd.DataFrame]:
    """The predictions of runs that all heard the same utterances: each run a model of its own.

    Folds of one corpus say nothing of another: there every run is tested on all utterances, and stands beside
    the others as trainings from other seeds do.

    Args:
        predictions: (fold, seed) -> table.

    Returns:
        (0, number of the run, by seed and fold) -> the same tables.
    """
    ordered = sorted(predictions, key=lambda run: (run[1], run[0]))
    return {(0, i): predictions[run] for i, run in enumerate(ordered)}


def read_confusion(path: str | Path) -> pd.DataFrame:
    """Read ``confusion.csv``; names stay text (speaker ``03``).

    Raises:
        InputError: if it is missing or damaged.
    """
    return read_csv(path, "counts of true and predicted classes", _COUNTED)


def read_probes(path: str | Path) -> pd.DataFrame:
    """Read ``probes.csv``, likewise."""
    return read_csv(path, "counts of probes", {"probe": str, "fold": int} | _COUNTED)


def speaker_confusions(confusion: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    """The confusion matrix of each speaker in each seed.

    Args:
        confusion: columns seed, speaker, truth, prediction, count.
        classes: the task's classes, in the order of the matrices.

    Returns:
        Counts, shape (n_seeds, S, C, C): true class by predicted class; seeds and speakers sorted.

    Raises:
        ValueError: if a label is no class of the task.
    """
    seeds, speakers = (sorted(confusion[column].unique()) for column in ("seed", "speaker"))
    counts = np.zeros((len(seeds), len(speakers), len(classes), len(classes)), dtype=np.int64)
    index = (
        *(
            confusion[c].map({v: i for i, v in enumerate(known)}).to_numpy(dtype=np.int64)
            for c, known in (("seed", seeds), ("speaker", speakers))
        ),
        _class_index(confusion["truth"], classes),
        _class_index(confusion["prediction"], classes),
    )
    np.add.at(counts, index, confusion["count"])
    return counts


def _of_split(split: str, predictions: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """The rows of a split, with the class indices ``i_truth`` and ``i_prediction``."""
    rows = predictions[predictions["split"] == split]
    return rows.assign(
        i_truth=_class_index(rows["truth"], classes), i_prediction=_class_index(rows["prediction"], classes)
    )


def _class_index(labels: pd.Series, classes: Sequence[str]) -> np.ndarray:
    """Index of each label in the task's classes, shape (N,)."""
    unknown = sorted(set(labels) - set(classes))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no class of the task, expected one of {', '.join(classes)}")
    return labels.map({noun: i for i, noun in enumerate(classes)}).to_numpy(dtype=np.int64)


def _score(tested: pd.DataFrame, classes: Sequence[str], *, fold: str, seed: int) -> dict[str, str | int | float]:
    """One row of the scores."""
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


def _count(tested: pd.DataFrame, classes: Sequence[str], *, seed: int) -> pd.DataFrame:
    """The rows of the confusion counts of one seed: by speaker, then in the order of the classes."""
    keys = ["speaker", "i_truth", "i_prediction"]
    counts = tested.groupby(keys, sort=True).size().rename("count").reset_index()
    return pd.DataFrame(
        {
            "seed": seed,
            "speaker": counts["speaker"],
            "truth": np.asarray(classes)[counts["i_truth"]],
            "prediction": np.asarray(classes)[counts["i_prediction"]],
            "count": counts["count"],
        }
    )
