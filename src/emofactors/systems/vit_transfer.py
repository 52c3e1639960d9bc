"""Vision transformers with vertically long patches, and their knowledge transfer (Kim & Lee, IEEE Access 2024)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emofactors.errors import InputError
from emofactors.nn.feature_matching import feature_matching
from emofactors.nn.image_stem import ImageStem, image_coordinates
from emofactors.nn.vit import ClassTokenTransformer, PatchEmbedding
from emofactors.systems.base import Batch, Output, TrainingData, check_at_least

#: Stages of training, in the order of the paper.
STAGES = ("teacher", "matched", "student")


class VitTransfer(nn.Module):
    """Network of one of three stages: teacher, student matched to the teacher, student.

    The teacher is trained on the classes. The student is first matched to the
    teacher's embeddings only, then trained on the classes and the embeddings.
    Without stem and coordinates, and with patches of all bins, the output does
    not depend on the order of the frames.

    Source: Kim & Lee 2024, network and three stages; settings in ``config/systems/vit_transfer.yaml``.

    Args:
        data: uses the bins of a frame, the frames of the utterances, and the training utterances of each class.
        stage: ``teacher``: cross-entropy; ``matched``: feature matching; ``student``: both.
        patch: bins and frames of a patch.
        stem: whether convolutions precede the patches.
        stem_channels: output channels of each convolution; the last is 1.
        coordinates: whether the coordinates of each pixel are two more channels of the image.
        teacher_depth: layers of the transformer in stage ``teacher``.
        student_depth: layers of the transformer in the other stages.
        dim: size of a token and of the embedding, D.
        heads: number of attention heads.
        dim_head: size of a query, key or value of one head.
        mlp_dim: units of the feed-forward networks.
        alpha: weight of feature matching in stage ``student``, at least 0.

    Raises:
        InputError: if a setting is out of range, or the size of an image is no multiple of that of a patch.
    """

    def __init__(
        self,
        data: TrainingData,
        *,
        stage: str,
        patch: Sequence[int],
        stem: bool,
        stem_channels: Sequence[int],
        coordinates: bool,
        teacher_depth: int,
        student_depth: int,
        dim: int,
        heads: int,
        dim_head: int,
        mlp_dim: int,
        alpha: float,
    ) -> None:
        super().__init__()
        if stage not in STAGES:
            raise InputError(f"vit_transfer: stage is {stage!r}, expected one of {', '.join(STAGES)}")
        check_at_least("vit_transfer", 0, alpha=alpha)
        check_at_least(
            "vit_transfer",
            1,
            teacher_depth=teacher_depth,
            student_depth=student_depth,
            dim=dim,
            heads=heads,
            dim_head=dim_head,
            mlp_dim=mlp_dim,
        )
        if not stem_channels or min(stem_channels) < 1 or stem_channels[-1] != 1:
            raise InputError(f"vit_transfer: stem_channels is {list(stem_channels)}, expected to end in 1")
        height, width = _checked_patch(patch, data)
        self.stage = stage
        self.alpha = alpha
        self.min_frames = width

        self.stem = ImageStem(stem_channels) if stem else None
        self.coordinates = coordinates
        self.embed = PatchEmbedding(3 if coordinates else 1, height=height, width=width, dim=dim)
        depth = teacher_depth if stage == "teacher" else student_depth
        self.transformer = ClassTokenTransformer(
            depth=depth, dim=dim, heads=heads, dim_head=dim_head, mlp_dim=mlp_dim
        )
        self.classify = nn.Linear(dim, data.n_classes)

    def forward(self, batch: Batch) -> Output:
        """Return embedding (B, D) and logits (B, C) of a batch."""
        valid = _valid_frames(batch)
        embedding = self.transformer(self._tokens(batch, valid), valid)
        with torch.autocast(embedding.device.type, enabled=False):
            embedding = embedding.float()
            return Output(embedding=embedding, logits=self.classify(embedding))

    def class_attention(self, batch: Batch) -> Tensor:
        """Return the attention of the class token to each frame in the last layer.

        Returns:
            Mean over the heads and sum over the patches of a frame, (B, T); each row sums to 1, and frames
            beyond an utterance's end have 0.
        """
        valid = _valid_frames(batch)
        attention = self.transformer.class_attention(self._tokens(batch, valid), valid)  # (B, N)
        columns = attention.unflatten(1, (-1, batch.features.shape[2] // self.embed.height)).sum(dim=2)
        return columns.repeat_interleave(self.embed.width, dim=1) / self.embed.width

    def losses(self, output: Output, batch: Batch) -> dict[str, Tensor]:
        """Return cross-entropy, feature matching or both, depending on the stage.

        Raises:
            InputError: if the stage uses feature matching, but the batch has no teacher embeddings.
        """
        if self.stage == "matched":
            return {"feature_matching": self._feature_matching(output, batch)}
        losses = {"cross_entropy": F.cross_entropy(output.logits, batch.emotion)}
        if self.stage == "student" and self.alpha > 0:
            losses["feature_matching"] = self.alpha * self._feature_matching(output, batch)
        return losses

    def after_step(self, output: Output, batch: Batch) -> None:
        """Do nothing: all parameters are trained by gradient."""

    def _tokens(self, batch: Batch, valid: Tensor | None) -> Tensor:
        """Tokens (B, N, D) of a batch; frames precede bins, as in the batch."""
        x = batch.features[:, None]  # (B, 1, T, F)
        if self.stem is not None:
            x = self.stem(x, valid)
        if self.coordinates:
            x = torch.cat([x, image_coordinates(x, valid)], dim=1)  # (B, 3, T, F)
        return self.embed(x)

    def _feature_matching(self, output: Output, batch: Batch) -> Tensor:
        if batch.teacher_embedding is None:
            raise InputError(
                f"vit_transfer: stage {self.stage!r} with alpha {self.alpha} has no teacher embeddings, "
                "expected a variant with 'needs: {teacher: ...}'"
            )
        return feature_matching(output.embedding, batch.teacher_embedding)


def _checked_patch(patch: Sequence[int], data: TrainingData) -> tuple[int, int]:
    """Check the patch against the size of the training images; return its bins and frames."""
    if len(patch) != 2 or min(patch) < 1:
        raise InputError(f"vit_transfer: patch is {list(patch)}, expected [bins, frames], at least 1 each")
    height, width = patch
    if data.n_bins % height:
        raise InputError(
            f"vit_transfer: patch is {list(patch)}, expected a divisor of the {data.n_bins} bins of a frame"
        )
    # Patches of several frames would extend beyond the end of utterances of other lengths.
    if width > 1 and (data.n_frames is None or data.n_frames % width):
        length = "lengths differ" if data.n_frames is None else f"{data.n_frames} each"
        raise InputError(
            f"vit_transfer: patch is {list(patch)}, expected a divisor of the frames of an utterance ({length})"
        )
    return height, width


def _valid_frames(batch: Batch) -> Tensor | None:
    """Mask of the frames of each utterance, (B, T), bool; None if no frame is padding."""
    n_frames = batch.features.shape[1]
    if bool((batch.n_frames == n_frames).all()):
        return None
    return torch.arange(n_frames, device=batch.n_frames.device) < batch.n_frames[:, None]
