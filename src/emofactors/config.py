"""Everything a user may set, as typed, frozen sections; a key nobody knows is an error.

A job gets its own sections as plain data and makes them again with these
classes. Reading and merging a study is the work of ``study.py``, so that a
change there re-runs no job. Neither imports torch or numpy: both are parsed by
every job of the workflow.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: The canonical emotion nouns; a reader translates its corpus' codes to these.
EmotionNoun = Literal[
    "anger",
    "happiness",
    "sadness",
    "neutral",
    "fear",
    "disgust",
    "surprise",
    "boredom",
    "calm",
    "excitement",
    "frustration",
]
EMOTIONS: tuple[str, ...] = get_args(EmotionNoun)
OtherLabel = Literal["other", "no_agreement"]
#: What a corpus may say of an utterance beside the emotions: none of the labels, and no majority.
OTHER_LABELS: tuple[str, ...] = get_args(OtherLabel)
#: The other class of a task that asks whether one emotion is present.
ABSENT = "absent"

#: What speech is taken apart into, beside the speaker.
FACTORS = ("content", "rhythm", "pitch")
#: Conditions of speech rebuilt from its factors: what is kept of it. ``speaker`` is the speaker's embedding; all
#: others have the mean speaker's.
Condition = Literal[
    "all", "none", "content", "rhythm", "pitch", "content_rhythm", "content_pitch", "rhythm_pitch", "speaker"
]
CONDITIONS: Mapping[Condition, tuple[str, ...]] = {
    "all": FACTORS,
    "none": (),
    "content": ("content",),
    "rhythm": ("rhythm",),
    "pitch": ("pitch",),
    "content_rhythm": ("content", "rhythm"),
    "content_pitch": ("content", "pitch"),
    "rhythm_pitch": ("rhythm", "pitch"),
    "speaker": ("speaker",),
}

#: Columns of a manifest a task may stratify by or hold out by.
GroupingColumn = Literal["speaker", "gender", "session", "partition", "style", "language", "text", "emotion"]
GROUPING_COLUMNS: tuple[str, ...] = get_args(GroupingColumn)

#: A name becomes part of a path: it neither leaves the results folder nor reaches a shell.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]*$", max_length=64)]
#: A part of an utterance's name: without the mark that joins the parts.
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$", max_length=32)]
#: A row of a table: a variant of its own system, or ``system/variant`` of another.
RowKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]*(/[A-Za-z0-9][A-Za-z0-9_.]*)?$", max_length=129)]
#: A variant of a system.
RunKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]*/[A-Za-z0-9][A-Za-z0-9_.]*$", max_length=129)]
SpeakerIndependentProtocol = Literal["leave_one_speaker_out", "speaker_groups", "leave_one_session_out"]
Protocol = Literal[SpeakerIndependentProtocol, "stratified_random", "stratified_folds", "holdout", "all_train"]
#: The seed of every generator; scikit-learn takes none that is larger.
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
#: From the lowest to the highest value a draw may take.
Range = tuple[float, float]


class Section(BaseModel):
    """A part of the config: frozen, and a key nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


# --- corpora and tasks -------------------------------------------------------------------------------------


class ExpectedSize(Section):
    """The published size of a whole corpus, against which its reader's manifest is checked.

    Attributes:
        utterances: how many there are.
        speakers: how many speakers; null: it is not checked.
        emotions: emotion -> its utterances; those that are left out are not checked.
        per_speaker: speaker -> his or her utterances, likewise.
    """

    utterances: Annotated[int, Field(ge=1)]
    speakers: Annotated[int, Field(ge=1)] | None = None
    emotions: dict[str, int] = {}
    per_speaker: dict[str, int] = {}


class NormalDistribution(Section):
    """A normal distribution of one factor of speech.

    Attributes:
        mean: its mean, in the unit of the factor.
        deviation: its standard deviation, likewise.
    """

    mean: Annotated[float, Field(ge=-1000, le=1000)]
    deviation: Annotated[float, Field(gt=0, le=1000)]


class SynthesisSettings(Section):
    """How the synthetic corpus is spoken: voices, sentences, and what an emotion does to the factors.

    Attributes:
        seed: of every draw.
        voices: speakers.
        sentences: name -> text.
        emotions: canonical noun -> the distributions of its factors.
        gain_db: gain of the recording, whatever the emotion.
        snr_db: level of the speech over that of white noise.
        level_dbfs: RMS of speech at volume and gain 0 dB; full scale is an RMS of 1.
    """

    class Voice(Section):
        """One speaker: a variant of the synthesiser with a base pitch and pace of its own.

        Attributes:
            variant: name of a voice of eSpeak NG, ``en-us+f2``.
            gender: as the manifest states it.
            pitch: base pitch, in points of eSpeak's scale of 0 to 99.
            rate_wpm: base rate of speaking.
        """

        variant: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)*\+[a-z]+[0-9]*$")]
        gender: Literal["female", "male"]
        pitch: Annotated[int, Field(ge=0, le=99)]
        rate_wpm: Annotated[int, Field(ge=80, le=450)]

    class Emotion(Section):
        """The distributions one emotion draws its factors from.

        Attributes:
            rate: of speaking, as a factor on the voice's.
            pitch: above the voice's, in points of eSpeak's scale of 0 to 99.
            pitch_range: points of eSpeak's scale of 0 to 99; 50 is the voice's own.
            volume_db: level of the speech.
        """

        rate: NormalDistribution
        pitch: NormalDistribution
        pitch_range: NormalDistribution
        volume_db: NormalDistribution

    seed: Seed
    voices: Annotated[dict[Word, Voice], Field(min_length=1)]
    sentences: Annotated[dict[Word, str], Field(min_length=1)]
    emotions: Annotated[dict[EmotionNoun, Emotion], Field(min_length=1)]
    gain_db: NormalDistribution
    snr_db: NormalDistribution
    level_dbfs: Annotated[float, Field(le=0)]

    @model_validator(mode="after")
    def _has_something_to_say(self) -> Self:
        for name, text in self.sentences.items():
            if not any(letter.isalpha() for letter in text):
                raise ValueError(f"sentence {name!r} is {text!r}: expected words")
        return self


