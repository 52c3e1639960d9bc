"""Interface between systems and the training loop: batches in, embeddings, logits and named losses out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

from torch import Tensor, device
from torch.nn import Parameter

from emofactors.errors import InputError


@dataclass(frozen=True)
class Batch:
    """Utterances of one update.

    Attributes:
        features: standardised spectrograms, zero beyond each utterance's end, (B, T, F).
        n_frames: frames of each utterance, (B,), int64.
        emotion: class index of each utterance, (B,), int64.
        teacher_embedding: embedding of each utterance by the variant's teacher, (B, D); None without a teacher.
        speaker: index of each utterance's speaker among the training speakers, (B,), int64; -1 for any other
            speaker; None for systems that do not use speakers.
    """

    features: Tensor
    n_frames: Tensor
    emotion: Tensor
    teacher_embedding: Tensor | None = None
    speaker: Tensor | None = None


@dataclass(frozen=True)
class Output:
    """Output of a classifier for a batch.

    Attributes:
        embedding: embedding of each utterance, as defined by the paper, (B, D).
        logits: before the softmax, (B, C).
    """

    embedding: Tensor
    logits: Tensor


@dataclass(frozen=True)
class TrainingData:
    """Properties of the training data that a system is built from.

    Attributes:
        n_bins: frequency bins of a frame, F.
        class_counts: training utterances of each class of the task, C entries.
        n_frames: frames of every utterance if all have the same number, T; else None.
        n_speakers: training speakers, S.
        n_updates: updates of the whole training without early stopping.
    """

    n_bins: int
    class_counts: tuple[int, ...]
    n_frames: int | None = None
    n_speakers: int = 0
    n_updates: int = 0

    @property
    def n_classes(self) -> int:
        """Number of classes of the task, C."""
        return len(self.class_counts)


class Network(Protocol):
    """The methods of ``torch.nn.Module`` that are used here."""

    def parameters(self) -> Iterator[Parameter]: ...  # noqa: D102  # torch documents it

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]: ...  # noqa: D102  # torch documents it

    def state_dict(self) -> dict[str, Any]: ...  # noqa: D102  # torch documents it

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any: ...  # noqa: D102  # torch documents it

    def train(self) -> Self: ...  # noqa: D102  # torch documents it

    def eval(self) -> Self: ...  # noqa: D102  # torch documents it

    def cpu(self) -> Self: ...  # noqa: D102  # torch documents it

    def to(self, device: device) -> Self: ...  # noqa: D102  # torch documents it


class System(Network, Protocol):
    """A paper's method, a ``torch.nn.Module``, as used by ``training.fit``.

    The optional attribute ``learning_rate_factors`` maps prefixes of parameter names to factors of the learning
    rate; all other parameters have the factor 1.

    The output of a decomposer has no logits, and its last weights are saved; see :class:`HasDevLosses`.
    """

    @property
    def min_frames(self) -> int:
        """Minimum length of an utterance in frames; shorter ones are padded."""

    def __call__(self, batch: Batch) -> Any:
        """Return the :class:`Output` of a batch, or a decomposer's own output."""

    def losses(self, output: Any, batch: Batch) -> Mapping[str, Tensor]:
        """Return the weighted terms of the loss of a batch by name; the training loop sums and records them."""

    def after_step(self, output: Any, batch: Batch) -> None:
        """Update what the method does not train by gradient, after the optimiser's step."""


@runtime_checkable
class HasDevLosses(System, Protocol):
    """A system that is evaluated by its losses on dev utterances."""

    def dev_losses(self, batch: Batch) -> Mapping[str, Tensor]:
        """Return the terms of the loss by name, with the names of ``losses``."""


def check_at_least(system: str, minimum: float, **settings: float) -> None:
    """Check settings against a minimum.

    Raises:
        InputError: if one is lower.
    """
    for key, value in settings.items():
        if value < minimum:
            raise InputError(f"{system}: {key} is {value}, expected at least {minimum}")


def check_odd(system: str, key: str, value: int) -> None:
    """Check the size of a same-length convolution's kernel.

    Raises:
        InputError: if it is even or below 1.
    """
    if value < 1 or value % 2 == 0:
        raise InputError(f"{system}: {key} is {value}, expected odd and at least 1")
