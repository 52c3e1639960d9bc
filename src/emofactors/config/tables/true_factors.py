"""Section of tables of kind ``true_factors``: probes of codes for the true factors of a synthetic corpus."""

from typing import Literal

from emofactors.config.tables.decomposers import DecomposerTable


class TrueFactorsTable(DecomposerTable):
    """How well probes predict the true factors of a synthetic corpus from the codes of a decomposer.

    Attributes:
        kind: ``true_factors``.
    """

    kind: Literal["true_factors"]

    @property
    def evaluation_files(self) -> tuple[str, ...]:
        """Names of the files that the table reads from the evaluation of each row."""
        return ("true_factors.csv",)
