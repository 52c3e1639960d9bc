"""The audit of a task: what its splits share, whatever made its folds.

The folds are held against the manifest: an utterance, its copies or its audio
in two splits are a leak under any protocol, a speaker in two splits is one where
the task claims unseen speakers. A task that is there to show what copies are
worth may share them, and them alone. Held-out utterances of training speakers (split ``held_out``,
and dev of a task with ``dev_fraction``) share those speakers with training, and nothing else.
Shared texts leak nothing a protocol promised; they are counted, since a system may have learnt
how a sentence sounds.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd

from emofactors.config.tasks import TaskConfig
from emofactors.corpora.augmentations import original_of
from emofactors.corpora.splits import SPLITS
from emofactors.errors import InputError
from emofactors.io.csv import groups_of, rows_of

#: Findings of one kind that are listed; the others are counted.
_N_LISTED = 20


@dataclass(frozen=True)
class SplitFigures:
    """One split of one fold.

    Attributes:
        n_utterances: its utterances, copies included.
        speakers: names of its speakers.
        class_counts: utterances of each class of the task, also where there is none.
    """

    n_utterances: int
    speakers: tuple[str, ...]
    class_counts: dict[str, int]


@dataclass(frozen=True)
class Shared:
    """What two splits of one fold have in common.

    Attributes:
        n_utterances: utterances in both.
        n_copies: utterances of the second split that are in the first as well, themselves or as a copy of
            the same original.
        n_audio_pairs: pairs of originals, one of each split, with the same or overlapping audio.
        speakers: names of the speakers in both.
        n_texts: texts in both.
        text_fraction: utterances of the second split whose text is heard in the first, of those with a
            known text, in [0, 1]; None if no text is known.
    """

    n_utterances: int
    n_copies: int
    n_audio_pairs: int
    speakers: tuple[str, ...]
    n_texts: int
    text_fraction: float | None


@dataclass(frozen=True)
class FoldFigures:
    """One fold.

    Attributes:
        fold: its number, from 0.
        splits: split -> figures.
        shared: ``train/dev`` and every other pair of splits -> what the two share.
    """

    fold: int
    splits: dict[str, SplitFigures]
    shared: dict[str, Shared]


@dataclass(frozen=True)
class Audit:
    """What is to be known of a task before a number of it is believed.

    Attributes:
        failures: why no score of the task may be trusted, one line each.
        warnings: what a reader of its scores should know, one line each.
        protocol: the protocol in words.
        speaker_independent: whether the task claims unseen test speakers.
        n_utterances: utterances of the task's classes, copies included.
        n_originals: those that are no copies, or that copies were made of.
        n_test_utterances: utterances that are test in some fold, copies included.
        n_speakers: speakers of these utterances.
        n_folds: number of folds.
        class_counts: utterances of each class, copies included.
        heard_copy_fraction: test utterances that training hears as well, themselves or as a copy of the
            same original, over all folds, in [0, 1]; None if nothing is test.
        heard_speaker_fraction: test utterances whose speaker is heard in training, over all folds, in
            [0, 1]; None if nothing is test.
        heard_text_fraction: test utterances whose text is heard in training, of those with a known
            text, over all folds, in [0, 1]; None if there is none.
        corpus: the notes of the corpus: title, licence, whether it is whole, what was dropped and why.
        folds: the figures of each fold.
    """

    failures: tuple[str, ...]
    warnings: tuple[str, ...]
    protocol: str
    speaker_independent: bool
    n_utterances: int
    n_originals: int
    n_test_utterances: int
    n_speakers: int
    n_folds: int
    class_counts: dict[str, int]
    heard_copy_fraction: float | None
    heard_speaker_fraction: float | None
    heard_text_fraction: float | None
    corpus: dict[str, Any]
    folds: tuple[FoldFigures, ...]

    @property
    def verdict(self) -> Literal["pass", "fail"]:
        """``fail`` if there is a failure; warnings pass."""
        return "fail" if self.failures else "pass"

    def to_json(self) -> str:
        """The audit as text: verdict first, then the fields in their order."""
        content = {"verdict": self.verdict} | asdict(self)
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def stop_if_failed(self) -> None:
        """Stop a job whose task failed.

        Raises:
            InputError: if there is a failure, with all of them.
        """
        if self.failures:
            raise InputError("\n".join(self.failures))


def audit_task(
    folds: pd.DataFrame,
    utterances: pd.DataFrame,
    task: TaskConfig,
    corpus_notes: Mapping[str, Any],
    *,
    min_training_speakers: int = 1,
) -> Audit:
    """Hold the folds of a task against the manifest of its corpus.

    Args:
        folds: the folds, columns ``splits.FOLD_COLUMNS``.
        utterances: manifest of the task's corpus, columns ``manifest.MANIFEST_COLUMNS``.
        task: the task, with what it claims.
        corpus_notes: what ``manifest.Manifest.notes`` says of the corpus; ``title``, ``utterances``,
            ``whole`` (None if no size was published) and ``dropped`` (pairs of path and reason) are read.
        min_training_speakers: as many as each fold must train: two where they are to be told apart.

    Returns:
        The audit.

    Raises:
        InputError: if the manifest has no row of an original of the folds, or ``original`` is not what
            the name of an utterance says.
    """
    _check_names(folds, utterances)
    heard = utterances[utterances["utterance"].isin(folds["original"])].reset_index(drop=True)
    # Speakers and emotions are the manifest's, so that the audit does not rest on what it is to check.
    emotion = heard["emotion"].map(task.class_of).fillna("no class of the task")
    known = heard[["utterance", "speaker", "text"]].assign(emotion=emotion)
    rows = folds[["utterance", "original", "fold", "split"]].merge(
        known.rename(columns={"utterance": "original"}), on="original"
    )
    by_fold = [(int(number), fold) for number, fold in groups_of(rows, "fold")]
    same = same_audio(heard)
    pairs = [_splits_of_pairs(same, fold) for _, fold in by_fold]

    heard_copy = _heard_in_training(by_fold, "original")
    heard_speaker = _heard_in_training(by_fold, "speaker")
    heard_text = _heard_in_training(by_fold, "text")
    classes = rows.drop_duplicates("utterance")["emotion"].value_counts()
    held_out = ("dev", "test") if task.held_out is None else ("dev", "test", "held_out")
    return Audit(
        failures=(
            *_listed(_utterances_in_two_splits(by_fold), "utterances in two splits"),
            *_listed([] if task.shows_leak else _copies_in_two_splits(by_fold), "copies in two splits"),
            *_listed(_copies_out_of_place(by_fold, task), "copies out of place"),
            *_listed(_audio_in_two_splits(by_fold, pairs), "audio in two splits"),
            *_listed(_speakers_in_two_splits(by_fold, task), "speakers in two splits"),
            *_listed(_known_to_nobody(by_fold, task), "speakers not in training"),
            *_listed(_too_few_speakers(by_fold, min_training_speakers), "too few speakers"),
            *_listed(missing_classes(by_fold, task, ("train",)), "missing classes"),
            *_listed(_other_labels(folds, rows), "other labels than the manifest's"),
        ),
        warnings=(
            *_warnings_of_leak(task, heard_copy),
            *_warnings_of_corpus(corpus_notes),
            *_warnings_of_claim(task, heard_speaker),
            *_listed(_audio_twice_in_a_split(pairs), "audio twice in a split"),
            *_warnings_of_column(task, utterances),
            *_listed(missing_classes(by_fold, task, held_out), "missing classes"),
        ),
        protocol=task.protocol_words,
        speaker_independent=task.speaker_independent,
        n_utterances=int(rows["utterance"].nunique()),
        n_originals=len(heard),
        n_test_utterances=int(rows.loc[rows["split"] == "test", "utterance"].nunique()),
        n_speakers=int(heard["speaker"].nunique()),
        n_folds=len(by_fold),
        class_counts={noun: int(classes.get(noun, 0)) for noun in task.classes},
        heard_copy_fraction=_fraction(heard_copy.sum(), len(heard_copy)),
        heard_speaker_fraction=_fraction(heard_speaker.sum(), len(heard_speaker)),
        heard_text_fraction=_fraction(heard_text.sum(), len(heard_text)),
        corpus=dict(corpus_notes),
        folds=tuple(
            _figures(number, fold, fold_pairs, task)
            for (number, fold), fold_pairs in zip(by_fold, pairs, strict=True)
        ),
    )


def _check_names(folds: pd.DataFrame, utterances: pd.DataFrame) -> None:
    """Whether every original is the manifest's, and every other name that of a copy of it."""
    unknown = set(folds["original"]) - set(utterances["utterance"])
    if unknown:
        raise InputError(
            f"folds: {len(unknown)} utterance(s) are not in the manifest, {min(unknown)!r} is one; "
            "expected folds made from this manifest"
        )
    misnamed = folds[folds["utterance"].map(original_of) != folds["original"]]
    if len(misnamed):
        row = misnamed.iloc[0]
        raise InputError(
            f"folds: original of {row['utterance']!r} is {row['original']!r}, "
            f"expected {original_of(row['utterance'])!r}"
        )


