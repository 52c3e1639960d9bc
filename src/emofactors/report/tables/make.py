"""Make a table: collect its numbers, lay them out, and write them in five forms."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pandas as pd

from emofactors.config.systems import SystemConfig
from emofactors.config.tables.base import TableSection
from emofactors.config.tasks import TaskConfig
from emofactors.io.atomic import write_text_atomically
from emofactors.report.tables.base import TableInputs, TableKind, TableLayout
from emofactors.report.tables.findings import PublishedLabels, TableFindings, write_findings
from emofactors.report.tables.render import html as html_renderer
from emofactors.report.tables.render import latex, markdown
from emofactors.report.tables.tidy import tidy_frame, write_tidy


@dataclass(frozen=True)
class Table:
    """A table in all forms.

    Attributes:
        tidy: its numbers, see ``tidy.COLUMNS``; not rounded.
        decimals: decimals of the CSV.
        layout: its numbers as text.
        findings: what its numbers show, in sentences.
    """

    tidy: pd.DataFrame
    decimals: int
    layout: TableLayout
    findings: TableFindings

    def write(
        self, *, csv: str | Path, md: str | Path, tex: str | Path, html: str | Path, findings: str | Path
    ) -> None:
        """Write the table; the same numbers give the same bytes.

        Args:
            csv: the tidy table.
            md: Markdown that is aligned in a terminal.
            tex: LaTeX tables; the document needs the package booktabs.
            html: a fragment of HTML for the page.
            findings: JSON with findings, title, caption and sources, for the page.
        """
        write_tidy(csv, self.tidy, self.decimals)
        write_text_atomically(md, markdown.render(self.layout))
        write_text_atomically(tex, latex.render(self.layout))
        write_text_atomically(html, html_renderer.render(self.layout))
        write_findings(findings, self.findings)


def make_table(
    name: str,
    settings: Mapping[str, Any],
    *,
    tasks: Mapping[str, TaskConfig],
    systems: Mapping[str, SystemConfig],
    corpora: Mapping[str, Mapping[str, Any]],
    cross_tasks: Mapping[str, Mapping[str, Any]],
    evaluations: Sequence[str],
    runs: Sequence[str],
) -> Table:
    """Make a table of any kind.

    Args:
        name: name of the table.
        settings: its config as plain data; ``kind`` names the module that makes it.
        tasks: task -> its config, in the study's order.
        systems: systems of the rows, with what the study changes.
        corpora: corpus -> metadata of its manifest.
        cross_tasks: task -> task of another corpus on which its rows are evaluated, too: ``name`` and settings.
        evaluations: evaluation files of all rows, tasks and tests, in any order.
        runs: ``run.json`` of the trainings, if the kind reads them.

    Returns:
        The table.

    Raises:
        InputError: if a file is missing or damaged, or its numbers show a leak.
        ValueError: if a row was not evaluated.
    """
    kind = cast(TableKind, import_module(f"emofactors.report.tables.{settings['kind']}"))
    table = kind.SECTION(**settings)
    inputs = TableInputs(
        *(name, table, tasks, systems, corpora, cross_tasks),
        evaluations=tuple(evaluations),
        runs=tuple(runs),
    )
    tidy = tidy_frame(kind.collect(inputs))
    sources = _published_labels(table)
    layout = TableLayout(
        title=table.title,
        caption=table.caption,
        blocks=tuple(kind.blocks(inputs, tidy)),
        remarks=tuple(kind.remarks(table)),
        sources=tuple(f"Published: {source.labels}. Source: {source.where}." for source in sources),
    )
    findings = TableFindings(
        table=name,
        kind=settings["kind"],
        title=table.title,
        caption=table.caption,
        tasks=tuple(tasks),
        letters=table.task_letters(list(tasks)),
        sources=sources,
        findings=tuple(kind.findings(inputs, tidy)),
    )
    return Table(tidy=tidy, decimals=kind.DECIMALS, layout=layout, findings=findings)


def _published_labels(table: TableSection) -> tuple[PublishedLabels, ...]:
    """Return the sources of published values, each with all of its labels."""
    labels: dict[str, list[str]] = {}
    for published in table.published_sources:
        labels.setdefault(published.where, []).append(published.label)
    return tuple(PublishedLabels(labels="; ".join(of_source), where=where) for where, of_source in labels.items())
