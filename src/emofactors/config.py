"""The study as typed, frozen sections: what to make, of which corpora, tasks, features and systems.

Everything a user may set is read, merged and checked here, before any job
starts. This module is parsed by every job of the workflow, so it imports
neither torch nor numpy.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from emofactors.errors import InputError

#: The canonical emotion nouns; a reader translates its corpus' codes to these.
EMOTIONS = (
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
)

#: Columns of a manifest a task may stratify by or hold out by.
GROUPING_COLUMNS = ("speaker", "gender", "session", "style", "language", "text", "emotion")

#: A name becomes part of a path: it neither leaves the results folder nor reaches a shell.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.]*$", max_length=64)]
#: A part of an utterance's name: without the mark that joins the parts.
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$", max_length=32)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
SpeakerIndependentProtocol = Literal["leave_one_speaker_out", "speaker_groups", "leave_one_session_out"]
Protocol = Literal[SpeakerIndependentProtocol, "stratified_random", "holdout", "all_train"]


class Section(BaseModel):
    """A part of the config: frozen, and a key nobody knows is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


S = TypeVar("S", bound=Section)

# --- corpora and tasks -------------------------------------------------------------------------------------


class ExpectedSize(Section):
    """The published size of a whole corpus, against which its reader's manifest is checked."""

    utterances: Annotated[int, Field(ge=1)]
    speakers: Annotated[int, Field(ge=1)] | None = None
    emotions: dict[str, int] = {}
    per_speaker: dict[str, int] = {}


class NormalDistribution(Section):
    """A normal distribution of one factor of speech."""

    mean: float
    deviation: Annotated[float, Field(gt=0)]


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
        """One speaker: a variant of the synthesiser with a base pitch and pace of its own."""

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

    seed: Annotated[int, Field(ge=0)]
    voices: Annotated[dict[Word, Voice], Field(min_length=1)]
    sentences: Annotated[dict[Word, str], Field(min_length=1)]
    emotions: Annotated[dict[Literal[EMOTIONS], Emotion], Field(min_length=1)]
    gain_db: NormalDistribution
    snr_db: NormalDistribution
    level_dbfs: Annotated[float, Field(le=0)]

    @model_validator(mode="after")
    def _has_something_to_say(self) -> Self:
        for name, text in self.sentences.items():
            if not any(letter.isalpha() for letter in text):
                raise ValueError(f"sentence {name!r} is {text!r}: expected words")
        return self


Reader = Literal["synthetic", "emodb", "nemo", "ravdess", "savee", "crema_d", "iemocap", "mosei", "table"]


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
        synthesis: settings of a corpus read by ``synthetic``.
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
    synthesis: SynthesisSettings | None = None

    @model_validator(mode="after")
    def _fits_its_reader(self) -> Self:
        if (self.reader == "table") != bool(self.file):
            raise ValueError("'file' (the CSV) goes with reader 'table', and only with it")
        if self.columns and self.reader != "table":
            raise ValueError("'columns' goes with reader 'table' only")
        if (self.reader == "synthetic") != (self.synthesis is not None):
            raise ValueError("'synthesis' goes with reader 'synthetic', and only with it")
        if (self.reader == "synthetic") == bool(self.folder):
            raise ValueError("'folder' (below corpora_root) is needed, except for reader 'synthetic'")
        if Path(self.folder).is_absolute() or ".." in Path(self.folder).parts:
            raise ValueError(f"'folder' is {self.folder!r}: expected a folder below corpora_root")
        return self


