"""Sections of config/systems/, and the settings of a training."""

from math import ceil
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from emofactors.config.base import Name, RunKey, Section
from emofactors.config.labels import Condition


class RunSettings(Section):
    """What every training has, whatever the system: the typed part of a system's settings.

    Attributes:
        features: name of the features the system sees.
        standardise: whether each frequency bin is brought to mean 0 and std 1 of the training rows.
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
        reconstructed: what is kept of the speech that is heard, as reconstructed by the decomposer the variant needs, a
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
    reconstructed: Condition | None = None

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
        decomposer: ``system/variant`` that reconstructs the speech the variant hears; it may be trained on another
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
        min_training_speakers: speakers a fold must train, or the system has nothing to learn from.
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
    min_training_speakers: Annotated[int, Field(ge=1)] = 1
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
