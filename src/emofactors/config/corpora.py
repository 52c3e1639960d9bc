"""Sections of config/corpora/, one class per kind of reader."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from emofactors.config.base import Section, Seed, Word, sections_by_kind
from emofactors.config.labels import EmotionNoun, OtherLabel


class ExpectedSize(Section):
    """Published size of a whole corpus; its manifest is checked against it.

    Attributes:
        utterances: number of utterances.
        speakers: number of speakers; null: not checked.
        emotions: emotion -> number of utterances; absent emotions are not checked.
        per_speaker: speaker -> number of utterances; absent speakers are not checked.
    """

    utterances: Annotated[int, Field(ge=1)]
    speakers: Annotated[int, Field(ge=1)] | None = None
    emotions: dict[str, int] = Field(default_factory=dict)
    per_speaker: dict[str, int] = Field(default_factory=dict)


class NormalDistribution(Section):
    """Normal distribution of one factor of speech.

    Attributes:
        mean: in the unit of the factor.
        std: in the unit of the factor.
    """

    mean: Annotated[float, Field(ge=-1000, le=1000)]
    std: Annotated[float, Field(gt=0, le=1000)]


class SynthesisSettings(Section):
    """Settings of the synthetic corpus: voices, sentences, and the factors of each emotion.

    Attributes:
        seed: seed of every draw.
        voices: name -> speaker.
        sentences: name -> text.
        emotions: canonical noun -> distributions of its factors.
        gain_db: recording gain, independent of the emotion.
        snr_db: signal-to-noise ratio of the speech to white noise.
        level_dbfs: RMS of speech at volume and gain 0 dB; full scale is an RMS of 1.
    """

    class Voice(Section):
        """One speaker: a variant of the synthesiser with its own base pitch and rate.

        Attributes:
            variant: name of an eSpeak NG voice, ``en-us+f2``.
            gender: gender in the manifest.
            pitch: base pitch on eSpeak's scale of 0 to 99.
            rate_wpm: base speaking rate.
        """

        variant: Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)*\+[a-z]+[0-9]*$")]
        gender: Literal["female", "male"]
        pitch: Annotated[int, Field(ge=0, le=99)]
        rate_wpm: Annotated[int, Field(ge=80, le=450)]

    class Emotion(Section):
        """Distributions of the factors of one emotion.

        Attributes:
            rate: speaking rate, as a multiple of the voice's base rate.
            pitch: offset from the voice's base pitch, on eSpeak's scale of 0 to 99.
            pitch_range: pitch range on eSpeak's scale of 0 to 99; 50 is the voice's own.
            volume_db: speech level.
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
    def _sentences_contain_letters(self) -> Self:
        for name, text in self.sentences.items():
            if not any(letter.isalpha() for letter in text):
                raise ValueError(f"sentence {name!r} is {text!r}: expected words")
        return self


#: Download address; plain http only where publishers offer no https.
Address = Annotated[str, Field(pattern=r"^https?://[^\s\x00-\x1f\x7f]+$", max_length=500)]

#: Hexadecimal digits of each kind of checksum.
CHECKSUM_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64}


class ArchiveSettings(Section):
    """A published zip archive and the part of it that is the corpus.

    Attributes:
        url: address of the archive.
        checksum: published ``md5:…``, ``sha1:…`` or ``sha256:…``; none if none is published or if the server
            creates the archive for each request.
        size_bytes: published size of the archive.
        inside: folder of the archive whose content becomes the corpus folder.
        only: patterns of the wanted files below ``inside``, ``wav/*.wav``; none: all files.
        lfs: base addresses of files that the archive holds as Git LFS pointers only. The path of a file below
            ``inside`` is appended; addresses are tried in order. A pointer gives size and SHA-256 of its file.
    """

    url: Address
    checksum: Annotated[str, Field(pattern=r"^(md5|sha1|sha256):[0-9a-f]+$")] | None = None
    size_bytes: Annotated[int, Field(ge=1)] | None = None
    inside: str = ""
    only: tuple[str, ...] = ()
    lfs: tuple[Address, ...] = ()

    @model_validator(mode="after")
    def _checksum_is_complete(self) -> Self:
        if self.checksum is not None:
            kind, _, digits = self.checksum.partition(":")
            if len(digits) != CHECKSUM_DIGITS[kind]:
                raise ValueError(
                    f"'checksum' is {self.checksum!r}: has {len(digits)} digits, expected {CHECKSUM_DIGITS[kind]}"
                )
        return self


class DownloadSettings(Section):
    """Download of an open corpus and the terms its users accept.

    Attributes:
        terms: requirements of the licence in one or two sentences; shown before the download.
        licence_url: address of the licence text.
        archives: archives to download and unpack into the corpus folder.
    """

    terms: Annotated[str, Field(min_length=1)]
    licence_url: Address
    archives: Annotated[tuple[ArchiveSettings, ...], Field(min_length=1)]


#: A column of an audformat database: of the tables of utterances, or ``table/column`` of another table.
TableColumn = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+(/[^/\x00-\x1f\x7f]+)?$", max_length=129)]

#: A table of an audformat database; its name becomes part of a path.
TableName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$", max_length=64)]


