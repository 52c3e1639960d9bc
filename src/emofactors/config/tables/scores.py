"""What the sections of tables of scores share."""

from collections.abc import Mapping
from math import nan
from typing import Literal, Self

from pydantic import model_validator

from emofactors.config.base import Name
from emofactors.config.tables.base import PublishedSource, TableSection, single_class_faults
from emofactors.config.tasks import TaskConfig


class PublishedScores(PublishedSource):
    """Published scores of one corpus and protocol.

    Attributes:
        task: the task that repeats the published protocol.
        values: variant -> metric -> value in percent.
    """

    task: Name
    values: dict[Name, dict[Literal["ua", "wa"], float]]

    def value(self, row: str, metric: str) -> float:
        """Return the published value of a row in percent; NaN if there is none."""
        return next((value for name, value in self.values.get(row, {}).items() if name == metric), nan)


class ScoreTable(TableSection):
    """A table of UA and WA, with published values under their own labels.

    Attributes:
        unseen_speakers: whether tasks that test training speakers are refused.
        published: the paper's numbers, one entry per corpus and protocol.
    """

    unseen_speakers: bool = False
    published: tuple[PublishedScores, ...] = ()

    @model_validator(mode="after")
    def _has_a_system_for_every_row(self) -> Self:
        without = [row for row in self.rows if "/" not in row]
        if without and self.system is None:
            raise ValueError(
                f"'rows' names {without[0]!r}: expected system/{without[0]}, or 'system' for all rows"
            )
        return self

    @property
    def published_sources(self) -> tuple[PublishedSource, ...]:
        """The published values of the table."""
        return self.published

    def published_for(self, task: str) -> PublishedScores | None:
        """Return the published values of the corpus and protocol of a task: the table's first of them, or None."""
        return next((published for published in self.published if published.task == task), None)

    def task_faults(self, tasks: Mapping[str, TaskConfig]) -> list[str]:
        """Return one line per task without several classes or, if the table needs them, unseen test speakers."""
        return single_class_faults(tasks) + [
            f"task {name} is {task.protocol_label}; expected one whose test speakers are unseen in training, as "
            "the table sets 'unseen_speakers'"
            for name, task in tasks.items()
            if self.unseen_speakers and not task.speaker_independent
        ]
