import torch
from torch import nn

from emofactors.nn.bilstm import ValidBilstm

LENGTHS = [4, 7, 1]


def make(seed=0):
    """A ValidBilstm, and torch's own with the same weights."""
    torch.manual_seed(seed)
    ours, theirs = ValidBilstm(3, 4), nn.LSTM(3, 4, batch_first=True, bidirectional=True)
    weights = dict(ours.forward_lstm.named_parameters())
    weights |= {f"{name}_reverse": p for name, p in ours.backward_lstm.named_parameters()}
    theirs.load_state_dict(weights)
    return ours, theirs


def test_output_equals_torchs_bidirectional_lstm_of_each_utterance():
    ours, theirs = make()
    x = torch.randn(3, 7, 3)
    out = ours(x, torch.tensor(LENGTHS))
    assert out.shape == (3, 7, 8)
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(out[row, :length], theirs(x[row : row + 1, :length])[0][0])


def test_gradient_equals_that_of_torchs_packed_batch():
    ours, theirs = make()
    lengths = torch.tensor(LENGTHS)
    valid = torch.arange(7) < lengths[:, None]
    x = torch.randn(3, 7, 3, requires_grad=True)
    weight = torch.randn(3, 7, 8) * valid[:, :, None]
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    unpacked, _ = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    expected = torch.autograd.grad((weight * unpacked).sum(), [x, *theirs.parameters()])
    inputs = [x, *ours.forward_lstm.parameters(), *ours.backward_lstm.parameters()]
    gradients = torch.autograd.grad((weight * ours(x, lengths)).sum(), inputs)
    assert len(gradients) == 9
    for gradient, other in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, other)


def test_padding_has_no_effect():
    ours, _ = make()
    x, lengths = torch.randn(3, 7, 3), torch.tensor(LENGTHS)
    valid = torch.arange(7) < lengths[:, None]
    other = x.masked_fill(~valid[:, :, None], 100.0)
    torch.testing.assert_close(ours(x, lengths)[valid], ours(other, lengths)[valid])
