"""Feature matching: a student's embeddings are drawn to its teacher's (Kim & Lee 2024)."""

from torch import Tensor
from torch.nn import functional as F


def feature_matching(embedding: Tensor, teacher_embedding: Tensor) -> Tensor:
    """Mean absolute difference between a student's embeddings and its teacher's.

    Source: Kim & Lee 2024, L1 between the feature maps of student and teacher; by the public code these are
    the class tokens after the last layer norm.

    Args:
        embedding: of the student, (B, D).
        teacher_embedding: of the teacher, of the same utterances, (B, D); no gradient reaches it.

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
            f"embedding is {tuple(embedding.shape)}, the teacher's {tuple(teacher_embedding.shape)}; "
            "expected the same shape"
        )
    return F.l1_loss(embedding.float(), teacher_embedding.detach().float())
