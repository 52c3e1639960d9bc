"""Settings of figures of kind ``sweep``."""

from typing import ClassVar, Literal

from emofactors.config.figures.base import FigureOfTable


class SweepFigure(FigureOfTable):
    """UA and WA of a table over its axis.

    Attributes:
        kind: ``sweep``.
    """

    table_kind: ClassVar[str] = "variants"
    needs_axis: ClassVar[bool] = True

    kind: Literal["sweep"]
