"""Center loss: embeddings of one class are drawn to a common center (Wen et al. 2016; Dai et al. 2019)."""

import torch
from torch import Tensor, nn


class CenterLoss(nn.Module):
    """Weighted mean squared distance between embeddings and their class centers.

    The centers start at zero and are no parameters: after each mini-batch,
    :meth:`update` moves them by a rule of their own.

    Source: Dai et al. 2019, center loss and its public code; Wen et al. 2016.
    The paper's loss has no factor 1/2.

    Args:
        n_classes: number of emotion classes, C.
        dim: size of one embedding, D.

    Example:
        >>> loss = CenterLoss(n_classes=2, dim=1)
        >>> embedding, emotion = torch.tensor([[1.0], [3.0]]), torch.tensor([0, 0])
        >>> loss(embedding, emotion, weight=torch.ones(2)).item()
        5.0
        >>> loss.update(embedding, emotion, alpha=1.0)
        >>> [round(center, 3) for center in loss.centers.flatten().tolist()]
        [1.333, 0.0]
    """

    centers: Tensor

    def __init__(self, n_classes: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("centers", torch.zeros(n_classes, dim))

    def forward(self, embedding: Tensor, emotion: Tensor, weight: Tensor) -> Tensor:
        """Loss of one batch.

        Args:
            embedding: (B, D).
            emotion: class index of each utterance, (B,).
            weight: of each utterance, by its class, (B,).

        Returns:
            ``sum_i w_i |z_i - c_i|^2 / (mean(w) B)``, a scalar.
        """
        distance = embedding - self.centers[emotion]  # (B, D)
        return (weight * distance.square().sum(dim=1)).sum() / weight.sum()

    @torch.no_grad()
    def update(self, embedding: Tensor, emotion: Tensor, alpha: float) -> None:
        """Move each center towards the batch's embeddings of its class.

        ``c <- c - alpha * sum_i (c - z_i) / (1 + n)``, over the n utterances of
        the class; the 1 slows a class that is rare in the batch, and a class
        that is absent keeps its center.

        Args:
            embedding: of the batch, (B, D).
            emotion: class index of each utterance, (B,).
            alpha: update rate, in [0, 1].
        """
        member = torch.zeros(len(self.centers), len(emotion), device=embedding.device)  # (C, B)
        member[emotion, torch.arange(len(emotion), device=embedding.device)] = 1.0
        count = member.sum(dim=1, keepdim=True)  # (C, 1)
        pull = count * self.centers - member @ embedding.detach().float()  # (C, D)
        self.centers -= alpha * pull / (1.0 + count)
