"""The folds of a task: which utterance is heard in which split.

Every protocol comes down to one thing: each utterance belongs to a unit (a
speaker, a session, a random subset), and a fold names the units that are dev
and those that are test; all others train. Some utterances of the training speakers
may be held out as well: as dev where speakers are too few, or as a split of their own.
Copies of utterances join the training rows of the finished folds, or are divided like
utterances of their own.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emofactors.config.tasks import AugmentationSettings, TaskConfig
from emofactors.corpora.augmentations import copy_name
from emofactors.errors import InputError
from emofactors.io.csv import groups_of, read_csv, write_csv

#: ``original`` is what a copy was made of; of any other utterance it is its own name.
FOLD_COLUMNS = ("utterance", "original", "speaker", "emotion", "fold", "split")

#: ``held_out`` are held-out utterances of the training speakers; only a task that asks for them has any.
SPLITS = ("train", "dev", "test", "held_out")

#: train, dev and test each need a speaker or session that no other of them has; without speakers of dev's own,
#: train and test.
_LEAST_UNITS = 3
_LEAST_UNITS_WITHOUT_DEV = 2

#: (dev, test) of each fold, of the ten subsets of ``stratified_random``. Source: Dai et al. 2019, their code.
_SUBSETS_OF_FOLDS = ((8, 9), (6, 7), (4, 5), (2, 3), (0, 1))

#: Random subsets that a protocol with strata makes for each fold.
_SUBSETS_PER_FOLD = 2

#: What sets the draws of a split apart, beside seed and fold.
_DRAWS = {"held_out": (), "dev": (1,)}

#: Random deals of speakers to groups, of which ``speaker_groups`` keeps the most even one.
_N_DEALS = 100


@dataclass(frozen=True)
class Fold:
    """One fold of a task.

    Attributes:
        number: its number, from 0.
        utterances: one row an utterance, columns ``utterance``, ``original``, ``speaker``, ``emotion``,
            ``split``.
    """

    number: int
    utterances: pd.DataFrame

    def of_split(self, split: str) -> pd.DataFrame:
        """The rows of one split, in the order of ``utterance``; none where the protocol has no such split.

        Raises:
            ValueError: if ``split`` is not train, dev, test or held_out.
        """
        if split not in SPLITS:
            raise ValueError(f"split is {split!r}, expected one of {', '.join(SPLITS)}")
        return self.utterances[self.utterances["split"] == split].reset_index(drop=True)


@dataclass(frozen=True)
class _HeldOut:
    """The units of one fold that do not train."""

    dev: Collection
    test: Collection


@dataclass(frozen=True)
class _Partition:
    """The unit of each utterance, and for each fold the units held out."""

    units: pd.Series
    folds: list[_HeldOut]


def make_folds(
    utterances: pd.DataFrame, task: TaskConfig, augmentation: AugmentationSettings | None = None
) -> pd.DataFrame:
    """Give every utterance of a task, and every copy of one, its split in every fold.

    The same seed gives the same folds, whatever the order of the manifest's
    rows. Utterances of an emotion that is no class of the task are left out, and
    from ``holdout`` those whose column is empty.

    Args:
        utterances: manifest of the task's corpus, columns ``manifest.MANIFEST_COLUMNS``.
        task: the task; its protocol says who is heard in which split, and ``augmented`` whether copies
            are made of the training utterances of a fold, or of all utterances before they are divided.
        augmentation: the kinds of copies; None for a task without.

    Returns:
        Table with columns ``FOLD_COLUMNS``, ordered by fold, then utterance; ``emotion`` is the class
        of the task.

    Raises:
        ValueError: if ``augmentation`` is missing for a task with copies, or given for one without.
        InputError: if a class has no utterance, or none in the training split of a fold; if ``folds``
            is not the number of speakers or sessions; if there are too few speakers, sessions or
            utterances for the protocol; if a session is missing or shares a speaker; if a value held
            out does not occur; if ``dev_fraction`` or ``held_out`` leaves a training speaker without an utterance
            of that split.
            One line a fault.
    """
    if (task.augmentation is None) != (augmentation is None):
        raise ValueError(f"augmentation is {augmentation!r}, expected that of the task ({task.augmentation})")
    heard = _utterances_of_task(utterances, task)
    if augmentation is not None and task.augmented == "before_split":
        heard = _with_copies(heard, augmentation)
    faults = _faults(heard, task)
    if faults:
        raise InputError("\n".join(faults))
    if task.protocol == "holdout":
        heard = heard[heard[task.column] != ""].reset_index(drop=True)
    partition = _partition(heard, task)
    parts = []
    for number, held_out in enumerate(partition.folds):
        split = np.select(
            [partition.units.isin(held_out.test), partition.units.isin(held_out.dev)], ["test", "dev"], "train"
        )
        parts.append(heard[["utterance", "original", "speaker", "emotion"]].assign(fold=number, split=split))
    folds = pd.concat(parts, ignore_index=True)[list(FOLD_COLUMNS)]
    _check_training(folds, task)
    if task.dev_fraction is not None:
        folds["split"] = folds["split"].mask(_drawn(folds, "dev", task.dev_fraction, task.seed), "dev")
        _check_drawn(folds, "dev", f"dev_fraction is {task.dev_fraction:g}")
    if task.held_out is not None:
        folds["split"] = folds["split"].mask(_drawn(folds, "held_out", task.held_out, task.seed), "held_out")
        _check_drawn(folds, "held_out", f"held_out is {task.held_out:g}")
    if augmentation is not None and task.augmented == "training":
        others = folds[folds["split"] != "train"]
        folds = pd.concat([others, _with_copies(folds[folds["split"] == "train"], augmentation)])
        folds = folds.sort_values(["fold", "utterance"], ignore_index=True)
    return folds


def write_folds(folds: pd.DataFrame, path: Path) -> None:
    """Write the folds of a task as CSV: UTF-8, one column order."""
    write_csv(path, folds, columns=FOLD_COLUMNS)


def read_folds(path: Path) -> pd.DataFrame:
    """Read the folds of a task; names stay text (speaker ``03``), ``fold`` is int."""
    return read_csv(path, "the folds of a task", dict.fromkeys(FOLD_COLUMNS, str) | {"fold": int})


def read_fold(path: Path, fold: int) -> Fold:
    """Read one fold of a task.

    Args:
        path: CSV of ``write_folds``.
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
    """The utterances of the task's classes, in the order of ``utterance``; ``emotion`` is the class."""
    heard = utterances.assign(
        original=utterances["utterance"], emotion=utterances["emotion"].map(task.class_of)
    ).dropna(subset="emotion")
    return heard.sort_values("utterance", kind="stable", ignore_index=True)


