"""SpeechFlow with random cycle loss: decomposition into content, rhythm, pitch and speaker (Sun et al. 2021)."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emofactors.config.labels import FACTORS
from emofactors.errors import InputError
from emofactors.nn.cycle_loss import Cycled, Substitution, cycle, draw_substitution
from emofactors.nn.pitch_bins import N_PITCH_BINS, pitch_bins
from emofactors.nn.random_resampling import draw_segments, resampling_weights
from emofactors.nn.speechflow import CodeDecoder, Codes, SpeakerEmbedding, SpeechEncoder
from emofactors.systems.base import Batch, TrainingData, check_at_least, check_odd


@dataclass(frozen=True)
class Reconstruction:
    """A batch of speech, reconstructed from its codes.

    Attributes:
        mel: reconstructed Mel spectrogram, (B, T, F).
        pitch: reconstructed pitch, one value per bin, (B, T, 257).
        target_mel: original Mel spectrogram, (B, T, F).
        target_bins: bins of the original pitch, (B, T), int64.
        cycle: cycle loss without its weight; None if it is not computed.
    """

    mel: Tensor
    pitch: Tensor
    target_mel: Tensor
    target_bins: Tensor
    cycle: Tensor | None


class SpeechFlow(nn.Module):
    """Decomposer with three bottleneck encoders; speech is reconstructed from their codes and a speaker embedding.

    The input has Mel bands and, in the last column, the pitch: log-F0 normalised
    by speaker to [0, 1], 0 or less where unvoiced. Training uses crops, which
    have one length per batch, so that nothing is padded.

    Source: Qian et al. 2020, SpeechSplit, network; Sun et al. 2021, CycleFlow, the decoder of pitch and the random
    cycle loss; settings in ``config/systems/speechflow.yaml``.

    Args:
        data: uses the bins of a frame (Mel bands and pitch) and the training speakers.
        content_channels: channels of each convolution of the content encoder.
        content_layers: convolutions of the content and of the pitch encoder, which are resampled together.
        content_lstm_layers: layers of the content encoder's LSTM.
        content_units: its units in each direction.
        pitch_channels: channels of each convolution of the pitch encoder.
        pitch_units: units of its LSTM in each direction.
        rhythm_channels: channels of the rhythm encoder's convolution.
        rhythm_units: units of its LSTM in each direction.
        conv_kernel_size: kernel size of each convolution in frames, odd.
        channels_per_group: channels of a group of the norms.
        decoder_units: units of the Mel decoder's LSTM in each direction.
        decoder_layers: its layers.
        pitch_decoder_units: units of the pitch decoder's LSTM in each direction.
        pitch_decoder_layers: its layers.
        speaker_dim: size of a speaker embedding, E.
        mean_speaker_share: share of training utterances with the mean embedding instead of their speaker's, in
            [0, 1), which trains the decoder for unknown speakers.
        downsample: frames per code.
        reconstructed_frames: frames of the segments that are reconstructed for classifiers, a multiple of
            ``downsample``.
        crop_frames: minimum and maximum length of a crop, multiples of ``downsample``.
        resampled_frames: minimum and maximum length of a resampled segment.
        resampling: minimum and maximum scale of a resampled segment.
        resample_cycle: whether the encoders of the cycle also resample after each convolution.
        mel_weight: weight of the error of the Mel spectrogram, at least 0.
        f0_weight: weight of the error of the pitch, at least 0.
        cycle_weight: weight of the cycle loss, at least 0; 0: not computed.

    Raises:
        InputError: if a setting is out of range, or there are too few bins or no training speakers.
    """

    def __init__(
        self,
        data: TrainingData,
        *,
        content_channels: int,
        content_layers: int,
        content_lstm_layers: int,
        content_units: int,
        pitch_channels: int,
        pitch_units: int,
        rhythm_channels: int,
        rhythm_units: int,
        conv_kernel_size: int,
        channels_per_group: int,
        decoder_units: int,
        decoder_layers: int,
        pitch_decoder_units: int,
        pitch_decoder_layers: int,
        speaker_dim: int,
        mean_speaker_share: float,
        downsample: int,
        reconstructed_frames: int,
        crop_frames: Sequence[int],
        resampled_frames: Sequence[int],
        resampling: Sequence[float],
        resample_cycle: bool,
        mel_weight: float,
        f0_weight: float,
        cycle_weight: float,
    ) -> None:
        super().__init__()
        check_at_least(
            "speechflow",
            1,
            content_channels=content_channels,
            content_layers=content_layers,
            content_lstm_layers=content_lstm_layers,
            content_units=content_units,
            pitch_channels=pitch_channels,
            pitch_units=pitch_units,
            rhythm_channels=rhythm_channels,
            rhythm_units=rhythm_units,
            channels_per_group=channels_per_group,
            decoder_units=decoder_units,
            decoder_layers=decoder_layers,
            pitch_decoder_units=pitch_decoder_units,
            pitch_decoder_layers=pitch_decoder_layers,
            speaker_dim=speaker_dim,
            downsample=downsample,
            reconstructed_frames=reconstructed_frames,
            training_speakers=data.n_speakers,
        )
        check_at_least("speechflow", 0, mel_weight=mel_weight, f0_weight=f0_weight, cycle_weight=cycle_weight)
        check_odd("speechflow", "conv_kernel_size", conv_kernel_size)
        _check_multiple("content_channels", content_channels, "channels_per_group", channels_per_group)
        _check_multiple("pitch_channels", pitch_channels, "channels_per_group", channels_per_group)
        _check_multiple("rhythm_channels", rhythm_channels, "channels_per_group", channels_per_group)
        _check_multiple("reconstructed_frames", reconstructed_frames, "downsample", downsample)
        _check_range("crop_frames", crop_frames, minimum=downsample)
        for n_frames in crop_frames:
            _check_multiple("crop_frames", n_frames, "downsample", downsample)
        _check_range("resampled_frames", resampled_frames, minimum=2)
        _check_range("resampling", resampling, minimum=0.01)
        if not 0 <= mean_speaker_share < 1:
            raise InputError(
                f"speechflow: mean_speaker_share is {mean_speaker_share}, expected at least 0 and below 1"
            )
        if data.n_bins < 2:
            raise InputError(f"speechflow: a frame has {data.n_bins} bins, expected Mel bands and the pitch")
        self.downsample = downsample
        self.reconstructed_frames = reconstructed_frames
        self.crop_frames = tuple(crop_frames)
        self.resampled_frames = (resampled_frames[0], resampled_frames[1])
        self.resampling = (resampling[0], resampling[1])
        self.n_resamplings = content_layers
        self.resample_cycle = resample_cycle
        self.mean_speaker_share = mean_speaker_share
        self.mel_weight = mel_weight
        self.f0_weight = f0_weight
        self.cycle_weight = cycle_weight

        n_mels = data.n_bins - 1
        self.encoder = SpeechEncoder(
            n_mels,
            N_PITCH_BINS,
            content_channels=content_channels,
            content_units=content_units,
            content_lstm_layers=content_lstm_layers,
            pitch_channels=pitch_channels,
            pitch_units=pitch_units,
            n_layers=content_layers,
            rhythm_channels=rhythm_channels,
            rhythm_units=rhythm_units,
            kernel_size=conv_kernel_size,
            channels_per_group=channels_per_group,
            downsample=downsample,
        )
        self.speakers = SpeakerEmbedding(data.n_speakers, speaker_dim)
        self.decoder = CodeDecoder(
            2 * (content_units + rhythm_units + pitch_units) + speaker_dim,
            decoder_units,
            n_layers=decoder_layers,
            n_out=n_mels,
            downsample=downsample,
        )
        self.pitch_decoder = CodeDecoder(
            2 * (rhythm_units + pitch_units),
            pitch_decoder_units,
            n_layers=pitch_decoder_layers,
            n_out=N_PITCH_BINS,
            downsample=downsample,
        )

    @property
    def min_frames(self) -> int:
        """Minimum length of an utterance, that of a crop; shorter ones are padded with silence."""
        return self.crop_frames[0]

    def forward(self, batch: Batch) -> Reconstruction:
        """Reconstruct a batch: random crops in training; in evaluation whole utterances, padded to whole codes.

        Raises:
            InputError: if the batch has no speakers.
        """
        if batch.speaker is None:
            raise InputError("speechflow: batch has no speakers, expected one per utterance")
        if not self.training:
            return self.forward_speech(self._padded(batch), batch.speaker)
        speaker = batch.speaker
        if self.mean_speaker_share > 0:
            is_mean = torch.rand(len(speaker)).to(speaker.device) < self.mean_speaker_share
            speaker = speaker.masked_fill(is_mean, -1)
        return self.forward_speech(self._cropped(batch), speaker)

    def forward_speech(self, speech: Tensor, speaker: Tensor) -> Reconstruction:
        """Reconstruct speech (B, T, F + 1) of speakers (B,); in training with random resampling and cycle loss."""
        codes = self.encode(speech)
        embedding = self.speaker_embedding(speaker)
        if self.training and self.cycle_weight > 0:
            cycled = self._cycled(codes, embedding, draw_substitution(len(speech), len(FACTORS)))
            (mel, pitch), loss = cycled.decoded, cycled.loss
        else:
            mel, pitch, loss = self.decode(codes, embedding), self.decode_pitch(codes), None
        return Reconstruction(
            mel=mel, pitch=pitch, target_mel=speech[..., :-1], target_bins=pitch_bins(speech[..., -1]), cycle=loss
        )

    def losses(self, output: Reconstruction, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted squared errors of Mel spectrogram and pitch, and the weighted cycle loss, if any."""
        target = _one_hot(output.target_bins)
        losses = {
            "mel": self.mel_weight * F.mse_loss(output.mel, output.target_mel),
            "f0": self.f0_weight * F.mse_loss(output.pitch, target),
        }
        if output.cycle is not None:
            losses["cycle"] = self.cycle_weight * output.cycle
        return losses

    def dev_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the errors of Mel spectrogram and pitch of dev utterances, weighted as in training."""
        return self.losses(self(batch), batch)

    def after_step(self, output: Reconstruction, batch: Batch) -> None:
        """Do nothing: all parameters are trained by gradient."""

    def encode(self, speech: Tensor, factors: Collection[str] = FACTORS) -> Codes:
        """Encode speech; in training with random resampling.

        Args:
            speech: Mel bands and pitch, (B, T, F + 1), with T a multiple of ``downsample``.
            factors: factors whose encoders get the speech; the others get zeros.

        Returns:
            The codes, T / downsample per utterance.

        Raises:
            ValueError: if T is no multiple of ``downsample``, or ``factors`` has an unknown name.
        """
        n_utterances, n_frames, _ = speech.shape
        if n_frames % self.downsample:
            raise ValueError(f"speech has {n_frames} frames, expected a multiple of {self.downsample}")
        if not set(factors) <= set(FACTORS):
            raise ValueError(f"factors is {sorted(factors)}, expected some of {', '.join(FACTORS)}")
        resampled, resampling = speech, None
        if self.training:
            at_input, *resampling = self._draw_resamplings(
                1 + self.n_resamplings, n_utterances, n_frames, speech.device
            )
            # bfloat16 would round the pitch to fewer steps than it has bins. Where the segments end early the
            # pitch becomes 0, which is unvoiced as well.
            with torch.autocast(speech.device.type, enabled=False):
                resampled = at_input @ speech
        mel, pitch = resampled[..., :-1], _one_hot(pitch_bins(resampled[..., -1]))
        return self.encoder(
            content=mel if "content" in factors else torch.zeros_like(mel),
            pitch=pitch if "pitch" in factors else torch.zeros_like(pitch),
            rhythm=speech[..., :-1] if "rhythm" in factors else torch.zeros_like(mel),
            resampling=resampling,
        )

    def speaker_embedding(self, speaker: Tensor) -> Tensor:
        """Return embeddings (B, E) of speakers (B,): indices of training speakers, or -1 for their mean."""
        return self.speakers(speaker)

    def decode(self, codes: Codes, speaker: Tensor) -> Tensor:
        """Return the Mel spectrogram (B, T, F) of codes and speaker embeddings (B, E)."""
        speaker = speaker[:, None].expand(-1, codes.content.shape[1], -1)  # (B, T', E)
        return self.decoder(torch.cat([codes.content, codes.rhythm, codes.pitch, speaker], dim=2))

    def decode_pitch(self, codes: Codes) -> Tensor:
        """Return a value for each pitch bin, (B, T, 257), from the codes of rhythm and pitch."""
        return self.pitch_decoder(torch.cat([codes.rhythm, codes.pitch], dim=2))

    def reconstruct(self, speech: Tensor, factors: Collection[str], speaker: Tensor) -> Tensor:
        """Reconstruct speech from some of its factors.

        Source: Sun et al. 2021, how speech is recognized to be emotional: inputs of removed factors are zeroed.

        Args:
            speech: Mel bands and pitch, (B, T, F + 1), with T a multiple of ``downsample``.
            factors: factors of the speech, and ``speaker`` to use the speaker's embedding.
            speaker: index of each speaker among the training speakers, (B,); unused without ``speaker``.

        Returns:
            The Mel spectrogram, (B, T, F).

        Raises:
            ValueError: as in ``encode``.
        """
        codes = self.encode(speech, [name for name in factors if name != "speaker"])
        index = speaker if "speaker" in factors else torch.full_like(speaker, -1)
        return self.decode(codes, self.speaker_embedding(index))

    def _cycled(self, codes: Codes, embedding: Tensor, substitution: Substitution) -> Cycled:
        """Decode the batch, and compute its cycle loss."""

        def decode(codes: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
            pair = Codes(*codes)
            return self.decode(pair, embedding.repeat(2, 1)), self.decode_pitch(pair)

        def encode(mel: Tensor, pitch: Tensor) -> Sequence[Tensor]:
            resampling = None
            if self.resample_cycle:
                resampling = self._draw_resamplings(self.n_resamplings, mel.shape[0], mel.shape[1], mel.device)
            return _as_tuple(self.encoder(content=mel, pitch=pitch, rhythm=mel, resampling=resampling))

        return cycle(_as_tuple(codes), substitution, decode=decode, encode=encode, n_unchanged=embedding.shape[1])

    def _draw_resamplings(self, n: int, n_utterances: int, n_frames: int, device: torch.device) -> list[Tensor]:
        """Draw n random resamplings of a batch, as weights (B, T, T)."""
        weights = []
        for _ in range(n):
            segments = draw_segments(
                n_utterances, n_frames, segment_frames=self.resampled_frames, scale=self.resampling
            )
            weights.append(resampling_weights(segments.to(device), n_frames))
        return weights

    def _cropped(self, batch: Batch) -> Tensor:
        """Crop each utterance at a random position, all to one random length."""
        longest = min(self.crop_frames[1], int(batch.n_frames.min()))
        n_codes = torch.randint(self.crop_frames[0] // self.downsample, longest // self.downsample + 1, ())
        n_frames = self.downsample * int(n_codes)
        position = torch.rand(len(batch.n_frames)).to(batch.n_frames.device)
        first = (position * (batch.n_frames - n_frames + 1)).long()  # (B,)
        frame = first[:, None] + torch.arange(n_frames, device=first.device)  # (B, T)
        return batch.features.gather(1, frame[:, :, None].expand(-1, -1, batch.features.shape[2]))

    def _padded(self, batch: Batch) -> Tensor:
        """Pad the utterances with silence to whole codes."""
        return F.pad(batch.features, (0, 0, 0, -batch.features.shape[1] % self.downsample))


def _as_tuple(codes: Codes) -> tuple[Tensor, Tensor, Tensor]:
    """Codes in the order of ``FACTORS``."""
    return codes.content, codes.rhythm, codes.pitch


def _one_hot(bins: Tensor) -> Tensor:
    """One-hot encode bins (B, T), (B, T, 257), float32."""
    return F.one_hot(bins, N_PITCH_BINS).float()


def _check_multiple(key: str, value: int, divisor_key: str, divisor: int) -> None:
    """Check that a setting is a multiple of another one."""
    if value % divisor:
        raise InputError(f"speechflow: {key} is {value}, expected a multiple of {divisor_key} ({divisor})")


def _check_range(key: str, value: Sequence[float], *, minimum: float) -> None:
    """Check that a setting is a range of two numbers."""
    if len(value) != 2 or not minimum <= value[0] <= value[1]:
        raise InputError(f"speechflow: {key} is {list(value)}, expected [min, max] with min at least {minimum}")
