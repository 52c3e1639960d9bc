"""The folds of a task: the split of each utterance in each fold.

In every protocol, each utterance belongs to a unit (a speaker, a session, a random subset), and a fold assigns
units to dev and test; all other units train. In addition, some utterances of the training speakers may be held
out: as dev if speakers are too few, or as the split ``held_out``. Augmented copies are added to the training rows
of the finished folds, or split like other utterances.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.tasks import TaskConfig
from emofactors.corpora.augmentations import copy_name
from emofactors.errors import InputError
from emofactors.io.csv import groups_of, read_csv, write_csv

#: ``original`` is the original of an augmented copy; for any other utterance, its own name.
FOLD_COLUMNS = ("utterance", "original", "speaker", "emotion", "fold", "split")

#: ``held_out`` holds utterances of the training speakers; it is empty unless the task sets ``held_out``.
SPLITS = ("train", "dev", "test", "held_out")

#: Minimum number of speakers or sessions: train, dev and test share none; with ``dev_fraction``, train and test.
_MIN_UNITS = 3
_MIN_UNITS_WITHOUT_DEV = 2

#: Dev and test subset of each fold of ``stratified_random``, of ten subsets. Source: code of Dai et al. 2019.
_SUBSETS_OF_FOLDS = ((8, 9), (6, 7), (4, 5), (2, 3), (0, 1))

#: Random subsets per fold of a protocol with strata.
_SUBSETS_PER_FOLD = 2

#: Extra seed words of the draws of each split, after seed and fold.
_DRAWS = {"held_out": (), "dev": (1,)}

#: Random assignments of speakers to groups, of which ``speaker_groups`` keeps the most balanced one.
_N_DEALS = 100


@dataclass(frozen=True)
class Fold:
    """One fold of a task.

    Attributes:
        number: number of the fold, from 0.
        utterances: one row per utterance, columns ``utterance``, ``original``, ``speaker``, ``emotion``,
            ``split``.
    """

    number: int
    utterances: pd.DataFrame

    def of_split(self, split: str) -> pd.DataFrame:
        """Return the rows of one split, ordered by ``utterance``; no rows if the protocol has no such split.

        Raises:
            ValueError: if ``split`` is not train, dev, test or held_out.
        """
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        return self.utterances[self.utterances["split"] == split].reset_index(drop=True)

    @property
    def speaker_of(self) -> dict[str, str]:
        """Utterance -> its speaker."""
        return dict(zip(self.utterances["utterance"], self.utterances["speaker"], strict=True))


@dataclass(frozen=True)
class _FoldUnits:
    """Dev and test units of one fold."""

    dev: Collection
    test: Collection


@dataclass(frozen=True)
class _Partition:
    """The unit of each utterance, and the dev and test units of each fold."""

    units: pd.Series
    folds: list[_FoldUnits]


def make_folds(
    utterances: pd.DataFrame, task: TaskConfig, augmentation: AugmentationSettings | None = None
) -> pd.DataFrame:
    """Assign every utterance of a task, and every augmented copy, to a split in every fold.

    The same seed gives the same folds, independent of the row order of the manifest. Utterances of an emotion that
    is not a class of the task are left out, and with ``holdout`` also those with an empty column.

    Args:
        utterances: manifest of the task's corpus, columns ``manifest.MANIFEST_COLUMNS``.
        task: the task; its protocol defines the splits, and ``augmented`` whether the training utterances of each
            fold are copied, or all utterances before they are split.
        augmentation: kinds of augmented copies; None for a task without.

    Returns:
        Table with columns ``FOLD_COLUMNS``, ordered by fold, then utterance; ``emotion`` is the class of the task.

    Raises:
        ValueError: if ``augmentation`` is missing for a task with copies, or given for one without.
        InputError: if a class has no utterance, or none in the training split of a fold; if ``folds`` is not the
            number of speakers or sessions; if there are too few speakers, sessions or utterances for the protocol;
            if a session is missing or two sessions share a speaker; if a dev or test value does not occur; if
            ``dev_fraction`` or ``held_out`` leaves a training speaker without an utterance of that split. One line
            per fault.
    """
    if (task.augmentation is None) != (augmentation is None):
        raise ValueError(f"augmentation is {augmentation!r}, expected that of the task ({task.augmentation})")
    rows = _utterances_of_task(utterances, task)
    if augmentation is not None and task.augmented == "before_split":
        rows = _with_copies(rows, augmentation)
    faults = _faults(rows, task)
    if faults:
        raise InputError("\n".join(faults))
    if task.protocol == "holdout":
        rows = rows[rows[task.column] != ""].reset_index(drop=True)
    partition = _partition(rows, task)
    parts = []
    for number, fold in enumerate(partition.folds):
        split = np.select(
            [partition.units.isin(fold.test), partition.units.isin(fold.dev)], ["test", "dev"], "train"
        )
        parts.append(rows[["utterance", "original", "speaker", "emotion"]].assign(fold=number, split=split))
    folds = pd.concat(parts, ignore_index=True)[list(FOLD_COLUMNS)]
    _check_training(folds, task)
    for drawn, key, fraction in (
        ("dev", "dev_fraction", task.dev_fraction),
        ("held_out", "held_out", task.held_out),
    ):
        if fraction is not None:
            folds["split"] = folds["split"].mask(_draw_rows(folds, drawn, fraction, task.seed), drawn)
            _check_drawn(folds, drawn, f"{key} is {fraction:g}")
    if augmentation is not None and task.augmented == "training":
        others = folds[folds["split"] != "train"]
        folds = pd.concat([others, _with_copies(folds[folds["split"] == "train"], augmentation)])
        folds = folds.sort_values(["fold", "utterance"], ignore_index=True)
    return folds


def write_folds(folds: pd.DataFrame, path: Path) -> None:
    """Write the folds of a task as UTF-8 CSV with columns ``FOLD_COLUMNS``."""
    write_csv(path, folds, columns=FOLD_COLUMNS)


def read_folds(path: Path) -> pd.DataFrame:
    """Read the folds of a task; names are text (speaker ``03``), ``fold`` is int."""
    return read_csv(path, "the folds of a task", dict.fromkeys(FOLD_COLUMNS, str) | {"fold": int})


def read_fold(path: Path, fold: int) -> Fold:
    """Read one fold of a task.

    Args:
        path: CSV written by ``write_folds``.
        fold: number of the fold, from 0.

    Returns:
        The fold.

    Raises:
        InputError: if the file has no such fold.
    """
    folds = read_folds(path)
    utterances = folds[folds["fold"] == fold]
    if utterances.empty:
        raise InputError(f"{path}: has no fold {fold}, expected one of 0 to {folds['fold'].max()}")
    return Fold(number=fold, utterances=utterances.drop(columns="fold").reset_index(drop=True))


def _utterances_of_task(utterances: pd.DataFrame, task: TaskConfig) -> pd.DataFrame:
    """Return the utterances of the task's classes, ordered by ``utterance``; ``emotion`` is the class."""
    rows = utterances.assign(
        original=utterances["utterance"], emotion=utterances["emotion"].map(task.class_of)
    ).dropna(subset="emotion")
    return rows.sort_values("utterance", kind="stable", ignore_index=True)