def _with_copies(rows: pd.DataFrame, augmentation: AugmentationSettings) -> pd.DataFrame:
    """The rows and one more for each copy of each, in the order of ``utterance``."""
    copies = [
        rows.assign(utterance=[copy_name(original, kind) for original in rows["original"]])
        for kind in augmentation.copies
    ]
    return pd.concat([rows, *copies]).sort_values("utterance", kind="stable", ignore_index=True)


# --- what each protocol holds out ----------------------------------------------------------------------------


def _partition(heard: pd.DataFrame, task: TaskConfig) -> _Partition:
    """The partition by the task's protocol."""
    match task.protocol:
        case "leave_one_speaker_out":
            return _Partition(heard["speaker"], _each_speaker(_speakers(heard), task.dev_speakers or 0))
        case "speaker_groups":
            groups = _balanced_groups(_speakers(heard), task.n_folds, task.seed)
            return _Partition(heard["speaker"], _each_group(groups, task.dev_speakers or 0))
        case "leave_one_session_out":
            sessions = sorted(heard["session"].unique())
            following = sessions[1:] + sessions[:1]
            held_out = [_HeldOut(dev=[dev], test=[test]) for test, dev in zip(sessions, following, strict=True)]
            return _Partition(heard["session"], held_out)
        case "stratified_random" | "stratified_folds":
            return _Partition(_stratified_subsets(heard, task), _each_two_subsets(task))
        case "holdout":
            return _Partition(heard[task.column], [_HeldOut(dev=task.dev, test=task.test)])
        case "all_train":
            return _Partition(heard["speaker"], [_HeldOut(dev=(), test=())])