class TaskConfig(Section):
    """Corpus + classes + protocol: what is recognised, and who is heard in which role.

    Attributes:
        corpus: name of a corpus.
        classes: canonical emotion nouns, in the order of every table.
        merge: emotion of the corpus -> class of the task (excitement -> happiness).
        protocol: how utterances are divided into folds and roles.
        folds: number of folds: speakers of ``leave_one_speaker_out``, sessions of
            ``leave_one_session_out``, groups of ``speaker_groups``. It is stated, so that the whole
            study is known before a file is read, and checked when the folds are made.
        dev_speakers: speakers of the dev role, of ``leave_one_speaker_out`` and ``speaker_groups``.
        strata: columns ``stratified_random`` balances over its ten subsets.
        column: column of the manifest whose values ``holdout`` divides by.
        dev: values of that column that are dev.
        test: values of that column that are test.
        claims_unseen_speakers: whether test speakers must be unseen in training; the
            audit stops a task that claims it wrongly. None: what the protocol promises.
        seed: seed of the partition; the same for every training seed.
    """

    corpus: Name
    classes: Annotated[tuple[str, ...], Field(min_length=2)]
    merge: dict[str, str] = {}
    protocol: Protocol
    folds: Annotated[int, Field(ge=2)] | None = None
    dev_speakers: Annotated[int, Field(ge=1)] | None = None
    strata: tuple[Literal[GROUPING_COLUMNS], ...] = ()
    column: Literal[GROUPING_COLUMNS] | None = None
    dev: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    claims_unseen_speakers: bool | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _fits_its_protocol(self) -> Self:
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"'classes' names a class twice: {list(self.classes)}")
        for noun in (*self.classes, *self.merge):
            if noun not in EMOTIONS:
                raise ValueError(f"'{noun}' is no emotion; expected one of {', '.join(EMOTIONS)}")
        for emotion, merged in self.merge.items():
            if merged not in self.classes or emotion in self.classes:
                raise ValueError(f"'merge' sends {emotion!r} to {merged!r}: expected a non-class -> a class")
        needs = {
            "folds": set(SpeakerIndependentProtocol.__args__),
            "dev_speakers": {"speaker_groups", "leave_one_speaker_out"},
            "strata": {"stratified_random"},
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
        if set(self.dev) & set(self.test):
            raise ValueError(f"'dev' and 'test' share {sorted(set(self.dev) & set(self.test))}")
        return self

    @property
    def n_folds(self) -> int:
        """Number of folds, numbered from 0."""
        return {"stratified_random": 5, "holdout": 1, "all_train": 1}.get(self.protocol) or self.folds

    @property
    def speaker_independent(self) -> bool:
        """Whether test speakers must be unseen in training; the audit holds the task to it."""
        if self.claims_unseen_speakers is not None:
            return self.claims_unseen_speakers
        return self.protocol in SpeakerIndependentProtocol.__args__

    @property
    def protocol_words(self) -> str:
        """The protocol as a table states it."""
        words = {
            "leave_one_speaker_out": f"leave one of {self.folds} speakers out, {self.dev_speakers} dev speaker(s)",
            "speaker_groups": f"{self.folds} speaker groups, {self.dev_speakers} dev speaker(s)",
            "leave_one_session_out": f"leave one of {self.folds} sessions out",
            "stratified_random": "5 stratified random folds, dev and test halves",
            "holdout": f"{self.column} held out: dev {', '.join(self.dev)}; test {', '.join(self.test)}",
            "all_train": "all utterances train",
        }[self.protocol]
        return f"speaker-{'independent' if self.speaker_independent else 'dependent'}, {words}"


# --- features and systems ------------------------------------------------------------------------------------


class FeatureSettings(Section):
    """One kind of spectrogram: (F, T) log powers in dB."""

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

    @model_validator(mode="after")
    def _window_fits_the_transform(self) -> Self:
        if self.win_length > self.n_fft:
            raise ValueError(
                f"'win_ms' is {self.win_ms:g}, {self.win_length} samples: expected at most n_fft ({self.n_fft})"
            )
        if self.hop_length < 1:
            raise ValueError(f"'hop_ms' is {self.hop_ms:g}: expected at least one sample")
        if (self.kind == "log_mel") != (self.n_mels is not None):
            raise ValueError("'n_mels' goes with kind 'log_mel', and only with it")
        if self.f_max_hz is not None and not self.f_min_hz < self.f_max_hz <= self.sample_rate_hz / 2:
            raise ValueError(f"'f_max_hz' is {self.f_max_hz:g}: expected above f_min_hz, up to half the rate")
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
    def n_bins(self) -> int:
        """Frequency bins of one frame, F."""
        return self.n_mels if self.n_mels is not None else self.n_fft // 2 + 1


class RunSettings(Section):
    """What every training has, whatever the system: the typed part of a system's settings.

    Attributes:
        features: name of the features the system sees.
        batch_size: utterances a batch, B.
        learning_rate: of Adam.
        max_steps: training ends after this many updates.
        evaluate_every_steps: dev is scored every so many updates; none: once an epoch.
        select_after_step: an evaluation up to this update is never selected.
        max_frames: longer utterances keep this many frames at their center; none: all.
        patience: evaluations without a better dev UA after which training ends; none: never.
    """

    features: Name
    batch_size: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)]
    max_steps: Annotated[int, Field(ge=1)]
    evaluate_every_steps: Annotated[int, Field(ge=1)] | None = None
    select_after_step: Annotated[int, Field(ge=0)] = 0
    max_frames: Annotated[int, Field(ge=1)] | None = None
    patience: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _something_can_be_selected(self) -> Self:
        if self.select_after_step >= self.max_steps:
            raise ValueError(
                f"'select_after_step' is {self.select_after_step}: expected below max_steps ({self.max_steps})"
            )
        return self


