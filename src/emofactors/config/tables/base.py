"""What the sections of all kinds of tables share."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from emofactors.config.base import Name, RowKey, Section
from emofactors.config.tasks import TaskConfig


class PublishedSource(Section):
    """Published values and where they are stated.

    Attributes:
        label: corpus, protocol and paper, as in the header of the column.
        where: where the numbers are stated.
        values: the published numbers; their form depends on the kind of the table.
    """

    label: str
    where: str
    values: dict[Name, Any]


class Difference(Section):
    """Comparison of two rows: each metric of ``variant`` minus that of ``minus``, paired over speakers.

    Attributes:
        variant: a row of the table.
        minus: another row.
    """

    variant: RowKey
    minus: RowKey


class TableSection(Section):
    """One table, of any kind.

    Attributes:
        title: one line.
        caption: what is compared, for a reader of the paper.
        system: system of the rows that do not name their own; null if every row does.
        rows: variant, or ``system/variant`` -> label.
        left_out: labels of the rows that need a package that is not installed; set when a study is loaded.
    """

    #: Whether the rows are decomposers, not emotion classifiers.
    of_decomposers: ClassVar[bool] = False
    #: Whether the rows are also evaluated on the other corpus of ``tested_on``.
    tests_other_corpus: ClassVar[bool] = False
    #: Whether the table reads the metadata ``run.json`` of every training.
    reads_run_metadata: ClassVar[bool] = False

    title: str
    caption: str
    system: Name | None = None
    rows: Annotated[dict[RowKey, str | float], Field(min_length=1)]
    left_out: tuple[str, ...] = ()

    @property
    def runs(self) -> dict[str, tuple[str, str]]:
        """Row -> the system and variant that are evaluated."""
        named = {row: row.rpartition("/") for row in self.rows}
        return {row: (system or self.system or "", variant) for row, (system, _, variant) in named.items()}

    @property
    def named_variants(self) -> tuple[tuple[str, str], ...]:
        """System and variant of everything the table names, whether or not it is trained for the table."""
        return tuple(self.runs.values())

    @property
    def evaluation_files(self) -> tuple[str, ...]:
        """Names of the files that the table reads from the evaluation of each row."""
        raise NotImplementedError

    @property
    def probes(self) -> tuple[str, ...]:
        """The metrics of probes among those shown; they need two training speakers per fold."""
        return ()

    @property
    def published_sources(self) -> tuple[PublishedSource, ...]:
        """The published values of the table."""
        return ()

    @property
    def compared_pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs of rows whose difference the table has: row, and row that is subtracted."""
        return ()

    @property
    def compared_metrics(self) -> tuple[str, ...]:
        """The metrics of these differences that have a p-value."""
        return ()

    def reconstructed_variant(self, row: str) -> str:
        """Return the variant whose reconstructed speech a frozen classifier is tested on; empty for other rows."""
        return ""

    def label(self, row: str, minus: str = "") -> str:
        """Return the label of a row, or of its difference from another row."""
        if minus:
            return f"{self.label(row)} minus {self.label(minus)}"
        label = self.rows[row]
        return label if isinstance(label, str) else f"{label:g}"

    def task_letters(self, tasks: Sequence[str]) -> dict[str, str]:
        """Return task -> the letter that stands for it in the table; empty if the table names its tasks."""
        return {}

    def task_faults(self, tasks: Mapping[str, TaskConfig]) -> list[str]:
        """Return why the table cannot be made for some tasks, one line per fault; none if it can."""
        return []

    def without_rows(self, missing: Mapping[str, str]) -> Self:
        """Return the table without the rows that need a package that is not installed.

        Args:
            missing: row -> its label with the missing package, at most all rows but one.
        """
        if not missing:
            return self
        rows = {row: label for row, label in self.rows.items() if row not in missing}
        return self.model_copy(update={"rows": rows, "left_out": tuple(missing.values())})


def single_class_faults(tasks: Mapping[str, TaskConfig]) -> list[str]:
    """Return one line per task that has too few classes for a table of emotion classifiers."""
    return [
        f"task {name} has one class; expected at least 2, as the table is about emotions"
        for name, task in tasks.items()
        if len(task.classes) < 2
    ]


class ComparisonTable(TableSection):
    """A table that compares pairs of its rows, which may be the points of a sweep.

    Attributes:
        axis: quantity that the row labels are values of (``lambda``); empty for a table that is not a sweep.
        differences: pairs of rows to compare; Holm's correction runs over all differences of a task.
    """

    axis: str = ""
    differences: tuple[Difference, ...] = ()

    @model_validator(mode="after")
    def _compares_its_own_rows(self) -> Self:
        for difference in self.differences:
            for row in (difference.variant, difference.minus):
                if row not in self.rows:
                    raise ValueError(f"'differences' names {row!r}: expected a row of the table")
        if self.axis and not all(isinstance(label, int | float) for label in self.rows.values()):
            raise ValueError("'rows' of a sweep (with 'axis') are labelled by numbers")
        return self

    @property
    def compared_pairs(self) -> tuple[tuple[str, str], ...]:
        """The pairs of rows whose difference the table has: row, and row that is subtracted."""
        return tuple((difference.variant, difference.minus) for difference in self.differences)

    def label(self, row: str, minus: str = "") -> str:
        """Return the label of a row, or of its difference from another row with the axis."""
        axis = f"{self.axis} " if self.axis and minus else ""
        return axis + super().label(row, minus)

    def without_rows(self, missing: Mapping[str, str]) -> Self:
        """Return the table without some rows and their differences; see :meth:`TableSection.without_rows`."""
        differences = tuple(d for d in self.differences if not {d.variant, d.minus} & set(missing))
        return super().without_rows(missing).model_copy(update={"differences": differences})
