"""Settings that all kinds of figures share."""

from typing import Annotated, Any, ClassVar

from pydantic import Field

from emofactors.config.base import Name, Section


class FigureSection(Section):
    """A figure.

    Attributes:
        evaluation_files: files of the evaluation of each variant that the figure is drawn from.
        run_files: files of every run of each variant.
        first_run_files: files of fold 0 and the first seed of each variant.
        title: one line.
        caption: what to see.
    """

    evaluation_files: ClassVar[tuple[str, ...]] = ()
    run_files: ClassVar[tuple[str, ...]] = ()
    first_run_files: ClassVar[tuple[str, ...]] = ()

    title: str
    caption: str

    @property
    def runs(self) -> tuple[tuple[str, str], ...]:
        """System and variant of all that the figure shows itself."""
        return ()


class FigureOfVariants(FigureSection):
    """A figure of some variants of one system.

    Attributes:
        methods: methods of training (``SystemConfig.method``) whose runs the kind can show.
        system: name of the system.
        variants: variant -> label.
    """

    methods: ClassVar[tuple[str, ...]]

    system: Name
    variants: Annotated[dict[Name, str], Field(min_length=1)]

    @property
    def runs(self) -> tuple[tuple[str, str], ...]:
        """System and variant of all that the figure shows itself."""
        return tuple((self.system, variant) for variant in self.variants)


class FigureOfTable(FigureSection):
    """A figure that is drawn from a table.

    Attributes:
        table_kind: kind of the tables it can be drawn from.
        needs_axis: whether the table must be a sweep, with an axis.
        needs_one_of: metrics of which the table must show at least one; empty: any table will do.
        table: name of the table.
    """

    table_kind: ClassVar[str]
    needs_axis: ClassVar[bool] = False
    needs_one_of: ClassVar[tuple[str, ...]] = ()

    table: Name

    def table_fault(self, table: Any) -> str | None:
        """Return why the figure cannot be drawn from a table, or None if it can.

        Args:
            table: section of the table, of any kind.
        """
        if table.kind != self.table_kind:
            return f"is of kind {table.kind!r}; expected a table of kind {self.table_kind!r}"
        if self.needs_axis and not table.axis:
            return "is no sweep; expected a table with 'axis'"
        if self.needs_one_of and not set(table.metrics) & set(self.needs_one_of):
            return f"shows {', '.join(table.metrics)}; expected {' or '.join(self.needs_one_of)} among its metrics"
        return None
