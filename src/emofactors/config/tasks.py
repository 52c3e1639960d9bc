"""Sections of config/tasks/."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from emofactors.config.base import Name, Section, Seed
from emofactors.config.labels import ABSENT, EMOTIONS

#: Manifest columns by which a task may stratify or hold out utterances.
GroupingColumn = Literal["speaker", "gender", "session", "partition", "style", "language", "text", "emotion"]

GROUPING_COLUMNS: tuple[str, ...] = get_args(GroupingColumn)

SpeakerIndependentProtocol = Literal["leave_one_speaker_out", "speaker_groups", "leave_one_session_out"]

Protocol = Literal[SpeakerIndependentProtocol, "stratified_random", "stratified_folds", "holdout", "all_train"]


class TaskConfig(Section):
    """Corpus, classes and protocol: what is classified, and how utterances are split.

    Attributes:
        corpus: name of a corpus.
        classes: canonical emotion nouns, in the order of every table; or one noun and ``absent``: whether that
            emotion is present, alone or among others. A task with a single class only trains decomposers.
        merge: emotion of the corpus -> class of the task (excitement -> happiness).
        protocol: how utterances are divided into folds and splits.
        folds: number of folds: speakers of ``leave_one_speaker_out``, sessions of ``leave_one_session_out``,
            groups of ``speaker_groups``, or folds of ``stratified_folds``. It is stated so that the study is
            known before any corpus is read, and checked when the folds are made.
        dev_speakers: number of dev speakers, of ``leave_one_speaker_out`` and ``speaker_groups``.
        dev_fraction: alternative for few speakers: fraction of each training speaker's utterances of each class
            that form the dev split. Selection on dev then uses known voices.
        strata: columns that ``stratified_random`` and ``stratified_folds`` balance over their subsets.
        column: manifest column whose values ``holdout`` divides by.
        dev: values of that column in the dev split.
        test: values of that column in the test split.
        held_out: fraction of each training speaker's utterances of each class that form the split ``held_out``,
            which measures generalisation to new utterances of training speakers. None: no such split.
        claims_unseen_speakers: whether test speakers must be absent from training; the audit rejects a task that
            violates its claim. None: the claim of the protocol.
        augmentation: augmentation that creates the augmented copies (``config/augmentations/``); None: no copies.
        augmented: ``training`` copies the training utterances of each fold; ``before_split`` copies all
            utterances and then splits the copies like other utterances.
        shows_leak: whether the task demonstrates the effect of copies of test utterances in training: the audit
            accepts them, and every table reports the leak.
        decomposed_by: task of another corpus whose only fold trains the decomposers of this task; None: the
            training rows of each fold train their own decomposer.
        seed: seed of the partition; the same for every training seed.
    """

    corpus: Name
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    merge: dict[str, str] = Field(default_factory=dict)
    protocol: Protocol
    folds: Annotated[int, Field(ge=2, le=1000)] | None = None
    dev_speakers: Annotated[int, Field(ge=1)] | None = None
    dev_fraction: Annotated[float, Field(gt=0, lt=1)] | None = None
    strata: tuple[GroupingColumn, ...] = ()
    column: GroupingColumn | None = None
    dev: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    held_out: Annotated[float, Field(gt=0, lt=1)] | None = None
    claims_unseen_speakers: bool | None = None
    augmentation: Name | None = None
    augmented: Literal["training", "before_split"] | None = None
    shows_leak: bool = False
    decomposed_by: Name | None = None
    seed: Seed = 0

    @model_validator(mode="after")
    def _check_protocol(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"'classes' is {list(self.classes)}: expected each class once")
        if ABSENT in self.classes and (len(self.classes) != 2 or self.classes[1] != ABSENT or self.merge):
            raise ValueError(
                f"'classes' is {list(self.classes)}: expected one emotion, then '{ABSENT}', and nothing merged"
            )
        for noun in (*self.classes, *self.merge):
            if noun not in EMOTIONS and noun != ABSENT:
                raise ValueError(f"'{noun}' is not an emotion; expected one of {', '.join(EMOTIONS)}")
        for emotion, merged in self.merge.items():
            if merged not in self.classes or emotion in self.classes:
                raise ValueError(f"'merge' sends {emotion!r} to {merged!r}: expected a non-class -> a class")
        needs = {
            "folds": {*get_args(SpeakerIndependentProtocol), "stratified_folds"},
            "strata": {"stratified_random", "stratified_folds"},
            "column": {"holdout"},
            "dev": {"holdout"},
            "test": {"holdout"},
        }
        for key, protocols in needs.items():
            given = bool(getattr(self, key))
            if given != (self.protocol in protocols):
                raise ValueError(
                    f"'{key}' is {'not allowed' if given else 'required'} with protocol '{self.protocol}'"
                )
        keys = [key for key in ("dev_speakers", "dev_fraction") if getattr(self, key) is not None]
        if self.protocol in ("speaker_groups", "leave_one_speaker_out"):
            if len(keys) != 1:
                raise ValueError(
                    f"protocol '{self.protocol}' requires 'dev_speakers' or 'dev_fraction': expected one of them, "
                    f"not {'both' if keys else 'none'}"
                )
        elif keys:
            raise ValueError(f"'{keys[0]}' is not allowed with protocol '{self.protocol}'")
        if set(self.dev) & set(self.test):
            raise ValueError(
                f"'dev' and 'test' share {sorted(set(self.dev) & set(self.test))}: expected each value once"
            )
        return self

    @model_validator(mode="after")
    def _check_augmentation(self) -> Self:
        if (self.augmentation is None) != (self.augmented is None):
            raise ValueError(
                "'augmentation' (its name) and 'augmented' (training or before_split): expected both or none"
            )
        if self.augmented == "before_split" and self.protocol != "stratified_folds":
            raise ValueError("'augmented: before_split' requires protocol 'stratified_folds'")
        if self.shows_leak and self.augmented != "before_split":
            raise ValueError("'shows_leak' requires 'augmented: before_split'")
        if self.held_out is not None and not self.speaker_independent:
            raise ValueError("'held_out' requires test speakers absent from training")
        return self

    def class_of(self, emotion: str) -> str | None:
        """Return the class of an emotion in the manifest (``anger+disgust``); None: not part of the task.

        The class ``absent`` covers all utterances whose labels are all emotions (or neutral) other than the first
        class; ``other`` and ``no_agreement`` are not emotions.
        """
        if ABSENT in self.classes:
            labels = set(emotion.split("+"))
            return self.classes[0] if self.classes[0] in labels else ABSENT if labels <= set(EMOTIONS) else None
        return emotion if emotion in self.classes else self.merge.get(emotion)

    @property
    def n_folds(self) -> int:
        """Number of folds, numbered from 0."""
        n_folds = {"stratified_random": 5, "holdout": 1, "all_train": 1}.get(self.protocol, self.folds)
        assert n_folds is not None  # all other protocols have 'folds'
        return n_folds

    @property
    def speaker_independent(self) -> bool:
        """Whether test speakers must be absent from training; the audit checks it."""
        if self.claims_unseen_speakers is not None:
            return self.claims_unseen_speakers
        return self.protocol in get_args(SpeakerIndependentProtocol)

    @property
    def protocol_label(self) -> str:
        """Description of the protocol, as displayed in tables."""
        dev = f"{self.dev_speakers} dev speaker(s)"
        if self.dev_fraction is not None:
            dev = f"dev {100 * self.dev_fraction:g} % of the training speakers' utterances"
        protocol = {
            "leave_one_speaker_out": f"leave one of {self.folds} speakers out, {dev}",
            "speaker_groups": f"{self.folds} speaker groups, {dev}",
            "leave_one_session_out": f"leave one of {self.folds} sessions out",
            "stratified_random": "5 stratified random folds, dev and test halves",
            "stratified_folds": f"{self.folds} stratified random folds (dev: half a fold)",
            "holdout": f"{self.column} held out: dev {', '.join(self.dev)}; test {', '.join(self.test)}",
            "all_train": "all utterances train",
        }[self.protocol]
        speakers = f"speaker-{'independent' if self.speaker_independent else 'dependent'}, {protocol}"
        copies = {
            None: "",
            "training": ", training utterances augmented",
            "before_split": ", augmented before the split",
        }[self.augmented]
        held_out = (
            f", {100 * self.held_out:g} % of the training speakers' utterances held out" if self.held_out else ""
        )
        leak = "LEAKS, copies of test utterances are in training: " if self.shows_leak else ""
        return f"{leak}{speakers}{copies}{held_out}"
