"""Settings of figures of kind ``losses``."""

from typing import ClassVar, Literal

from emofactors.config.figures.base import FigureOfVariants


class LossesFigure(FigureOfVariants):
    """One loss over the epochs, one line per variant.

    Attributes:
        kind: ``losses``.
        loss: name of a column of the history.
    """

    methods: ClassVar[tuple[str, ...]] = ("network", "decomposer")
    run_files: ClassVar[tuple[str, ...]] = ("history.csv",)

    kind: Literal["losses"]
    loss: str
