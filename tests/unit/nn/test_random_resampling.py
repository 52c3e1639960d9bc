import math
from itertools import pairwise

import pytest
import torch

from emofactors.nn.random_resampling import Segments, draw_segments, resampling_weights


def reference(x, n_frames, lengths, scales):
    """Resample the first frames of one padded utterance (T, C) by the published rule, frame by frame."""
    out, first = [], 0
    for length, scale in zip(lengths.tolist(), scales.tolist(), strict=True):
        j = 0
        while math.floor(j / scale) < length - 1 and first + math.floor(j / scale) < n_frames - 1:
            before = math.floor(j / scale)
            rest = j / scale - before
            out.append((1 - rest) * x[first + before] + rest * x[first + before + 1])
            j += 1
        first += length
    out = torch.stack(out)[: len(x)]
    return torch.cat([out, out.new_zeros(len(x) - len(out), x.shape[1])])


@pytest.mark.parametrize("seed", range(3))
def test_weights_equal_a_loop_over_segments_and_frames(seed):
    torch.manual_seed(seed)
    x = torch.randn(5, 192, 3, dtype=torch.float64)
    n_frames = torch.tensor([16, 64, 97, 128, 192])
    segments = draw_segments(5, 128, segment_frames=(19, 31), scale=(0.5, 1.5))
    segments = Segments(segments.n_frames, segments.scale.double())
    resampled = resampling_weights(segments, n_frames, padded_frames=192) @ x
    for row in range(5):
        expected = reference(x[row], int(n_frames[row]), segments.n_frames[row], segments.scale[row])
        torch.testing.assert_close(resampled[row], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("n_frames", "longest", "padded"), [(32, 128, 192), (64, 128, 192), (128, 128, 192), (64, 64, 96)]
)
def test_as_much_of_each_quarter_of_a_crop_is_left_after_four_resamplings_as_by_the_published_rule(
    n_frames, longest, padded
):
    torch.manual_seed(0)
    n_crops, bounds = 80, [quarter * n_frames // 4 for quarter in range(5)]

    def shares(resampled):
        """Share of the frames of each quarter that have any weight in what is left, (4,), and its standard error."""
        is_left = (resampled.sum(dim=1) > 0)[:, :n_frames].double()
        quarters = torch.stack([is_left[:, first:end].mean(dim=1) for first, end in pairwise(bounds)])
        return quarters.mean(dim=1), quarters.std(dim=1) / n_crops**0.5

    ours = theirs = torch.eye(padded, dtype=torch.float64).repeat(n_crops, 1, 1)
    for length in (n_frames, padded, padded, padded):
        drawn = draw_segments(n_crops, longest, segment_frames=(19, 31), scale=(0.5, 1.5))
        weights = resampling_weights(drawn, torch.full((n_crops,), length), padded_frames=padded)
        ours = weights.double() @ ours
        # Draws of its own: segments of 19 to 31 frames, as many as the longest crop can have, 0.5 to 1.5 times as long.
        n_segments = longest // 19 + 1
        lengths, scales = torch.randint(19, 32, (n_crops, n_segments)), torch.rand(n_crops, n_segments) + 0.5
        theirs = torch.stack(
            [reference(*of) for of in zip(theirs, [length] * n_crops, lengths, scales, strict=True)]
        )
    (of_ours, error_of_ours), (of_theirs, error_of_theirs) = shares(ours), shares(theirs)
    assert ((of_ours - of_theirs).abs() < 4 * (error_of_ours**2 + error_of_theirs**2).sqrt() + 1e-3).all()
    assert of_ours.min() > 0.9


def test_segments_are_within_their_ranges_and_cover_the_utterance():
    torch.manual_seed(0)
    segments = draw_segments(500, 128, segment_frames=(19, 31), scale=(0.5, 1.5))
    assert segments.n_frames.shape == segments.scale.shape == (500, 7)
    assert set(segments.n_frames.unique().tolist()) == set(range(19, 32))
    assert (segments.n_frames.sum(dim=1) >= 128).all()
    assert segments.scale.min() >= 0.5
    assert segments.scale.max() <= 1.5
    assert segments.scale.mean() == pytest.approx(1.0, abs=0.03)


def test_slower_utterance_is_cut_above_the_padded_length_and_faster_one_ends_in_zeros():
    lengths, scale = torch.full((2, 2), 20), torch.tensor([[1.5, 1.5], [0.5, 0.5]])
    weights = resampling_weights(Segments(lengths, scale), torch.full((2,), 40), padded_frames=40)
    total = weights.sum(dim=2)
    torch.testing.assert_close(total[0], torch.ones(40))
    torch.testing.assert_close(total[1], (torch.arange(40) < 20).float())
    ramp = torch.arange(40.0)
    torch.testing.assert_close((weights[0] @ ramp)[:28], torch.arange(28) / 1.5)
    torch.testing.assert_close((weights[1] @ ramp)[:10], 2 * ramp[:10])
    padded = resampling_weights(Segments(lengths, scale), torch.full((2,), 40), padded_frames=60)
    assert (padded.sum(dim=2) > 0.5).sum(dim=1).tolist() == [58, 20]
    assert (padded[:, :, 40:] == 0).all(), "padding is not resampled"


def test_what_follows_the_last_segment_is_dropped():
    weights = resampling_weights(Segments(torch.tensor([[20]]), torch.tensor([[1.5]])), torch.tensor([40]), 40)
    assert weights[0].sum(dim=0).nonzero().max() == 19


def test_interpolation_with_an_unvoiced_frame_is_unvoiced():
    pitch = torch.full((40,), 0.5)
    pitch[10] = -1e10
    weights = resampling_weights(Segments(torch.tensor([[40]]), torch.tensor([[1.5]])), torch.tensor([40]), 40)[0]
    resampled = weights @ pitch
    affected = weights[:, 10] > 0
    assert affected.sum() == 3
    assert (resampled[affected] < 0).all()
    torch.testing.assert_close(resampled[~affected], torch.full((37,), 0.5))


def test_draws_follow_the_global_generator():
    draws = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        draws.append(draw_segments(3, 64, segment_frames=(19, 31), scale=(0.5, 1.5)))
    assert torch.equal(draws[0].scale, draws[1].scale)
    assert torch.equal(draws[0].n_frames, draws[1].n_frames)
    assert not torch.equal(draws[0].scale, draws[2].scale)
