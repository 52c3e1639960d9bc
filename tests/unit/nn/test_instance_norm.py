import pytest
import torch
from torch import nn

from emofactors.nn import instance_norm as module
from emofactors.nn.instance_norm import instance_norm


def image_by_image(x, valid=None):
    return module._image_by_image(x, valid, eps=1e-5)


def all_at_once(x, valid=None):
    return module._all_at_once(x, valid, eps=1e-5)


both_implementations = pytest.mark.parametrize("norm", [image_by_image, all_at_once])


@pytest.fixture
def images():
    return 3 + 2 * torch.randn(3, 8, 10, 12, generator=torch.Generator().manual_seed(0))


@both_implementations
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradient_equal_torchs_instance_norm(images, norm, memory_format):
    ours, theirs = (images.clone(memory_format=memory_format).requires_grad_() for _ in range(2))
    weight = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    for x, kind in ((ours, norm), (theirs, nn.InstanceNorm2d(8))):
        (weight * kind(x)).sum().backward()
    torch.testing.assert_close(norm(ours), nn.InstanceNorm2d(8)(theirs))
    torch.testing.assert_close(ours.grad, theirs.grad)


@both_implementations
def test_invalid_frames_are_excluded_and_become_zero(images, norm):
    valid = torch.arange(10) < torch.tensor([10, 4, 7])[:, None]
    normed = norm(images, valid)
    for image, out, length in zip(images, normed, (10, 4, 7), strict=True):
        torch.testing.assert_close(out[:, :length], nn.InstanceNorm2d(8)(image[None, :, :length])[0])
        assert (out[:, length:] == 0).all()


def test_both_implementations_have_the_same_gradient(images):
    valid = torch.arange(10) < torch.tensor([10, 4, 7])[:, None]
    gradients = []
    for norm in (image_by_image, all_at_once):
        x = images.clone().requires_grad_()
        norm(x, valid).pow(3).sum().backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)
    assert (gradients[0][1, :, 4:] == 0).all()


@both_implementations
def test_output_has_the_precision_of_the_image(images, norm):
    valid = torch.arange(10) < torch.tensor([10, 4, 7])[:, None]
    assert norm(images.bfloat16()).dtype == torch.bfloat16
    assert norm(images.bfloat16(), valid).dtype == torch.bfloat16


def test_channels_last_images_on_the_cpu_are_normalised_one_by_one(images, monkeypatch):
    images = images.to(memory_format=torch.channels_last)
    monkeypatch.setattr(module, "_all_at_once", None)
    torch.testing.assert_close(instance_norm(images), image_by_image(images))


def test_padded_images_on_the_cpu_are_normalised_one_by_one(images, monkeypatch):
    valid = torch.arange(10) < torch.tensor([10, 4, 7])[:, None]
    monkeypatch.setattr(module, "_all_at_once", None)
    torch.testing.assert_close(instance_norm(images, valid), image_by_image(images, valid))


def test_contiguous_images_on_the_cpu_are_normalised_at_once(images, monkeypatch):
    monkeypatch.setattr(module, "_image_by_image", None)
    torch.testing.assert_close(instance_norm(images), all_at_once(images))