class ComputeSettings(Section):
    """Where and how trainings run.

    Attributes:
        device: ``auto`` takes cuda, then mps, then cpu.
        precision: ``bfloat16`` runs convolutions and matrix products in bfloat16 (autocast).
        threads: of torch in one training. Weights change in the last bit with the number of
            threads, so it is set here and never follows ``--cores``.
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    threads: Annotated[int, Field(ge=1)] = 1


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


class SystemConfig(Section):
    """A paper's method: its settings with their pedigree, and the variants that differ from them."""

    source: str
    settings: tuple[Documented, ...]
    variants: dict[Name, dict[str, Any]]
    overrides: dict[str, Any] = {}

    def variant(self, name: str) -> dict[str, Any]:
        """Settings of one variant: documented values, then what it changes, then what the study overrides."""
        return {s.key: s.value for s in self.settings} | self.variants[name] | self.overrides

    def run(self, name: str) -> RunSettings:
        """The typed part of a variant's settings."""
        return RunSettings(**{k: v for k, v in self.variant(name).items() if k in RunSettings.model_fields})

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
    """A comparison a table makes: UA and WA of ``variant`` minus those of ``minus``, paired over speakers."""

    variant: Name
    minus: Name


class TableConfig(Section):
    """One table: a row a variant, columns UA and WA of each task of the study, published values beside.

    Attributes:
        title: one line.
        caption: what is compared, for a reader of the paper.
        system: name of a system.
        axis: what a sweep's row labels are (``lambda``); empty for a table that is no sweep.
        rows: variant -> label.
        differences: pairs to compare; Holm's correction runs over all of a task.
        published: the paper's numbers.
    """

    title: str
    caption: str
    system: Name
    axis: str = ""
    rows: Annotated[dict[Name, str | float], Field(min_length=1)]
    differences: tuple[Difference, ...] = ()
    published: PublishedScores | None = None

    @model_validator(mode="after")
    def _compares_its_own_rows(self) -> Self:
        for difference in self.differences:
            for variant in (difference.variant, difference.minus):
                if variant not in self.rows:
                    raise ValueError(f"'differences' names {variant!r}: expected a row of the table")
        if self.axis and not all(isinstance(label, int | float) for label in self.rows.values()):
            raise ValueError("'rows' of a sweep (with 'axis') are labelled by numbers")
        return self


class FigureConfig(Section):
    """One figure.

    Attributes:
        kind: ``confusion`` (a panel a variant), ``sweep`` (lines of a table over its axis) or
            ``embedding_pca`` (train and test of fold 0 and the study's first seed, a row a variant).
        title: one line.
        caption: what to see.
        system: name of a system, for ``confusion`` and ``embedding_pca``.
        variants: variant -> label, likewise.
        table: name of a table with an axis, for ``sweep``.
    """

    kind: Literal["confusion", "sweep", "embedding_pca"]
    title: str
    caption: str
    system: Name | None = None
    variants: dict[Name, str] = {}
    table: Name | None = None

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if (self.kind == "sweep") != (self.table is not None):
            raise ValueError("'table' goes with kind 'sweep', and only with it")
        if (self.kind != "sweep") != (self.system is not None and bool(self.variants)):
            raise ValueError("'system' and 'variants' go with kinds 'confusion' and 'embedding_pca'")
        return self


# --- the study -----------------------------------------------------------------------------------------------


class IntervalSettings(Section):
    """Confidence intervals: resampling of speakers."""

    resamples: Annotated[int, Field(ge=100)] = 10_000
    seed: int = 0


class StudyRequest(Section):
    """What ``config/config.yaml`` and its overlays may say."""

    study: Name
    title: str
    corpora_root: str = "data"
    tasks: Annotated[tuple[Name, ...], Field(min_length=1)]
    seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)]
    tables: tuple[Name, ...]
    figures: tuple[Name, ...] = ()
    systems: dict[Name, dict[str, Any]] = {}
    corpora: dict[Name, dict[str, Any]] = {}
    compute: ComputeSettings = ComputeSettings()
    intervals: IntervalSettings = IntervalSettings()


