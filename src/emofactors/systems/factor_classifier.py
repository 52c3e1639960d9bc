"""The classifier of factors: emotions of spectrograms that were reconstructed from some of them (Sun et al. 2021)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emofactors.errors import InputError
from emofactors.nn.acrnn import AttentionPooling, SameConvolutions
from emofactors.nn.deltas import deltas
from emofactors.systems.base import Batch, Output, TrainingData


class FactorClassifier(nn.Module):
    """An ACRNN: convolutions over a spectrogram and its deltas, a BiLSTM, attention, and the classes.

    It hears segments that all have as many frames, so that nothing in a batch
    has to be masked. In evaluation batch norm has running statistics: what it
    says of a segment does not depend on the others of its batch.

    Source: Sun et al. 2021, classifier of reconstructed speech; Chen et al. 2018, the network; settings in
    ``config/systems/factor_classifier.yaml``.

    Args:
        data: bins of a frame, frames of a segment, and training segments of each class.
        delta_window: frames to either side that a delta is taken over.
        conv_channels: channels of each convolution.
        conv_kernel_size: frames and bins each of them reads, odd.
        pool_size: frames and bins that become one after the first of them.
        leaky_slope: of the leaky ReLU below 0, at least 0.
        linear_units: units between convolutions and LSTM.
        lstm_units: units of the LSTM in each direction.
        attention_units: sigmoids that the score of a frame is made of.
        embedding_dim: units between attention and classes, D.
        class_weighted: whether a segment weighs more the rarer its class is in training.

    Raises:
        InputError: if a setting is impossible, training segments differ in length, or they are smaller than the
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
        for key, size in {
            "delta_window": delta_window,
            "linear_units": linear_units,
            "lstm_units": lstm_units,
            "attention_units": attention_units,
            "embedding_dim": embedding_dim,
        }.items():
            if size < 1:
                raise InputError(f"factor_classifier: {key} is {size}, expected at least 1")
        if not conv_channels or min(conv_channels) < 1:
            raise InputError(
                f"factor_classifier: conv_channels is {list(conv_channels)}, expected at least 1 each"
            )
        if len(conv_kernel_size) != 2 or any(size < 1 or size % 2 == 0 for size in conv_kernel_size):
            raise InputError(
                f"factor_classifier: conv_kernel_size is {list(conv_kernel_size)}, "
                "expected frames and bins, odd both"
            )
        if len(pool_size) != 2 or min(pool_size) < 1:
            raise InputError(
                f"factor_classifier: pool_size is {list(pool_size)}, expected frames and bins, at least 1 each"
            )
        if leaky_slope < 0:
            raise InputError(f"factor_classifier: leaky_slope is {leaky_slope}, expected at least 0")
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
        #: Shorter ones would be pooled away.
        self.min_frames = pool_size[0]

        # Standardised features have std 1, their deltas less: each channel is brought to the same.
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

        # A class without training segments is never a target: its weight is not read.
        counts = torch.tensor(data.class_counts, dtype=torch.float32).clamp(min=1.0)
        weights = counts.mean() / counts if class_weighted else torch.ones_like(counts)
        self.register_buffer("class_weights", weights)  # (C,)

    def forward(self, batch: Batch) -> Output:
        """Embedding (B, D) and logits (B, C) of a batch of segments."""
        change = deltas(batch.features, self.delta_window)
        channels = [batch.features, change, deltas(change, self.delta_window)]
        x = torch.stack(channels, dim=3).permute(0, 3, 1, 2)  # (B, 3, T, F), channels side by side in memory
        x = self.convolutions(self.channel_norm(x))  # (B, C, T', F')
        x = self.linear(x.permute(0, 2, 3, 1).flatten(2))  # (B, T', units)
        with torch.autocast(x.device.type, enabled=False):  # a recurrence sums up rounding errors
            x = self.linear_norm(x.float().flatten(0, 1)).unflatten(0, x.shape[:2])
            x, _ = self.bilstm(F.leaky_relu(x, self.leaky_slope))  # (B, T', 2 * units)
            embedding = F.leaky_relu(self.embed(self.attention(x)), self.leaky_slope)
            return Output(embedding=embedding, logits=self.classify(embedding))

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Cross-entropy, weighted by class if the settings say so."""
        return {"cross_entropy": F.cross_entropy(output.logits, batch.emotion, weight=self.class_weights)}

    def after_step(self, output: Output, batch: Batch) -> None:
        """Nothing here changes but by gradient."""
