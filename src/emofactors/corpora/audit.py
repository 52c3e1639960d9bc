"""Leakage and balance report of a task: what its splits share.

The folds are checked against the manifest. An utterance, its augmented copies or its audio in two splits are a
leak under any protocol; so is a speaker in two splits if the task claims unseen speakers. A task that demonstrates
the effect of leaked copies may share copies, but nothing else. Held-out utterances of training speakers (split
``held_out``, and dev of a task with ``dev_fraction``) share those speakers with training, and nothing else. Shared
texts violate no protocol; they are counted, since a system may learn the sound of a sentence.
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

#: Maximum number of findings of one kind that are listed; the others are counted.
_N_LISTED = 20


@dataclass(frozen=True)
class SplitStatistics:
    """Statistics of one split of one fold.

    Attributes:
        n_utterances: number of utterances, augmented copies included.
        speakers: names of its speakers.
        class_counts: number of utterances of each class of the task, including zero.
    """

    n_utterances: int
    speakers: tuple[str, ...]
    class_counts: dict[str, int]


@dataclass(frozen=True)
class Overlap:
    """What two splits of one fold share.

    Attributes:
        n_utterances: number of utterances in both.
        n_copies: utterances of the second split of which the first split has the same original.
        n_audio_pairs: pairs of originals, one of each split, with the same or overlapping audio.
        speakers: names of the speakers in both.
        n_texts: number of texts in both.
        text_fraction: fraction of the utterances of the second split with known text whose text is in the first,
            in [0, 1]; None if no text is known.
    """

    n_utterances: int
    n_copies: int
    n_audio_pairs: int
    speakers: tuple[str, ...]
    n_texts: int
    text_fraction: float | None


@dataclass(frozen=True)
class FoldStatistics:
    """Statistics of one fold.

    Attributes:
        fold: number of the fold, from 0.
        splits: split -> statistics.
        shared: pair of splits (``train/dev``) -> what they share.
    """

    fold: int
    splits: dict[str, SplitStatistics]
    shared: dict[str, Overlap]


@dataclass(frozen=True)
class Audit:
    """Leakage and balance report of a task.

    Attributes:
        failures: reasons to reject every score of the task, one line each.
        warnings: limitations of its scores, one line each.
        protocol: label of the protocol.
        speaker_independent: whether the task claims unseen test speakers.
        n_utterances: utterances of the task's classes, augmented copies included.
        n_originals: originals among these utterances, including originals of copies.
        n_test_utterances: utterances that are test in some fold, augmented copies included.
        n_speakers: speakers of these utterances.
        n_folds: number of folds.
        class_counts: number of utterances of each class, augmented copies included.
        copy_in_training_fraction: fraction of test utterances whose original, or a copy of it, is in training,
            over all folds, in [0, 1]; None if nothing is test.
        speaker_in_training_fraction: fraction of test utterances whose speaker is in training, over all folds, in
            [0, 1]; None if nothing is test.
        text_in_training_fraction: fraction of test utterances with known text whose text is in training, over all
            folds, in [0, 1]; None if there is none.
        corpus: metadata of the corpus: title, licence, whether it is whole, what was dropped and why.
        folds: statistics of each fold.
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
    copy_in_training_fraction: float | None
    speaker_in_training_fraction: float | None
    text_in_training_fraction: float | None
    corpus: dict[str, Any]
    folds: tuple[FoldStatistics, ...]

    @property
    def verdict(self) -> Literal["pass", "fail"]:
        """``fail`` if there is a failure; warnings pass."""
        return "fail" if self.failures else "pass"

    def to_json(self) -> str:
        """Return the audit as JSON text: the verdict, then the fields in their order."""
        content = {"verdict": self.verdict} | asdict(self)
        return json.dumps(content, indent=2, ensure_ascii=False) + "\n"

    def stop_if_failed(self) -> None:
        """Stop the job of a failed audit.

        Raises:
            InputError: if there is a failure, with all failures.
        """
        if self.failures:
            raise InputError("\n".join(self.failures))