# --- figures -------------------------------------------------------------------------------------------------


def _figures(number: int, fold: pd.DataFrame, pairs: pd.DataFrame, task: TaskConfig) -> FoldFigures:
    """The figures of one fold."""
    by_split = {split: fold[fold["split"] == split] for split in SPLITS}
    if by_split["held_out"].empty:
        del by_split["held_out"]
    return FoldFigures(
        fold=number,
        splits={split: _split_figures(rows, task) for split, rows in by_split.items()},
        shared={
            f"{first}/{second}": _shared(by_split[first], by_split[second], _between(pairs, first, second))
            for first, second in combinations(by_split, 2)
        },
    )


def _split_figures(rows: pd.DataFrame, task: TaskConfig) -> SplitFigures:
    """The figures of one split."""
    counts = rows["emotion"].value_counts()
    return SplitFigures(
        n_utterances=len(rows),
        speakers=tuple(sorted(set(rows["speaker"]))),
        class_counts={noun: int(counts.get(noun, 0)) for noun in task.classes},
    )


def _shared(first: pd.DataFrame, second: pd.DataFrame, pairs: pd.DataFrame) -> Shared:
    """What the rows of two splits have in common."""
    known = second.loc[second["text"] != "", "text"]
    return Shared(
        n_utterances=len(set(first["utterance"]) & set(second["utterance"])),
        n_copies=int(second["original"].isin(first["original"]).sum()),
        n_audio_pairs=len(pairs.drop_duplicates(["first", "second"])),
        speakers=tuple(sorted(set(first["speaker"]) & set(second["speaker"]))),
        n_texts=len(set(first["text"]) & set(known)),
        text_fraction=_fraction(known.isin(first["text"]).sum(), len(known)),
    )