#: Where something is fetched from; plain http only where a publisher offers nothing else.
Address = Annotated[str, Field(pattern=r"^https?://[^\s\x00-\x1f\x7f]+$", max_length=500)]
#: Digits of each kind of checksum publishers give.
CHECKSUM_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64}


class ArchiveSettings(Section):
    """A zip that publishers offer, and what of it is the corpus.

    Attributes:
        url: its address.
        checksum: ``md5:…``, ``sha1:…`` or ``sha256:…`` as published; none where none is published, or where the
            archive is made anew for each who asks.
        size_bytes: of the archive, as published.
        inside: folder of the archive that stands for the corpus' folder.
        only: patterns of files below ``inside`` that are taken, ``wav/*.wav``; none: all.
        lfs: where files are fetched of which the archive holds pointers of Git LFS alone: beginnings of addresses,
            tried in this order, to which the file's path below ``inside`` is added. A pointer says the size and
            SHA-256 of its file.
    """

    url: Address
    checksum: Annotated[str, Field(pattern=r"^(md5|sha1|sha256):[0-9a-f]+$")] | None = None
    size_bytes: Annotated[int, Field(ge=1)] | None = None
    inside: str = ""
    only: tuple[str, ...] = ()
    lfs: tuple[Address, ...] = ()

    @model_validator(mode="after")
    def _has_a_whole_checksum(self) -> Self:
        if self.checksum is not None:
            kind, _, digits = self.checksum.partition(":")
            if len(digits) != CHECKSUM_DIGITS[kind]:
                raise ValueError(
                    f"'checksum' is {self.checksum!r}: has {len(digits)} digits, expected {CHECKSUM_DIGITS[kind]}"
                )
        return self


class DownloadSettings(Section):
    """Where an open corpus is fetched from, and what whoever fetches it agrees to.

    Attributes:
        terms: what the licence asks for, in a sentence or two; shown before anything is fetched.
        licence_url: where its text is.
        archives: what is fetched, and unpacked into the corpus' folder.
    """

    terms: Annotated[str, Field(min_length=1)]
    licence_url: Address
    archives: Annotated[tuple[ArchiveSettings, ...], Field(min_length=1)]


#: A column of an audformat database: of the tables of utterances, or ``table/column`` of another table.
ColumnOfTable = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+(/[^/\x00-\x1f\x7f]+)?$", max_length=129)]
#: A table of an audformat database, whose name becomes part of a path.
TableName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$", max_length=64)]


class AudformatSettings(Section):
    """Which tables and columns of an audformat database say what of an utterance.

    A column is one of ``tables``, or ``table/column`` of another, where each file (or segment) has a row.

    Attributes:
        tables: the tables of utterances, filewise or segmented; each row is one.
        emotion: column of the emotion.
        speaker: column of the speaker.
        gender: column of the speaker's gender; without one that of the speaker's scheme, if it says so.
        session: column of the session.
        text: column of what is spoken.
        labels: the database's word for an emotion -> ours, where they differ; an empty word stands for rows
            without one.
    """

    tables: Annotated[tuple[TableName, ...], Field(min_length=1)]
    emotion: ColumnOfTable = "emotion"
    speaker: ColumnOfTable = "speaker"
    gender: ColumnOfTable | None = None
    session: ColumnOfTable | None = None
    text: ColumnOfTable | None = None
    labels: dict[str, EmotionNoun | OtherLabel] = {}


Reader = Literal[
    "synthetic", "emodb", "nemo", "ravdess", "savee", "crema_d", "iemocap", "mosei", "vctk", "table", "audformat"
]
#: Readers that need a package which is in no lock.
READER_PACKAGES = {"audformat": "audformat"}


