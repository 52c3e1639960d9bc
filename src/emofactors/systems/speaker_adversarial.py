"""Emotion embeddings that hide the speaker: gradient reversal and entropy loss (Li et al., ICASSP 2020)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from emofactors.errors import InputError
from emofactors.nn.bilstm import ValidBilstm
from emofactors.nn.gradient_reversal import reversal_ramp, reverse_gradient
from emofactors.nn.pooling import mean_and_deviation
from emofactors.nn.posterior_entropy import posterior_entropy
from emofactors.nn.time_delay import TimeDelayStack
from emofactors.systems.base import Batch, Output, TrainingData


class SpeakerAdversarial(nn.Module):
    """An encoder, its emotion head, and a speaker head that the encoder works against.

    The speaker head learns to tell the training speakers apart by the
    embedding. The encoder is led away from what it finds in up to two ways: by
    the head's own gradient, reversed, and by the entropy of its posterior.
    Without either weight there is no speaker head.

    The head hears each dimension standardised over the batch, or the encoder
    could hide from it by making the embedding small; and it may learn faster
    than the encoder, or it would be outrun and know less than the embedding holds.

    Source: Li et al. 2020, gradient reversal and entropy loss; Ganin & Lempitsky 2015, gradient reversal and
    its ramp; settings in ``config/systems/speaker_adversarial.yaml``.

    Args:
        data: bins of a frame, training utterances of each class, training speakers, and updates.
        conv_channels: channels of each convolution over time.
        conv_kernel_size: frames each convolution reads, odd.
        conv_dilations: dilation of each convolution.
        lstm_units: units of the LSTM in each direction.
        embedding_dim: size of the embedding, D.
        emotion_hidden: units between embedding and classes.
        speaker_hidden: units between embedding and speakers.
        speaker_rate_factor: learning rate of the speaker head, as a multiple of the encoder's, above 0.
        grl_weight: weight of the reversed gradient, at least 0; 0: none is reversed.
        entropy_weight: weight of the entropy of the speaker posterior, at least 0; 0: it is no term of the loss.

    Raises:
        InputError: if a setting is impossible, or there is a weight, but fewer than two training speakers
            or no number of updates.
    """

    #: Convolutions keep the number of frames, so that one is enough.
    least_frames = 1

    def __init__(
        self,
        data: TrainingData,
        *,
        conv_channels: int,
        conv_kernel_size: int,
        conv_dilations: Sequence[int],
        lstm_units: int,
        embedding_dim: int,
        emotion_hidden: int,
        speaker_hidden: int,
        speaker_rate_factor: float,
        grl_weight: float,
        entropy_weight: float,
    ) -> None:
        super().__init__()
        for key, size in {
            "conv_channels": conv_channels,
            "lstm_units": lstm_units,
            "embedding_dim": embedding_dim,
            "emotion_hidden": emotion_hidden,
            "speaker_hidden": speaker_hidden,
        }.items():
            if size < 1:
                raise InputError(f"speaker_adversarial: {key} is {size}, expected at least 1")
        if conv_kernel_size < 1 or conv_kernel_size % 2 == 0:
            raise InputError(
                f"speaker_adversarial: conv_kernel_size is {conv_kernel_size}, expected odd and at least 1"
            )
        if not conv_dilations or min(conv_dilations) < 1:
            raise InputError(
                f"speaker_adversarial: conv_dilations is {list(conv_dilations)}, expected at least 1 each"
            )
        for key, weight in {"grl_weight": grl_weight, "entropy_weight": entropy_weight}.items():
            if weight < 0:
                raise InputError(f"speaker_adversarial: {key} is {weight}, expected at least 0")
        if not speaker_rate_factor > 0:
            raise InputError(
                f"speaker_adversarial: speaker_rate_factor is {speaker_rate_factor}, expected above 0"
            )
        self.learning_rate_factors = {"speaker_head.": speaker_rate_factor}
        self.grl_weight = grl_weight
        self.entropy_weight = entropy_weight
        self.n_updates = data.n_updates

        self.time_delay = TimeDelayStack(
            data.n_bins, conv_channels, kernel_size=conv_kernel_size, dilations=conv_dilations
        )
        self.bilstm = ValidBilstm(conv_channels, lstm_units)
        self.embed = nn.Linear(4 * lstm_units, embedding_dim)  # of both directions mean and deviation
        self.emotion_head = _head(embedding_dim, emotion_hidden, data.n_classes)
        self.speaker_head = None
        if grl_weight > 0 or entropy_weight > 0:
            _check_adversary(data)
            # Built last, so that with one seed every variant starts from the same encoder.
            self.speaker_head = _head(embedding_dim, speaker_hidden, data.n_speakers)

        # A class without training utterances is never a target: its weight is not read.
        counts = torch.tensor(data.class_counts, dtype=torch.float32).clamp(min=1.0)
        self.register_buffer("class_weights", counts.mean() / counts)  # (C,)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: Batch) -> Output:
        """Embedding (B, D) and logits (B, C) of a batch."""
        n_frames = batch.features.shape[1]
        valid = torch.arange(n_frames, device=batch.n_frames.device) < batch.n_frames[:, None]  # (B, T)
        x = self.time_delay(batch.features, valid)
        with torch.autocast(x.device.type, enabled=False):  # a recurrence sums up rounding errors
            x = self.bilstm(x.float(), batch.n_frames)  # (B, T, 2 * units)
            embedding = self.embed(mean_and_deviation(x, valid))
            return Output(embedding=embedding, logits=self.emotion_head(embedding))

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Weighted cross-entropy of the emotions; with an adversary that of the speakers and the entropy.

        The cross-entropy of the speakers trains their head, and by the reversed
        gradient the encoder; minus the entropy trains the encoder alone. What
        reaches the encoder of both follows the ramp.

        Raises:
            InputError: if there is an adversary, but the batch does not say who speaks.
        """
        losses = {"cross_entropy": F.cross_entropy(output.logits, batch.emotion, weight=self.class_weights)}
        if self.speaker_head is None:
            return losses
        if batch.speaker is None:
            raise InputError("speaker_adversarial: a batch has no speakers, expected that of each utterance")
        ramp = reversal_ramp((self.step / self.n_updates).clamp(max=1.0))
        # Reversed with weight 0 no gradient passes: the head learns, and the encoder does not hear of it.
        embedding = reverse_gradient(output.embedding, self.grl_weight * ramp)
        losses["speaker"] = F.cross_entropy(
            self.speaker_head(_standardised(embedding)), batch.speaker, ignore_index=-1
        )
        if self.entropy_weight > 0:
            # By this term the head would learn to know nobody: it takes part with its parameters detached.
            frozen = {name: parameter.detach() for name, parameter in self.speaker_head.named_parameters()}
            logits = functional_call(self.speaker_head, frozen, (_standardised(output.embedding),))  # (B, S)
            losses["entropy"] = -self.entropy_weight * ramp * posterior_entropy(logits)
        return losses

    def after_step(self, output: Output, batch: Batch) -> None:
        """Count the updates, which the ramp follows."""
        self.step += 1


def _standardised(embedding: Tensor) -> Tensor:
    """Embeddings (B, D), each dimension at mean 0 and deviation 1 over the batch; one alone is zero."""
    if len(embedding) < 2:
        return embedding - embedding
    return F.batch_norm(embedding, None, None, training=True)


def _head(n_in: int, n_hidden: int, n_out: int) -> nn.Sequential:
    """Two linear layers: (B, n_in) to logits (B, n_out)."""
    return nn.Sequential(nn.Linear(n_in, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_out))


def _check_adversary(data: TrainingData) -> None:
    """An adversary needs speakers to tell apart, and the length of its ramp."""
    if data.n_speakers < 2:
        speakers = "1 speaker" if data.n_speakers == 1 else f"{data.n_speakers} speakers"
        raise InputError(f"speaker_adversarial: training has {speakers}, expected at least 2 to be told apart")
    if data.n_updates < 1:
        raise InputError(f"speaker_adversarial: training has {data.n_updates} updates, expected at least 1")