class Study(Section):
    """The study with every name looked up and every file checked; what ``common.smk`` works with."""

    study: str
    title: str
    corpora_root: str
    seeds: tuple[int, ...]
    compute: ComputeSettings
    intervals: IntervalSettings
    corpora: dict[str, CorpusConfig]
    tasks: dict[str, TaskConfig]
    features: dict[str, FeatureSettings]
    feature_notes: dict[str, tuple[Documented, ...]]
    systems: dict[str, SystemConfig]
    tables: dict[str, TableConfig]
    figures: dict[str, FigureConfig]


def load_study(config: Mapping[str, Any], config_dir: Path) -> Study:
    """Check a study and everything it names.

    Args:
        config: the merged content of ``config/config.yaml``, overlays and command line.
        config_dir: folder with ``corpora/``, ``tasks/``, ``features/``, ``systems/``, ``tables/``, ``figures/``.

    Returns:
        The study, with only what it names and every value checked.

    Raises:
        InputError: for an unknown key or name, an impossible value or a file that is no YAML,
            in one line a fault that names file and key and what was expected.
    """
    where = "study (config/config.yaml, --configfile or --config)"
    request = _checked(StudyRequest, dict(config), where)
    tables = {name: _load(TableConfig, config_dir, "tables", name) for name in request.tables}
    figures = {name: _load(FigureConfig, config_dir, "figures", name) for name in request.figures}
    tasks = {name: _load(TaskConfig, config_dir, "tasks", name) for name in request.tasks}
    for name, figure in figures.items():
        if figure.table is not None and not (figure.table in tables and tables[figure.table].axis):
            raise InputError(
                f"{config_dir / 'figures' / name}.yaml: table: {figure.table!r} is no sweep of this study; "
                f"expected one of {[t for t, table in tables.items() if table.axis]}"
            )
    corpora = {}
    for name in dict.fromkeys(task.corpus for task in tasks.values()):
        file = _existing(config_dir, "corpora", name)
        corpora[name] = _checked(CorpusConfig, _read_yaml(file) | request.corpora.get(name, {}), file)
    _only_known(request.corpora, _names(config_dir, "corpora"), f"{where}: corpora")

    wanted: dict[str, dict[str, str]] = {}  # system -> variant -> the file that asks for it
    for kind, items in (("tables", tables), ("figures", figures)):
        for name, item in items.items():
            if item.system is not None:
                variants = item.rows if isinstance(item, TableConfig) else item.variants
                for variant in variants:
                    wanted.setdefault(item.system, {}).setdefault(variant, f"{config_dir / kind / name}.yaml")
    _only_known(request.systems, _names(config_dir, "systems"), f"{where}: systems")
    systems = {
        name: _load_system(config_dir, name, request.systems.get(name, {}), variants, where)
        for name, variants in wanted.items()
    }
    features, feature_notes = {}, {}
    for system in systems.values():
        for variant in system.variants:
            name = system.run(variant).features
            if name not in features:
                features[name], feature_notes[name] = _load_features(config_dir, name)
    return Study(
        **{key: getattr(request, key) for key in ("study", "title", "corpora_root", "seeds")},
        compute=request.compute,
        intervals=request.intervals,
        corpora=corpora,
        tasks=tasks,
        features=features,
        feature_notes=feature_notes,
        systems=systems,
        tables=tables,
        figures=figures,
    )


def check_corpora(study: Study) -> None:
    """Check that the corpora lie where the study says.

    Args:
        study: the study; ``corpora_root`` is relative to the working directory.

    Raises:
        InputError: for a corpus without a folder, one line each; a synthetic one needs none.
    """
    faults = []
    for corpus in study.corpora.values():
        folder = Path(study.corpora_root) / corpus.folder
        if corpus.synthesis is None and not folder.is_dir():
            faults.append(
                f"corpora_root: {study.corpora_root}: has no folder {corpus.folder!r}; expected {folder} with "
                f"{corpus.title} (see docs/corpora.md), or --config corpora_root=..."
            )
    if faults:
        raise InputError("\n".join(faults))


