import numpy as np
import torch

from emofactors.nn.pooling import mean_and_std


def frames(*lengths):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(len(lengths), max(lengths), 3, dtype=torch.float64, generator=generator)
    return x, torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


def test_result_equals_numpys_mean_and_std_of_the_valid_frames():
    lengths = (7, 4, 2)
    x, valid = frames(*lengths)
    x[1, 4:] = torch.inf  # must have no effect
    pooled = mean_and_std(x, valid)
    assert pooled.shape == (3, 6)
    for vector, utterance, length in zip(pooled.numpy(), x.numpy(), lengths, strict=True):
        inside = utterance[:length]
        np.testing.assert_allclose(vector, np.concatenate([inside.mean(axis=0), inside.std(axis=0)]), rtol=1e-12)


def test_gradient_is_correct_and_zero_beyond_the_end():
    x, valid = frames(5, 3)
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: mean_and_std(x, valid), x)
    mean_and_std(x, valid).sum().backward()
    assert (x.grad[1, 3:] == 0).all()
    assert (x.grad[1, :3] != 0).all()


def test_equal_frames_have_a_std_near_0_and_a_finite_gradient():
    x = torch.full((1, 4, 2), 3.0, requires_grad=True)
    pooled = mean_and_std(x, torch.ones(1, 4, dtype=torch.bool))
    torch.testing.assert_close(pooled, torch.tensor([[3.0, 3.0, 0.0, 0.0]]), rtol=0, atol=1e-4)
    pooled.sum().backward()
    torch.testing.assert_close(x.grad, torch.full((1, 4, 2), 0.25))
