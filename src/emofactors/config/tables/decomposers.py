"""What the sections of tables about the codes of decomposers share."""

from typing import ClassVar, Self

from pydantic import model_validator

from emofactors.config.base import Name
from emofactors.config.tables.base import ComparisonTable


class DecomposerTable(ComparisonTable):
    """A table whose rows are variants of one decomposer.

    Attributes:
        system: system of the decomposers.
    """

    of_decomposers: ClassVar[bool] = True

    system: Name

    @model_validator(mode="after")
    def _has_rows_of_one_system(self) -> Self:
        if other := next((row for row in self.rows if "/" in row), None):
            raise ValueError(f"'rows' names {other!r}: expected variants of 'system' alone")
        return self
