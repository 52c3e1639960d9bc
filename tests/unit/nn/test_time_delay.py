import pytest
import torch
from torch import nn

from emofactors.nn.time_delay import TimeDelayLayer, TimeDelayStack

LENGTHS = (9, 14, 5)


@pytest.fixture
def layer():
    torch.manual_seed(0)
    layer = TimeDelayLayer(3, 4, kernel_size=5, dilation=2).double()
    nn.init.normal_(layer.norm.weight)
    nn.init.normal_(layer.norm.bias)
    return layer


@pytest.fixture
def stack():
    torch.manual_seed(0)
    stack = TimeDelayStack(3, 4, kernel_size=5, dilations=[1, 2, 3])
    stack.train()(torch.randn(8, 20, 3), torch.ones(8, 20, dtype=torch.bool))  # set the running statistics
    return stack


def utterances():
    """Utterances of three lengths, (length, 3) each."""
    generator = torch.Generator().manual_seed(1)
    return [2 + torch.randn(length, 3, generator=generator) for length in LENGTHS]


def padded(sequences, value=9.0):
    """Return utterances padded with a value, (B, T, 3), and the valid frames (B, T)."""
    x = nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=value)
    return x, torch.arange(x.shape[1]) < torch.tensor(LENGTHS)[:, None]


def reference_convolution(layer, utterance):
    """Convolve one utterance (T, n_in), padded with zeros: (T, n_out)."""
    weight = layer.convolution.weight  # (n_out, n_in, 5)
    out = torch.zeros(len(utterance), weight.shape[0], dtype=weight.dtype)
    for t in range(len(utterance)):
        for k in range(5):
            source = t + 2 * (k - 2)
            if 0 <= source < len(utterance):
                out[t] += weight[:, :, k] @ utterance[source]
    return out


def reference_layer(layer, sequences, mean, variance):
    return [
        torch.relu(
            (reference_convolution(layer, s) - mean) / (variance + 1e-5).sqrt() * layer.norm.weight
            + layer.norm.bias
        )
        for s in sequences
    ]


def test_norm_uses_statistics_of_valid_frames_in_training(layer):
    sequences = [s.double() for s in utterances()]
    x, valid = padded(sequences)
    out = layer(x.transpose(1, 2), valid).transpose(1, 2)
    convolved = torch.cat([reference_convolution(layer, s) for s in sequences])  # (9 + 14 + 5, 4)
    expected = reference_layer(layer, sequences, convolved.mean(dim=0), convolved.var(dim=0, correction=0))
    for row, frames in enumerate(expected):
        torch.testing.assert_close(out[row, : len(frames)], frames)
    torch.testing.assert_close(layer.norm.running_mean, 0.1 * convolved.mean(dim=0))
    torch.testing.assert_close(layer.norm.running_var, 0.9 + 0.1 * convolved.var(dim=0))


def test_norm_uses_running_statistics_in_evaluation(layer):
    sequences = [s.double() for s in utterances()]
    x, valid = padded(sequences)
    mean, variance = torch.randn(4).double(), torch.rand(4).double()
    layer.eval().norm.running_mean.copy_(mean)
    layer.norm.running_var.copy_(variance)
    out = layer(x.transpose(1, 2), valid).transpose(1, 2)
    for row, frames in enumerate(reference_layer(layer, sequences, mean, variance)):
        torch.testing.assert_close(out[row, : len(frames)], frames)


def test_gradient_in_training_equals_that_of_the_formula(layer):
    sequences = [s.double().requires_grad_() for s in utterances()]
    x, valid = padded(sequences)
    valid_out = layer(x.transpose(1, 2), valid).transpose(1, 2)[valid]  # (28, 4)
    weight = torch.randn(valid_out.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    inputs = [*sequences, *layer.parameters()]
    gradients = torch.autograd.grad((weight * valid_out).sum(), inputs)
    convolved = torch.cat([reference_convolution(layer, s) for s in sequences])
    expected_out = torch.cat(
        reference_layer(layer, sequences, convolved.mean(dim=0), convolved.var(dim=0, correction=0))
    )
    for gradient, expected in zip(
        gradients, torch.autograd.grad((weight * expected_out).sum(), inputs), strict=True
    ):
        torch.testing.assert_close(gradient, expected)


def test_utterance_does_not_depend_on_its_batch(stack):
    stack.eval()
    sequences = utterances()
    together = stack(*padded(sequences))
    for row, utterance in enumerate(sequences):
        alone = stack(utterance[None], torch.ones(1, len(utterance), dtype=torch.bool))
        torch.testing.assert_close(together[row : row + 1, : len(utterance)], alone)


@pytest.mark.parametrize("training", [True, False])
def test_padding_has_no_effect(stack, training):
    stack.train(training)
    sequences = utterances()
    x, valid = padded(sequences)
    other, _ = padded(sequences, value=torch.nan)
    torch.testing.assert_close(stack(x, valid)[valid], stack(other, valid)[valid])


def test_receptive_field_is_12_frames_on_either_side(stack):
    """Two frames on either side at dilation 1, four at 2, six at 3."""
    stack.eval()
    x = torch.zeros(1, 40, 3, requires_grad=True)
    stack(x, torch.ones(1, 40, dtype=torch.bool))[0, 20].sum().backward()
    reached = x.grad.abs().sum(dim=(0, 2)).nonzero().flatten()
    assert (reached.min(), reached.max()) == (8, 32)


def test_even_kernel_is_refused():
    with pytest.raises(ValueError, match="kernel_size is 4, expected odd"):
        TimeDelayLayer(3, 4, kernel_size=4, dilation=1)
