import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from emofactors.nn.image_convolution import ImageConvolution


@pytest.fixture(params=["AVX2", "AVX512"])
def capability(request, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: request.param)
    return request.param


def layer_and_image(n_in, *, pooled):
    torch.manual_seed(0)
    layer = ImageConvolution(n_in, 6, (5, 3), stride=2, padding=(2, 1), pooled=pooled)
    return layer, torch.randn(2, n_in, 9, 12, requires_grad=True)


@pytest.mark.parametrize("pooled", [True, False])
@pytest.mark.parametrize("n_in", [1, 4])
def test_values_and_gradients_equal_torchs_convolution(capability, n_in, pooled):
    layer, image = layer_and_image(n_in, pooled=pooled)
    plain = nn.Conv2d(n_in, 6, (5, 3), stride=2, padding=(2, 1))
    plain.load_state_dict(layer.state_dict())
    ours, theirs = layer(image), plain(image)
    torch.testing.assert_close(ours, theirs)
    gradients = [
        torch.autograd.grad(output.pow(3).sum(), [image, *module.parameters()])
        for output, module in ((ours, layer), (theirs, plain))
    ]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pooled", [True, False])
def test_only_layers_without_pooling_on_avx2_are_contiguous(capability, pooled):
    layer, image = layer_and_image(4, pooled=pooled)
    assert layer(image).is_contiguous() == (capability == "AVX2" and not pooled)


class WeightGradients(TorchDispatchMode):
    """Records whether gradient, input and weight of each weight gradient are contiguous."""

    def __init__(self):
        super().__init__()
        self.contiguous = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if function is torch.ops.aten.convolution_backward.default and args[-1][1]:
            self.contiguous.append(tuple(tensor.is_contiguous() for tensor in args[:3]))
        return function(*args, **(kwargs or {}))


def test_weight_gradient_of_pooled_layers_on_avx2_is_computed_in_contiguous_layout(capability):
    layer, image = layer_and_image(4, pooled=True)
    image = image.detach().to(memory_format=torch.channels_last).requires_grad_()
    output = layer(image)
    with WeightGradients() as recorded:
        output.backward(torch.ones_like(output))
    assert recorded.contiguous == [(True, True, True) if capability == "AVX2" else (False, False, False)]


@pytest.mark.parametrize("pooled", [True, False])
def test_bfloat16_has_gradients(capability, pooled):
    layer, image = layer_and_image(4, pooled=pooled)
    with torch.autocast("cpu", torch.bfloat16):
        output = layer(image)
    output.sum().backward()
    assert output.dtype == torch.bfloat16
    assert layer.weight.grad.dtype == torch.float32
    assert layer.weight.grad.abs().sum() > 0
