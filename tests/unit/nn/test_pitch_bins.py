import torch

from emofactors.nn.pitch_bins import N_PITCH_BINS, pitch_bins


def test_unvoiced_is_bin_0_and_voiced_pitch_covers_the_others():
    pitch = torch.tensor([[-1e10, -0.1, 0.0], [1e-4, 0.5, 1.0]])
    bins = pitch_bins(pitch)
    assert bins.dtype == torch.int64
    assert bins.tolist() == [[0, 0, 0], [1, 129, 256]]
    assert pitch_bins(torch.linspace(1e-4, 1, 100_000)).unique().tolist() == list(range(1, N_PITCH_BINS))
