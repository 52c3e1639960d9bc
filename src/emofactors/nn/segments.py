"""Cut utterances into segments of equal length, and join what was computed of them."""

import torch
from torch import Tensor
from torch.nn import functional as F


def segment_starts(n_frames: int, length: int) -> list[int]:
    """Return the first frame of each segment, spread evenly over the utterance.

    Uses the smallest number of segments that covers the utterance, ceil(T / length).
    Segments overlap where T is no multiple of the length, so that none needs padding.

    Args:
        n_frames: frames of the utterance, T.
        length: frames of a segment, at least 1.

    Returns:
        First frames, ascending; [0] for an utterance no longer than a segment.

    Example:
        >>> segment_starts(500, 192)
        [0, 154, 308]
    """
    if n_frames <= length:
        return [0]
    n_segments = -(-n_frames // length)
    return [i * (n_frames - length) // (n_segments - 1) for i in range(n_segments)]


def segments(frames: Tensor, length: int) -> Tensor:
    """Return the segments of an utterance.

    An utterance shorter than a segment is padded with zeros at its end: silence in
    Mel bands scaled to [0, 1], unvoiced in the pitch.

    Args:
        frames: features of the utterance, (T, F).
        length: frames of a segment, at least 1.

    Returns:
        (K, length, F), of the dtype of ``frames``.

    Raises:
        ValueError: if ``length`` is below 1.

    Example:
        >>> segments(torch.rand(500, 80), 192).shape
        torch.Size([3, 192, 80])
    """
    if length < 1:
        raise ValueError(f"length is {length}, expected at least 1")
    starts = segment_starts(len(frames), length)
    frames = F.pad(frames, (0, 0, 0, max(0, length - len(frames))))
    return torch.stack([frames[first : first + length] for first in starts])


def kept_rows(n_frames: int, length: int, downsample: int = 1) -> list[slice]:
    """Return which rows of each segment represent the utterance: none twice, none with padding.

    Where segments overlap the first is kept. A row of several frames is left out if any of them was in the segment
    before, so that up to ``downsample`` - 1 frames between two segments have no row.

    Args:
        n_frames: frames of the utterance, T.
        length: frames of a segment, a multiple of ``downsample``.
        downsample: frames per row.

    Returns:
        One slice per segment.

    Example:
        >>> kept_rows(500, 192), kept_rows(100, 192, downsample=8)
        ([slice(0, 192, None), slice(38, 192, None), slice(38, 192, None)], [slice(0, 12, None)])
    """
    kept, end = [], 0
    for first in segment_starts(n_frames, length):
        kept.append(slice(-(-(end - first) // downsample), min(length, n_frames - first) // downsample))
        end = first + length
    return kept


def join_segments(rows: Tensor, n_frames: int, downsample: int = 1) -> Tensor:
    """Join what was computed of the segments of one utterance, see :func:`kept_rows`.

    Args:
        rows: rows of each segment, (K, length / downsample, D).
        n_frames: frames of the utterance, T.
        downsample: frames per row.

    Returns:
        Rows of the utterance, (N, D): its T frames if ``downsample`` is 1.

    Example:
        >>> utterance = torch.rand(500, 80)
        >>> torch.equal(join_segments(segments(utterance, 192), 500), utterance)
        True
    """
    kept = kept_rows(n_frames, rows.shape[1] * downsample, downsample)
    return torch.cat([segment[part] for segment, part in zip(rows, kept, strict=True)])