def _with_copies(rows: pd.DataFrame, augmentation: AugmentationSettings) -> pd.DataFrame:
    """Return the rows and their augmented copies, ordered by ``utterance``."""
    copies = [
        rows.assign(utterance=[copy_name(original, kind) for original in rows["original"]])
        for kind in augmentation.copies
    ]
    return pd.concat([rows, *copies]).sort_values("utterance", kind="stable", ignore_index=True)


# --- dev and test units of each protocol ---------------------------------------------------------------------


def _partition(rows: pd.DataFrame, task: TaskConfig) -> _Partition:
    """Return the partition defined by the task's protocol."""
    match task.protocol:
        case "leave_one_speaker_out":
            return _Partition(rows["speaker"], _leave_speakers_out(_speakers(rows), task.dev_speakers or 0))
        case "speaker_groups":
            groups = _balanced_groups(_speakers(rows), task.n_folds, task.seed)
            return _Partition(rows["speaker"], _leave_groups_out(groups, task.dev_speakers or 0))
        case "leave_one_session_out":
            sessions = sorted(rows["session"].unique())
            following = sessions[1:] + sessions[:1]
            folds = [_FoldUnits(dev=[dev], test=[test]) for test, dev in zip(sessions, following, strict=True)]
            return _Partition(rows["session"], folds)
        case "stratified_random" | "stratified_folds":
            return _Partition(_stratified_subsets(rows, task), _leave_subsets_out(task))
        case "holdout":
            return _Partition(rows[task.column], [_FoldUnits(dev=task.dev, test=task.test)])
        case "all_train":
            return _Partition(rows["speaker"], [_FoldUnits(dev=(), test=())])