def _speakers(heard: pd.DataFrame) -> pd.DataFrame:
    """One row a speaker, in the order of names: speaker, gender, n_utterances."""
    return heard.groupby("speaker", as_index=False).agg(
        gender=("gender", "first"), n_utterances=("gender", "size")
    )


def _each_speaker(speakers: pd.DataFrame, n_dev: int) -> list[_HeldOut]:
    """Fold i tests speaker i; dev are the next ``n_dev`` speakers on a ring of spread genders.

    Every speaker follows ``n_dev`` others on the ring, so each is dev equally often; and as each gender
    is spread evenly over the ring, neighbours are of both.
    """
    by_gender = speakers.groupby("gender")["speaker"]
    place = (by_gender.cumcount() + 0.5) / by_gender.transform("size")
    ring = speakers.assign(place=place).sort_values(["place", "gender"], kind="stable")["speaker"].tolist()
    held_out = []
    for speaker in speakers["speaker"]:
        position = ring.index(speaker)
        following = ring[position + 1 :] + ring[:position]
        held_out.append(_HeldOut(dev=following[:n_dev], test=[speaker]))
    return held_out


def _balanced_groups(speakers: pd.DataFrame, n_groups: int, seed: int) -> list[pd.DataFrame]:
    """Speakers in groups with, within one, as many of each gender and as many in all.

    Of some random deals the one with the most even numbers of utterances: even groups, and still others
    for another seed.
    """
    rng = np.random.default_rng(seed)
    deals = []
    for _ in range(_N_DEALS):
        shuffled = speakers.iloc[rng.permutation(len(speakers))].sort_values("gender", kind="stable")
        # Dealt round with one gender after the other, no group gets two more of a gender than another.
        deals.append([shuffled.iloc[number::n_groups].sort_index() for number in range(n_groups)])
    return min(deals, key=lambda groups: np.ptp([group["n_utterances"].sum() for group in groups]))


def _each_group(groups: list[pd.DataFrame], n_dev: int) -> list[_HeldOut]:
    """Fold i tests group i; dev are the first ``n_dev`` speakers of the groups that follow it.

    In a group the genders take turns; which comes first alternates from group to group, so that one
    dev speaker is not of the same gender in every fold.
    """
    genders = sorted(set(pd.concat(groups)["gender"]))
    in_turns = []
    for number, group in enumerate(groups):
        turn = group.groupby("gender").cumcount()
        first = group["gender"].map(lambda gender, number=number: (genders.index(gender) + number) % len(genders))
        in_turns.append(group.assign(turn=turn, first=first).sort_values(["turn", "first"])["speaker"].tolist())
    held_out = []
    for number, test in enumerate(in_turns):
        following = [speaker for group in in_turns[number + 1 :] + in_turns[:number] for speaker in group]
        held_out.append(_HeldOut(dev=following[:n_dev], test=test))
    return held_out


def _each_two_subsets(task: TaskConfig) -> list[_HeldOut]:
    """``stratified_random`` has one of two subsets dev; ``stratified_folds`` tests both, dev is the next."""
    if task.protocol == "stratified_random":
        return [_HeldOut(dev=[dev], test=[test]) for dev, test in _SUBSETS_OF_FOLDS]
    n_subsets = _SUBSETS_PER_FOLD * task.n_folds
    return [_HeldOut(dev=[(first + 2) % n_subsets], test=[first, first + 1]) for first in range(0, n_subsets, 2)]


