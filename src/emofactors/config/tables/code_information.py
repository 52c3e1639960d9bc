"""Section of tables of kind ``code_information``: mutual information between the codes of decomposers."""

from itertools import combinations
from typing import ClassVar, Literal

from emofactors.config.base import Name
from emofactors.config.labels import FACTORS
from emofactors.config.tables.base import PublishedSource
from emofactors.config.tables.decomposers import DecomposerTable


class PublishedInformation(PublishedSource):
    """Published mutual information between representations.

    Attributes:
        values: variant -> pair (``content-rhythm``) -> value.
    """

    values: dict[Name, dict[str, float]]


class CodeInformationTable(DecomposerTable):
    """Mutual information between the codes of a decomposer, and between codes and spectrogram.

    Attributes:
        kind: ``code_information``.
        published_information: the paper's numbers.
    """

    reads_run_metadata: ClassVar[bool] = True

    kind: Literal["code_information"]
    published_information: PublishedInformation | None = None

    @property
    def evaluation_files(self) -> tuple[str, ...]:
        """Names of the files that the table reads from the evaluation of each row."""
        return ("code_information.csv", "code_information_leave_one_out.csv")

    @property
    def compared_metrics(self) -> tuple[str, ...]:
        """The information above null of each pair of representations."""
        return tuple(f"{one}_{other}_above_null" for one, other in combinations(("spectrogram", *FACTORS), 2))

    @property
    def published_sources(self) -> tuple[PublishedSource, ...]:
        """The published values of the table."""
        return (self.published_information,) if self.published_information else ()
