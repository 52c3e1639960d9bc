"""Sections of config/tasks/ and config/augmentations/."""

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from emofactors.config.base import Name, Range, Section, Seed
from emofactors.config.labels import ABSENT, EMOTIONS

#: Columns of a manifest a task may stratify by or hold out by.
GroupingColumn = Literal["speaker", "gender", "session", "partition", "style", "language", "text", "emotion"]

GROUPING_COLUMNS: tuple[str, ...] = get_args(GroupingColumn)

SpeakerIndependentProtocol = Literal["leave_one_speaker_out", "speaker_groups", "leave_one_session_out"]

Protocol = Literal[SpeakerIndependentProtocol, "stratified_random", "stratified_folds", "holdout", "all_train"]


class TaskConfig(Section):
    """Corpus + classes + protocol: what is recognised, and who is heard in which split.

    Attributes:
        corpus: name of a corpus.
        classes: canonical emotion nouns, in the order of every table; or one and ``absent``: whether that
            emotion is present, alone or among others. A task with one class alone is there to train decomposers.
        merge: emotion of the corpus -> class of the task (excitement -> happiness).
        protocol: how utterances are divided into folds and splits.
        folds: number of folds: speakers of ``leave_one_speaker_out``, sessions of
            ``leave_one_session_out``, groups of ``speaker_groups``, or of ``stratified_folds``. It is
            stated, so that the whole study is known before a file is read, and checked when the folds
            are made.
        dev_speakers: speakers of the dev split, of ``leave_one_speaker_out`` and ``speaker_groups``.
        dev_fraction: instead, where speakers are too few to spare one: the fraction of each training speaker's
            utterances of each class that are dev. What is selected on dev is then selected on known voices.
        strata: columns ``stratified_random`` and ``stratified_folds`` balance over their subsets.
        column: column of the manifest whose values ``holdout`` divides by.
        dev: values of that column that are dev.
        test: values of that column that are test.
        held_out: fraction of each training speaker's utterances of each class that is held out of training, as a
            split of its own: what a model makes of new utterances of speakers it has heard. None: no such split.
        claims_unseen_speakers: whether test speakers must be unseen in training; the
            audit stops a task that claims it wrongly. None: what the protocol promises.
        augmentation: how utterances are copied with changes (``config/augmentations/``); None: not at all.
        augmented: ``training`` copies the training utterances of each fold; ``before_split`` copies every
            utterance, and then divides the copies like utterances of their own.
        shows_leak: the task is there to show what copies of test utterances in training are worth: the
            audit lets them through, and every table says so.
        decomposed_by: the task whose only fold trains the decomposers of this one, of another corpus; None: the
            training rows of each fold train its own.
        seed: seed of the partition; the same for every training seed.
    """

    corpus: Name
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    merge: dict[str, str] = {}
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
    def _fits_its_protocol(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"'classes' names a class twice: {list(self.classes)}")
        if ABSENT in self.classes and (len(self.classes) != 2 or self.classes[1] != ABSENT or self.merge):
            raise ValueError(
                f"'classes' is {list(self.classes)}: expected one emotion, then '{ABSENT}', and nothing merged"
            )
        for noun in (*self.classes, *self.merge):
            if noun not in EMOTIONS and noun != ABSENT:
                raise ValueError(f"'{noun}' is no emotion; expected one of {', '.join(EMOTIONS)}")
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
                    f"'{key}' {'does not go' if given else 'is needed'} with protocol '{self.protocol}'"
                )
        keys = [key for key in ("dev_speakers", "dev_fraction") if getattr(self, key) is not None]
        if self.protocol in ("speaker_groups", "leave_one_speaker_out"):
            if len(keys) != 1:
                raise ValueError(
                    f"'dev_speakers' or 'dev_fraction' is needed with protocol '{self.protocol}': expected one of "
                    f"them, not {'both' if keys else 'none'}"
                )
        elif keys:
            raise ValueError(f"'{keys[0]}' does not go with protocol '{self.protocol}'")
        if set(self.dev) & set(self.test):
            raise ValueError(f"'dev' and 'test' share {sorted(set(self.dev) & set(self.test))}")
        return self

    @model_validator(mode="after")
    def _says_what_its_copies_do(self) -> Self:
        if (self.augmentation is None) != (self.augmented is None):
            raise ValueError("'augmentation' (which) and 'augmented' (training or before_split) go together")
        if self.augmented == "before_split" and self.protocol != "stratified_folds":
            raise ValueError("'augmented: before_split' goes with protocol 'stratified_folds' only")
        if self.shows_leak and self.augmented != "before_split":
            raise ValueError("'shows_leak' goes with 'augmented: before_split' only")
        if self.held_out is not None and not self.speaker_independent:
            raise ValueError("'held_out' goes with unseen test speakers only")
        return self

    def class_of(self, emotion: str) -> str | None:
        """The class of an utterance by its emotion in the manifest (``anger+disgust``); None: not of the task.

        An emotion is absent where others, or neutral, are named instead: ``other`` and ``no_agreement`` name none.
        """
        if ABSENT in self.classes:
            named = set(emotion.split("+"))
            return self.classes[0] if self.classes[0] in named else ABSENT if named <= set(EMOTIONS) else None
        return emotion if emotion in self.classes else self.merge.get(emotion)

    @property
    def n_folds(self) -> int:
        """Number of folds, numbered from 0."""
        n_folds = {"stratified_random": 5, "holdout": 1, "all_train": 1}.get(self.protocol, self.folds)
        assert n_folds is not None  # all other protocols have 'folds'
        return n_folds

    @property
    def speaker_independent(self) -> bool:
        """Whether test speakers must be unseen in training; the audit holds the task to it."""
        if self.claims_unseen_speakers is not None:
            return self.claims_unseen_speakers
        return self.protocol in get_args(SpeakerIndependentProtocol)

    @property
    def protocol_words(self) -> str:
        """The protocol as a table states it."""
        dev = f"{self.dev_speakers} dev speaker(s)"
        if self.dev_fraction is not None:
            dev = f"dev {100 * self.dev_fraction:g} % of the training speakers' utterances"
        words = {
            "leave_one_speaker_out": f"leave one of {self.folds} speakers out, {dev}",
            "speaker_groups": f"{self.folds} speaker groups, {dev}",
            "leave_one_session_out": f"leave one of {self.folds} sessions out",
            "stratified_random": "5 stratified random folds, dev and test halves",
            "stratified_folds": f"{self.folds} stratified random folds (dev: half a fold)",
            "holdout": f"{self.column} held out: dev {', '.join(self.dev)}; test {', '.join(self.test)}",
            "all_train": "all utterances train",
        }[self.protocol]
        speakers = f"speaker-{'independent' if self.speaker_independent else 'dependent'}, {words}"
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


class AugmentationSettings(Section):
    """Changed copies of a waveform: one copy of each utterance for each kind of change.

    Attributes:
        copies: the kinds: ``noise`` adds white noise, ``shift`` moves the speech in time, ``speed`` plays
            it faster or slower, pitch and all.
        noise_snr_db: level of the speech over that of the noise.
        shift: how far later the speech is, as a fraction of the utterance's duration.
        speed: playing speed, as a factor.
        seed: of every draw; draws follow from it, the utterance's name and the kind alone.
    """

    copies: Annotated[tuple[Literal["noise", "shift", "speed"], ...], Field(min_length=1)]
    noise_snr_db: Range
    shift: Range
    speed: Range
    seed: Seed

    @model_validator(mode="after")
    def _ranges_are_possible(self) -> Self:
        if len(set(self.copies)) != len(self.copies):
            raise ValueError(f"'copies' names a kind twice: {list(self.copies)}")
        for key, least, most in (("noise_snr_db", -100, 100), ("shift", -0.5, 0.5), ("speed", 0.5, 2.0)):
            low, high = getattr(self, key)
            if not least <= low <= high <= most:
                raise ValueError(
                    f"'{key}' is {[low, high]}: expected lowest and highest value between {least} and {most}"
                )
        return self
