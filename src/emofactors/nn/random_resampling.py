"""Random resampling: stretches of speech become faster or slower at random, so that its rhythm cannot be told."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Segments:
    """How utterances are cut, and how much slower each piece becomes.

    Attributes:
        n_frames: frames of each segment, (B, K), int64; together they reach beyond the utterance.
        scale: frames that each frame of the segment becomes, (B, K), above 0.

    Example:
        >>> segments = Segments(n_frames=torch.tensor([[19, 30]]), scale=torch.tensor([[1.5, 0.5]]))
        >>> segments.n_frames.sum(dim=1)  # enough for utterances of 49 frames
        tensor([49])
    """

    n_frames: Tensor
    scale: Tensor

    def to(self, device: torch.device) -> "Segments":
        """The same on another device."""
        return Segments(n_frames=self.n_frames.to(device), scale=self.scale.to(device))


def draw_segments(
    n_utterances: int, n_frames: int, *, segment_frames: tuple[int, int], scale: tuple[float, float]
) -> Segments:
    """Segments of random length and scale, from torch's global generator on the CPU.

    Args:
        n_utterances: utterances of the batch, B.
        n_frames: frames of each, T.
        segment_frames: least and greatest number of frames of a segment.
        scale: least and greatest scale.

    Returns:
        As many segments for each utterance as are enough if all are short, K.

    Example:
        >>> segments = draw_segments(4, 128, segment_frames=(19, 31), scale=(0.5, 1.5))
        >>> segments.n_frames.shape, bool((segments.n_frames.sum(dim=1) >= 128).all())
        (torch.Size([4, 7]), True)
    """
    shape = (n_utterances, n_frames // segment_frames[0] + 1)
    lengths = torch.randint(segment_frames[0], segment_frames[1] + 1, shape)
    return Segments(n_frames=lengths, scale=scale[0] + (scale[1] - scale[0]) * torch.rand(shape))


def resampling_weights(segments: Segments, n_frames: int) -> Tensor:
    """What each frame that comes out takes from each that goes in.

    Output frame j of a segment is read at place j / scale of it, linearly
    interpolated, as long as a frame of the segment and of the utterance
    follows that place. The segments come out end to end: what is beyond the
    utterance's number of frames is cut off, and where they are too short for
    it, the last frames are zeros.

    As a matrix, so that all utterances and segments are resampled by one
    product, with a gradient that is one product, too.

    Source: Qian et al. 2020, random resampling; public code of SpeechSplit, its layer of interpolation.

    Args:
        segments: of B utterances.
        n_frames: frames of each utterance, in and out, T.

    Returns:
        Weights in [0, 1], (B, out T, in T): two of a row at most are not 0, and together they are 1, or 0 in the
        rows of the last zeros.

    Example:
        >>> speech = torch.arange(6.0).reshape(1, 6, 1)  # (B, T, F)
        >>> segments = Segments(n_frames=torch.tensor([[3, 3]]), scale=torch.tensor([[1.5, 0.5]]))
        >>> (resampling_weights(segments, n_frames=6) @ speech).flatten()  # one half slower, the other faster
        tensor([0.0000, 0.6667, 1.3333, 3.0000, 0.0000, 0.0000])
    """
    frame = torch.arange(n_frames, device=segments.scale.device)
    first = segments.n_frames.cumsum(dim=1) - segments.n_frames  # (B, K)
    reach = (torch.minimum(segments.n_frames, n_frames - first) - 1).clamp(min=0)
    n_out = (reach * segments.scale).ceil()
    end = n_out.cumsum(dim=1)
    segment = (frame[:, None] >= end[:, None, :]).sum(dim=2)  # (B, T)
    is_made = segment < first.shape[1]
    segment = segment.clamp(max=first.shape[1] - 1)
    place = frame - (end - n_out).gather(1, segment)
    place = first.gather(1, segment) + place / segments.scale.gather(1, segment)  # (B, T)
    weights = (1 - (place[:, :, None] - frame).abs()).clamp(min=0)
    return weights * is_made[:, :, None]
