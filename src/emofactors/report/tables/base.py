"""What all kinds of tables share: their inputs, the blocks of the layout, and the functions of a kind.

A kind of table is a module of this package with the name of the kind. It states
everything about the kind, see :class:`TableKind`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import pandas as pd

from emofactors.config.systems import SystemConfig
from emofactors.config.tables.base import TableSection
from emofactors.config.tasks import TaskConfig
from emofactors.plan.paths import Evaluation, parse_evaluation
from emofactors.report.tables.findings import TaskFindings
from emofactors.report.tables.tidy import TidyRow

T = TypeVar("T", bound=TableSection)


@dataclass(frozen=True)
class TableInputs(Generic[T]):
    """Everything a table is made from.

    Attributes:
        name: name of the table.
        table: its settings.
        tasks: task -> its config, in the study's order.
        systems: systems of the rows, with what the study changes.
        corpora: corpus -> metadata of its manifest.
        cross_tasks: task -> task of another corpus on which its rows are evaluated, too: ``name`` and settings.
        evaluations: evaluation files of all rows, tasks and tests.
        runs: metadata ``run.json`` of the trainings, for kinds that read it.
    """

    name: str
    table: T
    tasks: Mapping[str, TaskConfig]
    systems: Mapping[str, SystemConfig]
    corpora: Mapping[str, Mapping[str, Any]]
    cross_tasks: Mapping[str, Mapping[str, Any]]
    evaluations: tuple[str, ...]
    runs: tuple[str, ...] = ()

    @cached_property
    def _files(self) -> dict[tuple[Evaluation, str], str]:
        return {(parse_evaluation(path), Path(path).name): path for path in self.evaluations}

    def evaluation_file(self, file: str, task: str, row: str, *, on_task: str | None = None) -> str:
        """Return the path of a file of the evaluation of a row.

        Args:
            file: name of the file.
            task: task of the training.
            row: row of the table.
            on_task: task whose utterances are tested; None for the task of the training.

        Raises:
            ValueError: if the file is not among the inputs.
        """
        on_task = on_task or task
        evaluation = Evaluation(task, *self.table.runs[row], on_task, self.table.reconstructed_variant(row))
        if (evaluation, file) not in self._files:
            raise ValueError(f"table {self.name}: has no {file} of {row} on {on_task}; expected one of every row")
        return self._files[evaluation, file]

    def task_row(self, task: str) -> TidyRow:
        """Return a tidy row with what all numbers of a task share."""
        config = self.tasks[task]
        corpus = corpus_label(self.corpora[config.corpus])
        return TidyRow(table=self.name, column=task, protocol=config.protocol_label, corpus=corpus)

    def by_task(self, tidy: pd.DataFrame) -> Iterator[tuple[str, TaskConfig, pd.DataFrame]]:
        """Yield each task with its config and its numbers."""
        for name, task in self.tasks.items():
            yield name, task, tidy[tidy["column"] == name]

    def departure(self, row: str) -> str:
        """Return that the system of a row is not the published one, as the end of a sentence; empty if it is."""
        system, _ = self.table.runs[row]
        return "; our system is not the published one" if self.systems[system].departs_from_published else ""

    def study_changes(self) -> list[str]:
        """Return a note per system whose settings the study changes."""
        notes = []
        for name, system in self.systems.items():
            changes = [f"{c.key} {c.value}" + (f" ({c.variant})" if c.variant else "") for c in system.changes]
            if changes:
                of_other = "" if name == self.table.system else f"{name}: "
                departs = "not the published system: " if system.departs_from_published else ""
                notes.append(f"{of_other}{departs}the study sets {', '.join(changes)}")
        return notes


@dataclass(frozen=True)
class Block:
    """Block of a table: a heading, notes and up to two frames of text.

    Attributes:
        heading: the heading.
        notes: what the reader has to know about the numbers; a block without notes continues the previous one.
        scores: the main frame; the first column has the row labels.
        differences: differences or gaps below; may be empty.
    """

    heading: str
    notes: tuple[str, ...]
    scores: pd.DataFrame
    differences: pd.DataFrame


@dataclass(frozen=True)
class TableLayout:
    """A table as text, ready to be rendered.

    Attributes:
        title: one line.
        caption: what is compared.
        blocks: the blocks.
        remarks: how to read the numbers of all blocks.
        sources: where published values are from.
    """

    title: str
    caption: str
    blocks: tuple[Block, ...]
    remarks: tuple[str, ...]
    sources: tuple[str, ...]


class TableKind(Protocol):
    """Functions and settings of the module of a kind.

    Attributes:
        SECTION: class of its config section.
        DECIMALS: decimals of the numbers in the CSV.
    """

    SECTION: type[TableSection]
    DECIMALS: int

    def collect(self, inputs: TableInputs[Any]) -> list[TidyRow]:
        """Return all numbers of the table."""
        ...

    def blocks(self, inputs: TableInputs[Any], tidy: pd.DataFrame) -> list[Block]:
        """Return the numbers as blocks of text."""
        ...

    def remarks(self, table: Any) -> list[str]:
        """Return how to read the numbers."""
        ...

    def findings(self, inputs: TableInputs[Any], tidy: pd.DataFrame) -> list[TaskFindings]:
        """Return what the numbers show, in sentences; the first sentence of each task is its headline."""
        ...


def corpus_label(metadata: Mapping[str, Any]) -> str:
    """Return the title of a corpus, with its size if it is not the published corpus."""
    if metadata["whole"] is not False:
        return str(metadata["title"])
    here, published = metadata["utterances"], metadata["published_utterances"]
    if here < published:
        return f"{metadata['title']}, subset: {here:,} of {published:,} utterances"
    return f"{metadata['title']}, not as published: {here:,} utterances for {published:,}"
