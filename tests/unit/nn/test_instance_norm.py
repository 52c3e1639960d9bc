import pytest
import torch
from torch import nn

from emofactors.nn.instance_norm import instance_norm


@pytest.fixture
def images():
    return 3 + 2 * torch.randn(3, 8, 10, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_of_whole_images_it_is_torchs_instance_norm_with_its_gradient(images, memory_format):
    ours, theirs = (images.clone(memory_format=memory_format).requires_grad_() for _ in range(2))
    weight = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    for x, norm in ((ours, instance_norm), (theirs, nn.InstanceNorm2d(8))):
        (weight * norm(x)).sum().backward()
    torch.testing.assert_close(instance_norm(ours), nn.InstanceNorm2d(8)(theirs))
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_frames_that_are_not_valid_count_nothing_and_become_zero(images):
    valid = torch.arange(10) < torch.tensor([10, 4, 7])[:, None]
    normed = instance_norm(images, valid)
    for image, out, length in zip(images, normed, (10, 4, 7), strict=True):
        torch.testing.assert_close(out[:, :length], instance_norm(image[None, :, :length])[0])
        assert (out[:, length:] == 0).all()


def test_gradient_is_the_same_with_a_mask_that_masks_nothing(images):
    whole, masked = images.clone().requires_grad_(), images.clone().requires_grad_()
    instance_norm(whole).pow(3).sum().backward()
    instance_norm(masked, torch.ones(3, 10, dtype=torch.bool)).pow(3).sum().backward()
    torch.testing.assert_close(whole.grad, masked.grad)


def test_precision_stays_that_of_the_image(images):
    valid = torch.arange(10) < torch.tensor([10, 4, 7])[:, None]
    assert instance_norm(images.bfloat16()).dtype == torch.bfloat16
    assert instance_norm(images.bfloat16(), valid).dtype == torch.bfloat16
