import pytest
import torch

from emofactors.nn.cycle_loss import Substitution, cycle, draw_substitution

ORDER = torch.tensor([2, 0, 1])


def make_codes():
    torch.manual_seed(0)
    return [torch.randn(3, 4, dim, requires_grad=True) for dim in (2, 1, 3)]


def decode(codes):
    """Return an invertible mixture of all codes, and the first of them."""
    return torch.cat(codes, dim=2) @ MIXTURE, codes[0]


def encode(mixture, first):
    del first
    return (mixture @ torch.linalg.inv(MIXTURE)).split((2, 1, 3), dim=2)


MIXTURE = torch.randn(6, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("factor", [0, 1, 2])
def test_loss_is_0_if_encode_inverts_decode(factor):
    cycled = cycle(make_codes(), Substitution(factor, ORDER), decode=decode, encode=encode, n_unchanged=0)
    assert cycled.loss.item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("factor", [0, 1, 2])
def test_loss_is_the_mean_squared_difference_of_the_substituted_codes(factor):
    codes = make_codes()

    def encode_wrongly(mixture, first):
        return first + 1, mixture[..., :1], 2 * codes[2]

    cycled = cycle(codes, Substitution(factor, ORDER), decode=decode, encode=encode_wrongly, n_unchanged=4)
    substituted = [code[ORDER] if i == factor else code for i, code in enumerate(codes)]
    encoded = encode_wrongly(*decode(substituted))
    unchanged = torch.randn(3, 4, 4)
    joint, cycled_joint = (torch.cat([*part, unchanged], dim=2) for part in (substituted, encoded))
    torch.testing.assert_close(cycled.loss, (joint - cycled_joint).square().mean())
    assert cycled.loss > 0


def test_decoded_batch_has_no_substitution():
    codes = make_codes()
    cycled = cycle(codes, Substitution(1, ORDER), decode=decode, encode=encode, n_unchanged=0)
    for decoded, expected in zip(cycled.decoded, decode(codes), strict=True):
        torch.testing.assert_close(decoded, expected)


def test_gradient_reaches_encoders_through_target_and_cycle():
    codes = make_codes()
    inverted = cycle(
        codes, Substitution(0, ORDER), decode=decode, encode=lambda m, f: [f, *codes[1:]], n_unchanged=0
    )
    assert all((g == 0).all() for g in torch.autograd.grad(inverted.loss, codes, materialize_grads=True))
    zeroed = cycle(
        codes, Substitution(0, ORDER), decode=decode, encode=lambda m, f: [0 * f, *codes[1:]], n_unchanged=0
    )
    gradient = torch.autograd.grad(zeroed.loss, codes[0])[0]
    torch.testing.assert_close(gradient, 2 * codes[0].detach() / (3 * 4 * 6))


def test_every_factor_is_drawn_and_the_order_is_a_permutation():
    torch.manual_seed(0)
    draws = [draw_substitution(5, 3) for _ in range(50)]
    assert {draw.factor for draw in draws} == {0, 1, 2}
    assert all(sorted(draw.order.tolist()) == list(range(5)) for draw in draws)
    assert len({tuple(draw.order.tolist()) for draw in draws}) > 10
