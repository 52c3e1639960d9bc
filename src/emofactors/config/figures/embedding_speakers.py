"""Settings of figures of kind ``embedding_speakers``."""

from typing import ClassVar, Literal

from emofactors.config.figures.base import FigureOfVariants


class EmbeddingSpeakersFigure(FigureOfVariants):
    """Train embeddings of fold 0 and the first seed by PCA and t-SNE, coloured by emotion and by speaker.

    Attributes:
        kind: ``embedding_speakers``.
    """

    methods: ClassVar[tuple[str, ...]] = ("network", "svm")
    first_run_files: ClassVar[tuple[str, ...]] = ("embeddings.npz",)

    kind: Literal["embedding_speakers"]
