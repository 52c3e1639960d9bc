"""Settings of figures of kind ``attention``."""

from typing import ClassVar, Literal

from emofactors.config.figures.base import FigureOfVariants


class AttentionFigure(FigureOfVariants):
    """Attention of the class token over spectrograms of fold 0 and the first seed, one row per variant.

    Attributes:
        kind: ``attention``.
    """

    methods: ClassVar[tuple[str, ...]] = ("network",)
    first_run_files: ClassVar[tuple[str, ...]] = ("attention.npz",)

    kind: Literal["attention"]