def _heard_in_training(by_fold: list[tuple[int, pd.DataFrame]], column: str) -> pd.Series:
    """Of every test utterance of every fold whose ``column`` is known: whether training has the same."""
    parts = [pd.Series(dtype=bool)]
    for _, fold in by_fold:
        train, test = (fold.loc[fold["split"] == split, column] for split in ("train", "test"))
        parts.append(test[test != ""].isin(train))
    return pd.concat(parts, ignore_index=True)


def _fraction(part: float, whole: int) -> float | None:
    """Part of a whole to six digits; None of nothing."""
    return round(float(part) / whole, 6) if whole else None


# --- the same audio ------------------------------------------------------------------------------------------


def same_audio(utterances: pd.DataFrame) -> pd.DataFrame:
    """Pairs of utterances with the same samples, or with parts of one recording that overlap.

    Returns:
        Columns ``first`` and ``second``, names in their order, and ``why``.
    """
    names = utterances[["utterance"]]
    same_samples = _overlapping(names.assign(of=utterances["audio_sha256"], start=0.0, end=1.0))
    # No times: the utterance is the whole recording.
    start, end = utterances["start_s"].fillna(0.0), utterances["end_s"].fillna(np.inf)
    same_time = _overlapping(names.assign(of=utterances["path"], start=start, end=end))
    pairs = pd.concat(
        [
            same_samples.assign(why="the same audio"),
            same_time.assign(why="overlapping audio of " + same_time["of"]),
        ]
    )
    return pairs.drop_duplicates(["first", "second"]).sort_values(["first", "second"])[["first", "second", "why"]]


