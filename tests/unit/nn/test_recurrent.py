import torch

from emofactors.nn.recurrent import LastStateBigru


def test_vector_is_the_last_forward_and_first_backward_output():
    torch.manual_seed(0)
    bigru = LastStateBigru(3, 4)
    x, n_frames = torch.randn(2, 6, 3), [4, 6]
    vector = bigru(x, torch.tensor(n_frames))
    for row, length in enumerate(n_frames):
        outputs, _ = bigru.gru(x[row : row + 1, :length])
        torch.testing.assert_close(vector[row, :4], outputs[0, -1, :4])
        torch.testing.assert_close(vector[row, 4:], outputs[0, 0, 4:])


def test_padding_has_no_effect():
    torch.manual_seed(0)
    bigru = LastStateBigru(3, 4)
    x = torch.randn(2, 6, 3)
    other = x.clone()
    other[0, 4:] = 100.0
    n_frames = torch.tensor([4, 6])
    torch.testing.assert_close(bigru(x, n_frames), bigru(other, n_frames))
