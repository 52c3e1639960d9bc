"""Settings of figures of kind ``embedding_pca``."""

from typing import ClassVar, Literal

from emofactors.config.figures.base import FigureOfVariants


class EmbeddingPcaFigure(FigureOfVariants):
    """Train and test embeddings of fold 0 and the first seed by PCA, one row per variant.

    Attributes:
        kind: ``embedding_pca``.
    """

    methods: ClassVar[tuple[str, ...]] = ("network", "svm")
    first_run_files: ClassVar[tuple[str, ...]] = ("embeddings.npz",)

    kind: Literal["embedding_pca"]