def _overlapping(spans: pd.DataFrame) -> pd.DataFrame:
    """All pairs of spans ``start`` to ``end`` of the same ``of`` that overlap."""
    spans = spans.sort_values(["of", "start", "utterance"], ignore_index=True)
    found = [spans[["of", "utterance"]].head(0).assign(other="")]
    # Ordered by start, the spans a span overlaps follow it without a gap: once no span overlaps the
    # one ``lag`` rows later, none overlaps one that is further.
    for lag in range(1, len(spans)):
        later = spans.shift(-lag)
        overlap = (spans["of"] == later["of"]) & (later["start"] < spans["end"])
        if not overlap.any():
            break
        found.append(spans.loc[overlap, ["of", "utterance"]].assign(other=later["utterance"]))
    pairs = pd.concat(found, ignore_index=True)
    names = np.sort(pairs[["utterance", "other"]].to_numpy(dtype=object), axis=1)
    return pd.DataFrame({"of": pairs["of"], "first": names[:, 0], "second": names[:, 1]})


def _splits_of_pairs(same_audio: pd.DataFrame, fold: pd.DataFrame) -> pd.DataFrame:
    """The pairs of same audio that are both in a fold, once for each split of the one and of the other.

    An original has the splits of its copies; ``heard_first`` and ``heard_second`` are its own name, or
    that of a copy where only copies have the split.
    """
    splits = fold.groupby(["original", "split"], as_index=False)[["utterance"]].min()
    for which in ("first", "second"):
        names = {"original": which, "split": f"split_of_{which}", "utterance": f"heard_{which}"}
        same_audio = same_audio.merge(splits.rename(columns=names), on=which)
    return same_audio


def _between(pairs: pd.DataFrame, split: str, other: str) -> pd.DataFrame:
    """The pairs with one utterance in each of two splits."""
    forward = (pairs["split_of_first"] == split) & (pairs["split_of_second"] == other)
    backward = (pairs["split_of_first"] == other) & (pairs["split_of_second"] == split)
    return pairs[forward | backward]


# --- findings, one line each ---------------------------------------------------------------------------------


def _utterances_in_two_splits(by_fold: list[tuple[int, pd.DataFrame]]) -> list[str]:
    """Utterances that stand twice in a fold."""
    lines = []
    for number, fold in by_fold:
        twice = fold[fold["utterance"].duplicated(keep=False)]
        for utterance, splits in twice.groupby("utterance")["split"]:
            lines.append(
                f"fold {number}: utterance {utterance} is in {' and '.join(sorted(splits, key=SPLITS.index))}; "
                "expected one split, once"
            )
    return lines


def _copies_in_two_splits(by_fold: list[tuple[int, pd.DataFrame]]) -> list[str]:
    """Originals of which one is heard in two splits under two names, with a name of each split."""
    lines = []
    for number, fold in by_fold:
        of_original = fold.groupby("original")
        n_splits, n_names = (of_original[column].transform("nunique") for column in ("split", "utterance"))
        for original, rows in fold[(n_splits > 1) & (n_names > 1)].groupby("original"):
            name = rows.groupby("split")["utterance"].min()
            heard = " and ".join(f"{split} ({name[split]})" for split in SPLITS if split in name)
            lines.append(f"fold {number}: copies of {original} are in {heard}; expected one split")
    return lines


