import numpy as np
import pytest

from emofactors.features.segments import segment_starts, segments


def frames(n):
    return np.random.default_rng(n).random((n, 3), dtype=np.float32) + 1


@pytest.mark.parametrize("n_frames", [193, 200, 384, 385, 500, 1000])
def test_segments_are_few_and_evenly_spread(n_frames):
    starts = segment_starts(n_frames, 192)
    assert len(starts) == -(-n_frames // 192)
    assert (starts[0], starts[-1]) == (0, n_frames - 192)
    steps = np.diff(starts)
    assert steps.max() <= 192
    assert steps.max() - steps.min() <= 1


@pytest.mark.parametrize("n_frames", [1, 191, 192])
def test_utterance_no_longer_than_a_segment_has_one(n_frames):
    assert segment_starts(n_frames, 192) == [0]


def test_multiple_of_the_length_has_no_overlap():
    assert segment_starts(5 * 192, 192) == [0, 192, 384, 576, 768]


def test_segments_are_slices_of_the_utterance():
    utterance = frames(25)
    cut = segments(utterance, 10)
    assert (cut.shape, cut.dtype) == ((3, 10, 3), np.float32)
    for segment, first in zip(cut, [0, 7, 15], strict=True):
        np.testing.assert_array_equal(segment, utterance[first : first + 10])


def test_short_utterance_is_padded_with_zeros():
    utterance = frames(4)
    (segment,) = segments(utterance, 10)
    np.testing.assert_array_equal(segment[:4], utterance)
    assert (segment[4:] == 0).all()


def test_length_below_1_is_refused():
    with pytest.raises(ValueError, match="length is 0, expected at least 1"):
        segments(frames(4), 0)
