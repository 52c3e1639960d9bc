import math

import pytest
import torch

from emofactors.nn.posterior_entropy import posterior_entropy


@pytest.mark.parametrize("n_speakers", [2, 3, 91])
def test_uniform_posterior_has_entropy_1_and_certain_one_0(n_speakers):
    uniform = torch.full((4, n_speakers), 1.7, dtype=torch.float64)
    assert posterior_entropy(uniform).item() == pytest.approx(1.0, rel=1e-12)
    certain = torch.zeros(4, n_speakers)
    certain[:, 1] = 1e6
    assert posterior_entropy(certain).item() == 0


def test_entropy_equals_the_formula():
    logits = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    total = 0.0
    for row in logits.tolist():
        norm = sum(math.exp(value) for value in row)
        total -= sum(math.exp(value) / norm * math.log(math.exp(value) / norm) for value in row)
    assert posterior_entropy(logits).item() == pytest.approx(total / 5 / math.log(3), rel=1e-12)


def test_gradient_of_a_certain_posterior_is_finite():
    logits = torch.tensor([[1e4, -1e4, 0.0]], requires_grad=True)
    posterior_entropy(logits).backward()
    assert torch.equal(logits.grad, torch.zeros(1, 3))


@pytest.mark.parametrize("shape", [(4, 1), (4,)])
def test_fewer_than_two_classes_are_refused(shape):
    with pytest.raises(ValueError, match=r"expected \(B, S\) with S at least 2"):
        posterior_entropy(torch.zeros(shape))