class AudformatSettings(Section):
    """Tables and columns of an audformat database that hold the utterances and their labels.

    A column is one of ``tables``, or ``table/column`` of another table with one row per file (or segment).

    Attributes:
        tables: tables of utterances, filewise or segmented; one row per utterance.
        emotion: column of the emotion.
        speaker: column of the speaker.
        gender: column of the speaker's gender; null: the gender in the speaker's scheme, if present.
        session: column of the session.
        text: column of the spoken text.
        labels: the database's word for an emotion -> ours, where they differ; the empty word stands for rows
            without one.
    """

    tables: Annotated[tuple[TableName, ...], Field(min_length=1)]
    emotion: TableColumn = "emotion"
    speaker: TableColumn = "speaker"
    gender: TableColumn | None = None
    session: TableColumn | None = None
    text: TableColumn | None = None
    labels: dict[str, EmotionNoun | OtherLabel] = Field(default_factory=dict)


class BaseCorpus(Section):
    """Settings common to all corpora.

    Attributes:
        title: name displayed in tables.
        source: the publication that describes the corpus.
        licence: licence of the audio.
        language: BCP 47 tag.
        size: ``published`` rejects an incomplete corpus; ``any`` accepts a subset, which the audit and every
            table then call a subset.
        expected: published size; none for a user's own corpus.
        on_bad_audio: ``stop`` at unreadable, empty, non-finite or silent audio, or ``drop`` it and list it in
            the audit.
        known_bad: paths of audio that the publishers report as bad; always dropped.
        shards: number of parts whose features are extracted as separate jobs; the name of an utterance
            determines its part. No result depends on this number.
    """

    #: Package the reader needs and the lock files do not install.
    optional_package: ClassVar[str | None] = None

    title: str
    source: str = ""
    licence: str = ""
    language: str = ""
    size: Literal["published", "any"] = "published"
    expected: ExpectedSize | None = None
    on_bad_audio: Literal["stop", "drop"] = "stop"
    known_bad: tuple[str, ...] = ()
    shards: Annotated[int, Field(ge=1)] = 1

    @property
    def package_fault(self) -> str | None:
        """Error message if the package the reader needs is not installed; None if none is missing."""
        package = self.optional_package
        if package is None or find_spec(package) is not None:
            return None
        return f"the reader needs the package {package}; expected pip install -e '.[{package}]' before"


class SyntheticCorpus(BaseCorpus):
    """The synthetic corpus: the workflow generates its audio.

    Attributes:
        reader: ``synthetic``.
        synthesis: voices, sentences and factors.
    """

    #: The audio is neither in a folder below ``corpora_root`` nor downloaded.
    folder: ClassVar[str] = ""
    download: ClassVar[None] = None

    reader: Literal["synthetic"]
    synthesis: SynthesisSettings


class FolderCorpus(BaseCorpus):
    """Settings common to all corpora with audio in a folder below ``corpora_root``.

    Attributes:
        folder: folder of the corpus below ``corpora_root``.
        download: download of an open corpus. No result depends on it.
    """

    folder: Annotated[str, Field(min_length=1)]
    download: DownloadSettings | None = None

    @field_validator("folder", "file", check_fields=False)
    @classmethod
    def _path_stays_below(cls, path: str, info: ValidationInfo) -> str:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            parent = {"folder": "corpora_root", "file": "'folder'"}[info.field_name or ""]
            raise ValueError(f"'{info.field_name}' is {path!r}: expected a {info.field_name} below {parent}")
        return path


class TableCorpus(FolderCorpus):
    """A corpus whose utterances are listed in a CSV: a user's own corpus.

    Attributes:
        reader: ``table``.
        file: CSV of the utterances, below ``folder``.
        columns: canonical column -> column of the CSV, where they differ.
    """

    reader: Literal["table"]
    file: Annotated[str, Field(min_length=1)]
    columns: dict[str, str] = Field(default_factory=dict)


class AudformatCorpus(FolderCorpus):
    """A corpus stored as an audformat database.

    Attributes:
        reader: ``audformat``.
        audformat: tables and columns of the database.
    """

    optional_package: ClassVar[str | None] = "audformat"

    reader: Literal["audformat"]
    audformat: AudformatSettings


#: Readers of published layouts.
Layout = Literal[
    "emodb",
    "nemo",
    "ravdess",
    "savee",
    "crema_d",
    "iemocap",
    "mosei",
    "vctk",
]


class LayoutCorpus(FolderCorpus):
    """A published corpus whose file names or label files follow a fixed layout.

    Attributes:
        reader: module of ``emofactors.corpora.readers`` that reads the layout.
    """

    reader: Layout


#: A corpus with any reader.
CorpusConfig = Annotated[
    SyntheticCorpus | TableCorpus | AudformatCorpus | LayoutCorpus, Field(discriminator="reader")
]

#: Reader -> section of its corpora.
CORPUS_SECTIONS: Mapping[
    str, type[SyntheticCorpus] | type[TableCorpus] | type[AudformatCorpus] | type[LayoutCorpus]
] = sections_by_kind(CorpusConfig, "reader")


def corpus_config(content: Mapping[str, Any]) -> CorpusConfig:
    """Return the settings of a corpus from plain data.

    Raises:
        KeyError: if ``reader`` is missing or unknown.
        pydantic.ValidationError: if a key is unknown or a value is impossible.
    """
    return CORPUS_SECTIONS[content["reader"]].model_validate(content)
