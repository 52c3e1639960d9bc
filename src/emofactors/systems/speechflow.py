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
from emofactors.nn.segments import segments
from emofactors.nn.speechflow import CodeDecoder, Codes, SpeakerEmbedding, SpeechEncoder
from emofactors.systems.base import Batch, TrainingData, check_at_least, check_odd


@dataclass(frozen=True)
class Reconstruction:
    """A batch of speech, reconstructed from its codes.

    Attributes:
        mel: reconstructed Mel spectrogram, (B, T, F).
        pitch: reconstructed pitch, one value per bin, (B, T, 257); None if its error has no weight.
        target_mel: original Mel spectrogram, (B, T, F).
        target_bins: bins of the original pitch, (B, T), int64.
        cycle: cycle loss without its weight; None if it is not computed.
    """

    mel: Tensor
    pitch: Tensor | None
    target_mel: Tensor
    target_bins: Tensor
    cycle: Tensor | None


class SpeechFlow(nn.Module):
    """Decomposer with three bottleneck encoders; speech is reconstructed from their codes and a speaker embedding.

    The input has Mel bands and, in the last column, the pitch: log-F0 normalised
    by speaker to [0, 1], 0 or less where unvoiced. All speech is encoded in
    pieces of ``reconstructed_frames`` frames, T: in training random crops, padded
    with silence; otherwise the segments of an utterance, see
    :func:`emofactors.nn.segments.segments`. Group norm and the recurrent layers
    include the padding, so another length would give other codes.

    Without weights of pitch and cycle there is no decoder of pitch: this is SpeechSplit.

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
        reconstructed_frames: frames that are encoded and reconstructed at once, a multiple of ``downsample``: in
            training crops and resampled crops are padded to it, otherwise utterances are cut into segments of it.
        crop_frames: minimum and maximum length of a training crop; shorter utterances are not cropped. For random
            resampling to cut no crop, ``reconstructed_frames`` has to be 1.5 times the maximum.
        resampled_frames: minimum and maximum length of a resampled segment.
        resampling: minimum and maximum scale of a resampled segment.
        resample_cycle: whether the encoders of the cycle also resample after each convolution.
        mel_weight: weight of the error of the Mel spectrogram, at least 0.
        f0_weight: weight of the error of the pitch, at least 0; 0: not computed.
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
        _check_range("crop_frames", crop_frames, minimum=1)
        if crop_frames[1] > reconstructed_frames:
            raise InputError(
                f"speechflow: crop_frames is {list(crop_frames)}, "
                f"expected at most reconstructed_frames ({reconstructed_frames})"
            )
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
        self.crop_frames = (crop_frames[0], crop_frames[1])
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
        self.pitch_decoder = (
            CodeDecoder(
                2 * (rhythm_units + pitch_units),
                pitch_decoder_units,
                n_layers=pitch_decoder_layers,
                n_out=N_PITCH_BINS,
                downsample=downsample,
            )
            if f0_weight > 0 or cycle_weight > 0
            else None
        )

    @property
    def min_frames(self) -> int:
        """Minimum length of an utterance: any is padded to ``reconstructed_frames``."""
        return 1

    def forward(self, batch: Batch) -> Reconstruction:
        """Reconstruct a batch: a random crop of each utterance in training, all segments of each in evaluation.

        Raises:
            InputError: if the batch has no speakers.
        """
        if batch.speaker is None:
            raise InputError("speechflow: batch has no speakers, expected one per utterance")
        speaker = batch.speaker
        if not self.training:
            cut = [
                segments(frames[:n_frames], self.reconstructed_frames)
                for frames, n_frames in zip(batch.features, batch.n_frames.tolist(), strict=True)
            ]
            n_segments = torch.tensor([len(part) for part in cut], device=speaker.device)
            return self.forward_speech(torch.cat(cut), speaker.repeat_interleave(n_segments))
        if self.mean_speaker_share > 0:
            is_mean = torch.rand(len(speaker)).to(speaker.device) < self.mean_speaker_share
            speaker = speaker.masked_fill(is_mean, -1)
        speech, n_frames = self._cropped(batch)
        return self.forward_speech(speech, speaker, n_frames)

    def forward_speech(self, speech: Tensor, speaker: Tensor, n_frames: Tensor | None = None) -> Reconstruction:
        """Reconstruct speech; in training with random resampling and cycle loss.

        Args:
            speech: Mel bands and pitch, (B, T, F + 1), zero beyond ``n_frames``.
            speaker: index of each speaker among the training speakers, (B,); -1 for their mean.
            n_frames: frames of each crop before padding, (B,); None: T each.
        """
        codes = self.encode(speech, n_frames=n_frames)
        embedding = self.speaker_embedding(speaker)
        pitch, loss = None, None
        if self.training and self.cycle_weight > 0:
            cycled = self._cycled(codes, embedding, draw_substitution(len(speech), len(FACTORS)))
            (mel, pitch), loss = cycled.decoded, cycled.loss
        else:
            mel = self.decode(codes, embedding)
            if self.f0_weight > 0:
                pitch = self.decode_pitch(codes)
        return Reconstruction(
            mel=mel, pitch=pitch, target_mel=speech[..., :-1], target_bins=pitch_bins(speech[..., -1]), cycle=loss
        )

    def losses(self, output: Reconstruction, batch: Batch) -> dict[str, Tensor]:
        """Return the weighted squared errors of Mel spectrogram and pitch, and the weighted cycle loss.

        Terms without a weight are left out. As in the public code the errors are means over all T frames, with the
        padding.
        """
        losses = {"mel": self.mel_weight * F.mse_loss(output.mel, output.target_mel)}
        if self.f0_weight > 0 and output.pitch is not None:
            losses["f0"] = self.f0_weight * F.mse_loss(output.pitch, _one_hot(output.target_bins))
        if output.cycle is not None:
            losses["cycle"] = self.cycle_weight * output.cycle
        return losses

    def dev_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Return the errors of Mel spectrogram and pitch of the segments of dev utterances, as in training."""
        return self.losses(self(batch), batch)

    def after_step(self, output: Reconstruction, batch: Batch) -> None:
        """Do nothing: all parameters are trained by gradient."""

    def encode(self, speech: Tensor, factors: Collection[str] = FACTORS, n_frames: Tensor | None = None) -> Codes:
        """Encode speech; in training with random resampling.

        Args:
            speech: Mel bands and pitch, (B, T, F + 1), with T = ``reconstructed_frames``.
            factors: factors whose encoders get the speech; the others get zeros.
            n_frames: frames of each crop before padding, (B,): those resampled at the input; None: T each.

        Returns:
            The codes, T / downsample per row.

        Raises:
            ValueError: if T is not ``reconstructed_frames``, or ``factors`` has an unknown name.
        """
        if speech.shape[1] != self.reconstructed_frames:
            raise ValueError(
                f"speech has {speech.shape[1]} frames, expected segments of {self.reconstructed_frames} "
                "(reconstructed_frames)"
            )
        if not set(factors) <= set(FACTORS):
            raise ValueError(f"factors is {sorted(factors)}, expected some of {', '.join(FACTORS)}")
        resampled, resampling = speech, None
        if self.training:
            whole = self._whole(speech)
            at_input, *resampling = self._draw_resamplings(
                [whole if n_frames is None else n_frames, *[whole] * self.n_resamplings]
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
        """Return a value for each pitch bin, (B, T, 257), from the codes of rhythm and pitch.

        Raises:
            ValueError: if there is no decoder of pitch.
        """
        if self.pitch_decoder is None:
            raise ValueError("there is no decoder of pitch, expected f0_weight or cycle_weight above 0")
        return self.pitch_decoder(torch.cat([codes.rhythm, codes.pitch], dim=2))

    def reconstruct(self, speech: Tensor, factors: Collection[str], speaker: Tensor) -> Tensor:
        """Reconstruct speech from some of its factors.

        Source: Sun et al. 2021, how speech is recognized to be emotional: inputs of removed factors are zeroed.

        Args:
            speech: Mel bands and pitch, (B, T, F + 1), with T = ``reconstructed_frames``.
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
                resampling = self._draw_resamplings([self._whole(mel)] * self.n_resamplings)
            return _as_tuple(self.encoder(content=mel, pitch=pitch, rhythm=mel, resampling=resampling))

        return cycle(_as_tuple(codes), substitution, decode=decode, encode=encode, n_unchanged=embedding.shape[1])

    def _whole(self, speech: Tensor) -> Tensor:
        """Return T for each of B rows, (B,), on the device of ``speech``."""
        return torch.full((len(speech),), self.reconstructed_frames, device=speech.device)

    def _draw_resamplings(self, n_frames: Sequence[Tensor]) -> list[Tensor]:
        """Draw a random resampling of the first frames (B,) of each row for each entry, as weights (B, T, T).

        As in the public code there are as many segments as the longest crop can have. Of longer input, which
        is padding or slowed down, what follows the last segment is dropped.
        """
        weights = []
        for resampled in n_frames:
            drawn = draw_segments(
                len(resampled), self.crop_frames[1], segment_frames=self.resampled_frames, scale=self.resampling
            ).to(resampled.device)
            weights.append(resampling_weights(drawn, resampled, self.reconstructed_frames))
        return weights

    def _cropped(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Crop each utterance to a random length at a random position: crops (B, T, F + 1), their lengths (B,)."""
        n_utterances, device = len(batch.n_frames), batch.n_frames.device
        drawn = torch.randint(self.crop_frames[0], self.crop_frames[1] + 1, (n_utterances,)).to(device)
        n_frames = torch.minimum(drawn, batch.n_frames)
        first = (torch.rand(n_utterances).to(device) * (batch.n_frames - n_frames + 1)).long()
        frame = torch.arange(self.reconstructed_frames, device=device)
        index = (first[:, None] + frame).clamp(max=batch.features.shape[1] - 1)  # (B, T)
        crops = batch.features.gather(1, index[:, :, None].expand(-1, -1, batch.features.shape[2]))
        return crops.masked_fill((frame >= n_frames[:, None])[:, :, None], 0.0), n_frames


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
