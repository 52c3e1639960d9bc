import pytest
import torch
from torch import nn

from emofactors.nn.glorot import draw_glorot
from emofactors.nn.image_convolution import ImageConvolution

N_IN, UNITS = 24, 40


def _drawn(layer, seed=0):
    torch.manual_seed(seed)
    draw_glorot(layer)
    return layer


def _check_uniform(weight, limit):
    """The extremes of thousands of uniform numbers are just within the limits, and their std is limit / sqrt(3)."""
    assert weight.abs().max() <= limit
    assert weight.max() > 0.99 * limit
    assert weight.min() < -0.99 * limit
    assert weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.05)


@pytest.mark.parametrize(
    ("layer", "fans"),
    [
        (nn.Linear(64, 48), 64 + 48),
        (nn.Conv2d(16, 24, (5, 3)), 5 * 3 * (16 + 24)),
        (ImageConvolution(16, 24, 3, pooled=True), 3 * 3 * (16 + 24)),
    ],
)
def test_kernels_are_glorot_uniform_and_biases_zero(layer, fans):
    _drawn(layer)
    _check_uniform(layer.weight, (6 / fans) ** 0.5)
    assert layer.bias.eq(0).all()


@pytest.mark.parametrize("suffix", ["", "_reverse"])
def test_gru_has_the_fans_of_one_kernel_for_the_gates_and_one_for_the_candidate(suffix):
    """TF1's GRUCell: kernels (input + units, 2 * units) and (input + units, units)."""
    gru = _drawn(nn.GRU(N_IN, UNITS, bidirectional=True))
    for kind, n_columns in (("ih", N_IN), ("hh", UNITS)):
        weight = getattr(gru, f"weight_{kind}_l0{suffix}")
        assert weight.shape == (3 * UNITS, n_columns)
        _check_uniform(weight[: 2 * UNITS], (6 / (N_IN + UNITS + 2 * UNITS)) ** 0.5)
        _check_uniform(weight[2 * UNITS :], (6 / (N_IN + UNITS + UNITS)) ** 0.5)


@pytest.mark.parametrize("suffix", ["", "_reverse"])
def test_gru_gates_have_bias_1_in_total_and_the_candidate_0(suffix):
    gru = _drawn(nn.GRU(N_IN, UNITS, bidirectional=True))
    of_input, of_state = (getattr(gru, f"bias_{kind}_l0{suffix}") for kind in ("ih", "hh"))
    assert (of_input + of_state)[: 2 * UNITS].eq(1).all()
    assert of_input[2 * UNITS :].eq(0).all()
    assert of_state[2 * UNITS :].eq(0).all()


def test_prelu_starts_as_relu():
    prelu = _drawn(nn.PReLU(5))
    assert prelu(torch.tensor([[-1.0, -2.0, 0.0, 3.0, 4.0]])).tolist() == [[0.0, 0.0, 0.0, 3.0, 4.0]]


def test_seed_decides():
    first, again, other = (_drawn(nn.GRU(N_IN, UNITS), seed).weight_hh_l0 for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("layer", [nn.LSTM(3, 4), nn.LayerNorm(3), nn.GRU(3, 4, num_layers=2)])
def test_layer_without_a_rule_is_refused(layer):
    with pytest.raises(ValueError, match="expected those of Linear"):
        draw_glorot(nn.Sequential(nn.Linear(2, 3), layer))