def audit_task(
    folds: pd.DataFrame,
    utterances: pd.DataFrame,
    task: TaskConfig,
    corpus_metadata: Mapping[str, Any],
    *,
    min_training_speakers: int = 1,
) -> Audit:
    """Check the folds of a task against the manifest of its corpus.

    Args:
        folds: the folds, columns ``splits.FOLD_COLUMNS``.
        utterances: manifest of the task's corpus, columns ``manifest.MANIFEST_COLUMNS``.
        task: the task and its claims.
        corpus_metadata: metadata of the corpus; ``title``, ``utterances``, ``whole`` (None if no size was
            published) and ``dropped`` (pairs of path and reason) are used.
        min_training_speakers: minimum number of training speakers of each fold; two for systems or probes that
            classify speakers.

    Returns:
        The audit.

    Raises:
        InputError: if the manifest has no row for an original of the folds, or ``original`` does not match the
            name of an utterance.
    """
    _check_names(folds, utterances)
    originals = utterances[utterances["utterance"].isin(folds["original"])].reset_index(drop=True)
    # Speakers and emotions are taken from the manifest, not from the folds under test.
    emotion = originals["emotion"].map(task.class_of).fillna("no class of the task")
    labels = originals[["utterance", "speaker", "text"]].assign(emotion=emotion)
    rows = folds[["utterance", "original", "fold", "split"]].merge(
        labels.rename(columns={"utterance": "original"}), on="original"
    )
    by_fold = [(int(number), fold) for number, fold in groups_of(rows, "fold")]
    same = same_audio(originals)
    pairs = [_splits_of_pairs(same, fold) for _, fold in by_fold]

    copy_in_training = _in_training(by_fold, "original")
    speaker_in_training = _in_training(by_fold, "speaker")
    text_in_training = _in_training(by_fold, "text")
    classes = rows.drop_duplicates("utterance")["emotion"].value_counts()
    evaluated = ("dev", "test") if task.held_out is None else ("dev", "test", "held_out")
    return Audit(
        failures=(
            *_truncated(_utterances_in_two_splits(by_fold), "utterances in two splits"),
            *_truncated([] if task.shows_leak else _copies_in_two_splits(by_fold), "copies in two splits"),
            *_truncated(_misplaced_copies(by_fold, task), "misplaced copies"),
            *_truncated(_audio_in_two_splits(by_fold, pairs), "audio in two splits"),
            *_truncated(_speakers_in_two_splits(by_fold, task), "speakers in two splits"),
            *_truncated(_untrained_speakers(by_fold, task), "speakers not in training"),
            *_truncated(_too_few_speakers(by_fold, min_training_speakers), "too few speakers"),
            *_truncated(missing_classes(by_fold, task, ("train",)), "missing classes"),
            *_truncated(_label_mismatches(folds, rows), "labels that differ from the manifest"),
        ),
        warnings=(
            *_leak_warnings(task, copy_in_training),
            *_corpus_warnings(corpus_metadata),
            *_speaker_warnings(task, speaker_in_training),
            *_truncated(_audio_twice_in_a_split(pairs), "audio twice in a split"),
            *_holdout_warnings(task, utterances),
            *_truncated(missing_classes(by_fold, task, evaluated), "missing classes"),
        ),
        protocol=task.protocol_label,
        speaker_independent=task.speaker_independent,
        n_utterances=int(rows["utterance"].nunique()),
        n_originals=len(originals),
        n_test_utterances=int(rows.loc[rows["split"] == "test", "utterance"].nunique()),
        n_speakers=int(originals["speaker"].nunique()),
        n_folds=len(by_fold),
        class_counts={noun: int(classes.get(noun, 0)) for noun in task.classes},
        copy_in_training_fraction=_fraction(copy_in_training.sum(), len(copy_in_training)),
        speaker_in_training_fraction=_fraction(speaker_in_training.sum(), len(speaker_in_training)),
        text_in_training_fraction=_fraction(text_in_training.sum(), len(text_in_training)),
        corpus=dict(corpus_metadata),
        folds=tuple(
            _fold_statistics(number, fold, fold_pairs, task)
            for (number, fold), fold_pairs in zip(by_fold, pairs, strict=True)
        ),
    )


