import math

import pytest
import torch

from emofactors.nn.random_resampling import Segments, draw_segments, resampling_weights


def reference(x, lengths, scales):
    """Resample one utterance (T, C) in a loop over segments and frames."""
    out, first = [], 0
    for length, scale in zip(lengths.tolist(), scales.tolist(), strict=True):
        j = 0
        while j / scale < length - 1 and first + j / scale < len(x) - 1:
            position = first + j / scale
            before = math.floor(position)
            out.append((before + 1 - position) * x[before] + (position - before) * x[before + 1])
            j += 1
        first += length
    out = torch.stack(out)[: len(x)]
    return torch.cat([out, out.new_zeros(len(x) - len(out), x.shape[1])])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_frames", [16, 64, 128])
def test_weights_equal_a_loop_over_segments_and_frames(seed, n_frames):
    torch.manual_seed(seed)
    x = torch.randn(4, n_frames, 3, dtype=torch.float64)
    segments = draw_segments(4, n_frames, segment_frames=(19, 31), scale=(0.5, 1.5))
    segments = Segments(segments.n_frames, segments.scale.double())
    resampled = resampling_weights(segments, n_frames) @ x
    for row in range(4):
        expected = reference(x[row], segments.n_frames[row], segments.scale[row])
        torch.testing.assert_close(resampled[row], expected, rtol=1e-9, atol=1e-9)


def test_segments_are_within_their_ranges_and_cover_the_utterance():
    torch.manual_seed(0)
    segments = draw_segments(500, 128, segment_frames=(19, 31), scale=(0.5, 1.5))
    assert segments.n_frames.shape == segments.scale.shape == (500, 7)
    assert set(segments.n_frames.unique().tolist()) == set(range(19, 32))
    assert (segments.n_frames.sum(dim=1) >= 128).all()
    assert segments.scale.min() >= 0.5
    assert segments.scale.max() <= 1.5
    assert segments.scale.mean() == pytest.approx(1.0, abs=0.03)


def test_slower_utterance_is_cut_and_faster_one_ends_in_zeros():
    lengths = torch.full((2, 2), 20)
    weights = resampling_weights(Segments(lengths, torch.tensor([[1.5, 1.5], [0.5, 0.5]])), 40)
    total = weights.sum(dim=2)
    torch.testing.assert_close(total[0], torch.ones(40))
    torch.testing.assert_close(total[1], (torch.arange(40) < 20).float())
    ramp = torch.arange(40.0)
    torch.testing.assert_close((weights[0] @ ramp)[:28], torch.arange(28) / 1.5)
    torch.testing.assert_close((weights[1] @ ramp)[:10], 2 * ramp[:10])


def test_interpolation_with_an_unvoiced_frame_is_unvoiced():
    pitch = torch.full((40,), 0.5)
    pitch[10] = -1e10
    weights = resampling_weights(Segments(torch.tensor([[40]]), torch.tensor([[1.5]])), 40)[0]
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
