import pytest
import torch
from torch.nn import functional as F

from emofactors.nn.acrnn import AttentionPooling, SameConvolutions


def convolutions(channels=(4, 6, 5)):
    torch.manual_seed(0)
    return SameConvolutions(3, channels, kernel_size=(5, 3), pool_size=(2, 4), slope=0.01)


def random(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def test_size_is_preserved_except_for_one_pooling_after_the_first_layer():
    stack, x = convolutions(), random(2, 3, 12, 16)
    first, second, third = stack.convolutions
    expected = F.max_pool2d(F.leaky_relu(F.conv2d(x, first.weight, first.bias, padding=(2, 1)), 0.01), (2, 4))
    for layer in (second, third):
        expected = F.leaky_relu(F.conv2d(expected, layer.weight, layer.bias, padding=(2, 1)), 0.01)
    assert expected.shape == (2, 5, 6, 4)
    torch.testing.assert_close(stack(x), expected)


def test_remainder_of_the_pooling_is_dropped():
    stack = convolutions((4,))
    assert stack(random(1, 3, 13, 19)).shape == (1, 4, 6, 4)


def test_many_layers_preserve_the_scale_of_a_signal():
    std = convolutions((32, 48, 48, 48, 48, 48))(random(2, 3, 32, 32)).std()
    assert 0.3 < std < 3


def test_attention_is_the_softmax_of_weighted_sigmoids():
    torch.manual_seed(0)
    pooling, x = AttentionPooling(5, 3), random(2, 7, 5)
    for row, frames in enumerate(x):
        scores = torch.stack([pooling.score(torch.sigmoid(pooling.hidden(frame))) for frame in frames]).squeeze(1)
        weights = scores.exp() / scores.exp().sum()
        torch.testing.assert_close(pooling.weights(x)[row], weights)
        torch.testing.assert_close(pooling(x)[row], (weights[:, None] * frames).sum(dim=0))


def test_equal_frames_have_equal_weights():
    pooling = AttentionPooling(4, 1)
    x = random(1, 1, 4).expand(1, 6, 4)
    torch.testing.assert_close(pooling.weights(x), torch.full((1, 6), 1 / 6))
    torch.testing.assert_close(pooling(x), x[:, 0])


def test_even_kernel_is_refused():
    with pytest.raises(ValueError, match=r"kernel_size is \(4, 3\), expected two odd sizes"):
        SameConvolutions(1, [2], kernel_size=(4, 3), pool_size=(1, 1), slope=0.01)
