"""Settings of figures of kind ``cost``."""

from typing import ClassVar, Literal

from emofactors.config.figures.base import FigureOfVariants


class CostFigure(FigureOfVariants):
    """UA over the FLOPs of one input, one marker per variant.

    Attributes:
        kind: ``cost``.
    """

    methods: ClassVar[tuple[str, ...]] = ("network",)
    evaluation_files: ClassVar[tuple[str, ...]] = ("confusion.csv",)
    first_run_files: ClassVar[tuple[str, ...]] = ("run.json",)

    kind: Literal["cost"]
