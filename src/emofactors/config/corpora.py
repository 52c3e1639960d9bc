"""Sections of config/corpora/."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from emofactors.config.base import Section, Seed, Word
from emofactors.config.labels import EmotionNoun, OtherLabel


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
        std: its standard deviation, likewise.
    """

    mean: Annotated[float, Field(ge=-1000, le=1000)]
    std: Annotated[float, Field(gt=0, le=1000)]


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
