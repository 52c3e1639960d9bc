"""Settings of figures of kind ``confusion``."""

from typing import ClassVar, Literal

from emofactors.config.figures.base import FigureOfVariants


class ConfusionFigure(FigureOfVariants):
    """Confusion matrices of the pooled test predictions, one panel per variant.

    Attributes:
        kind: ``confusion``.
    """

    methods: ClassVar[tuple[str, ...]] = ("network", "svm")
    evaluation_files: ClassVar[tuple[str, ...]] = ("confusion.csv",)

    kind: Literal["confusion"]
