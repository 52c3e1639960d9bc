"""Speaker-invariant emotion embeddings by gradient reversal and entropy loss (Li et al., ICASSP 2020)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from emofactors.errors import InputError
from emofactors.nn.bilstm import ValidBilstm
from emofactors.nn.gradient_reversal import reversal_ramp, reverse_gradient
from emofactors.nn.pooling import mean_and_std
from emofactors.nn.posterior_entropy import posterior_entropy
from emofactors.nn.time_delay import TimeDelayStack
from emofactors.systems.base import Batch, Output, TrainingData, check_at_least, check_odd

#: Added to the variance of each dimension of the embedding, which may be 0.
_MIN_VARIANCE = 1e-5


class SpeakerAdversarial(nn.Module):
    """An encoder with an emotion head, trained against a speaker head.

    The speaker head is trained to classify the training speakers from detached
    embeddings. The encoder is trained against it in up to two ways: by the
    reversed gradient of the head's loss, and by the entropy of its posterior.
    If both weights are 0 there is no speaker head.

    A head trained on single batches cannot keep up with the encoder, which then
    only evades this head. Therefore the head is trained on a memory of recent
    embeddings and with a higher learning rate, and its inputs are standardised
    over the memory, because the encoder could evade it with small embeddings.

    Source: Li et al. 2020, gradient reversal and entropy loss; Ganin & Lempitsky 2015, gradient reversal and
    its ramp; settings in ``config/systems/speaker_adversarial.yaml``.

    Args:
        data: uses bins of a frame, training utterances of each class, training speakers, and updates.
        conv_channels: channels of each convolution over time.
        conv_kernel_size: kernel size of each convolution in frames, odd.
        conv_dilations: dilation of each convolution.
        lstm_units: units of the LSTM in each direction.
        embedding_dim: size of the embedding, D.
        emotion_hidden: units between embedding and classes.
        speaker_hidden: units between embedding and speakers.
        speaker_memory: embeddings of previous batches that also train the speaker head, M, at least 0.
        speaker_rate_factor: learning rate of the speaker head relative to the encoder's, above 0.
        grl_weight: weight of the reversed gradient, at least 0; 0: no reversal.
        entropy_weight: weight of the entropy of the speaker posterior, at least 0; 0: no entropy loss.

    Raises:
        InputError: if a setting is out of range, or a weight is above 0 with fewer than two training speakers
            or without updates.
    """

    #: The convolutions preserve the number of frames.
    min_frames = 1

    class_weights: Tensor
    memory: Tensor
    memory_speaker: Tensor
    step: Tensor

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
        speaker_memory: int,
        speaker_rate_factor: float,
        grl_weight: float,
        entropy_weight: float,
    ) -> None:
        super().__init__()
        check_at_least(
            "speaker_adversarial",
            1,
            conv_channels=conv_channels,
            lstm_units=lstm_units,
            embedding_dim=embedding_dim,
            emotion_hidden=emotion_hidden,
            speaker_hidden=speaker_hidden,
        )
        check_at_least(
            "speaker_adversarial",
            0,
            grl_weight=grl_weight,
            entropy_weight=entropy_weight,
            speaker_memory=speaker_memory,
        )
        check_odd("speaker_adversarial", "conv_kernel_size", conv_kernel_size)
        if not conv_dilations or min(conv_dilations) < 1:
            raise InputError(
                f"speaker_adversarial: conv_dilations is {list(conv_dilations)}, expected at least 1 each"
            )
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
        self.embed = nn.Linear(4 * lstm_units, embedding_dim)  # mean and std of both directions
        self.emotion_head = _head(embedding_dim, emotion_hidden, data.n_classes)
        self.speaker_head = None
        if grl_weight > 0 or entropy_weight > 0:
            check_at_least("speaker_adversarial", 2, training_speakers=data.n_speakers)
            check_at_least("speaker_adversarial", 1, updates=data.n_updates)
            # Built last, so that all variants with one seed start from the same encoder.
            self.speaker_head = _head(embedding_dim, speaker_hidden, data.n_speakers)
            self.register_buffer("memory", torch.zeros(speaker_memory, embedding_dim))  # (M, D)
            self.register_buffer("memory_speaker", torch.full((speaker_memory,), -1))  # (M,); -1: empty

        # The weight of a class without training utterances is unused.
        counts = torch.tensor(data.class_counts, dtype=torch.float32).clamp(min=1.0)
        self.register_buffer("class_weights", counts.mean() / counts)  # (C,)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    def forward(self, batch: Batch) -> Output:
        """Return embedding (B, D) and logits (B, C) of a batch."""
        n_frames = batch.features.shape[1]
        valid = torch.arange(n_frames, device=batch.n_frames.device) < batch.n_frames[:, None]  # (B, T)
        x = self.time_delay(batch.features, valid)
        with torch.autocast(x.device.type, enabled=False):  # recurrence accumulates rounding errors
            x = self.bilstm(x.float(), batch.n_frames)  # (B, T, 2 * units)
            embedding = self.embed(mean_and_std(x, valid))
            return Output(embedding=embedding, logits=self.emotion_head(embedding))

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted cross-entropy of the emotions and the adversarial losses.

        ``speaker``, the cross-entropy of the speakers, trains the speaker head only.
        ``reversal``, the same for the current batch with its gradient reversed, and
        ``entropy``, the negative entropy of the posterior, train the encoder only;
        their gradients are scaled by the ramp.

        Raises:
            InputError: if there is a speaker head, but the batch has no speakers.
        """
        losses = {"cross_entropy": F.cross_entropy(output.logits, batch.emotion, weight=self.class_weights)}
        if self.speaker_head is None:
            return losses
        if batch.speaker is None:
            raise InputError("speaker_adversarial: batch has no speakers, expected one per utterance")
        ramp = reversal_ramp((self.step / self.n_updates).clamp(max=1.0))
        embedding = torch.cat([self.memory, output.embedding.detach()])  # (M + B, D)
        speaker = torch.cat([self.memory_speaker, batch.speaker])
        mean, std = _mean_and_std(embedding, speaker >= 0)
        logits = self.speaker_head((embedding - mean) / std)
        losses["speaker"] = F.cross_entropy(logits, speaker, ignore_index=-1)
        # The head is frozen in these terms, which would otherwise train it to confuse the speakers.
        frozen = {name: parameter.detach() for name, parameter in self.speaker_head.named_parameters()}
        if self.grl_weight > 0:
            reversed_ = reverse_gradient(output.embedding, self.grl_weight * ramp)
            logits = functional_call(self.speaker_head, frozen, ((reversed_ - mean) / std,))  # (B, S)
            losses["reversal"] = F.cross_entropy(logits, batch.speaker, ignore_index=-1)
        if self.entropy_weight > 0:
            logits = functional_call(self.speaker_head, frozen, ((output.embedding - mean) / std,))
            losses["entropy"] = -self.entropy_weight * ramp * posterior_entropy(logits)
        return losses

    def after_step(self, output: Output, batch: Batch) -> None:
        """Count the updates for the ramp, and replace the oldest embeddings of the memory with the batch."""
        self.step += 1
        if self.speaker_head is not None and batch.speaker is not None:
            size = len(self.memory)
            embedding = output.embedding.detach().to(self.memory.dtype)
            self.memory = torch.cat([embedding, self.memory])[:size]
            self.memory_speaker = torch.cat([batch.speaker, self.memory_speaker])[:size]


def _mean_and_std(embedding: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and std (D,) of the embeddings (N, D) in a mask (N,); the std is never 0."""
    weight = mask.to(embedding.dtype)[:, None] / mask.sum().clamp(min=1)  # (N, 1)
    mean = (weight * embedding).sum(dim=0)
    variance = (weight * (embedding - mean).square()).sum(dim=0)
    return mean, (variance + _MIN_VARIANCE).sqrt()


def _head(n_in: int, n_hidden: int, n_out: int) -> nn.Sequential:
    """Two linear layers from (B, n_in) to logits (B, n_out)."""
    return nn.Sequential(nn.Linear(n_in, n_hidden), nn.ReLU(), nn.Linear(n_hidden, n_out))
