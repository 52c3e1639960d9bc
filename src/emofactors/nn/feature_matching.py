"""Feature matching loss between a student's and its teacher's embeddings (Kim & Lee 2024)."""

from torch import Tensor
from torch.nn import functional as F


def feature_matching(embedding: Tensor, teacher_embedding: Tensor) -> Tensor:
    """Return the mean absolute difference between a student's and its teacher's embeddings.

    Source: Kim & Lee 2024, L1 between the feature maps of student and teacher, which in the public code are
    the class tokens after the last layer norm.

    Args:
        embedding: embeddings of the student, (B, D).
        teacher_embedding: embeddings of the teacher for the same utterances, (B, D), without gradient.

    Returns:
        The mean over utterances and elements, a scalar.

    Raises:
        ValueError: if the two differ in shape.

    Example:
        >>> from torch import tensor
        >>> feature_matching(tensor([[1.0, 2.0]]), tensor([[0.0, 4.0]])).item()
        1.5
    """
    if embedding.shape != teacher_embedding.shape:
        raise ValueError(
            f"embedding is {tuple(embedding.shape)}, expected {tuple(teacher_embedding.shape)} as of the teacher"
        )
    return F.l1_loss(embedding.float(), teacher_embedding.detach().float())
