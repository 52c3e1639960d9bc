"""Settings of figures of kind ``true_factors``."""

from typing import ClassVar, Literal

from emofactors.config.figures.base import FigureOfTable


class TrueFactorsFigure(FigureOfTable):
    """Matrices of the true factors that probes predict from codes, from a table of the same kind.

    Attributes:
        kind: ``true_factors``.
    """

    table_kind: ClassVar[str] = "true_factors"

    kind: Literal["true_factors"]
