"""What a system is to the training loop: a batch goes in, an embedding and logits come out, losses have names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

from torch import Tensor, device
from torch.nn import Parameter


@dataclass(frozen=True)
class Batch:
    """Utterances of one update.

    Attributes:
        features: standardised spectrograms, zero beyond each utterance's end, (B, T, F).
        n_frames: frames of each utterance, (B,), int64.
        emotion: class index of each utterance, (B,), int64.
        teacher_embedding: what the variant's teacher made of each utterance, (B, D); None without one.
        speaker: index of each utterance's speaker among the training speakers, (B,), int64; -1 for a speaker
            who is not among them; None where nobody asked.
    """

    features: Tensor
    n_frames: Tensor
    emotion: Tensor
    teacher_embedding: Tensor | None = None
    speaker: Tensor | None = None


@dataclass(frozen=True)
class Output:
    """What a system says of a batch.

    Attributes:
        embedding: the utterances as the paper embeds them, (B, D).
        logits: before the softmax, (B, C).
    """

    embedding: Tensor
    logits: Tensor


@dataclass(frozen=True)
class TrainingData:
    """What a system may know of its training rows when it is built.

    Attributes:
        n_bins: frequency bins of a frame, F.
        class_counts: training utterances of each class of the task, C entries.
        n_frames: frames of every utterance where all have as many, T; else None.
        n_speakers: training speakers, S.
        n_updates: updates of the whole training, if it is not ended early.
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
    """What is asked of a ``torch.nn.Module``, as torch documents it."""

    def parameters(self) -> Iterator[Parameter]: ...  # noqa: D102  # torch documents it

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]: ...  # noqa: D102  # torch documents it

    def state_dict(self) -> dict[str, Any]: ...  # noqa: D102  # torch documents it

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> Any: ...  # noqa: D102  # torch documents it

    def train(self) -> Self: ...  # noqa: D102  # torch documents it

    def eval(self) -> Self: ...  # noqa: D102  # torch documents it

    def cpu(self) -> Self: ...  # noqa: D102  # torch documents it

    def to(self, device: device) -> Self: ...  # noqa: D102  # torch documents it


class System(Network, Protocol):
    """A paper's method, as the loop of ``training.fit`` sees it; also a ``torch.nn.Module``.

    Where parts of it learn faster or slower, ``learning_rate_factors`` says so: how the names of their
    parameters begin -> factor of the learning rate. A system without has one learning rate.

    A decomposer gives no logits: its output is its own, and the last weights are kept; see :class:`HasDevLosses`.
    """

    @property
    def min_frames(self) -> int:
        """The shortest utterance it can hear, in frames; shorter ones are padded."""

    def __call__(self, batch: Batch) -> Any:
        """The :class:`Output` of a batch; of a decomposer its own."""

    def losses(self, output: Any, batch: Batch) -> Mapping[str, Tensor]:
        """Terms of the loss of what it made of a batch, by name and weighted; the loop adds and records them."""

    def after_step(self, output: Any, batch: Batch) -> None:
        """What the method changes by rule instead of by gradient, after the optimiser's update."""


@runtime_checkable
class HasDevLosses(System, Protocol):
    """A system that says at each evaluation what it loses on utterances that do not train."""

    def dev_losses(self, batch: Batch) -> Mapping[str, Tensor]:
        """Terms by name, as ``losses`` has them."""
