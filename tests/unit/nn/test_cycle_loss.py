import pytest
import torch

from emofactors.nn.cycle_loss import Substitution, cycle, draw_substitution

ORDER = torch.tensor([2, 0, 1])


def make_codes():
    torch.manual_seed(0)
    return [torch.randn(3, 4, dim, requires_grad=True) for dim in (2, 1, 3)]


def decode(codes):
    """An invertible mixture of all codes, and the first of them."""
    return torch.cat(codes, dim=2) @ MIXTURE, codes[0]


def encode(mixture, first):
    del first
    return (mixture @ torch.linalg.inv(MIXTURE)).split((2, 1, 3), dim=2)


MIXTURE = torch.randn(6, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("factor", [0, 1, 2])
def test_it_is_0_for_a_pair_that_inverts_exactly(factor):
    cycled = cycle(make_codes(), Substitution(factor, ORDER), decode=decode, encode=encode, n_unchanged=0)
    assert cycled.loss.item() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("factor", [0, 1, 2])
def test_of_one_that_does_not_it_is_the_mean_squared_difference_of_the_substituted_codes(factor):
    codes = make_codes()

    def mixed_up(mixture, first):
        return first + 1, mixture[..., :1], 2 * codes[2]

    cycled = cycle(codes, Substitution(factor, ORDER), decode=decode, encode=mixed_up, n_unchanged=4)
    substituted = [code[ORDER] if i == factor else code for i, code in enumerate(codes)]
    again = mixed_up(*decode(substituted))
    unchanged = torch.randn(3, 4, 4)
    joint, cycled_joint = (torch.cat([*part, unchanged], dim=2) for part in (substituted, again))
    torch.testing.assert_close(cycled.loss, (joint - cycled_joint).square().mean())
    assert cycled.loss > 0


def test_what_is_decoded_of_the_batch_itself_has_nothing_substituted():
    codes = make_codes()
    cycled = cycle(codes, Substitution(1, ORDER), decode=decode, encode=encode, n_unchanged=0)
    for ours, plain in zip(cycled.decoded, decode(codes), strict=True):
        torch.testing.assert_close(ours, plain)


def test_encoders_learn_from_target_and_cycle():
    codes = make_codes()
    grown = cycle(codes, Substitution(0, ORDER), decode=decode, encode=lambda m, f: [f, *codes[1:]], n_unchanged=0)
    assert all((g == 0).all() for g in torch.autograd.grad(grown.loss, codes, materialize_grads=True))
    still = cycle(
        codes, Substitution(0, ORDER), decode=decode, encode=lambda m, f: [0 * f, *codes[1:]], n_unchanged=0
    )
    gradient = torch.autograd.grad(still.loss, codes[0])[0]
    torch.testing.assert_close(gradient, 2 * codes[0].detach() / (3 * 4 * 6))


def test_each_factor_is_substituted_at_times_and_the_order_is_a_permutation():
    torch.manual_seed(0)
    draws = [draw_substitution(5, 3) for _ in range(50)]
    assert {draw.factor for draw in draws} == {0, 1, 2}
    assert all(sorted(draw.order.tolist()) == list(range(5)) for draw in draws)
    assert len({tuple(draw.order.tolist()) for draw in draws}) > 10
