"""CNN-BiGRU with center loss on spectrograms (Dai et al., ICASSP 2019)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emofactors.errors import InputError
from emofactors.nn.center_loss import CenterLoss
from emofactors.nn.convolution import ConvolutionStack
from emofactors.nn.glorot import draw_glorot
from emofactors.nn.recurrent import LastStateBigru
from emofactors.systems.base import Batch, Output, TrainingData, check_at_least


class CnnBigru(nn.Module):
    """Convolutions, a BiGRU, an embedding layer and a classification layer.

    Initial weights are those of the public code's framework, as the scale of the initial embeddings is that of
    ``center_lambda``.

    Source: Dai et al. 2019, network and training; settings in ``config/systems/cnn_bigru.yaml``.

    Args:
        data: uses the bins of a frame and the training utterances of each class.
        conv_channels: channels of each convolution.
        conv_kernel_sizes: kernel size of each convolution.
        conv_strides: stride of each convolution.
        conv_pools: size of the max pooling after each convolution.
        gru_units: units of the GRU in each direction.
        embedding_dim: size of the embedding, to which the center loss applies, D.
        center_lambda: weight of the center loss, at least 0.
        center_alpha: update rate of the centers, in [0, 1].
        warm_up_steps: first updates, with center loss weight 0 and update rate 1, which initialise the centers.
        class_weight_offset: offset of the class counts in the class weights, ``max(n) / (n + offset)``.

    Raises:
        InputError: if a setting is out of range, or a frame has too few bins for the convolutions.
    """

    class_weights: Tensor
    step: Tensor

    def __init__(
        self,
        data: TrainingData,
        *,
        conv_channels: Sequence[int],
        conv_kernel_sizes: Sequence[int],
        conv_strides: Sequence[int],
        conv_pools: Sequence[int],
        gru_units: int,
        embedding_dim: int,
        center_lambda: float,
        center_alpha: float,
        warm_up_steps: int,
        class_weight_offset: float,
    ) -> None:
        super().__init__()
        check_at_least("cnn_bigru", 0, center_lambda=center_lambda)
        if not 0 <= center_alpha <= 1:
            raise InputError(f"cnn_bigru: center_alpha is {center_alpha}, expected 0 to 1")
        self.center_lambda = center_lambda
        self.center_alpha = center_alpha
        self.warm_up_steps = warm_up_steps

        self.convolutions = ConvolutionStack(conv_channels, conv_kernel_sizes, conv_strides, conv_pools)
        n_bins = self.convolutions.size_after(data.n_bins)
        if n_bins < 1:
            raise InputError(f"cnn_bigru: a frame has {data.n_bins} bins, expected more for these convolutions")
        self.bigru = LastStateBigru(conv_channels[-1] * n_bins, gru_units)
        self.embed = nn.Linear(2 * gru_units, embedding_dim)
        self.activation = nn.PReLU(embedding_dim)
        self.classify = nn.Linear(embedding_dim, data.n_classes)
        self.center_loss = CenterLoss(data.n_classes, embedding_dim)
        draw_glorot(self)

        counts = torch.tensor(data.class_counts, dtype=torch.float32)
        self.register_buffer("class_weights", counts.max() / (counts + class_weight_offset))  # (C,)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))

    @property
    def min_frames(self) -> int:
        """Minimum length of an utterance in frames; shorter ones are padded with silence."""
        return self.convolutions.min_frames

    def forward(self, batch: Batch) -> Output:
        """Return embedding (B, D) and logits (B, C) of a batch."""
        x, n_frames = self.convolutions(batch.features[:, None], batch.n_frames)  # (B, 96, T', F')
        x = x.permute(0, 2, 3, 1).flatten(2)  # (B, T', F' * 96)
        with torch.autocast(x.device.type, enabled=False):  # recurrence accumulates rounding errors
            vector = self.bigru(x.float(), n_frames)
            embedding = self.activation(self.embed(vector))
            return Output(embedding=embedding, logits=self.classify(embedding))

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted cross-entropy and, after the warm-up, lambda times the center loss."""
        center_lambda = 0.0 if self.step < self.warm_up_steps else self.center_lambda
        losses = {"cross_entropy": F.cross_entropy(output.logits, batch.emotion, weight=self.class_weights)}
        center = self.center_loss(output.embedding, batch.emotion, self.class_weights[batch.emotion])
        return losses | {"center": center_lambda * center}

    def after_step(self, output: Output, batch: Batch) -> None:
        """Move the centers, in the warm-up with rate 1, so that they start at the class means."""
        alpha = 1.0 if self.step < self.warm_up_steps else self.center_alpha
        self.center_loss.update(output.embedding, batch.emotion, alpha)
        self.step += 1