def _speakers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row per speaker, ordered by name: speaker, gender, n_utterances."""
    return rows.groupby("speaker", as_index=False).agg(gender=("gender", "first"), n_utterances=("gender", "size"))


def _leave_speakers_out(speakers: pd.DataFrame, n_dev: int) -> list[_FoldUnits]:
    """Test speaker i in fold i; dev are the next ``n_dev`` speakers on a ring.

    Each gender is spread evenly over the ring, so neighbours are of both genders. Every speaker follows ``n_dev``
    others, so each is dev equally often.
    """
    by_gender = speakers.groupby("gender")["speaker"]
    place = (by_gender.cumcount() + 0.5) / by_gender.transform("size")
    ring = speakers.assign(place=place).sort_values(["place", "gender"], kind="stable")["speaker"].tolist()
    folds = []
    for speaker in speakers["speaker"]:
        position = ring.index(speaker)
        following = ring[position + 1 :] + ring[:position]
        folds.append(_FoldUnits(dev=following[:n_dev], test=[speaker]))
    return folds


def _balanced_groups(speakers: pd.DataFrame, n_groups: int, seed: int) -> list[pd.DataFrame]:
    """Return groups of speakers whose sizes, in total and per gender, differ by at most one.

    Of ``_N_DEALS`` random assignments, the one with the most balanced numbers of utterances is chosen.
    """
    rng = np.random.default_rng(seed)
    deals = []
    for _ in range(_N_DEALS):
        shuffled = speakers.iloc[rng.permutation(len(speakers))].sort_values("gender", kind="stable")
        # Round-robin over speakers sorted by gender keeps the numbers of each gender within one.
        deals.append([shuffled.iloc[number::n_groups].sort_index() for number in range(n_groups)])
    return min(deals, key=lambda groups: np.ptp([group["n_utterances"].sum() for group in groups]))


def _leave_groups_out(groups: list[pd.DataFrame], n_dev: int) -> list[_FoldUnits]:
    """Test group i in fold i; dev are the first ``n_dev`` speakers of the following groups.

    Genders alternate within a group; the first gender alternates from group to group, so that a single dev speaker
    is not of the same gender in every fold.
    """
    genders = sorted(set(pd.concat(groups)["gender"]))
    alternating = []
    for number, group in enumerate(groups):
        turn = group.groupby("gender").cumcount()
        first = group["gender"].map(lambda gender, number=number: (genders.index(gender) + number) % len(genders))
        alternating.append(group.assign(turn=turn, first=first).sort_values(["turn", "first"])["speaker"].tolist())
    folds = []
    for number, test in enumerate(alternating):
        following = [speaker for group in alternating[number + 1 :] + alternating[:number] for speaker in group]
        folds.append(_FoldUnits(dev=following[:n_dev], test=test))
    return folds


def _leave_subsets_out(task: TaskConfig) -> list[_FoldUnits]:
    """Test one subset per fold (``stratified_random``) or two, with the next as dev (``stratified_folds``)."""
    if task.protocol == "stratified_random":
        return [_FoldUnits(dev=[dev], test=[test]) for dev, test in _SUBSETS_OF_FOLDS]
    n_subsets = _SUBSETS_PER_FOLD * task.n_folds
    return [_FoldUnits(dev=[(first + 2) % n_subsets], test=[first, first + 1]) for first in range(0, n_subsets, 2)]


def _stratified_subsets(rows: pd.DataFrame, task: TaskConfig) -> pd.Series:
    """Return the subset of each utterance: each stratum is shuffled and assigned round-robin.

    In ``stratified_random`` each stratum starts at a random subset; in ``stratified_folds`` it starts where the
    previous one ended, so that the sizes of subsets differ by at most one.

    Source: code of Dai et al. 2019, for ``stratified_random``.
    """
    n_subsets = _SUBSETS_PER_FOLD * task.n_folds
    rng = np.random.default_rng(task.seed)
    subset = np.zeros(len(rows), dtype=np.int64)
    start = 0
    for stratum in rows.groupby(list(task.strata)).indices.values():
        if task.protocol == "stratified_random":
            start = int(rng.integers(n_subsets))
        subset[rng.permutation(stratum)] = (start + np.arange(len(stratum))) % n_subsets
        start += len(stratum)
    n_empty = n_subsets - len(np.unique(subset))
    if n_empty:
        raise InputError(
            f"task: strata is {list(task.strata)}: leaves {n_empty} of the {n_subsets} subsets of {len(rows)} "
            "utterances empty; expected fewer strata, so that every subset has an utterance"
        )
    return pd.Series(subset)


# --- held-out utterances of training speakers ----------------------------------------------------------------


def _draw_rows(folds: pd.DataFrame, split: str, fraction: float, seed: int) -> pd.Series:
    """Return the training rows to move to a split, drawn for each speaker and class."""
    chosen = pd.Series(False, index=folds.index)
    for number, fold in groups_of(folds[folds["split"] == "train"], "fold"):
        rng = np.random.default_rng([seed, number, *_DRAWS[split]])
        strata: Mapping[Any, pd.Index] = fold.groupby(["speaker", "emotion"]).groups
        n_held_out = _numbers_held_out({name: len(rows) for name, rows in strata.items()}, fraction, rng)
        for name, rows in strata.items():
            chosen[rng.permutation(rows)[: n_held_out[name]]] = True
    return chosen


def _numbers_held_out(
    sizes: Mapping[tuple[str, str], int], fraction: float, rng: np.random.Generator
) -> dict[tuple[str, str], int]:
    """Return the number of held-out utterances of each stratum; strata, speakers and the total keep the fraction.

    Each stratum holds out the fraction of its size, rounded down. Remainders accumulate per class from speaker to
    speaker; whenever their sum reaches an utterance, the class with the largest remainder holds out one more. No
    stratum holds out its last utterance.

    Args:
        sizes: (speaker, class) -> number of training utterances.
        fraction: in (0, 1).
        rng: determines the order of speakers and of classes with equal remainders.

    Returns:
        (speaker, class) -> number of held-out utterances: the fraction of its size, rounded up or down.
    """
    exact = Fraction(str(fraction))  # the decimal value: 0.1 of 30 utterances is 3
    remainder = dict.fromkeys(sorted({noun for _, noun in sizes}), Fraction(0))
    numbers = {stratum: floor(exact * size) for stratum, size in sizes.items()}
    for speaker in rng.permutation(sorted({speaker for speaker, _ in sizes})):
        classes = [noun for noun in remainder if (speaker, noun) in sizes]
        for noun in classes:
            remainder[noun] += exact * sizes[speaker, noun] - numbers[speaker, noun]
        n_more = floor(sum(remainder.values()) + Fraction(1, 2))
        candidates = [
            noun
            for noun in classes
            if numbers[speaker, noun] < exact * sizes[speaker, noun]
            and numbers[speaker, noun] < sizes[speaker, noun] - 1
        ]
        for noun in sorted(rng.permutation(candidates).tolist(), key=remainder.__getitem__, reverse=True)[:n_more]:
            numbers[speaker, noun] += 1
            remainder[noun] -= 1
    return numbers


def _check_drawn(folds: pd.DataFrame, split: str, setting: str) -> None:
    """Raise InputError if a training speaker has no utterance in a drawn split: one line per fold."""
    faults = []
    for number, fold in groups_of(folds, "fold"):
        n_trained = fold.loc[fold["split"] == "train", "speaker"].value_counts().sort_index()
        lacking = n_trained[~n_trained.index.isin(fold.loc[fold["split"] == split, "speaker"])]
        if len(lacking):
            faults.append(
                f"task: {setting}: fold {number}: holds out no utterance of {len(lacking)} of the "
                f"{len(n_trained)} training speakers, such as {lacking.index[0]!r} with {lacking.iloc[0]} "
                "utterances; expected one of each speaker: a larger fraction"
            )
    if faults:
        raise InputError("\n".join(faults))


# --- faults --------------------------------------------------------------------------------------------------


def _faults(rows: pd.DataFrame, task: TaskConfig) -> list[str]:
    """Return why the corpus does not fit the task, one line per fault."""
    present = set(rows["emotion"])
    faults = [
        f"task: classes: no utterance of the corpus is {noun!r} or merges into it, expected at least one"
        for noun in task.classes
        if noun not in present
    ]
    if task.held_out is not None and task.augmented == "before_split":
        faults.append(
            "task: held_out is not allowed with augmented: before_split, which splits copies like utterances"
        )
    if rows.empty:
        return faults
    match task.protocol:
        case "leave_one_speaker_out" | "speaker_groups":
            faults += _faults_of_speakers(rows["speaker"].nunique(), task)
        case "leave_one_session_out":
            faults += _faults_of_sessions(rows, task)
        case "stratified_random" | "stratified_folds":
            n_subsets = _SUBSETS_PER_FOLD * task.n_folds
            if len(rows) < n_subsets:
                faults.append(
                    f"corpus: has {len(rows)} utterance(s) of the task's classes, "
                    f"expected at least {n_subsets}: one for each subset of {task.protocol}"
                )
        case "holdout":
            faults += _faults_of_values(rows[task.column], task)
    return faults


def _faults_of_speakers(n_speakers: int, task: TaskConfig) -> list[str]:
    """Check that the number of speakers fits the folds and leaves speakers to train."""
    number = "the number of speakers with utterances of the task's classes"
    minimum, splits = _MIN_UNITS, "train, dev and test"
    if task.dev_fraction is not None:
        minimum, splits = _MIN_UNITS_WITHOUT_DEV, "train and test"
    if n_speakers < minimum:
        return [f"corpus: has {n_speakers} speaker(s), expected at least {minimum}: {splits} share none"]
    if task.protocol == "leave_one_speaker_out" and task.n_folds != n_speakers:
        return [f"task: folds is {task.n_folds}, expected {n_speakers}: {number}"]
    if task.n_folds > n_speakers:
        return [f"task: folds is {task.n_folds}, expected at most {n_speakers}: {number}"]
    n_test, n_dev = ceil(n_speakers / task.n_folds), task.dev_speakers or 0
    max_dev = n_speakers - n_test - 1
    if n_dev and max_dev < 1:
        return [
            f"task: folds is {task.n_folds}, expected {n_speakers}: with {n_test} of {n_speakers} speakers in "
            "test, too few are left for dev and train"
        ]
    if n_dev > max_dev:
        return [
            f"task: dev_speakers is {n_dev}, expected at most {max_dev}: "
            f"{n_test} of {n_speakers} speakers test, and at least one must train"
        ]
    return []


def _faults_of_sessions(rows: pd.DataFrame, task: TaskConfig) -> list[str]:
    """Check that there are as many sessions as folds, and that sessions share no speaker."""
    n_empty = (rows["session"] == "").sum()
    if n_empty:
        return [f"corpus: session is empty for {n_empty} of {len(rows)} utterances, expected a session for each"]
    faults = []
    sessions = sorted(rows["session"].unique())
    if len(sessions) < _MIN_UNITS:
        faults.append(
            f"corpus: has {len(sessions)} session(s), expected at least {_MIN_UNITS}: "
            "train, dev and test share none"
        )
    elif task.folds != len(sessions):
        faults.append(
            f"task: folds is {task.n_folds}, expected {len(sessions)}: "
            "the number of sessions with utterances of the task's classes"
        )
    for speaker, occurs in rows.groupby("speaker")["session"].unique().items():
        if len(occurs) > 1:
            faults.append(
                f"corpus: speaker {speaker!r} occurs in sessions {', '.join(sorted(occurs))}; expected one, "
                "as sessions in different splits must not share a speaker"
            )
    return faults


def _faults_of_values(column: pd.Series, task: TaskConfig) -> list[str]:
    """Check that every dev and test value occurs and that a value is left to train; empty cells do not count."""
    values = set(column) - {""}
    if not values:
        wanted = " or ".join(repr(value) for value in (*task.dev, *task.test))
        return [
            f"task: no utterance has {task.column} {wanted}: it is empty for all {len(column)} utterances "
            "of the task's classes, expected a corpus that provides it (docs/corpora.md)"
        ]
    listed = ", ".join(sorted(values)[:20]) + (" ..." if len(values) > 20 else "")
    faults = [
        f"task: {split}: no utterance has {task.column} {value!r}, expected one of {listed}"
        for split in ("dev", "test")
        for value in getattr(task, split)
        if value not in values
    ]
    if values <= {*task.dev, *task.test}:
        faults.append(f"task: dev and test hold every {task.column} ({listed}), expected one left to train")
    return faults


def _check_training(folds: pd.DataFrame, task: TaskConfig) -> None:
    """Raise InputError if a class has no training utterance in a fold: one line per class and fold."""
    faults = []
    for number, fold in groups_of(folds, "fold"):
        count = pd.crosstab(fold["emotion"], fold["split"])
        count = count.reindex(index=list(task.classes), columns=SPLITS, fill_value=0)
        for noun in task.classes:
            n_train, n_dev, n_test = (count[split][noun] for split in ("train", "dev", "test"))
            if n_train == 0:
                faults.append(
                    f"task: fold {number}: class {noun!r} has no training utterance "
                    f"({n_dev} dev, {n_test} test), expected at least one"
                )
    if faults:
        raise InputError("\n".join(faults))