def _stratified_subsets(heard: pd.DataFrame, task: TaskConfig) -> pd.Series:
    """Number of the subset of each utterance: each stratum shuffled and dealt round over the subsets.

    A stratum is dealt from a random start by ``stratified_random``, and by ``stratified_folds`` from where
    the one before ended, so that all subsets have, within one, as many utterances.

    Source: Dai et al. 2019, their code, for ``stratified_random``.
    """
    n_subsets = _SUBSETS_PER_FOLD * task.n_folds
    rng = np.random.default_rng(task.seed)
    subset = np.zeros(len(heard), dtype=np.int64)
    start = 0
    for rows in heard.groupby(list(task.strata)).indices.values():
        if task.protocol == "stratified_random":
            start = int(rng.integers(n_subsets))
        subset[rng.permutation(rows)] = (start + np.arange(len(rows))) % n_subsets
        start += len(rows)
    n_empty = n_subsets - len(np.unique(subset))
    if n_empty:
        raise InputError(
            f"task: strata is {list(task.strata)}: leaves {n_empty} of the {n_subsets} subsets of {len(heard)} "
            "utterances empty; expected fewer strata, so that every subset gets an utterance"
        )
    return pd.Series(subset)


# --- held-out utterances of training speakers ----------------------------------------------------------------


def _drawn(folds: pd.DataFrame, split: str, fraction: float, seed: int) -> pd.Series:
    """Which training rows a split is given: drawn from those of each speaker and class."""
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
    """How many utterances of each stratum are held out, so that strata, speakers and the total keep the fraction.

    Each stratum gives what the fraction of it comes to, rounded down. What is still owed goes on from
    speaker to speaker; as often as it comes to an utterance, a class gives one more: the one that owes most.
    No stratum gives its last utterance.

    Args:
        sizes: (speaker, class) -> training utterances.
        fraction: in (0, 1).
        rng: says which speaker is first, and which of two classes that owe alike.

    Returns:
        (speaker, class) -> utterances held out: the fraction of its size, rounded up or down.
    """
    exact = Fraction(str(fraction))  # as it is written: 0.1 of 30 utterances are 3
    owed = dict.fromkeys(sorted({noun for _, noun in sizes}), Fraction(0))
    numbers = {stratum: floor(exact * size) for stratum, size in sizes.items()}
    for speaker in rng.permutation(sorted({speaker for speaker, _ in sizes})):
        classes = [noun for noun in owed if (speaker, noun) in sizes]
        for noun in classes:
            owed[noun] += exact * sizes[speaker, noun] - numbers[speaker, noun]
        n_more = floor(sum(owed.values()) + Fraction(1, 2))
        able = [
            noun
            for noun in classes
            if numbers[speaker, noun] < exact * sizes[speaker, noun]
            and numbers[speaker, noun] < sizes[speaker, noun] - 1
        ]
        for noun in sorted(rng.permutation(able).tolist(), key=owed.__getitem__, reverse=True)[:n_more]:
            numbers[speaker, noun] += 1
            owed[noun] -= 1
    return numbers


def _check_drawn(folds: pd.DataFrame, split: str, stated: str) -> None:
    """A training speaker without a held-out utterance is none that the split hears: one line for each fold."""
    faults = []
    for number, fold in groups_of(folds, "fold"):
        n_trained = fold.loc[fold["split"] == "train", "speaker"].value_counts().sort_index()
        lacking = n_trained[~n_trained.index.isin(fold.loc[fold["split"] == split, "speaker"])]
        if len(lacking):
            faults.append(
                f"task: {stated}: fold {number}: holds out no utterance of {len(lacking)} of the "
                f"{len(n_trained)} training speakers, {lacking.index[0]!r} with {lacking.iloc[0]} is one; "
                "expected one of each speaker: a larger fraction"
            )
    if faults:
        raise InputError("\n".join(faults))


# --- what can be wrong ---------------------------------------------------------------------------------------