def _load_system(
    config_dir: Path, name: str, overrides: dict[str, Any], wanted: Mapping[str, str], where: str
) -> SystemConfig:
    """One system with the variants a study wants; each checked as a whole."""
    file = _existing(config_dir, "systems", name)
    content = _read_yaml(file)
    variants = content.get("variants") or {}
    settings = _documented(content, file, known={"source", "published", "assumed", "variants"})
    base = {s.key: s.value for s in settings}
    for variant, asked_by in wanted.items():
        if variant not in variants:
            raise InputError(
                f"{asked_by}: variant {variant!r} is unknown; expected one of {', '.join(variants)} ({file})"
            )
    for origin, changes in [(f"{file}: variants: {v}", c or {}) for v, c in variants.items()] + [
        (f"{where}: systems: {name}", overrides)
    ]:
        _only_known(changes, base, origin)
        for key, value in changes.items():
            if not _same_kind(value, base[key]):
                raise InputError(f"{origin}: {key}: is {value!r}, expected something like {base[key]!r}")
    system = _checked(
        SystemConfig,
        {
            "source": content.get("source", ""),
            "settings": settings,
            "variants": {v: variants[v] or {} for v in wanted},
            "overrides": overrides,
        },
        file,
    )
    seen: dict[str, str] = {}
    for variant in system.variants:
        run = {k: v for k, v in system.variant(variant).items() if k in RunSettings.model_fields}
        _checked(RunSettings, run, f"{file}: variant {variant}")
        twin = seen.setdefault(repr(sorted(system.variant(variant).items())), variant)
        if twin != variant:
            raise InputError(
                f"{file}: variants {twin!r} and {variant!r} have the same settings"
                + (f" under the study's {overrides}" if overrides else "")
                + "; expected them to differ"
            )
    return system


def _load_features(config_dir: Path, name: str) -> tuple[FeatureSettings, tuple[Documented, ...]]:
    """One kind of features, with the pedigree of its settings."""
    file = _existing(config_dir, "features", name)
    settings = _documented(_read_yaml(file), file, known={"source", "published", "assumed"})
    return _checked(FeatureSettings, {s.key: s.value for s in settings}, file), settings


def _documented(content: dict[str, Any], file: Path, known: set[str]) -> tuple[Documented, ...]:
    """The settings of a file, each with where it is stated or why it was chosen."""
    _only_known(content, known, file)
    settings: dict[str, Documented] = {}
    for kind in ("published", "assumed"):
        for key, pair in (content.get(kind) or {}).items():
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[1], str)):
                raise InputError(f"{file}: {kind}: {key}: is {pair!r}, expected [value, where or why]")
            if key in settings:
                raise InputError(f"{file}: {key}: stands under published and assumed, expected one of them")
            settings[key] = Documented(key=key, value=pair[0], kind=kind, why=pair[1])
    return tuple(settings.values())


def _same_kind(value: Any, base: Any) -> bool:
    """Whether a value may replace a documented one: number for number, text for text."""
    if value is None or base is None:
        return True
    if isinstance(base, bool) or isinstance(value, bool):
        return isinstance(base, bool) and isinstance(value, bool)
    if isinstance(base, int | float):
        return isinstance(value, int | float)
    return isinstance(value, type(base))


def _load(section: type[S], config_dir: Path, kind: str, name: str) -> S:
    """One file ``config/<kind>/<name>.yaml``."""
    file = _existing(config_dir, kind, name)
    return _checked(section, _read_yaml(file), file)


def _names(config_dir: Path, kind: str) -> list[str]:
    return sorted(file.stem for file in (config_dir / kind).glob("*.yaml"))


def _existing(config_dir: Path, kind: str, name: str) -> Path:
    file = config_dir / kind / f"{name}.yaml"
    if not file.is_file():
        raise InputError(f"{file}: is named but missing; {kind} here: {', '.join(_names(config_dir, kind))}")
    return file


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: is no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{file}: is {type(content).__name__}, expected keys and values")
    return content


def _only_known(keys: Any, known: Any, where: Any) -> None:
    for key in keys:
        if key not in known:
            raise InputError(f"{where}: {key}: is unknown, expected one of {', '.join(sorted(known))}")


def _checked(section: type[S], content: dict[str, Any], where: Any) -> S:
    """The content as a section, or one line for each key that is wrong."""
    try:
        return section(**content)
    except ValidationError as error:
        lines = []
        for fault in error.errors(include_url=False):
            key = ".".join(str(part) for part in fault["loc"])
            if fault["type"] == "extra_forbidden":
                lines.append(f"{where}: {key}: is unknown, expected one of {', '.join(section.model_fields)}")
            elif fault["type"] == "missing":
                lines.append(f"{where}: {key}: is missing")
            elif fault["type"] == "value_error":
                lines.append(f"{where}: {fault['msg'].removeprefix('Value error, ')}")
            else:
                lines.append(f"{where}: {key}: is {fault['input']!r}; {fault['msg']}")
        raise InputError("\n".join(lines)) from error
