"""Layers of SpeechFlow: bottleneck encoders of content, rhythm and pitch, and decoders of their codes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Codes:
    """Codes of speech: one for every ``downsample`` frames, T' per utterance.

    Attributes:
        content: (B, T', 2 * content units).
        rhythm: (B, T', 2 * rhythm units).
        pitch: (B, T', 2 * pitch units).

    Example:
        >>> codes = Codes(content=torch.zeros(1, 8, 16), rhythm=torch.zeros(1, 8, 2), pitch=torch.zeros(1, 8, 64))
        >>> torch.cat([codes.rhythm, codes.pitch], dim=2).shape  # input of a pitch decoder
        torch.Size([1, 8, 66])
    """

    content: Tensor
    rhythm: Tensor
    pitch: Tensor


class NormedConvolution(nn.Module):
    """A same-length convolution over time, group norm and ReLU.

    Source: Qian et al. 2020, encoders; public code of SpeechSplit.

    Args:
        n_in: input features of a frame.
        n_out: output features of a frame, a multiple of ``channels_per_group``.
        kernel_size: kernel size in frames, odd.
        channels_per_group: channels of a group of the norm.

    Raises:
        ValueError: if ``kernel_size`` is even, or ``n_out`` is no multiple of ``channels_per_group``.

    Example:
        >>> layer = NormedConvolution(80, 512, kernel_size=5, channels_per_group=16)
        >>> layer(torch.randn(2, 80, 64)).shape
        torch.Size([2, 512, 64])
    """

    def __init__(self, n_in: int, n_out: int, *, kernel_size: int, channels_per_group: int) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size is {kernel_size}, expected odd")
        if n_out % channels_per_group:
            raise ValueError(f"n_out is {n_out}, expected a multiple of channels_per_group ({channels_per_group})")
        self.convolution = nn.Conv1d(n_in, n_out, kernel_size, padding=kernel_size // 2)
        nn.init.xavier_uniform_(self.convolution.weight, gain=nn.init.calculate_gain("relu"))
        self.norm = nn.GroupNorm(n_out // channels_per_group, n_out)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (B, n_in, T) to (B, n_out, T)."""
        return F.relu(self.norm(self.convolution(x)))


class CodeLstm(nn.Module):
    """A bidirectional LSTM with few units, downsampled in time: an information bottleneck.

    In each block of ``downsample`` frames the forward direction is taken at the
    last frame and the backward direction at the first, so that both cover the
    whole block.

    Source: Qian et al. 2020, information bottlenecks; public code of SpeechSplit.

    Args:
        n_in: features of a frame.
        n_units: units of each direction, U.
        n_layers: layers of the LSTM.
        downsample: frames per code.

    Example:
        >>> lstm = CodeLstm(512, 8, n_layers=2, downsample=8)
        >>> lstm(torch.randn(2, 512, 64)).shape
        torch.Size([2, 8, 16])
    """

    def __init__(self, n_in: int, n_units: int, *, n_layers: int, downsample: int) -> None:
        super().__init__()
        self.downsample = downsample
        self.lstm = nn.LSTM(n_in, n_units, n_layers, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``x`` (B, n_in, T) to codes (B, T / downsample, 2 U), float32.

        Raises:
            ValueError: if T is no multiple of ``downsample``.
        """
        if x.shape[2] % self.downsample:
            raise ValueError(f"x has {x.shape[2]} frames, expected a multiple of downsample ({self.downsample})")
        with torch.autocast(x.device.type, enabled=False):  # recurrence accumulates rounding errors
            x, _ = self.lstm(x.float().transpose(1, 2))  # (B, T, 2 U)
        forward, backward = x.chunk(2, dim=2)
        return torch.cat([forward[:, self.downsample - 1 :: self.downsample], backward[:, :: self.downsample]], 2)


class SpeechEncoder(nn.Module):
    """Bottleneck encoders of content, rhythm and pitch; content and pitch can be resampled in time.

    Source: Qian et al. 2020, encoders; public code of SpeechSplit, ``Encoder_7`` and ``Encoder_t``.

    Args:
        n_mels: Mel bands, F.
        n_pitch_bins: pitch bins, P.
        content_channels: channels of each convolution of the content encoder.
        content_units: units of its LSTM in each direction.
        content_lstm_layers: layers of its LSTM.
        pitch_channels: channels of each convolution of the pitch encoder.
        pitch_units: units of its LSTM in each direction.
        n_layers: convolutions of the content encoder, and of the pitch encoder.
        rhythm_channels: channels of the single convolution of the rhythm encoder.
        rhythm_units: units of its LSTM in each direction.
        kernel_size: kernel size of every convolution in frames, odd.
        channels_per_group: channels of a group of the norm.
        downsample: frames per code.

    Example:
        >>> encoder = SpeechEncoder(
        ...     n_mels=80,
        ...     n_pitch_bins=257,
        ...     content_channels=32,
        ...     content_units=8,
        ...     content_lstm_layers=2,
        ...     pitch_channels=32,
        ...     pitch_units=32,
        ...     n_layers=3,
        ...     rhythm_channels=16,
        ...     rhythm_units=1,
        ...     kernel_size=5,
        ...     channels_per_group=16,
        ...     downsample=8,
        ... )
        >>> mel, pitch = torch.rand(2, 64, 80), torch.zeros(2, 64, 257)
        >>> codes = encoder(content=mel, pitch=pitch, rhythm=mel)
        >>> codes.content.shape, codes.rhythm.shape, codes.pitch.shape
        (torch.Size([2, 8, 16]), torch.Size([2, 8, 2]), torch.Size([2, 8, 64]))
    """

    def __init__(
        self,
        n_mels: int,
        n_pitch_bins: int,
        *,
        content_channels: int,
        content_units: int,
        content_lstm_layers: int,
        pitch_channels: int,
        pitch_units: int,
        n_layers: int,
        rhythm_channels: int,
        rhythm_units: int,
        kernel_size: int,
        channels_per_group: int,
        downsample: int,
    ) -> None:
        super().__init__()

        def convolutions(n_in: int, channels: int, n: int) -> nn.ModuleList:
            return nn.ModuleList(
                NormedConvolution(size, channels, kernel_size=kernel_size, channels_per_group=channels_per_group)
                for size in [n_in, *[channels] * (n - 1)]
            )

        self.content_convolutions = convolutions(n_mels, content_channels, n_layers)
        self.pitch_convolutions = convolutions(n_pitch_bins, pitch_channels, n_layers)
        self.rhythm_convolutions = convolutions(n_mels, rhythm_channels, 1)
        self.content_lstm = CodeLstm(
            content_channels, content_units, n_layers=content_lstm_layers, downsample=downsample
        )
        self.pitch_lstm = CodeLstm(pitch_channels, pitch_units, n_layers=1, downsample=downsample)
        self.rhythm_lstm = CodeLstm(rhythm_channels, rhythm_units, n_layers=1, downsample=downsample)

    def forward(
        self, content: Tensor, pitch: Tensor, rhythm: Tensor, resampling: Sequence[Tensor] | None = None
    ) -> Codes:
        """Encode a batch; T is a multiple of ``downsample``.

        Args:
            content: Mel spectrogram for the content encoder, (B, T, F).
            pitch: one-hot pitch bins for the pitch encoder, (B, T, P).
            rhythm: Mel spectrogram for the rhythm encoder, (B, T, F).
            resampling: interpolation weights (B, T, T) that are applied to content and pitch after each
                convolution, see :func:`emofactors.nn.random_resampling.resampling_weights`; None: no resampling.
        """
        content, pitch, rhythm = (x.transpose(1, 2) for x in (content, pitch, rhythm))  # (B, features, T)
        for layer, (content_convolution, pitch_convolution) in enumerate(
            zip(self.content_convolutions, self.pitch_convolutions, strict=True)
        ):
            content, pitch = content_convolution(content), pitch_convolution(pitch)
            if resampling is not None:
                weights = resampling[layer].transpose(1, 2)
                content, pitch = content @ weights, pitch @ weights
        for convolution in self.rhythm_convolutions:
            rhythm = convolution(rhythm)
        return Codes(
            content=self.content_lstm(content), rhythm=self.rhythm_lstm(rhythm), pitch=self.pitch_lstm(pitch)
        )


class CodeDecoder(nn.Module):
    """Upsampling of codes by repetition, a bidirectional LSTM and a linear layer.

    Source: Qian et al. 2020, decoders; public code of SpeechSplit, ``Decoder_3`` and ``Decoder_4``.

    Args:
        n_in: size of a code.
        n_units: units of the LSTM in each direction.
        n_layers: layers of the LSTM.
        n_out: size of an output frame.
        downsample: frames per code.

    Example:
        >>> decoder = CodeDecoder(16 + 2 + 64 + 32, 64, n_layers=1, n_out=80, downsample=8)
        >>> decoder(torch.randn(2, 8, 114)).shape
        torch.Size([2, 64, 80])
    """

    def __init__(self, n_in: int, n_units: int, *, n_layers: int, n_out: int, downsample: int) -> None:
        super().__init__()
        self.downsample = downsample
        self.lstm = nn.LSTM(n_in, n_units, n_layers, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(2 * n_units, n_out)
        nn.init.xavier_uniform_(self.linear.weight)  # as the public code's LinearNorm

    def forward(self, codes: Tensor) -> Tensor:
        """Map ``codes`` (B, T', n_in) to frames (B, T' * downsample, n_out), float32."""
        # On CPUs an LSTM is slower in bfloat16 than in float32.
        with torch.autocast(codes.device.type, enabled=False):
            x, _ = self.lstm(codes.float().repeat_interleave(self.downsample, dim=1))
            return self.linear(x)


class SpeakerEmbedding(nn.Module):
    """Embeddings of the training speakers, all of one norm, and their mean for any other speaker.

    Args:
        n_speakers: training speakers, S.
        dim: size of an embedding, E; its norm is the root of E, as if its entries had std 1.

    Example:
        >>> embedding = SpeakerEmbedding(n_speakers=20, dim=32)
        >>> embedding(torch.tensor([0, 19, -1])).shape  # the last is an unknown speaker
        torch.Size([3, 32])
    """

    def __init__(self, n_speakers: int, dim: int) -> None:
        super().__init__()
        self.length = dim**0.5
        self.rows = nn.Parameter(torch.randn(n_speakers, dim))

    def forward(self, speaker: Tensor) -> Tensor:
        """Map speakers (B,) to embeddings (B, E): indices of training speakers, or -1 for any other speaker."""
        rows = self.length * F.normalize(self.rows, dim=1)
        mean = self.length * F.normalize(rows.mean(dim=0, keepdim=True), dim=1)
        return torch.cat([rows, mean])[speaker]  # -1 is the last