def _check_names(folds: pd.DataFrame, utterances: pd.DataFrame) -> None:
    """Check that every original is in the manifest, and that the names of copies match their originals."""
    unknown = set(folds["original"]) - set(utterances["utterance"])
    if unknown:
        raise InputError(
            f"folds: {len(unknown)} utterance(s) are not in the manifest, such as {min(unknown)!r}; "
            "expected folds made from this manifest"
        )
    misnamed = folds[folds["utterance"].map(original_of) != folds["original"]]
    if len(misnamed):
        row = misnamed.iloc[0]
        raise InputError(
            f"folds: original of {row['utterance']!r} is {row['original']!r}, "
            f"expected {original_of(row['utterance'])!r}"
        )


# --- statistics ----------------------------------------------------------------------------------------------


def _fold_statistics(number: int, fold: pd.DataFrame, pairs: pd.DataFrame, task: TaskConfig) -> FoldStatistics:
    """Return the statistics of one fold."""
    by_split = {split: fold[fold["split"] == split] for split in SPLITS}
    if by_split["held_out"].empty:
        del by_split["held_out"]
    return FoldStatistics(
        fold=number,
        splits={split: _split_statistics(rows, task) for split, rows in by_split.items()},
        shared={
            f"{first}/{second}": _overlap(by_split[first], by_split[second], _between(pairs, first, second))
            for first, second in combinations(by_split, 2)
        },
    )


def _split_statistics(rows: pd.DataFrame, task: TaskConfig) -> SplitStatistics:
    """Return the statistics of one split."""
    counts = rows["emotion"].value_counts()
    return SplitStatistics(
        n_utterances=len(rows),
        speakers=tuple(sorted(set(rows["speaker"]))),
        class_counts={noun: int(counts.get(noun, 0)) for noun in task.classes},
    )


def _overlap(first: pd.DataFrame, second: pd.DataFrame, pairs: pd.DataFrame) -> Overlap:
    """Return what the rows of two splits share."""
    texts = second.loc[second["text"] != "", "text"]
    return Overlap(
        n_utterances=len(set(first["utterance"]) & set(second["utterance"])),
        n_copies=int(second["original"].isin(first["original"]).sum()),
        n_audio_pairs=len(pairs.drop_duplicates(["first", "second"])),
        speakers=tuple(sorted(set(first["speaker"]) & set(second["speaker"]))),
        n_texts=len(set(first["text"]) & set(texts)),
        text_fraction=_fraction(texts.isin(first["text"]).sum(), len(texts)),
    )


def _in_training(by_fold: list[tuple[int, pd.DataFrame]], column: str) -> pd.Series:
    """Return whether the value of each test utterance is in training, over all folds; empty values are omitted."""
    parts = [pd.Series(dtype=bool)]
    for _, fold in by_fold:
        train, test = (fold.loc[fold["split"] == split, column] for split in ("train", "test"))
        parts.append(test[test != ""].isin(train))
    return pd.concat(parts, ignore_index=True)


def _fraction(part: float, whole: int) -> float | None:
    """Return a fraction with six digits; None if the whole is 0."""
    return round(float(part) / whole, 6) if whole else None


# --- the same audio ------------------------------------------------------------------------------------------


def same_audio(utterances: pd.DataFrame) -> pd.DataFrame:
    """Return pairs of utterances with the same samples, or with overlapping segments of one recording.

    Returns:
        Columns ``first`` and ``second``, sorted names, and ``why``.
    """
    names = utterances[["utterance"]]
    same_samples = _overlapping(names.assign(of=utterances["audio_sha256"], start=0.0, end=1.0))
    # Without times the utterance is the whole recording.
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
    """Return all pairs of overlapping spans ``start`` to ``end`` of the same ``of``."""
    spans = spans.sort_values(["of", "start", "utterance"], ignore_index=True)
    found = [spans[["of", "utterance"]].head(0).assign(other="")]
    # Ordered by start, the spans that overlap a span follow it without a gap. If no span overlaps the one ``lag``
    # rows later, none overlaps a later one.
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
    """Return the pairs of same audio in a fold, once per split of the first and of the second.

    An original has the splits of its copies. ``name_of_first`` and ``name_of_second`` are the names in that split:
    the original, or a copy if only copies have the split.
    """
    splits = fold.groupby(["original", "split"], as_index=False)[["utterance"]].min()
    for which in ("first", "second"):
        names = {"original": which, "split": f"split_of_{which}", "utterance": f"name_of_{which}"}
        same_audio = same_audio.merge(splits.rename(columns=names), on=which)
    return same_audio


