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


def test_loss_equals_the_formula(batch):
    embedding, emotion, weight = batch
    loss = with_centers()
    total = 0.0
    for z, y, w in zip(embedding.numpy(), emotion.numpy(), weight.numpy(), strict=True):
        total += w * ((z - loss.centers[y].numpy()) ** 2).sum()
    expected = total / np.mean(weight.numpy()) / len(emotion)
    assert loss(embedding, emotion, weight).item() == pytest.approx(expected, rel=1e-5)


def test_update_equals_the_formula(batch):
    embedding, emotion, _ = batch
    loss = with_centers()
    before, alpha = loss.centers.clone().numpy(), 0.3
    loss.update(embedding, emotion, alpha)
    for j in range(4):
        members = embedding.numpy()[emotion.numpy() == j]
        expected = before[j] - alpha * (before[j] - members).sum(axis=0) / (1 + len(members))
        np.testing.assert_allclose(loss.centers[j].numpy(), expected, rtol=1e-5, atol=1e-6)


def test_center_of_an_absent_class_does_not_move(batch):
    embedding, emotion, _ = batch
    loss = with_centers()
    before = loss.centers[2].clone()
    loss.update(embedding, emotion, alpha=1.0)
    assert torch.equal(loss.centers[2], before)


def test_alpha_0_moves_no_center(batch):
    embedding, emotion, _ = batch
    loss = with_centers()
    before = loss.centers.clone()
    loss.update(embedding, emotion, alpha=0.0)
    assert torch.equal(loss.centers, before)


def test_centers_are_buffers_not_parameters():
    loss = CenterLoss(3, 2)
    assert list(loss.parameters()) == []
    assert list(loss.state_dict()) == ["centers"]


def test_gradient_points_from_the_center_to_the_embedding(batch):
    embedding, emotion, weight = batch
    loss = with_centers()
    embedding = embedding.clone().requires_grad_()
    loss(embedding, emotion, weight).backward()
    expected = 2 * weight[:, None] * (embedding.detach() - loss.centers[emotion]) / weight.sum()
    torch.testing.assert_close(embedding.grad, expected)


def test_default_weights_are_equal(batch):
    embedding, emotion, _ = batch
    loss = with_centers()
    torch.testing.assert_close(loss(embedding, emotion), loss(embedding, emotion, torch.full((12,), 3.0)))


@pytest.mark.parametrize(
    ("embedding", "emotion", "weight", "message"),
    [
        ((12, 1), (12,), None, r"embedding is \(12, 1\) and emotion \(12,\), expected \(B, 5\) and \(B,\)"),
        ((12, 5), (12, 1), None, r"emotion \(12, 1\)"),
        ((1, 5), (12,), None, r"embedding is \(1, 5\)"),
        ((12, 5), (12,), (4,), r"weight is \(4,\), expected \(12,\), one per utterance"),
    ],
)
def test_shapes_that_would_broadcast_are_refused(embedding, emotion, weight, message):
    weight = None if weight is None else torch.ones(weight)
    with pytest.raises(ValueError, match=message):
        with_centers()(torch.zeros(embedding), torch.zeros(emotion, dtype=torch.int64), weight)


def test_update_refuses_inconsistent_shapes_as_well():
    with pytest.raises(ValueError, match=r"embedding is \(12, 1\)"):
        with_centers().update(torch.zeros(12, 1), torch.zeros(12, dtype=torch.int64), alpha=0.5)
