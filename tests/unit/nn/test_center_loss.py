import numpy as np
import pytest
import torch

from emofactors.nn.center_loss import CenterLoss


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    embedding = torch.randn(12, 5, generator=generator)
    emotion = torch.tensor([0, 1, 1, 3, 0, 0, 3, 1, 0, 3, 3, 0])  # class 2 is absent
    weight = torch.tensor([1.0, 2.5, 4.0, 1.5])[emotion]
    return embedding, emotion, weight


def with_centers(n_classes=4, dim=5):
    loss = CenterLoss(n_classes, dim)
    loss.centers.copy_(torch.randn(n_classes, dim, generator=torch.Generator().manual_seed(2)))
    return loss


def test_loss_is_the_formula_written_plainly(batch):
    embedding, emotion, weight = batch
    loss = with_centers()
    total = 0.0
    for z, y, w in zip(embedding.numpy(), emotion.numpy(), weight.numpy(), strict=True):
        total += w * ((z - loss.centers[y].numpy()) ** 2).sum()
    expected = total / np.mean(weight.numpy()) / len(emotion)
    assert loss(embedding, emotion, weight).item() == pytest.approx(expected, rel=1e-5)


def test_update_is_the_formula_written_plainly(batch):
    embedding, emotion, _ = batch
    loss = with_centers()
    before, alpha = loss.centers.clone().numpy(), 0.3
    loss.update(embedding, emotion, alpha)
    for j in range(4):
        members = embedding.numpy()[emotion.numpy() == j]
        expected = before[j] - alpha * (before[j] - members).sum(axis=0) / (1 + len(members))
        np.testing.assert_allclose(loss.centers[j].numpy(), expected, rtol=1e-5, atol=1e-6)


def test_an_absent_class_keeps_its_center(batch):
    embedding, emotion, _ = batch
    loss = with_centers()
    before = loss.centers[2].clone()
    loss.update(embedding, emotion, alpha=1.0)
    assert torch.equal(loss.centers[2], before)


def test_alpha_zero_moves_no_center(batch):
    embedding, emotion, _ = batch
    loss = with_centers()
    before = loss.centers.clone()
    loss.update(embedding, emotion, alpha=0.0)
    assert torch.equal(loss.centers, before)


def test_centers_are_state_but_no_parameters():
    loss = CenterLoss(3, 2)
    assert list(loss.parameters()) == []
    assert list(loss.state_dict()) == ["centers"]


def test_gradient_draws_an_embedding_to_its_center(batch):
    embedding, emotion, weight = batch
    loss = with_centers()
    embedding = embedding.clone().requires_grad_()
    loss(embedding, emotion, weight).backward()
    expected = 2 * weight[:, None] * (embedding.detach() - loss.centers[emotion]) / weight.sum()
    torch.testing.assert_close(embedding.grad, expected)