def _between(pairs: pd.DataFrame, split: str, other: str) -> pd.DataFrame:
    """Return the pairs with one utterance in each of two splits."""
    forward = (pairs["split_of_first"] == split) & (pairs["split_of_second"] == other)
    backward = (pairs["split_of_first"] == other) & (pairs["split_of_second"] == split)
    return pairs[forward | backward]


# --- failures, one line each ---------------------------------------------------------------------------------


def _utterances_in_two_splits(by_fold: list[tuple[int, pd.DataFrame]]) -> list[str]:
    """List utterances with two rows in a fold."""
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
    """List originals with different names in two splits, with one name per split."""
    lines = []
    for number, fold in by_fold:
        of_original = fold.groupby("original")
        n_splits, n_names = (of_original[column].transform("nunique") for column in ("split", "utterance"))
        for original, rows in fold[(n_splits > 1) & (n_names > 1)].groupby("original"):
            name = rows.groupby("split")["utterance"].min()
            splits = " and ".join(f"{split} ({name[split]})" for split in SPLITS if split in name)
            lines.append(f"fold {number}: copies of {original} are in {splits}; expected one split")
    return lines


def _misplaced_copies(by_fold: list[tuple[int, pd.DataFrame]], task: TaskConfig) -> list[str]:
    """List augmented copies in a split, or a task, that must contain originals only."""
    splits = {None: (), "training": ("train",), "before_split": SPLITS}[task.augmented]
    expected = f"copies in {' and '.join(splits)} only" if splits else "no copies in a task without augmentation"
    return [
        f"fold {number}: copy {row.utterance} is in {row.split}; expected {expected}"
        for number, fold in by_fold
        for row in rows_of(fold[(fold["utterance"] != fold["original"]) & ~fold["split"].isin(splits)])
    ]


def _label_mismatches(folds: pd.DataFrame, rows: pd.DataFrame) -> list[str]:
    """List utterances whose speaker or class differs from that of the original in the manifest."""
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
    """List pairs of same audio in different splits."""
    return [
        f"fold {number}: {pair.name_of_first} ({pair.split_of_first}) and "
        f"{pair.name_of_second} ({pair.split_of_second}) "
        f"have {pair.why}; expected them in one split"
        for (number, _), fold_pairs in zip(by_fold, pairs, strict=True)
        for pair in rows_of(fold_pairs[fold_pairs["split_of_first"] != fold_pairs["split_of_second"]])
    ]


def _splits_of_training_speakers(task: TaskConfig) -> tuple[str, ...]:
    """Return the splits other than train that contain training speakers only."""
    return ("held_out",) if task.dev_fraction is None else ("dev", "held_out")


def _speakers_in_two_splits(by_fold: list[tuple[int, pd.DataFrame]], task: TaskConfig) -> list[str]:
    """List speakers in two splits that must not share speakers, with an utterance of each split."""
    if not task.speaker_independent:
        return []
    of_training = {"train", *_splits_of_training_speakers(task)}
    disjoint = [splits for splits in combinations(SPLITS, 2) if not set(splits) <= of_training]
    lines = []
    for number, fold in by_fold:
        example = {
            split: fold[fold["split"] == split].groupby("speaker")["utterance"].min().to_dict() for split in SPLITS
        }
        for split, other in disjoint:
            for speaker in sorted(map(str, example[split].keys() & example[other].keys())):
                lines.append(
                    f"fold {number}: speaker {speaker} is in {split} ({example[split][speaker]}) and {other} "
                    f"({example[other][speaker]}); expected one split, as the task claims unseen speakers"
                )
    return lines


