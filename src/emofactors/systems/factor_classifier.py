"""Emotion classifier of spectrograms that are reconstructed from some factors of speech (Sun et al. 2021)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emofactors.errors import InputError
from emofactors.nn.acrnn import AttentionPooling, SameConvolutions
from emofactors.nn.deltas import deltas
from emofactors.systems.base import Batch, Output, TrainingData, check_at_least


class FactorClassifier(nn.Module):
    """ACRNN: convolutions over a spectrogram and its deltas, a BiLSTM, attention pooling and a linear layer.

    All segments have the same length, so no masks are needed. In evaluation
    batch norm uses running statistics, so that the output for a segment does
    not depend on its batch.

    Source: Sun et al. 2021, classifier of reconstructed speech; Chen et al. 2018, the network; settings in
    ``config/systems/factor_classifier.yaml``.

    Args:
        data: uses the bins of a frame, the frames of a segment, and the training segments of each class.
        delta_window: frames on either side in the regression of the deltas.
        conv_channels: channels of each convolution.
        conv_kernel_size: kernel size of the convolutions in frames and bins, odd.
        pool_size: size of the pooling after the first convolution in frames and bins.
        leaky_slope: negative slope of the leaky ReLU, at least 0.
        linear_units: units between convolutions and LSTM.
        lstm_units: units of the LSTM in each direction.
        attention_units: sigmoid units of a frame's attention score.
        embedding_dim: units between attention and classes, D.
        class_weighted: whether the loss weights segments inversely to the frequency of their class.

    Raises:
        InputError: if a setting is out of range, training segments differ in length, or they are smaller than the
            pooling.
    """

    class_weights: Tensor

    def __init__(
        self,
        data: TrainingData,
        *,
        delta_window: int,
        conv_channels: Sequence[int],
        conv_kernel_size: Sequence[int],
        pool_size: Sequence[int],
        leaky_slope: float,
        linear_units: int,
        lstm_units: int,
        attention_units: int,
        embedding_dim: int,
        class_weighted: bool,
    ) -> None:
        super().__init__()
        check_at_least(
            "factor_classifier",
            1,
            delta_window=delta_window,
            linear_units=linear_units,
            lstm_units=lstm_units,
            attention_units=attention_units,
            embedding_dim=embedding_dim,
        )
        check_at_least("factor_classifier", 0, leaky_slope=leaky_slope)
        if not conv_channels or min(conv_channels) < 1:
            raise InputError(
                f"factor_classifier: conv_channels is {list(conv_channels)}, expected at least 1 each"
            )
        if len(conv_kernel_size) != 2 or any(size < 1 or size % 2 == 0 for size in conv_kernel_size):
            raise InputError(
                f"factor_classifier: conv_kernel_size is {list(conv_kernel_size)}, "
                "expected frames and bins, both odd"
            )
        if len(pool_size) != 2 or min(pool_size) < 1:
            raise InputError(
                f"factor_classifier: pool_size is {list(pool_size)}, expected frames and bins, at least 1 each"
            )
        if data.n_frames is None:
            raise InputError(
                "factor_classifier: training utterances differ in length, expected segments (segment_frames)"
            )
        if data.n_frames < pool_size[0] or data.n_bins < pool_size[1]:
            raise InputError(
                f"factor_classifier: pool_size is {list(pool_size)}, "
                f"expected at most the {data.n_frames} frames and {data.n_bins} bins of a segment"
            )
        self.delta_window = delta_window
        self.leaky_slope = leaky_slope
        #: The pooling drops shorter segments.
        self.min_frames = pool_size[0]

        # Standardised features have std 1 and their deltas less, so each channel is normalised.
        self.channel_norm = nn.BatchNorm2d(3, affine=False, momentum=None)
        self.convolutions = SameConvolutions(
            3,
            conv_channels,
            kernel_size=(conv_kernel_size[0], conv_kernel_size[1]),
            pool_size=(pool_size[0], pool_size[1]),
            slope=leaky_slope,
        )
        self.linear = nn.Linear(conv_channels[-1] * (data.n_bins // pool_size[1]), linear_units)
        self.linear_norm = nn.BatchNorm1d(linear_units)
        self.bilstm = nn.LSTM(linear_units, lstm_units, batch_first=True, bidirectional=True)
        self.attention = AttentionPooling(2 * lstm_units, attention_units)
        self.embed = nn.Linear(2 * lstm_units, embedding_dim)
        self.classify = nn.Linear(embedding_dim, data.n_classes)

        # The weight of a class without training segments is unused.
        counts = torch.tensor(data.class_counts, dtype=torch.float32).clamp(min=1.0)
        weights = counts.mean() / counts if class_weighted else torch.ones_like(counts)
        self.register_buffer("class_weights", weights)  # (C,)

    def forward(self, batch: Batch) -> Output:
        """Return embedding (B, D) and logits (B, C) of a batch of segments."""
        delta = deltas(batch.features, self.delta_window)
        channels = [batch.features, delta, deltas(delta, self.delta_window)]
        x = torch.stack(channels, dim=1)  # (B, 3, T, F): with channels last in memory the norm is ten times slower
        x = self.convolutions(self.channel_norm(x))  # (B, C, T', F')
        x = self.linear(x.permute(0, 2, 3, 1).flatten(2))  # (B, T', units)
        with torch.autocast(x.device.type, enabled=False):  # recurrence accumulates rounding errors
            x = self.linear_norm(x.float().flatten(0, 1)).unflatten(0, x.shape[:2])
            x, _ = self.bilstm(F.leaky_relu(x, self.leaky_slope))  # (B, T', 2 * units)
            embedding = F.leaky_relu(self.embed(self.attention(x)), self.leaky_slope)
            return Output(embedding=embedding, logits=self.classify(embedding))

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return the cross-entropy, with class weights if ``class_weighted``."""
        return {"cross_entropy": F.cross_entropy(output.logits, batch.emotion, weight=self.class_weights)}

    def after_step(self, output: Output, batch: Batch) -> None:
        """Do nothing: all parameters are trained by gradient."""
