"""Emotion embeddings that hide the speaker: gradient reversal and entropy loss (Li et al., ICASSP 2020)."""

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
from emofactors.systems.base import Batch, Output, TrainingData

#: Added to the variance of a dimension of the embedding, which may be 0.
_LEAST_VARIANCE = 1e-5


class SpeakerAdversarial(nn.Module):
    """An encoder, its emotion head, and a speaker head that the encoder works against.

    The speaker head learns to tell the training speakers by embeddings that it
    cannot change. The encoder is led away from what it finds in up to two
    ways: by the head's own gradient, reversed, and by the entropy of its
    posterior. Without either weight there is no speaker head.

    An encoder easily outruns a head that hears one batch at a time, and hides
    from that head alone. So the head learns from a memory of recent
    embeddings, and faster than the encoder; and it hears each dimension
    standardised over them, or the encoder could hide by making it small.

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
        speaker_memory: embeddings of the latest batches that the speaker head learns from beside the current one,
            M, at least 0.
        speaker_rate_factor: learning rate of the speaker head, as a multiple of the encoder's, above 0.
        grl_weight: weight of the reversed gradient, at least 0; 0: none is reversed.
        entropy_weight: weight of the entropy of the speaker posterior, at least 0; 0: it is no term of the loss.

    Raises:
        InputError: if a setting is impossible, or there is a weight, but fewer than two training speakers
            or no number of updates.
    """

    #: Convolutions keep the number of frames, so that one is enough.
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
        if speaker_memory < 0:
            raise InputError(f"speaker_adversarial: speaker_memory is {speaker_memory}, expected at least 0")
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
        self.embed = nn.Linear(4 * lstm_units, embedding_dim)  # of both directions mean and std
        self.emotion_head = _head(embedding_dim, emotion_hidden, data.n_classes)
        self.speaker_head = None
        if grl_weight > 0 or entropy_weight > 0:
            _check_adversary(data)
            # Built last, so that with one seed every variant starts from the same encoder.
            self.speaker_head = _head(embedding_dim, speaker_hidden, data.n_speakers)
            self.register_buffer("memory", torch.zeros(speaker_memory, embedding_dim))  # (M, D)
            self.register_buffer("memory_speaker", torch.full((speaker_memory,), -1))  # (M,); -1: nobody

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
            embedding = self.embed(mean_and_std(x, valid))
            return Output(embedding=embedding, logits=self.emotion_head(embedding))

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Weighted cross-entropy of the emotions; with an adversary those of its head and against its head.

        ``speaker``, the cross-entropy of the speakers, trains their head alone;
        ``reversal``, the same of this batch with its gradient reversed, and
        ``entropy``, minus the posterior's, train the encoder alone. What reaches
        the encoder of these two follows the ramp.

        Raises:
            InputError: if there is an adversary, but the batch does not say who speaks.
        """
        losses = {"cross_entropy": F.cross_entropy(output.logits, batch.emotion, weight=self.class_weights)}
        if self.speaker_head is None:
            return losses
        if batch.speaker is None:
            raise InputError("speaker_adversarial: a batch has no speakers, expected that of each utterance")
        ramp = reversal_ramp((self.step / self.n_updates).clamp(max=1.0))
        heard = torch.cat([self.memory, output.embedding.detach()])  # (M + B, D)
        speaker = torch.cat([self.memory_speaker, batch.speaker])
        mean, std = _mean_and_std(heard, speaker >= 0)
        logits = self.speaker_head((heard - mean) / std)
        losses["speaker"] = F.cross_entropy(logits, speaker, ignore_index=-1)
        # The encoder moves against the head as it is: by these terms the head would learn to know nobody.
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
        """Count the updates, which the ramp follows; the batch takes the place of the oldest in the memory."""
        self.step += 1
        if self.speaker_head is not None and batch.speaker is not None:
            n_kept = len(self.memory)
            embedding = output.embedding.detach().to(self.memory.dtype)
            self.memory = torch.cat([embedding, self.memory])[:n_kept]
            self.memory_speaker = torch.cat([batch.speaker, self.memory_speaker])[:n_kept]


def _mean_and_std(embedding: Tensor, is_known: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and std (D,) of those embeddings (N, D) that are known (N,), the latter never 0."""
    weight = is_known.to(embedding.dtype)[:, None] / is_known.sum().clamp(min=1)  # (N, 1)
    mean = (weight * embedding).sum(dim=0)
    variance = (weight * (embedding - mean).square()).sum(dim=0)
    return mean, (variance + _LEAST_VARIANCE).sqrt()


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
