import numpy as np
import pytest
import torch

from emofactors.nn.deltas import deltas


def reference_deltas(x, window):
    """The regression formula for one utterance (T, F)."""
    last = len(x) - 1
    out = np.zeros_like(x)
    for t in range(len(x)):
        for n in range(1, window + 1):
            out[t] += n * (x[min(t + n, last)] - x[max(t - n, 0)])
    return out / (2 * sum(n * n for n in range(1, window + 1)))


@pytest.mark.parametrize("window", [1, 2, 3])
@pytest.mark.parametrize("n_frames", [1, 2, 9])
def test_deltas_equal_the_regression_over_neighbouring_frames(window, n_frames):
    x = torch.randn(2, n_frames, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for result, frames in zip(deltas(x, window), x, strict=True):
        np.testing.assert_allclose(result, reference_deltas(frames.numpy(), window), atol=1e-12)


def test_line_has_its_slope_away_from_the_ends():
    x = 3 * torch.arange(10.0)[None, :, None]
    torch.testing.assert_close(deltas(x, 2)[0, 2:-2, 0], torch.full((6,), 3.0))


def test_window_below_1_is_refused():
    with pytest.raises(ValueError, match="window is 0, expected at least 1"):
        deltas(torch.zeros(1, 3, 1), 0)