class CorpusConfig(Section):
    """One corpus: who reads it, where it lies, and how large it was when published.

    Attributes:
        reader: module of ``emofactors.corpora`` that knows its layout.
        folder: folder of the corpus below ``corpora_root``.
        title: name as printed in tables.
        source: the publication that describes the corpus.
        licence: licence of the audio.
        language: BCP 47 tag.
        size: ``published`` refuses a corpus that is not whole; ``any`` accepts a
            subset, which the audit and every table then call a subset.
        expected: the published size; none for a user's own corpus.
        on_bad_audio: ``stop`` at unreadable, empty, non-finite or silent audio,
            or ``drop`` it and list it in the audit.
        known_bad: paths of audio the publishers know to be bad; always dropped.
        file: the CSV of a corpus read by ``table``, below ``folder``.
        columns: canonical column -> column of that CSV, where they differ.
        audformat: which tables and columns say what, of a corpus read by ``audformat``.
        synthesis: settings of a corpus read by ``synthetic``.
        shards: parts whose features are extracted as jobs of their own; an utterance's part follows from its
            name. No result depends on their number.
        download: where it is fetched from, of an open corpus. No result depends on it.
    """

    reader: Reader
    folder: str = ""
    title: str
    source: str = ""
    licence: str = ""
    language: str = ""
    size: Literal["published", "any"] = "published"
    expected: ExpectedSize | None = None
    on_bad_audio: Literal["stop", "drop"] = "stop"
    known_bad: tuple[str, ...] = ()
    file: str = ""
    columns: dict[str, str] = {}
    audformat: AudformatSettings | None = None
    synthesis: SynthesisSettings | None = None
    shards: Annotated[int, Field(ge=1)] = 1
    download: DownloadSettings | None = None

    @model_validator(mode="after")
    def _fits_its_reader(self) -> Self:
        if (self.reader == "table") != bool(self.file):
            raise ValueError("'file' (the CSV) goes with reader 'table', and only with it")
        if self.columns and self.reader != "table":
            raise ValueError("'columns' goes with reader 'table' only")
        if (self.reader == "audformat") != (self.audformat is not None):
            raise ValueError("'audformat' (tables and columns) goes with reader 'audformat', and only with it")
        if (self.reader == "synthetic") != (self.synthesis is not None):
            raise ValueError("'synthesis' goes with reader 'synthetic', and only with it")
        if (self.reader == "synthetic") == bool(self.folder):
            raise ValueError("'folder' (below corpora_root) is needed, except for reader 'synthetic'")
        if self.download is not None and self.reader == "synthetic":
            raise ValueError("'download' does not go with reader 'synthetic', which speaks the corpus itself")
        for key, above in (("folder", "corpora_root"), ("file", "'folder'")):
            path = Path(getattr(self, key))
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"'{key}' is {str(path)!r}: expected a {key} below {above}")
        return self

    @property
    def lacks(self) -> str | None:
        """What is missing to read it, in words; None where its reader needs no package, or has it."""
        package = READER_PACKAGES.get(self.reader)
        if package is None or find_spec(package) is not None:
            return None
        return f"reader {self.reader!r} needs the package {package}; expected pip install -e '.[{package}]' before"


