"""Findings of a table: sentences that are generated from its numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from emofactors.io.atomic import write_text_atomically
from emofactors.io.json import read_json
from emofactors.report.formatting import SIGNIFICANCE_LEVEL


@dataclass(frozen=True)
class TaskFindings:
    """Findings of one task.

    Attributes:
        task: name of the task; empty for findings about all tasks of the table together.
        sentences: the sentences; the first is the headline.
    """

    task: str
    sentences: tuple[str, ...]

    @property
    def headline(self) -> str:
        """The first sentence."""
        return self.sentences[0]


@dataclass(frozen=True)
class PublishedLabels:
    """Published values of one source.

    Attributes:
        labels: labels of the values, in one line.
        where: where they are stated.
    """

    labels: str
    where: str


@dataclass(frozen=True)
class TableFindings:
    """What the page shows of a table beside its numbers.

    Attributes:
        table: name of the table.
        kind: kind of the table.
        title: one line.
        caption: what is compared.
        tasks: names of its tasks, in the study's order.
        letters: task -> the letter that stands for it in the table; empty if the table names its tasks.
        sources: where published values are stated.
        findings: the findings, by task; tasks without findings are left out.
    """

    table: str
    kind: str
    title: str
    caption: str
    tasks: tuple[str, ...]
    letters: Mapping[str, str]
    sources: tuple[PublishedLabels, ...]
    findings: tuple[TaskFindings, ...]


def write_findings(path: str | Path, findings: TableFindings) -> None:
    """Write the findings of a table as JSON."""
    text = json.dumps(asdict(findings), ensure_ascii=False, indent=2)
    write_text_atomically(path, f"{text}\n")


def read_findings(path: str | Path) -> TableFindings:
    """Read the findings of a table.

    Raises:
        InputError: if the file is missing or damaged, or lacks a key.
    """
    content = read_json(path, "the findings of a table", list(TableFindings.__dataclass_fields__))
    return TableFindings(
        **content
        | {
            "tasks": tuple(content["tasks"]),
            "sources": tuple(PublishedLabels(**source) for source in content["sources"]),
            "findings": tuple(
                TaskFindings(task=of["task"], sentences=tuple(of["sentences"])) for of in content["findings"]
            ),
        }
    )


def count_significant(differences: pd.DataFrame) -> str:
    """Return how many differences in UA are significant: ``1 of 3 differences in UA is significant …``."""
    n, total = int(is_significant(differences).sum()), len(differences)
    if total == 1:
        return f"its difference in UA is {'' if n else 'not '}significant (Holm, 5 %)"
    return f"{n or 'none'} of {total} differences in UA {'is' if n < 2 else 'are'} significant (Holm, 5 %)"


def is_significant(differences: pd.DataFrame) -> pd.Series:
    """Return which differences are significant after Holm's correction."""
    return differences["p_holm"] <= SIGNIFICANCE_LEVEL


def sentences_by_task(sentences: Mapping[str, Sequence[str]]) -> list[TaskFindings]:
    """Return findings by task, without tasks that have none."""
    return [TaskFindings(task=task, sentences=tuple(of)) for task, of in sentences.items() if of]
