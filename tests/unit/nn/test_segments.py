import numpy as np
import pytest
import torch

from emofactors.nn.segments import join_segments, kept_rows, segment_starts, segments


def frames(n):
    return torch.rand(n, 3, generator=torch.Generator().manual_seed(n)) + 1


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
    assert (cut.shape, cut.dtype) == ((3, 10, 3), torch.float32)
    for segment, first in zip(cut, [0, 7, 15], strict=True):
        assert torch.equal(segment, utterance[first : first + 10])


def test_short_utterance_is_padded_with_zeros():
    utterance = frames(4)
    (segment,) = segments(utterance, 10)
    assert torch.equal(segment[:4], utterance)
    assert (segment[4:] == 0).all()


def test_length_below_1_is_refused():
    with pytest.raises(ValueError, match="length is 0, expected at least 1"):
        segments(frames(4), 0)


@pytest.mark.parametrize("n_frames", [1, 31, 32, 33, 40, 64, 65, 100])
def test_joined_segments_are_the_utterance(n_frames):
    utterance = frames(n_frames)
    assert torch.equal(join_segments(segments(utterance, 32), n_frames), utterance)


@pytest.mark.parametrize("n_frames", [1, 7, 8, 31, 32, 33, 40, 64, 65, 100, 129])
def test_joined_codes_have_no_frame_twice_and_no_padding(n_frames):
    # Each frame is its number, so that a code of 8 frames shows which frames it has.
    number = torch.arange(1.0, n_frames + 1)[:, None]
    codes = segments(number, 32).unflatten(1, (4, 8))[..., 0]  # (K, 4, 8)
    joined = join_segments(codes, n_frames, downsample=8)
    assert len(joined) == sum(part.stop - part.start for part in kept_rows(n_frames, 32, downsample=8))
    used = joined.flatten()
    assert (used > 0).all()
    assert (used.diff() > 0).all()
    left_out = set(range(1, n_frames + 1)) - {int(frame) for frame in used}
    assert len(left_out) < 8 * len(segment_starts(n_frames, 32))
    if n_frames % 32 == 0:
        assert not left_out
