import math

import pytest
import torch

from emofactors.nn.gradient_reversal import reversal_ramp, reverse_gradient


@pytest.fixture
def x():
    return torch.randn(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()


def unreversed_gradient(x):
    """Gradient of the sum of sines."""
    return x.detach().cos()


def test_values_are_unchanged(x):
    assert torch.equal(reverse_gradient(x, 0.7), x)


@pytest.mark.parametrize("weight", [0.0, 0.25, 3.0, torch.tensor(0.5)])
def test_gradient_is_multiplied_by_minus_weight(x, weight):
    reverse_gradient(x, weight).sin().sum().backward()
    torch.testing.assert_close(x.grad, -weight * unreversed_gradient(x))


def test_gradient_of_later_layers_is_not_reversed(x):
    factor = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    (factor * reverse_gradient(x, 5.0)).sum().backward()
    torch.testing.assert_close(factor.grad, x.detach().sum())


def test_weights_of_two_reversals_multiply(x):
    reverse_gradient(reverse_gradient(x, 2.0), 3.0).sin().sum().backward()
    torch.testing.assert_close(x.grad, 6.0 * unreversed_gradient(x))


def test_ramp_equals_the_published_formula():
    progress = [0.0, 0.05, 0.3, 1.0]
    expected = [2 / (1 + math.exp(-10 * p)) - 1 for p in progress]
    ramp = reversal_ramp(torch.tensor(progress, dtype=torch.float64))
    assert ramp.tolist() == pytest.approx(expected, rel=1e-12)
    assert ramp[0] == 0
    assert ramp[-1] == pytest.approx(0.9999092)


def test_ramp_accepts_a_number():
    assert torch.equal(reversal_ramp(0.5), reversal_ramp(torch.tensor(0.5)))
