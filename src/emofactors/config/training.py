"""Settings of a training that do not depend on its system."""

from math import ceil
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from emofactors.config.base import Name, Section
from emofactors.config.labels import Condition


class RunSettings(Section):
    """Settings that every network has: the typed part of a system's settings.

    Attributes:
        features: name of the input features.
        standardise: whether each frequency bin is scaled to mean 0 and std 1 over the training rows.
        standardise_by_speaker: whether mean and std are those of the utterance's speaker, over its training
            utterances, or over all of its utterances if none is a training utterance.
        batch_size: utterances per batch, B.
        pool_batches: number of batches whose utterances are sorted by length together: more means less padding
            and less mixing of lengths; with 1, batches are random.
        learning_rate: learning rate of Adam.
        weight_decay: decoupled weight decay of AdamW; with 0, the optimiser is Adam.
        max_steps: number of updates of a training; either this or ``max_epochs`` is given.
        max_epochs: number of epochs of a training.
        evaluate_every_steps: updates between evaluations on dev; none: one evaluation per epoch.
        select: which weights are saved: ``dev_ua``: those with the best UA on dev; ``last``: the last.
        select_after_step: evaluations up to this update are not selected.
        max_frames: longer utterances are cropped to this many frames around their center; none: not cropped.
        patience: evaluations without a better dev UA after which the training stops early; none: never.
        segment_frames: number of frames of the segments that utterances are split into, zero-padded if shorter;
            none: not split.
        pitch: name of the F0 features of a decomposer, in addition to ``features``; none for other systems.
        reconstructed: condition (see ``CONDITIONS``) of the reconstructed speech a variant is trained on; none:
            original speech.
    """

    features: Name
    standardise: bool = True
    standardise_by_speaker: bool = False
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
    def _check_end_and_selection(self) -> Self:
        if (self.max_steps is None) == (self.max_epochs is None):
            raise ValueError(
                f"'max_steps' is {self.max_steps}, 'max_epochs' {self.max_epochs}: expected one of the two"
            )
        if self.max_steps is not None and self.select_after_step >= self.max_steps:
            raise ValueError(
                f"'select_after_step' is {self.select_after_step}: expected below max_steps ({self.max_steps})"
            )
        if self.standardise_by_speaker and not self.standardise:
            raise ValueError("'standardise_by_speaker' requires 'standardise'")
        if self.select == "last" and self.patience is not None:
            raise ValueError("'patience' requires 'select: dev_ua'")
        if self.segment_frames is not None and self.max_frames is not None:
            raise ValueError(
                f"'max_frames' is {self.max_frames}: expected none together with 'segment_frames' "
                f"({self.segment_frames}), which uses whole utterances"
            )
        return self

    def n_updates(self, n_utterances: int) -> int:
        """Return the number of updates of a training on so many training utterances."""
        if self.max_steps is not None:
            return self.max_steps
        assert self.max_epochs is not None  # the validator requires one of the two
        return self.max_epochs * ceil(n_utterances / self.batch_size)


class SvmSettings(Section):
    """Settings of a support vector machine on functionals, one vector per utterance.

    Attributes:
        features: name of the functionals.
        kernel: ``linear``, or ``rbf`` with gamma 1 / F on standardised features.
        penalty: C, the penalty of training errors.
        balanced: whether errors are weighted inversely to the frequency of their class.
    """

    features: Name
    kernel: Literal["linear", "rbf"]
    penalty: Annotated[float, Field(gt=0)]
    balanced: bool


class ComputeSettings(Section):
    """Device, precision and threads of trainings.

    Attributes:
        device: ``auto`` selects cuda, then mps, then cpu.
        precision: ``float32``, or ``bfloat16`` for convolutions and matrix products (autocast).
        threads: threads of torch in one training. The number of threads changes the last bits of weights, so it
            is set here and does not follow ``--cores``.
        slots_per_gpu: trainings that share one GPU of a workstation.
        stream: whether utterances are read from disk batch by batch, for folds that do not fit into memory;
            otherwise a fold is held in memory.
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    threads: Annotated[int, Field(ge=1)] = 1
    slots_per_gpu: Annotated[int, Field(ge=1)] = 1
    stream: bool = False

    @property
    def of_results(self) -> dict[str, Any]:
        """Settings that results depend on; changes of the others re-run nothing."""
        return self.model_dump(mode="json", exclude={"slots_per_gpu", "stream"})
