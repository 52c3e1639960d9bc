"""Section of tables of kind ``protocols``: several protocols of one corpus, and the gaps between them."""

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Literal

from emofactors.config.tables.scores import ScoreTable
from emofactors.config.tasks import TaskConfig


class ProtocolsTable(ScoreTable):
    """UA and WA of each variant under several protocols of one corpus, with the gaps between the protocols.

    Attributes:
        kind: ``protocols``.
    """

    kind: Literal["protocols"]

    @property
    def evaluation_files(self) -> tuple[str, ...]:
        """Names of the files that the table reads from the evaluation of each row."""
        return ("confusion.csv", "scores.csv")

    def task_letters(self, tasks: Sequence[str]) -> dict[str, str]:
        """Return task -> the letter that stands for it in the table: A, B, C."""
        return dict(zip(tasks, ascii_uppercase, strict=False))

    def task_faults(self, tasks: Mapping[str, TaskConfig]) -> list[str]:
        """Return one line per task that does not fit, and one if the tasks are not protocols of one corpus."""
        faults = super().task_faults(tasks)
        if len({(task.corpus, task.classes) for task in tasks.values()}) > 1:
            faults.append(
                f"has tasks {', '.join(tasks)}; expected tasks of one corpus with the same classes, as the table "
                "compares protocols"
            )
        return faults