def _faults(heard: pd.DataFrame, task: TaskConfig) -> list[str]:
    """Why the corpus does not fit the task, one line a fault."""
    spoken = set(heard["emotion"])
    faults = [
        f"task: classes: no utterance of the corpus is {noun!r} or merges into it, expected at least one"
        for noun in task.classes
        if noun not in spoken
    ]
    if task.held_out is not None and task.augmented == "before_split":
        faults.append(
            "task: held_out does not go with augmented: before_split, which divides copies like utterances"
        )
    if heard.empty:
        return faults
    match task.protocol:
        case "leave_one_speaker_out" | "speaker_groups":
            faults += _faults_of_speakers(heard["speaker"].nunique(), task)
        case "leave_one_session_out":
            faults += _faults_of_sessions(heard, task)
        case "stratified_random" | "stratified_folds":
            n_subsets = _SUBSETS_PER_FOLD * task.n_folds
            if len(heard) < n_subsets:
                faults.append(
                    f"corpus: has {len(heard)} utterance(s) of the task's classes to divide, "
                    f"expected at least {n_subsets}: one for each subset of {task.protocol}"
                )
        case "holdout":
            faults += _faults_of_values(heard[task.column], task)
    return faults


def _faults_of_speakers(n_speakers: int, task: TaskConfig) -> list[str]:
    """Whether there are as many speakers as folds, and some left to train."""
    number = "the number of speakers with utterances of the task's classes"
    least, splits = _LEAST_UNITS, "train, dev and test"
    if task.dev_fraction is not None:
        least, splits = _LEAST_UNITS_WITHOUT_DEV, "train and test"
    if n_speakers < least:
        return [f"corpus: has {n_speakers} speaker(s), expected at least {least}: {splits} share none"]
    if task.protocol == "leave_one_speaker_out" and task.n_folds != n_speakers:
        return [f"task: folds is {task.n_folds}, expected {n_speakers}: {number}"]
    if task.n_folds > n_speakers:
        return [f"task: folds is {task.n_folds}, expected at most {n_speakers}: {number}"]
    n_test, n_dev = ceil(n_speakers / task.n_folds), task.dev_speakers or 0
    most_dev = n_speakers - n_test - 1
    if n_dev and most_dev < 1:
        return [
            f"task: folds is {task.n_folds}, expected {n_speakers}: with {n_test} of {n_speakers} speakers in "
            "test, dev and train have no speaker each"
        ]
    if n_dev > most_dev:
        return [
            f"task: dev_speakers is {n_dev}, expected at most {most_dev}: "
            f"{n_test} of {n_speakers} speakers test, and none would be left to train"
        ]
    return []


def _faults_of_sessions(heard: pd.DataFrame, task: TaskConfig) -> list[str]:
    """Whether there are as many sessions as folds, each with speakers of its own."""
    n_empty = (heard["session"] == "").sum()
    if n_empty:
        return [f"corpus: session is empty for {n_empty} of {len(heard)} utterances, expected one for each"]
    faults = []
    sessions = sorted(heard["session"].unique())
    if len(sessions) < _LEAST_UNITS:
        faults.append(
            f"corpus: has {len(sessions)} session(s), expected at least 3: train, dev and test share none"
        )
    elif task.folds != len(sessions):
        faults.append(
            f"task: folds is {task.n_folds}, expected {len(sessions)}: "
            "the number of sessions with utterances of the task's classes"
        )
    for speaker, occurs in heard.groupby("speaker")["session"].unique().items():
        if len(occurs) > 1:
            faults.append(
                f"corpus: speaker {speaker!r} occurs in sessions {', '.join(sorted(occurs))}; expected one, "
                "as sessions in different splits must not share a speaker"
            )
    return faults


def _faults_of_values(column: pd.Series, task: TaskConfig) -> list[str]:
    """Whether every value held out occurs, and some value is left to train; an empty one is none."""
    values = set(column) - {""}
    if not values:
        held_out = " or ".join(repr(value) for value in (*task.dev, *task.test))
        return [
            f"task: no utterance has {task.column} {held_out}: it is empty for all {len(column)} utterances "
            "of the task's classes, expected a corpus that states it (docs/corpora.md)"
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
    """A class that is not trained in a fold can only be missed there: one line for each."""
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
