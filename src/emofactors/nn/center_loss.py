"""Center loss: distance between embeddings and the center of their class (Wen et al. 2016; Dai et al. 2019)."""

import torch
from torch import Tensor, nn


class CenterLoss(nn.Module):
    """Weighted mean squared distance between embeddings and their class centers.

    The centers start at zero and are not trained by gradient: :meth:`update`
    moves them after each mini-batch.

    Source: Dai et al. 2019, center loss and its public code; Wen et al. 2016.
    The paper's loss has no factor 1/2.

    Args:
        n_classes: number of emotion classes, C.
        dim: size of one embedding, D.

    Example:
        >>> loss = CenterLoss(n_classes=2, dim=1)
        >>> embedding, emotion = torch.tensor([[1.0], [3.0]]), torch.tensor([0, 0])
        >>> loss(embedding, emotion).item()
        5.0
        >>> loss.update(embedding, emotion, alpha=1.0)
        >>> [round(center, 3) for center in loss.centers.flatten().tolist()]
        [1.333, 0.0]
    """

    centers: Tensor

    def __init__(self, n_classes: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("centers", torch.zeros(n_classes, dim))

    def forward(self, embedding: Tensor, emotion: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the loss of one batch.

        Args:
            embedding: (B, D).
            emotion: class index of each utterance, (B,), int64.
            weight: weight of each utterance, (B,); None: equal weights.

        Returns:
            ``sum_i w_i |z_i - c_i|^2 / (mean(w) B)``, a scalar.

        Raises:
            ValueError: if the shapes are inconsistent.
        """
        self._check(embedding, emotion)
        if weight is not None and weight.shape != emotion.shape:
            raise ValueError(
                f"weight is {tuple(weight.shape)}, expected {tuple(emotion.shape)}, one per utterance, "
                "not one per class"
            )
        distance = (embedding - self.centers[emotion]).square().sum(dim=1)  # (B,)
        return distance.mean() if weight is None else (weight * distance).sum() / weight.sum()

    @torch.no_grad()
    def update(self, embedding: Tensor, emotion: Tensor, alpha: float) -> None:
        """Move each center towards the batch's embeddings of its class.

        ``c <- c - alpha * sum_i (c - z_i) / (1 + n)``, over the n utterances of
        the class; the 1 slows the update of a class that is rare in the batch,
        and the center of an absent class does not move.

        Args:
            embedding: embeddings of the batch, (B, D).
            emotion: class index of each utterance, (B,), int64.
            alpha: update rate, in [0, 1].

        Raises:
            ValueError: if the shapes are inconsistent.
        """
        self._check(embedding, emotion)
        member = torch.zeros(len(self.centers), len(emotion), device=embedding.device)  # (C, B)
        member[emotion, torch.arange(len(emotion), device=embedding.device)] = 1.0
        count = member.sum(dim=1, keepdim=True)  # (C, 1)
        pull = count * self.centers - member @ embedding.detach().float()  # (C, D)
        self.centers -= alpha * pull / (1.0 + count)

    def _check(self, embedding: Tensor, emotion: Tensor) -> None:
        """Check the shapes of a batch, which broadcasting would otherwise hide."""
        expected = (len(emotion), self.centers.shape[1])
        if emotion.ndim != 1 or embedding.shape != expected:
            raise ValueError(
                f"embedding is {tuple(embedding.shape)} and emotion {tuple(emotion.shape)}, "
                f"expected (B, {expected[1]}) and (B,)"
            )
