"""Cut utterances into segments of equal length."""

import numpy as np


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


def segments(frames: np.ndarray, length: int) -> np.ndarray:
    """Return the segments of an utterance.

    An utterance shorter than a segment is padded with zeros at its end, which is silence in
    features scaled to [0, 1].

    Args:
        frames: features of the utterance, (T, F).
        length: frames of a segment, at least 1.

    Returns:
        (K, length, F), of the dtype of ``frames``.

    Raises:
        ValueError: if ``length`` is below 1.
    """
    if length < 1:
        raise ValueError(f"length is {length}, expected at least 1")
    frames = np.pad(frames, [(0, max(0, length - len(frames))), (0, 0)])
    return np.stack([frames[first : first + length] for first in segment_starts(len(frames), length)])
