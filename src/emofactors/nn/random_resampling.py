"""Random resampling in time: segments of speech are sped up or slowed down at random, which hides the rhythm."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Segments:
    """Segments of utterances, and the factor by which each is slowed down.

    Attributes:
        n_frames: frames of each segment, (B, K), int64; what follows the last segment is dropped.
        scale: output frames per input frame of the segment, (B, K), above 0.

    Example:
        >>> segments = Segments(n_frames=torch.tensor([[19, 30]]), scale=torch.tensor([[1.5, 0.5]]))
        >>> segments.n_frames.sum(dim=1)  # enough for utterances of 49 frames
        tensor([49])
    """

    n_frames: Tensor
    scale: Tensor

    def to(self, device: torch.device) -> "Segments":
        """Return the segments on another device."""
        return Segments(n_frames=self.n_frames.to(device), scale=self.scale.to(device))


def draw_segments(
    n_utterances: int, n_frames: int, *, segment_frames: tuple[int, int], scale: tuple[float, float]
) -> Segments:
    """Draw segments of random length and scale from torch's global generator on the CPU.

    Args:
        n_utterances: utterances of the batch, B.
        n_frames: frames that the segments cover even if all have the minimum length.
        segment_frames: minimum and maximum length of a segment in frames.
        scale: minimum and maximum scale.

    Returns:
        K segments per utterance.

    Example:
        >>> segments = draw_segments(4, 128, segment_frames=(19, 31), scale=(0.5, 1.5))
        >>> segments.n_frames.shape, bool((segments.n_frames.sum(dim=1) >= 128).all())
        (torch.Size([4, 7]), True)
    """
    shape = (n_utterances, n_frames // segment_frames[0] + 1)
    lengths = torch.randint(segment_frames[0], segment_frames[1] + 1, shape)
    return Segments(n_frames=lengths, scale=scale[0] + (scale[1] - scale[0]) * torch.rand(shape))


def resampling_weights(segments: Segments, n_frames: Tensor, padded_frames: int) -> Tensor:
    """Return the interpolation weights from input to output frames.

    Output frame j of a segment is interpolated linearly at its position
    j / scale, as long as another frame of the segment and of the utterance
    follows. The resampled segments are concatenated, padded with zeros to
    ``padded_frames`` and cut only above that.

    The weights form a matrix, so that one product resamples all utterances and
    segments, and its gradient is one product as well.

    Source: Qian et al. 2020, random resampling; public code of SpeechSplit, its layer of interpolation.

    Args:
        segments: segments of B utterances.
        n_frames: frames of each utterance that are resampled, (B,), at most T.
        padded_frames: input and output frames, T.

    Returns:
        Weights in [0, 1], (B, output T, input T). Each row has at most two nonzero weights, which sum to 1, or is
        zero at the end.

    Example:
        >>> speech = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0]).reshape(1, 8, 1)  # (B, T, F)
        >>> segments = Segments(n_frames=torch.tensor([[3, 3]]), scale=torch.tensor([[1.5, 0.5]]))
        >>> weights = resampling_weights(segments, torch.tensor([6]), padded_frames=8)
        >>> (weights @ speech).flatten()  # one half slower, the other faster
        tensor([0.0000, 0.6667, 1.3333, 3.0000, 0.0000, 0.0000, 0.0000, 0.0000])
    """
    frame = torch.arange(padded_frames, device=segments.scale.device)
    first = segments.n_frames.cumsum(dim=1) - segments.n_frames  # (B, K)
    reach = (torch.minimum(segments.n_frames, n_frames[:, None] - first) - 1).clamp(min=0)
    n_out = (reach * segments.scale).ceil()
    end = n_out.cumsum(dim=1)
    segment = (frame[:, None] >= end[:, None, :]).sum(dim=2)  # (B, T)
    in_segment = segment < first.shape[1]
    segment = segment.clamp(max=first.shape[1] - 1)
    position = frame - (end - n_out).gather(1, segment)
    position = first.gather(1, segment) + position / segments.scale.gather(1, segment)  # (B, T)
    weights = (1 - (position[:, :, None] - frame).abs()).clamp(min=0)
    return weights * in_segment[:, :, None]