def _untrained_speakers(by_fold: list[tuple[int, pd.DataFrame]], task: TaskConfig) -> list[str]:
    """List speakers that are in a split of training speakers but not in training, with an utterance."""
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


def _too_few_speakers(by_fold: list[tuple[int, pd.DataFrame]], minimum: int) -> list[str]:
    """List folds with fewer training speakers than required."""
    n_speakers = {number: fold.loc[fold["split"] == "train", "speaker"].nunique() for number, fold in by_fold}
    return [
        f"fold {number}: training has {n} speaker{'s' if n != 1 else ''}; "
        f"expected at least {minimum}, to classify speakers"
        for number, n in n_speakers.items()
        if n < minimum
    ]


def missing_classes(
    by_fold: list[tuple[int, pd.DataFrame]], task: TaskConfig, splits: tuple[str, ...]
) -> list[str]:
    """List classes without an utterance in a split; ``all_train`` has no dev and test to check."""
    lines = []
    for number, fold in by_fold:
        for split in splits if task.protocol != "all_train" else set(splits) - {"dev", "test"}:
            present = set(fold.loc[fold["split"] == split, "emotion"])
            missing = [noun for noun in task.classes if noun not in present]
            if missing:
                lines.append(f"fold {number}: {split} has no utterance of {', '.join(missing)}")
    return lines


# --- warnings, one line each ---------------------------------------------------------------------------------


def _audio_twice_in_a_split(pairs: list[pd.DataFrame]) -> list[str]:
    """List pairs of same audio within a split, with the number of folds."""
    n_folds: Counter[tuple[str, str, str]] = Counter()
    for fold_pairs in pairs:
        within = fold_pairs[fold_pairs["split_of_first"] == fold_pairs["split_of_second"]]
        within = within.drop_duplicates(["first", "second"])  # copies may share several splits
        n_folds.update(zip(within["first"], within["second"], within["why"], strict=True))
    return [
        f"{first} and {second} have {why}, and the same split in {n} of {len(pairs)} fold(s)"
        for (first, second, why), n in sorted(n_folds.items())
    ]


def _corpus_warnings(corpus: Mapping[str, Any]) -> list[str]:
    """Warn if the corpus differs from the published one."""
    lines = []
    if corpus["whole"] is False:
        lines.append(
            f"{corpus['title']} is a subset here, {corpus['utterances']} utterances: "
            "its scores are not comparable with those of the whole corpus"
        )
    if corpus["dropped"]:
        lines.append(
            f"{len(corpus['dropped'])} utterance(s) were dropped because of their audio: see corpus, dropped"
        )
    return lines


def _holdout_warnings(task: TaskConfig, utterances: pd.DataFrame) -> list[str]:
    """Warn about utterances that a holdout leaves out because their column is empty."""
    if task.protocol != "holdout":
        return []
    of_task = utterances.loc[utterances["emotion"].map(task.class_of).notna(), task.column]
    n_empty = int((of_task == "").sum())
    whole = f"{len(of_task)} utterances of the task's classes"
    return [f"{task.column} is empty for {n_empty} of {whole}: these are left out"] if n_empty else []


def _leak_warnings(task: TaskConfig, copy_in_training: pd.Series) -> list[str]:
    """Count the leaked test utterances of a task that demonstrates a leak."""
    if not task.shows_leak:
        return []
    leaked = f"{copy_in_training.sum()} of {len(copy_in_training)}"
    return [f"LEAKS, as the task demonstrates: training includes copies of {leaked} test utterances"]


def _speaker_warnings(task: TaskConfig, speaker_in_training: pd.Series) -> list[str]:
    """Count the test utterances of training speakers in a speaker-dependent task."""
    if task.speaker_independent or not speaker_in_training.any():
        return []
    known = f"{speaker_in_training.sum()} of {len(speaker_in_training)}"
    return [f"the task is speaker-dependent: training includes the speakers of {known} test utterances"]


def _truncated(lines: list[str], kind: str) -> list[str]:
    """Return the first findings of a kind, and the number of further ones."""
    more = len(lines) - _N_LISTED
    return lines[:_N_LISTED] + ([f"and {more} more: {kind}"] if more > 0 else [])
