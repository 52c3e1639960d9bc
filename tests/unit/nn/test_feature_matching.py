import pytest
import torch

from emofactors.nn.feature_matching import feature_matching


def test_loss_equals_the_formula():
    generator = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 3, generator=generator), torch.randn(2, 3, generator=generator)
    expected = sum(abs(float(student[i, j]) - float(teacher[i, j])) for i in range(2) for j in range(3)) / 6
    torch.testing.assert_close(feature_matching(student, teacher), torch.tensor(expected))


def test_lower_precision_is_compared_in_float32():
    loss = feature_matching(torch.ones(2, 3, dtype=torch.bfloat16), torch.full((2, 3), 1.001))
    torch.testing.assert_close(loss, torch.tensor(0.001), rtol=1e-3, atol=0)


def test_teacher_gets_no_gradient():
    student, teacher = torch.ones(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    feature_matching(student, teacher).backward()
    assert teacher.grad is None
    assert torch.equal(student.grad, torch.full((2, 3), 1 / 6))


def test_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"embedding is \(4, 3\), expected \(1, 3\) as of the teacher"):
        feature_matching(torch.zeros(4, 3), torch.zeros(1, 3))
