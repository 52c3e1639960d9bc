import pytest
import torch

from emofactors.nn.convolution import ConvolutionStack

PUBLISHED = {
    "channels": [4, 5, 6, 7],
    "kernel_sizes": [7, 3, 3, 3],
    "strides": [2, 1, 1, 1],
    "pools": [1, 2, 2, 2],
}


@pytest.fixture
def stack():
    torch.manual_seed(0)
    return ConvolutionStack(**PUBLISHED)


@pytest.mark.parametrize(("bins", "expected"), [(128, [61, 29, 13, 5]), (513, [254, 126, 62, 30])])
def test_bins_after_each_layer_equal_the_published_ones(stack, bins, expected):
    after = []
    for layer in stack.layers:
        bins = layer.size_after(bins)
        after.append(bins)
    assert after == expected


def test_padding_has_no_effect(stack):
    """The valid frames of an utterance are the same alone and in a batch with a longer one."""
    short, long = torch.randn(1, 1, 90, 128), torch.randn(1, 1, 140, 128)
    alone, n_alone = stack(short, torch.tensor([90]))
    padded = torch.cat([torch.nn.functional.pad(short, (0, 0, 0, 50), value=9.0), long])
    batched, n_batched = stack(padded, torch.tensor([90, 140]))
    assert n_alone[0] == n_batched[0]
    torch.testing.assert_close(batched[0, :, : n_alone[0]], alone[0, :, : n_alone[0]])


def test_groups_of_similar_length_equal_the_whole_batch(stack):
    """Values of the valid frames and gradients; the order of the utterances stays."""
    n_frames = torch.tensor([90, 140, 75, 101, 88, 120, 75, 133, 99, 110])
    x = torch.randn(10, 1, 140, 128)
    grouped, n_valid = stack(x, n_frames)
    whole = x
    for layer in stack.layers:
        whole = layer(whole)
    valid = (torch.arange(whole.shape[2]) < n_valid[:, None])[:, None, :, None]
    assert grouped.shape == whole.shape
    torch.testing.assert_close(grouped * valid, whole * valid)
    parameters = list(stack.parameters())
    ours, theirs = (torch.autograd.grad((out * valid).square().sum(), parameters) for out in (grouped, whole))
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


def test_min_frames_gives_one_frame_and_one_less_gives_none(stack):
    assert stack.size_after(stack.min_frames) == 1
    assert stack.size_after(stack.min_frames - 1) < 1


def test_output_has_the_calculated_size(stack):
    x, n_frames = stack(torch.randn(1, 1, 131, 128), torch.tensor([131]))
    assert x.shape[2] == n_frames[0] == stack.size_after(131)
    assert x.shape[3] == stack.size_after(128)


def test_layer_is_convolution_relu_and_pooling(stack):
    x = torch.randn(2, 4, 20, 30)
    layer = stack.layers[1]
    expected = torch.nn.functional.max_pool2d(torch.relu(layer.convolution(x)), 2)
    torch.testing.assert_close(layer(x), expected)


def test_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match="argument"):
        ConvolutionStack(**(PUBLISHED | {"pools": [1, 2]}))
