"""SpeechFlow with a random cycle loss: content, rhythm, pitch and speaker (Sun et al. 2021, CycleFlow)."""

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
from emofactors.systems.base import Batch, TrainingData


@dataclass(frozen=True)
class Reconstructed:
    """A batch of speech, reconstructed from its codes.

    Attributes:
        mel: reconstructed Mel spectrogram, (B, T, F).
        pitch: reconstructed pitch, a value a bin, (B, T, 257).
        target_mel: the Mel spectrogram that was heard, (B, T, F).
        target_bins: bins of its pitch, (B, T), int64.
        cycle: the cycle loss, not yet weighted; None where it is not wanted.
    """

    mel: Tensor
    pitch: Tensor
    target_mel: Tensor
    target_bins: Tensor
    cycle: Tensor | None


class SpeechFlow(nn.Module):
    """Speech taken apart by three encoders with narrow codes, and reconstructed from the codes and the speaker.

    It hears Mel bands with a last column for the pitch: log-F0 normalised by
    speaker to [0, 1], 0 or less where unvoiced. Training hears crops of one
    length a batch, so that nothing is padded.

    Source: Qian et al. 2020, SpeechSplit, network; Sun et al. 2021, CycleFlow, the decoder of pitch and the random
    cycle loss; settings in ``config/systems/speechflow.yaml``.

    Args:
        data: bins of a frame, Mel bands and the pitch, and training speakers.
        content_channels: channels of each convolution of the content encoder.
        content_layers: convolutions of the content encoder, and of the pitch encoder: they are resampled together.
        content_lstm_layers: layers of the content encoder's LSTM.
        content_units: its units in each direction.
        pitch_channels: channels of each convolution of the pitch encoder.
        pitch_units: units of its LSTM in each direction.
        rhythm_channels: channels of the rhythm encoder's convolution.
        rhythm_units: units of its LSTM in each direction.
        conv_kernel_size: frames each convolution reads, odd.
        channels_per_group: channels of a group of the norms.
        decoder_units: units of the Mel decoder's LSTM in each direction.
        decoder_layers: its layers.
        pitch_decoder_units: units of the pitch decoder's LSTM in each direction.
        pitch_decoder_layers: its layers.
        speaker_dim: size of a speaker's embedding, E.
        mean_speaker_share: share of the utterances, in training, that have the mean embedding instead of their
            speaker's, in [0, 1): a decoder that never met it could not reconstruct an unseen speaker.
        downsample: frames of a code.
        reconstructed_frames: frames of a segment that is reconstructed for others to hear, a multiple of ``downsample``.
        crop_frames: least and greatest length of a crop, multiples of ``downsample``.
        resampled_frames: least and greatest number of frames of a segment that is resampled as one.
        resampling: least and greatest scale of a segment.
        resample_cycle: whether the cycle's encoders, too, resample after each convolution.
        mel_weight: weight of the error of the Mel spectrogram, at least 0.
        f0_weight: weight of the error of the pitch, at least 0.
        cycle_weight: weight of the cycle loss, at least 0; 0: it is not computed.

    Raises:
        InputError: if a setting is impossible, or there are too few bins or no training speakers.
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
        sizes = {
            "content_channels": content_channels,
            "content_layers": content_layers,
            "content_lstm_layers": content_lstm_layers,
            "content_units": content_units,
            "pitch_channels": pitch_channels,
            "pitch_units": pitch_units,
            "rhythm_channels": rhythm_channels,
            "rhythm_units": rhythm_units,
            "channels_per_group": channels_per_group,
            "decoder_units": decoder_units,
            "decoder_layers": decoder_layers,
            "pitch_decoder_units": pitch_decoder_units,
            "pitch_decoder_layers": pitch_decoder_layers,
            "speaker_dim": speaker_dim,
            "downsample": downsample,
            "reconstructed_frames": reconstructed_frames,
        }
        for key, size in sizes.items():
            if size < 1:
                raise InputError(f"speechflow: {key} is {size}, expected at least 1")
        for key in ("content_channels", "pitch_channels", "rhythm_channels"):
            if sizes[key] % channels_per_group:
                raise InputError(
                    f"speechflow: {key} is {sizes[key]}, expected a multiple of channels_per_group"
                    f" ({channels_per_group})"
                )
        if conv_kernel_size < 1 or conv_kernel_size % 2 == 0:
            raise InputError(f"speechflow: conv_kernel_size is {conv_kernel_size}, expected odd and at least 1")
        _check_range("crop_frames", crop_frames, least=downsample)
        if any(n % downsample for n in crop_frames):
            raise InputError(
                f"speechflow: crop_frames is {list(crop_frames)}, expected multiples of downsample ({downsample})"
            )
        _check_range("resampled_frames", resampled_frames, least=2)
        _check_range("resampling", resampling, least=0.01)
        for key, weight in {
            "mel_weight": mel_weight,
            "f0_weight": f0_weight,
            "cycle_weight": cycle_weight,
        }.items():
            if weight < 0:
                raise InputError(f"speechflow: {key} is {weight}, expected at least 0")
        if not 0 <= mean_speaker_share < 1:
            raise InputError(
                f"speechflow: mean_speaker_share is {mean_speaker_share}, expected at least 0 and below 1"
            )
        if data.n_bins < 2:
            raise InputError(f"speechflow: a frame has {data.n_bins} bins, expected Mel bands and the pitch")
        if data.n_speakers < 1:
            raise InputError(f"speechflow: training has {data.n_speakers} speakers, expected at least 1")
        if reconstructed_frames % downsample:
            raise InputError(
                f"speechflow: reconstructed_frames is {reconstructed_frames}, expected a multiple of downsample ({downsample})"
            )
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
        """The shortest crop: shorter utterances are padded with silence."""
        return self.crop_frames[0]

    def forward(self, batch: Batch) -> Reconstructed:
        """A batch reconstructed: in training of random crops, in evaluation whole, with silence up to a whole code.

        Raises:
            InputError: if the batch does not say who speaks.
        """
        if batch.speaker is None:
            raise InputError("speechflow: a batch has no speakers, expected that of each utterance")
        if not self.training:
            return self.reconstruct(self._whole(batch), batch.speaker)
        speaker = batch.speaker
        if self.mean_speaker_share > 0:
            is_mean = torch.rand(len(speaker)).to(speaker.device) < self.mean_speaker_share
            speaker = speaker.masked_fill(is_mean, -1)
        return self.reconstruct(self._cropped(batch), speaker)

    def reconstruct(self, speech: Tensor, speaker: Tensor) -> Reconstructed:
        """Speech (B, T, F + 1) of speakers (B,) reconstructed; in training resampled at random, and with its cycle."""
        codes = self.encode(speech)
        embedding = self.speaker_embedding(speaker)
        if self.training and self.cycle_weight > 0:
            cycled = self._cycled(codes, embedding, draw_substitution(len(speech), len(FACTORS)))
            (mel, pitch), loss = cycled.decoded, cycled.loss
        else:
            mel, pitch, loss = self.decode(codes, embedding), self.decode_pitch(codes), None
        return Reconstructed(
            mel=mel, pitch=pitch, target_mel=speech[..., :-1], target_bins=pitch_bins(speech[..., -1]), cycle=loss
        )

    def losses(self, output: Reconstructed, batch: Batch) -> dict[str, Tensor]:
        """Weighted squared errors of Mel spectrogram and pitch; in training with a weight of it the cycle loss."""
        target = _one_hot(output.target_bins)
        losses = {
            "mel": self.mel_weight * F.mse_loss(output.mel, output.target_mel),
            "f0": self.f0_weight * F.mse_loss(output.pitch, target),
        }
        if output.cycle is not None:
            losses["cycle"] = self.cycle_weight * output.cycle
        return losses

    def dev_losses(self, batch: Batch) -> dict[str, Tensor]:
        """Errors of Mel spectrogram and pitch, weighted as in training, of utterances that do not train."""
        return self.losses(self(batch), batch)

    def after_step(self, output: Reconstructed, batch: Batch) -> None:
        """Nothing is changed by rule."""

    def encode(self, speech: Tensor, kept: Collection[str] = FACTORS) -> Codes:
        """Codes of speech; in training resampled at random.

        Args:
            speech: Mel bands and pitch, (B, T, F + 1), with T a multiple of ``downsample``.
            kept: factors whose encoder hears the speech; the others hear zeros.

        Returns:
            The codes, T / downsample an utterance.

        Raises:
            ValueError: if T is no multiple of ``downsample``, or ``kept`` names what is no factor.
        """
        n_utterances, n_frames, _ = speech.shape
        if n_frames % self.downsample:
            raise ValueError(f"speech has {n_frames} frames, expected a multiple of {self.downsample}")
        if not set(kept) <= set(FACTORS):
            raise ValueError(f"kept is {sorted(kept)}, expected of {', '.join(FACTORS)}")
        heard, resampling = speech, None
        if self.training:
            at_input, *resampling = self._drawn(1 + self.n_resamplings, n_utterances, n_frames, speech.device)
            # In bfloat16 the pitch would be rounded to fewer steps than it has bins. Where the segments end
            # early it becomes 0, which is unvoiced as well.
            with torch.autocast(speech.device.type, enabled=False):
                heard = at_input @ speech
        mels, pitch = heard[..., :-1], _one_hot(pitch_bins(heard[..., -1]))
        return self.encoder(
            content=mels if "content" in kept else torch.zeros_like(mels),
            pitch=pitch if "pitch" in kept else torch.zeros_like(pitch),
            rhythm=speech[..., :-1] if "rhythm" in kept else torch.zeros_like(mels),
            resampling=resampling,
        )

    def speaker_embedding(self, speaker: Tensor) -> Tensor:
        """Embeddings (B, E) of training speakers (B,) by index; -1 is anybody else, the mean of them."""
        return self.speakers(speaker)

    def decode(self, codes: Codes, speaker: Tensor) -> Tensor:
        """Mel spectrogram (B, T, F) of codes and speaker embeddings (B, E)."""
        speaker = speaker[:, None].expand(-1, codes.content.shape[1], -1)  # (B, T', E)
        return self.decoder(torch.cat([codes.content, codes.rhythm, codes.pitch, speaker], dim=2))

    def decode_pitch(self, codes: Codes) -> Tensor:
        """A value for each bin of the pitch, (B, T, 257), of rhythm and pitch."""
        return self.pitch_decoder(torch.cat([codes.rhythm, codes.pitch], dim=2))

    def reconstruct_from(self, speech: Tensor, kept: Collection[str], speaker: Tensor) -> Tensor:
        """Speech reconstructed from what is kept of it.

        Source: Sun et al. 2021, how speech is recognized to be emotional: inputs of removed factors are zeroed.

        Args:
            speech: Mel bands and pitch, (B, T, F + 1), with T a multiple of ``downsample``.
            kept: factors that are kept, and ``speaker``, if the speaker is.
            speaker: index of each speaker among the training speakers, (B,); without ``speaker`` not read.

        Returns:
            The Mel spectrogram, (B, T, F).

        Raises:
            ValueError: as of ``encode``.
        """
        codes = self.encode(speech, [name for name in kept if name != "speaker"])
        chosen = speaker if "speaker" in kept else torch.full_like(speaker, -1)
        return self.decode(codes, self.speaker_embedding(chosen))

    def _cycled(self, codes: Codes, embedding: Tensor, substitution: Substitution) -> Cycled:
        """The batch decoded, and its cycle: what is decoded of substituted codes is encoded again."""

        def decode(joint: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
            both = Codes(*joint)
            return self.decode(both, embedding.repeat(2, 1)), self.decode_pitch(both)

        def encode(mel: Tensor, pitch: Tensor) -> Sequence[Tensor]:
            resampling = None
            if self.resample_cycle:
                resampling = self._drawn(self.n_resamplings, mel.shape[0], mel.shape[1], mel.device)
            return _joint(self.encoder(content=mel, pitch=pitch, rhythm=mel, resampling=resampling))

        return cycle(_joint(codes), substitution, decode=decode, encode=encode, n_unchanged=embedding.shape[1])

    def _drawn(self, n: int, n_utterances: int, n_frames: int, device: torch.device) -> list[Tensor]:
        """Weights (B, T, T) of so many random resamplings of a batch."""
        drawn = []
        for _ in range(n):
            segments = draw_segments(
                n_utterances, n_frames, segment_frames=self.resampled_frames, scale=self.resampling
            )
            drawn.append(resampling_weights(segments.to(device), n_frames))
        return drawn

    def _cropped(self, batch: Batch) -> Tensor:
        """A stretch of each utterance at a random place, all of one random length."""
        longest = min(self.crop_frames[1], int(batch.n_frames.min()))
        n_codes = torch.randint(self.crop_frames[0] // self.downsample, longest // self.downsample + 1, ())
        n_frames = self.downsample * int(n_codes)
        place = torch.rand(len(batch.n_frames)).to(batch.n_frames.device)
        first = (place * (batch.n_frames - n_frames + 1)).long()  # (B,)
        frame = first[:, None] + torch.arange(n_frames, device=first.device)  # (B, T)
        return batch.features.gather(1, frame[:, :, None].expand(-1, -1, batch.features.shape[2]))

    def _whole(self, batch: Batch) -> Tensor:
        """The utterances, followed by silence up to the end of a code."""
        return F.pad(batch.features, (0, 0, 0, -batch.features.shape[1] % self.downsample))


def _joint(codes: Codes) -> tuple[Tensor, Tensor, Tensor]:
    """The codes in the order of ``FACTORS``."""
    return codes.content, codes.rhythm, codes.pitch


def _one_hot(bins: Tensor) -> Tensor:
    """Bins (B, T) as (B, T, 257), float32."""
    return F.one_hot(bins, N_PITCH_BINS).float()


def _check_range(key: str, value: Sequence[float], *, least: float) -> None:
    """Two numbers that grow, or are the same."""
    if len(value) != 2 or not least <= value[0] <= value[1]:
        raise InputError(
            f"speechflow: {key} is {list(value)}, expected a least and a greatest value, from {least}"
        )