class TaskConfig(Section):
    """Corpus + classes + protocol: what is recognised, and who is heard in which role.

    Attributes:
        corpus: name of a corpus.
        classes: canonical emotion nouns, in the order of every table; or one and ``absent``: whether that
            emotion is present, alone or among others. A task with one class alone is there to train decomposers.
        merge: emotion of the corpus -> class of the task (excitement -> happiness).
        protocol: how utterances are divided into folds and roles.
        folds: number of folds: speakers of ``leave_one_speaker_out``, sessions of
            ``leave_one_session_out``, groups of ``speaker_groups``, or of ``stratified_folds``. It is
            stated, so that the whole study is known before a file is read, and checked when the folds
            are made.
        dev_speakers: speakers of the dev role, of ``leave_one_speaker_out`` and ``speaker_groups``.
        dev_fraction: instead, where speakers are too few to spare one: the fraction of each training speaker's
            utterances of each class that are dev. What is selected on dev is then selected on known voices.
        strata: columns ``stratified_random`` and ``stratified_folds`` balance over their subsets.
        column: column of the manifest whose values ``holdout`` divides by.
        dev: values of that column that are dev.
        test: values of that column that are test.
        seen: fraction of each training speaker's utterances of each class that is held out of training, as a
            role of its own: what a model makes of new utterances of speakers it has heard. None: no such role.
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
    seen: Annotated[float, Field(gt=0, lt=1)] | None = None
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
        if self.seen is not None and not self.speaker_independent:
            raise ValueError("'seen' goes with unseen test speakers only")
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
        seen = f", {100 * self.seen:g} % of the training speakers' utterances held out" if self.seen else ""
        leak = "LEAKS, copies of test utterances are in training: " if self.shows_leak else ""
        return f"{leak}{speakers}{copies}{seen}"


# --- features and systems ------------------------------------------------------------------------------------


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


class FeatureSettings(Section):
    """One kind of spectrogram: (F, T) log powers in dB, or an image made of them.

    Attributes:
        kind: ``log_mel`` sums powers by Mel filters (Slaney's); ``log_stft`` keeps every bin of the transform.
        sample_rate_hz: rate to which audio is resampled first.
        window: of each frame.
        win_ms: length of the window, rounded to samples.
        hop_ms: from frame to frame, rounded to samples.
        n_fft: points of the transform, at least the window; even.
        n_mels: Mel filters, the bins of a frame; of ``log_mel``.
        f_min_hz: where the lowest Mel filter begins.
        f_max_hz: where the highest ends; null: half the rate.
        pad_mode: what is put around the utterance for the first and last window, half a window each: its
            reflection, or silence.
        power_offset: added to each power before the logarithm.
        power_floor: lowest power; what lies below is raised to it.
        top_db: range of an utterance below its maximum; what lies lower is raised. null: no limit.
        exponent: of the magnitudes that filters sum and whose logarithm is taken: 2 are powers. ``power_offset``
            and ``power_floor`` are of the same; dB are dB either way.
        high_pass_hz: corner of a Butterworth filter that runs over the waveform forth and back, so that it
            turns no phase; None: no filter.
        high_pass_order: its order, of one pass.
        scale_db: dB that become 0 and 1; what lies beyond is clipped. None: features are in dB.
        pad_to_longest: silence follows each utterance, to the duration of the corpus' longest.
        image_frames: frames the spectrogram is then resized to; None: not resized.
        min_max: whether each utterance is scaled to [0, 1] by its own minimum and maximum.
    """

    kind: Literal["log_mel", "log_stft"]
    sample_rate_hz: Annotated[int, Field(gt=0)]
    window: Literal["hamming", "hann"]
    win_ms: Annotated[float, Field(gt=0)]
    hop_ms: Annotated[float, Field(gt=0)]
    n_fft: Annotated[int, Field(gt=0, multiple_of=2)]
    n_mels: Annotated[int, Field(gt=0)] | None = None
    f_min_hz: Annotated[float, Field(ge=0)] = 0.0
    f_max_hz: Annotated[float, Field(gt=0)] | None = None
    pad_mode: Literal["reflect", "constant"]
    power_offset: Annotated[float, Field(ge=0)] = 0.0
    power_floor: Annotated[float, Field(gt=0)] = 1e-10
    top_db: Annotated[float, Field(gt=0)] | None = None
    exponent: Literal[1, 2] = 2
    high_pass_hz: Annotated[float, Field(gt=0)] | None = None
    high_pass_order: Annotated[int, Field(ge=1)] = 5
    scale_db: Range | None = None
    pad_to_longest: bool = False
    image_frames: Annotated[int, Field(ge=2)] | None = None
    min_max: bool = False

    @model_validator(mode="after")
    def _window_fits_the_transform(self) -> Self:
        if self.win_length > self.n_fft:
            raise ValueError(
                f"'win_ms' is {self.win_ms:g}, {self.win_length} samples: expected at most n_fft ({self.n_fft})"
            )
        if self.hop_length < 1:
            raise ValueError(f"'hop_ms' is {self.hop_ms:g}: expected at least one sample")
        if (self.kind == "log_stft") != (self.n_mels is None):
            raise ValueError("'n_mels' goes with every kind but 'log_stft'")
        if self.pad_to_longest and self.image_frames is None:
            raise ValueError("'pad_to_longest' goes with 'image_frames' only: other padding is never stored")
        if self.f_max_hz is not None and not self.f_min_hz < self.f_max_hz <= self.sample_rate_hz / 2:
            raise ValueError(f"'f_max_hz' is {self.f_max_hz:g}: expected above f_min_hz, up to half the rate")
        if self.high_pass_hz is not None and not self.high_pass_hz < self.sample_rate_hz / 2:
            raise ValueError(f"'high_pass_hz' is {self.high_pass_hz:g}: expected below half the rate")
        if self.scale_db is not None and not self.scale_db[0] < self.scale_db[1]:
            raise ValueError(f"'scale_db' is {list(self.scale_db)}: expected the lower end first")
        if self.scale_db is not None and (self.min_max or self.pad_to_longest):
            raise ValueError("'scale_db' goes with neither 'min_max' nor 'pad_to_longest'")
        return self

    @property
    def win_length(self) -> int:
        """Window length in samples."""
        return round(self.sample_rate_hz * self.win_ms / 1000)

    @property
    def hop_length(self) -> int:
        """Hop in samples."""
        return round(self.sample_rate_hz * self.hop_ms / 1000)

    @property
    def reach(self) -> int:
        """Samples a window reaches beyond its center."""
        return (self.win_length + 1) // 2

    @property
    def least_samples(self) -> int:
        """Samples an utterance needs at least: with fewer its reflection would not fill the first window."""
        return self.reach + 1

    @property
    def n_bins(self) -> int:
        """Frequency bins of one frame, F."""
        return self.n_mels if self.n_mels is not None else self.n_fft // 2 + 1


class FunctionalSettings(FeatureSettings):
    """Functionals of an utterance, one frame of F of them: of its log-Mel bands and F0, and of their deltas.

    The keys of the spectrogram are those of a log-Mel spectrogram.

    Attributes:
        kind: ``functionals``.
        f0_method: ``praat``: autocorrelation as in Praat; ``pyin``: librosa's, which needs no GPL package.
        f0_min_hz: lowest F0 that is looked for.
        f0_max_hz: highest.
        percentiles: of the values over time, in percent, beside their mean and deviation.
        deltas: whether the slope over time of each band and of F0 has functionals of its own.
    """

    kind: Literal["functionals"]  # type: ignore[assignment]  # the kind tells the sections apart
    f0_method: Literal["praat", "pyin"]
    f0_min_hz: Annotated[float, Field(gt=0)]
    f0_max_hz: Annotated[float, Field(gt=0)]
    percentiles: Annotated[tuple[Annotated[float, Field(ge=0, le=100)], ...], Field(min_length=1)]
    deltas: bool

    @model_validator(mode="after")
    def _has_something_to_sum_up(self) -> Self:
        if not self.f0_min_hz < self.f0_max_hz <= self.sample_rate_hz / 2:
            raise ValueError(f"'f0_max_hz' is {self.f0_max_hz:g}: expected above f0_min_hz, up to half the rate")
        if len(set(self.percentiles)) != len(self.percentiles):
            raise ValueError(f"'percentiles' names one twice: {list(self.percentiles)}")
        of_images = [k for k in ("pad_to_longest", "image_frames", "min_max") if getattr(self, k)]
        if of_images:
            raise ValueError(f"'{of_images[0]}' goes with spectrograms only")
        return self

    @property
    def spectrogram(self) -> FeatureSettings:
        """The spectrogram that functionals are taken of."""
        keys = {key: getattr(self, key) for key in FeatureSettings.model_fields}
        return FeatureSettings(**keys | {"kind": "log_mel"})

    @property
    def n_bins(self) -> int:
        """Functionals of an utterance, F."""
        assert self.n_mels is not None  # all kinds but log_stft have them
        of_tracks = (self.n_mels + 1) * (2 + len(self.percentiles))
        return of_tracks * (1 + self.deltas) + 1


class OpensmileSettings(Section):
    """Functionals as openSMILE computes them, one frame of F of them; its licence keeps the package optional.

    Attributes:
        kind: ``opensmile``.
        feature_set: name of the set in the package ``opensmile``.
        sample_rate_hz: rate of what openSMILE hears.
    """

    kind: Literal["opensmile"]
    feature_set: Literal["eGeMAPSv02", "ComParE_2016"]
    sample_rate_hz: Annotated[int, Field(gt=0)]

    @property
    def n_bins(self) -> int:
        """Functionals of an utterance, F."""
        return {"eGeMAPSv02": 88, "ComParE_2016": 6373}[self.feature_set]


class PitchSettings(Section):
    """F0 of an utterance over time: frames of one bin, in Hz, 0 where unvoiced.

    Attributes:
        kind: ``f0``.
        sample_rate_hz: rate of what is tracked.
        hop_ms: hop, rounded to samples: with that of a spectrogram, frames stand where its frames stand.
        method: ``praat``: autocorrelation as in Praat; ``pyin``: librosa's, which needs no GPL package.
        min_hz: lowest F0 that is looked for.
        max_hz: highest.
    """

    kind: Literal["f0"]
    sample_rate_hz: Annotated[int, Field(gt=0)]
    hop_ms: Annotated[float, Field(gt=0)]
    method: Literal["praat", "pyin"]
    min_hz: Annotated[float, Field(gt=0)]
    max_hz: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _can_be_looked_for(self) -> Self:
        if not self.min_hz < self.max_hz <= self.sample_rate_hz / 2:
            raise ValueError(f"'max_hz' is {self.max_hz:g}: expected above min_hz, up to half the rate")
        if self.sample_rate_hz * self.hop_ms < 1000:
            raise ValueError(f"'hop_ms' is {self.hop_ms:g}: expected at least one sample")
        return self

    @property
    def n_bins(self) -> int:
        """F0 is one bin."""
        return 1


#: Features of any kind.
Features = Annotated[
    FeatureSettings | FunctionalSettings | OpensmileSettings | PitchSettings, Field(discriminator="kind")
]
FEATURE_SECTIONS: dict[
    str, type[FeatureSettings] | type[FunctionalSettings] | type[OpensmileSettings] | type[PitchSettings]
] = {
    "log_mel": FeatureSettings,
    "log_stft": FeatureSettings,
    "functionals": FunctionalSettings,
    "opensmile": OpensmileSettings,
    "f0": PitchSettings,
}
#: Packages that kinds of features need and nobody has to install.
OPTIONAL_PACKAGES = {"opensmile": "opensmile"}


def features_of(content: dict[str, Any]) -> Features:
    """Settings of features from plain data, by their kind."""
    return FEATURE_SECTIONS[content["kind"]](**content)


class RunSettings(Section):
    """What every training has, whatever the system: the typed part of a system's settings.

    Attributes:
        features: name of the features the system sees.
        standardise: whether each frequency bin is brought to mean 0 and deviation 1 of the training rows.
        batch_size: utterances a batch, B.
        pool_batches: batches whose utterances are sorted by length together: more means less padding
            and less mixing of lengths; 1 leaves batches random.
        learning_rate: of Adam.
        weight_decay: of AdamW, by which weights shrink apart from the gradient; 0 is Adam.
        max_steps: training ends after this many updates ...
        max_epochs: ... or after this many times through the training rows; one of the two is given.
        evaluate_every_steps: dev is scored every so many updates; none: once an epoch.
        select: the weights that are kept: ``dev_ua`` those with the best UA on dev, ``last`` the last.
        select_after_step: an evaluation up to this update is never selected.
        max_frames: longer utterances keep this many frames at their center; none: all.
        patience: evaluations without a better dev UA after which training ends; none: never.
        segment_frames: utterances are cut into segments of so many frames, shorter ones followed by zeros;
            none: they stay whole.
        pitch: name of the F0 a decomposer hears beside its features; none: it hears none.
        rebuilt: what is kept of the speech that is heard, as rebuilt by the decomposer the variant needs, a
            condition of ``CONDITIONS``; none: speech as it is.
    """

    features: Name
    standardise: bool = True
    batch_size: Annotated[int, Field(ge=1)]
    pool_batches: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_steps: Annotated[int, Field(ge=1)] | None = None
    max_epochs: Annotated[int, Field(ge=1)] | None = None
    evaluate_every_steps: Annotated[int, Field(ge=1)] | None = None
    select: Literal["dev_ua", "last"] = "dev_ua"
    select_after_step: Annotated[int, Field(ge=0)] = 0
    max_frames: Annotated[int, Field(ge=1)] | None = None
    patience: Annotated[int, Field(ge=1)] | None = None
    segment_frames: Annotated[int, Field(ge=1)] | None = None
    pitch: Name | None = None
    rebuilt: Condition | None = None

    @model_validator(mode="after")
    def _ends_and_something_can_be_selected(self) -> Self:
        if (self.max_steps is None) == (self.max_epochs is None):
            raise ValueError(
                f"'max_steps' is {self.max_steps}, 'max_epochs' {self.max_epochs}: expected one of the two"
            )
        if self.max_steps is not None and self.select_after_step >= self.max_steps:
            raise ValueError(
                f"'select_after_step' is {self.select_after_step}: expected below max_steps ({self.max_steps})"
            )
        if self.select == "last" and self.patience is not None:
            raise ValueError("'patience' goes with 'select: dev_ua' only")
        if self.segment_frames is not None and self.max_frames is not None:
            raise ValueError(
                f"'max_frames' is {self.max_frames}: expected none, as 'segment_frames' ({self.segment_frames}) "
                "keeps utterances whole"
            )
        return self

    def n_updates(self, n_utterances: int) -> int:
        """Updates of a whole training on so many training rows."""
        if self.max_steps is not None:
            return self.max_steps
        assert self.max_epochs is not None  # one of the two is given
        return self.max_epochs * ceil(n_utterances / self.batch_size)


class SvmSettings(Section):
    """Settings of a support vector machine on one frame of functionals an utterance.

    Attributes:
        features: name of the functionals.
        kernel: ``linear``, or ``rbf`` with gamma 1 / F of standardised features.
        penalty: C, of errors in training.
        balanced: whether errors weigh more the rarer their class is in training.
    """

    features: Name
    kernel: Literal["linear", "rbf"]
    penalty: Annotated[float, Field(gt=0)]
    balanced: bool


class ComputeSettings(Section):
    """Where and how trainings run.

    Attributes:
        device: ``auto`` takes cuda, then mps, then cpu.
        precision: ``float32`` throughout, or ``bfloat16``, in which convolutions and matrix products run
            (autocast).
        threads: of torch in one training. Weights change in the last bit with the number of
            threads, so it is set here and never follows ``--cores``.
        slots_per_gpu: trainings that share a GPU of a workstation at a time.
        stream: read utterances from disk batch by batch, for corpora whose folds do not fit into memory;
            else a fold is held in memory.
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    threads: Annotated[int, Field(ge=1)] = 1
    slots_per_gpu: Annotated[int, Field(ge=1)] = 1
    stream: bool = False

    @property
    def of_results(self) -> dict[str, Any]:
        """What a result may depend on; the rest says how a job is run and re-runs nothing when it changes."""
        return self.model_dump(mode="json", exclude={"slots_per_gpu", "stream"})


class Documented(Section):
    """One setting with its pedigree.

    Attributes:
        key: name of the setting.
        value: its value.
        kind: ``published`` if a paper, talk or public code states it, else ``assumed``.
        why: where it is stated, or why it was chosen.
    """

    key: str
    value: Any
    kind: Literal["published", "assumed"]
    why: str


class Needs(Section):
    """Finished runs of the same task, fold and seed that a variant builds on.

    Attributes:
        teacher: variant of the same system whose embeddings of the same utterances are targets.
        initial: variant of the same system whose weights training starts from.
        decomposer: ``system/variant`` that rebuilds the speech the variant hears; it may be trained on another
            task, see ``TaskConfig.decomposed_by``.
    """

    teacher: Name | None = None
    initial: Name | None = None
    decomposer: RunKey | None = None

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants of the same system that are needed, each once."""
        return tuple(dict.fromkeys(v for v in (self.teacher, self.initial) if v is not None))


class SystemConfig(Section):
    """A paper's method: its settings with their pedigree, and the variants that differ from them.

    Attributes:
        source: the publication.
        least_training_speakers: speakers a fold must train, or the system has nothing to learn from.
        method: ``network`` is trained by gradient descent for each seed; ``svm`` is a support vector machine,
            which no seed changes: it is fitted once a fold; ``decomposer`` is a network that takes speech apart
            and knows no emotions.
        settings: its settings.
        variants: variant -> the settings in which it differs.
        needs: variant -> the runs it builds on; those that need none are left out.
        overrides: what the study changes, in every variant.
        variant_overrides: variant -> what the study changes in it alone.
    """

    source: str
    method: Literal["network", "svm", "decomposer"] = "network"
    least_training_speakers: Annotated[int, Field(ge=1)] = 1
    settings: tuple[Documented, ...]
    variants: dict[Name, dict[str, Any]]
    needs: dict[Name, Needs] = {}
    overrides: dict[str, Any] = {}
    variant_overrides: dict[Name, dict[str, Any]] = {}

    def variant(self, name: str) -> dict[str, Any]:
        """Settings of one variant: documented values, then what it changes, then what the study overrides."""
        documented = {s.key: s.value for s in self.settings}
        return documented | self.variants[name] | self.overrides | self.variant_overrides.get(name, {})

    def run(self, name: str) -> RunSettings:
        """The typed part of a network's settings."""
        return RunSettings(**{k: v for k, v in self.variant(name).items() if k in RunSettings.model_fields})

    def features(self, name: str) -> str:
        """Name of the features a variant hears."""
        return self.variant(name)["features"]

    def svm(self, name: str) -> SvmSettings:
        """The settings of a support vector machine."""
        return SvmSettings(**self.variant(name))

    def arguments(self, name: str) -> dict[str, Any]:
        """The keyword arguments of the system's constructor."""
        return {k: v for k, v in self.variant(name).items() if k not in RunSettings.model_fields}


# --- tables and figures --------------------------------------------------------------------------------------


class PublishedScores(Section):
    """Published numbers, under a label of their own.

    Attributes:
        label: corpus, protocol and paper, as the column's header says it.
        task: the task of this house that repeats the published protocol.
        where: where the numbers are stated.
        values: variant -> metric -> value in percent.
    """

    label: str
    task: Name
    where: str
    values: dict[Name, dict[Literal["ua", "wa"], float]]


class Difference(Section):
    """A comparison a table makes: each metric of ``variant`` minus that of ``minus``, paired over speakers.

    Attributes:
        variant: a row of the table.
        minus: another row.
    """

    variant: RowKey
    minus: RowKey


#: Metrics of the probes and clusters of frozen embeddings.
ProbedMetric = Literal[
    "speaker_linear",
    "speaker_mlp",
    "speaker_seen",
    "emotion_linear",
    "speaker_information",
    "emotion_information",
]
PROBED: tuple[str, ...] = get_args(ProbedMetric)
#: What a table may show of a row; ``report.measures`` says of each what it is.
Metric = Literal["ua", "wa", "seen_ua", "seen_gap", "speaker_ua", ProbedMetric]
#: Those of the speaker that a trade-off is drawn over.
SPEAKER_PROBES = ("speaker_linear", "speaker_mlp")
#: Metrics of held-out utterances of training speakers, which a task with ``seen`` has.
OF_SEEN = ("seen_ua", "seen_gap", "speaker_seen")


class PublishedAblation(Section):
    """Published UA of speech rebuilt from its factors, under a label of its own.

    Attributes:
        label: corpora and paper, as the columns' header says it.
        where: where the numbers are stated.
        values: decomposer -> condition -> UA in percent, on the corpus of the training and on another.
    """

    label: str
    where: str
    values: dict[Name, dict[Name, tuple[float, float]]]


class PublishedInformation(Section):
    """Published mutual information between representations, under a label of its own.

    Attributes:
        label: what it is of and which paper, as the header says it.
        where: where the numbers are stated.
        values: variant -> pair (``content-rhythm``) -> value.
    """

    label: str
    where: str
    values: dict[Name, dict[str, float]]


#: Kinds of tables about the factors of speech, whose metrics are their own.
FactorKind = Literal["factors", "information", "ground_truth"]
FACTOR_KINDS: tuple[str, ...] = get_args(FactorKind)


class TableConfig(Section):
    """One table: a row a variant, its metrics on each of its tasks, published values beside.

    Attributes:
        kind: ``variants`` gives each task a block of its own; ``protocols`` sets the tasks, protocols of one
            corpus, side by side, with the gaps between neighbours; ``factors`` sets judges of rebuilt speech out
            by condition and decomposer; ``information`` is what the codes of decomposers share;
            ``ground_truth`` is what they tell of the true factors of a synthetic corpus.
        title: one line.
        caption: what is compared, for a reader of the paper.
        system: name of the system whose variants the rows are; none where every row names its own.
        axis: what a sweep's row labels are (``lambda``); empty for a table that is no sweep.
        rows: variant, or ``system/variant`` -> label.
        metrics: what is shown of each row; UA always is.
        unseen_speakers: whether the table is about speakers unseen in training: other tasks are refused.
        left_out: labels of rows that need a package which is not installed; a study fills it in.
        differences: pairs to compare; Holm's correction runs over all of a task.
        published: the paper's numbers, an entry a corpus and protocol.
        conditions: of ``factors``: ``raw`` (speech as it is) or a condition of ``CONDITIONS`` -> label; the rows
            follow from conditions and decomposers.
        decomposers: of ``factors``: variant of the decomposer -> label.
        judge: of ``factors``: how the names of the judge's variants begin: ``{judge}{decomposer}_{condition}``,
            and ``{judge}raw``.
        retrained: of ``factors``: whether a judge learns from the speech it is tested on; else the judge of
            speech as it is hears all conditions.
        published_ablation: of ``factors``: the paper's numbers.
        published_information: of ``information``: the paper's numbers.
    """

    kind: Literal["variants", "protocols", FactorKind] = "variants"
    title: str
    caption: str
    system: Name | None = None
    axis: str = ""
    rows: Annotated[dict[RowKey, str | float], Field(min_length=1)]
    metrics: tuple[Metric, ...] = ("ua", "wa")
    unseen_speakers: bool = False
    left_out: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    published: tuple[PublishedScores, ...] = ()
    conditions: dict[Literal["raw", Condition], str] = {}
    decomposers: dict[Name, str] = {}
    judge: str = ""
    retrained: bool = True
    published_ablation: PublishedAblation | None = None
    published_information: PublishedInformation | None = None

    @model_validator(mode="before")
    @classmethod
    def _rows_follow_from_conditions(cls, content: Any) -> Any:
        """The rows of ``factors``, and the metrics of all tables about factors."""
        if not isinstance(content, dict) or content.get("kind") not in FACTOR_KINDS:
            return content
        content = content | {"metrics": ("speaker_ua",) if content["kind"] == "factors" else ()}
        if content["kind"] == "factors":
            conditions, decomposers = content.get("conditions") or {}, content.get("decomposers") or {}
            judge = content.get("judge", "")
            rebuilt = {
                f"{judge}{decomposer}_{condition}": f"{of}: {label}"
                for decomposer, of in decomposers.items()
                for condition, label in conditions.items()
                if condition != "raw"
            }
            raw = {f"{judge}raw": conditions["raw"]} if "raw" in conditions else {}
            content["rows"] = raw | rebuilt
        return content

    @model_validator(mode="after")
    def _is_about_factors_or_not(self) -> Self:
        of_factors = [
            key for key in ("conditions", "decomposers") if bool(getattr(self, key)) != (self.kind == "factors")
        ]
        if of_factors:
            raise ValueError(f"'{of_factors[0]}' goes with kind 'factors', and only with it")
        if self.kind in FACTOR_KINDS and (self.system is None or any("/" in row for row in self.rows)):
            raise ValueError(
                f"a table of kind '{self.kind}' has the variants of one system for rows: expected 'system'"
            )
        if self.kind == "factors" and "raw" not in self.conditions:
            raise ValueError(
                "'conditions' has no 'raw': expected speech as it is among them, all others are compared with it"
            )
        return self

    @model_validator(mode="after")
    def _compares_its_own_rows(self) -> Self:
        for difference in self.differences:
            for variant in (difference.variant, difference.minus):
                if variant not in self.rows:
                    raise ValueError(f"'differences' names {variant!r}: expected a row of the table")
        if self.axis and not all(isinstance(label, int | float) for label in self.rows.values()):
            raise ValueError("'rows' of a sweep (with 'axis') are labelled by numbers")
        if self.kind in FACTOR_KINDS:
            return self
        if "ua" not in self.metrics or len(set(self.metrics)) < len(self.metrics):
            raise ValueError(f"'metrics' is {list(self.metrics)}: expected ua, and each metric once")
        if self.kind == "protocols" and (self.differences or self.axis or self.metrics != ("ua", "wa")):
            raise ValueError(
                "'differences', 'axis' and 'metrics' do not go with kind 'protocols': it shows gaps of UA and WA"
            )
        alone = [row for row in self.rows if "/" not in row]
        if alone and self.system is None:
            raise ValueError(f"'rows' names {alone[0]!r}: expected system/{alone[0]}, or 'system' for all rows")
        return self

    @property
    def runs(self) -> dict[str, tuple[str, str]]:
        """Row -> its system and variant."""
        own = self.system or ""  # without one all rows name theirs
        if not self.retrained:
            return dict.fromkeys(self.rows, (own, f"{self.judge}raw"))
        named = {row: row.rpartition("/") for row in self.rows}
        return {row: (system or own, variant) for row, (system, _, variant) in named.items()}

    def heard(self, row: str) -> str:
        """What the run of a row hears instead of what it was trained on: ``cycle_content``; mostly nothing."""
        return "" if self.retrained or row == f"{self.judge}raw" else row


#: Kinds of figures that are drawn from a table.
OfTable = Literal["sweep", "trade_off", "information", "ground_truth"]
OF_TABLES: tuple[str, ...] = get_args(OfTable)


class FigureConfig(Section):
    """One figure.

    Attributes:
        kind: ``confusion`` (a panel a variant), ``sweep`` (lines of a table over its axis),
            ``embedding_pca`` (train and test of fold 0 and the study's first seed, a row a variant),
            ``attention`` (of the class token, over spectrograms of fold 0 and the first seed, a row a
            variant), ``losses`` (a loss over the epochs, a line a variant), ``cost`` (UA over FLOPs),
            ``embedding_speakers`` (train embeddings of fold 0 and the first seed by PCA and t-SNE, coloured
            by emotion beside by speaker, a row a variant), ``trade_off`` (UA over the speaker accuracy of
            the probes, along the axis of a table), ``information`` or ``ground_truth`` (the matrices of a table
            of that kind).
        title: one line.
        caption: what to see.
        system: name of a system, but for figures of a table.
        variants: variant -> label, likewise.
        table: name of a table: with an axis, for ``sweep`` and ``trade_off``; else of the figure's own kind.
        loss: name of a column of the history, for ``losses``.
    """

    kind: Literal["confusion", "embedding_pca", "attention", "losses", "cost", "embedding_speakers", OfTable]
    title: str
    caption: str
    system: Name | None = None
    variants: dict[Name, str] = {}
    table: Name | None = None
    loss: str | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        of_table = self.kind in OF_TABLES
        if of_table != (self.table is not None):
            raise ValueError(f"'table' goes with kinds {', '.join(OF_TABLES)}, and only with them")
        if (self.kind == "losses") != (self.loss is not None):
            raise ValueError("'loss' goes with kind 'losses', and only with it")
        if of_table == (self.system is not None and bool(self.variants)):
            raise ValueError(f"'system' and 'variants' go with every kind but {', '.join(OF_TABLES)}")
        return self


# --- intervals ------------------------------------------------------------------------------------------------


class IntervalSettings(Section):
    """Confidence intervals: resampling of speakers.

    Attributes:
        resamples: draws of speakers; also random swaps of a randomisation test.
        seed: of the draws.
    """

    resamples: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    seed: Seed = 0


# --- probes ---------------------------------------------------------------------------------------------------


class ProbeSettings(Section):
    """How frozen embeddings are probed for speaker and emotion.

    Attributes:
        folds: parts of the training utterances, each predicted by a probe that learnt from the others.
        clusters: of k-means, for the mutual information of an embedding with speaker and emotion.
        permutations: of its null.
        seed: of parts, of an MLP's first weights, of clusters and permutations.
    """

    folds: Annotated[int, Field(ge=2)] = 5
    clusters: Annotated[int, Field(ge=2)] = 10
    permutations: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    seed: Seed = 0


# --- factors of speech ----------------------------------------------------------------------------------------


class InformationSettings(Section):
    """How the codes of a decomposer are clustered, and what their clusters share.

    Attributes:
        clusters: of k-means, K.
        other_clusters: other K that are tried beside.
        kmeans_seeds: runs of k-means from other starts, over which the information is averaged.
        permutations: of its null.
        segment_codes: codes of a segment, where whole segments are clustered.
        seed: of k-means and permutations.
    """

    clusters: Annotated[int, Field(ge=2)] = 10
    other_clusters: tuple[Annotated[int, Field(ge=2)], ...] = (5, 20)
    kmeans_seeds: Annotated[int, Field(ge=1, le=1000)] = 3
    permutations: Annotated[int, Field(ge=20, le=1_000_000)] = 200
    segment_codes: Annotated[int, Field(ge=1)] = 8
    seed: Seed = 0
