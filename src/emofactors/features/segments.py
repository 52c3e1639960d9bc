"""Utterances cut into segments that all have as many frames."""

import numpy as np


def segment_starts(n_frames: int, length: int) -> list[int]:
    """Where the segments of an utterance begin: spread evenly from its first frame to its last.

    As few as cover it: ceil(T / length). They overlap where T is no multiple
    of the length, so that none of them has to be padded.

    Args:
        n_frames: frames of the utterance, T.
        length: frames of a segment, at least 1.

    Returns:
        First frame of each, ascending; [0] for an utterance that is no longer than a segment.

    Example:
        >>> segment_starts(500, 192)
        [0, 154, 308]
    """
    if n_frames <= length:
        return [0]
    n_segments = -(-n_frames // length)
    return [i * (n_frames - length) // (n_segments - 1) for i in range(n_segments)]


def segments(frames: np.ndarray, length: int) -> np.ndarray:
    """The segments of an utterance.

    A shorter utterance is one segment, followed by zeros: silence, in features
    that are scaled to [0, 1].

    Args:
        frames: features of the utterance, (T, F).
        length: frames of a segment, at least 1.

    Returns:
        (K, length, F), of the type of ``frames``.

    Raises:
        ValueError: if ``length`` is below 1.
    """
    if length < 1:
        raise ValueError(f"length is {length}, expected at least 1")
    lacking = max(0, length - len(frames))
    frames = np.pad(frames, [(0, lacking), (0, 0)])
    return np.stack([frames[first : first + length] for first in segment_starts(len(frames), length)])