def _copies_out_of_place(by_fold: list[tuple[int, pd.DataFrame]], task: TaskConfig) -> list[str]:
    """Copies in a split, or a task, that is to have originals only."""
    splits = {None: (), "training": ("train",), "before_split": SPLITS}[task.augmented]
    expected = f"copies in {' and '.join(splits)} only" if splits else "no copies, as the task makes none"
    return [
        f"fold {number}: copy {row.utterance} is in {row.split}; expected {expected}"
        for number, fold in by_fold
        for row in rows_of(fold[(fold["utterance"] != fold["original"]) & ~fold["split"].isin(splits)])
    ]


def _other_labels(folds: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """Utterances whose speaker or class is not that of the manifest's original."""
    stated = folds[["utterance", "speaker", "emotion"]].drop_duplicates()
    both = stated.merge(rows.drop_duplicates("utterance"), on="utterance", suffixes=("", "_of_original"))
    return [
        f"{column} of {utterance} is {value}, {known} in the manifest; expected the same"
        for column in ("speaker", "emotion")
        for utterance, value, known in both.loc[
            both[column] != both[f"{column}_of_original"], ["utterance", column, f"{column}_of_original"]
        ]
        .sort_values(["utterance", column])
        .itertuples(index=False)
    ]


def _audio_in_two_splits(by_fold: list[tuple[int, pd.DataFrame]], pairs: list[pd.DataFrame]) -> list[str]:
    """Pairs of same audio whose utterances have different splits."""
    return [
        f"fold {number}: {pair.heard_first} ({pair.split_of_first}) and "
        f"{pair.heard_second} ({pair.split_of_second}) "
        f"have {pair.why}; expected them in one split"
        for (number, _), fold_pairs in zip(by_fold, pairs, strict=True)
        for pair in rows_of(fold_pairs[fold_pairs["split_of_first"] != fold_pairs["split_of_second"]])
    ]


def _splits_of_training_speakers(task: TaskConfig) -> tuple[str, ...]:
    """The splits beside training that hear its speakers, and nobody else."""
    return ("held_out",) if task.dev_fraction is None else ("dev", "held_out")


def _speakers_in_two_splits(by_fold: list[tuple[int, pd.DataFrame]], task: TaskConfig) -> list[str]:
    """Speakers in two splits of a fold that share none, with an utterance of each."""
    if not task.speaker_independent:
        return []
    of_training = {"train", *_splits_of_training_speakers(task)}
    set_apart = [splits for splits in combinations(SPLITS, 2) if not set(splits) <= of_training]
    lines = []
    for number, fold in by_fold:
        example = {
            split: fold[fold["split"] == split].groupby("speaker")["utterance"].min().to_dict() for split in SPLITS
        }
        for split, other in set_apart:
            for speaker in sorted(map(str, example[split].keys() & example[other].keys())):
                lines.append(
                    f"fold {number}: speaker {speaker} is in {split} ({example[split][speaker]}) and {other} "
                    f"({example[other][speaker]}); expected one split, as the task claims unseen speakers"
                )
    return lines


def _known_to_nobody(by_fold: list[tuple[int, pd.DataFrame]], task: TaskConfig) -> list[str]:
    """Speakers of the splits of training speakers that are not in training, with an utterance."""
    lines = []
    for number, fold in by_fold:
        trained = set(fold.loc[fold["split"] == "train", "speaker"])
        for split in _splits_of_training_speakers(task):
            example = fold[fold["split"] == split].groupby("speaker")["utterance"].min()
            for speaker in sorted(set(example.index) - trained):
                lines.append(
                    f"fold {number}: speaker {speaker} is in {split} ({example[speaker]}) and not in train; "
                    "expected a training speaker"
                )
    return lines


def _too_few_speakers(by_fold: list[tuple[int, pd.DataFrame]], least: int) -> list[str]:
    """Folds that train fewer speakers than asked."""
    n_speakers = {number: fold.loc[fold["split"] == "train", "speaker"].nunique() for number, fold in by_fold}
    return [
        f"fold {number}: training has {n} speaker{'s' if n != 1 else ''}; "
        f"expected at least {least}, to be told apart"
        for number, n in n_speakers.items()
        if n < least
    ]


def missing_classes(
    by_fold: list[tuple[int, pd.DataFrame]], task: TaskConfig, splits: tuple[str, ...]
) -> list[str]:
    """Classes without an utterance in a split; all_train has no dev and test to miss them in."""
    lines = []
    for number, fold in by_fold:
        for split in splits if task.protocol != "all_train" else set(splits) - {"dev", "test"}:
            spoken = set(fold.loc[fold["split"] == split, "emotion"])
            missing = [noun for noun in task.classes if noun not in spoken]
            if missing:
                lines.append(f"fold {number}: {split} has no utterance of {', '.join(missing)}")
    return lines


def _audio_twice_in_a_split(pairs: list[pd.DataFrame]) -> list[str]:
    """Pairs of same audio within a split, and in how many folds."""
    n_folds: Counter[tuple[str, str, str]] = Counter()
    for fold_pairs in pairs:
        within = fold_pairs[fold_pairs["split_of_first"] == fold_pairs["split_of_second"]]
        within = within.drop_duplicates(["first", "second"])  # copies may share several splits
        n_folds.update(zip(within["first"], within["second"], within["why"], strict=True))
    return [
        f"{first} and {second} have {why}, and the same split in {n} of {len(pairs)} fold(s)"
        for (first, second, why), n in sorted(n_folds.items())
    ]


def _warnings_of_corpus(corpus: Mapping[str, Any]) -> list[str]:
    """What keeps the corpus from being the published one."""
    lines = []
    if corpus["whole"] is False:
        lines.append(
            f"{corpus['title']} is a subset here, {corpus['utterances']} utterances: "
            "no score of it stands beside one of the whole corpus"
        )
    if corpus["dropped"]:
        lines.append(f"{len(corpus['dropped'])} utterance(s) were dropped for their audio: see corpus, dropped")
    return lines


def _warnings_of_column(task: TaskConfig, utterances: pd.DataFrame) -> list[str]:
    """How many utterances a holdout leaves out, as its column is empty for them."""
    if task.protocol != "holdout":
        return []
    of_task = utterances.loc[utterances["emotion"].map(task.class_of).notna(), task.column]
    n_empty = int((of_task == "").sum())
    whole = f"{len(of_task)} utterances of the task's classes"
    return [f"{task.column} is empty for {n_empty} of {whole}: these take no part"] if n_empty else []


def _warnings_of_leak(task: TaskConfig, heard_copy: pd.Series) -> list[str]:
    """How many test utterances a task that is there to leak gives away."""
    if not task.shows_leak:
        return []
    heard = f"{heard_copy.sum()} of {len(heard_copy)}"
    return [f"LEAKS, as the task is there to show: training hears copies of {heard} test utterances"]


def _warnings_of_claim(task: TaskConfig, heard_speaker: pd.Series) -> list[str]:
    """How far a speaker-dependent task tests voices it was trained on."""
    if task.speaker_independent or not heard_speaker.any():
        return []
    heard = f"{heard_speaker.sum()} of {len(heard_speaker)}"
    return [f"the task is speaker-dependent: training hears the speakers of {heard} test utterances"]


def _listed(lines: list[str], kind: str) -> list[str]:
    """The first findings of a kind, and how many more there are."""
    more = len(lines) - _N_LISTED
    return lines[:_N_LISTED] + ([f"and {more} more: {kind}"] if more > 0 else [])
