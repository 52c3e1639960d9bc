"""Settings of figures of kind ``code_information``."""

from typing import ClassVar, Literal

from emofactors.config.figures.base import FigureOfTable


class CodeInformationFigure(FigureOfTable):
    """Matrices of the information that codes share, from a table of the same kind.

    Attributes:
        kind: ``code_information``.
    """

    table_kind: ClassVar[str] = "code_information"

    kind: Literal["code_information"]
