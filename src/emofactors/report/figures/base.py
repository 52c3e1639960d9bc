"""Inputs of a figure, and the headings of its panels."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emofactors.config.tasks import TaskConfig
from emofactors.plan.paths import Evaluation, Run
from emofactors.report.figures.style import wrap

#: Characters of a bold heading per inch.
_CHARACTERS_PER_INCH = 9.5


@dataclass(frozen=True)
class FigureInputs:
    """Inputs of a figure.

    Attributes:
        files: result files; each kind of figure states which it needs.
        tasks: task -> its config, in the study's order.
        table: settings of the table that the figure is drawn from; None for other figures.
    """

    files: tuple[str, ...]
    tasks: Mapping[str, TaskConfig]
    table: Mapping[str, Any] | None = None

    def of_variants(
        self, variants: Iterable[str], name: str, parse: Callable[[str], Run | Evaluation]
    ) -> dict[tuple[str, str], tuple[str, ...]]:
        """Return the files of one name for each task and variant, assigned by their paths.

        Args:
            variants: variants of the figure.
            name: name of the files, such as ``confusion.csv``.
            parse: parser of their paths, from ``plan.paths``.

        Returns:
            (task, variant) -> its files, one entry per task and variant of the figure.

        Raises:
            ValueError: if a task and variant has no file.
        """
        found: dict[tuple[str, str], list[str]] = {(task, v): [] for task in self.tasks for v in variants}
        for file in self.files:
            if Path(file).name == name:
                origin = parse(file)
                found[origin.task, origin.variant].append(file)
        missing = [f"{task}/{variant}" for (task, variant), files in found.items() if not files]
        if missing:
            raise ValueError(
                f"{name}: is missing for {', '.join(missing)}; expected one for each task and variant"
            )
        return {of: tuple(files) for of, files in found.items()}


def heading(name: str, task: TaskConfig, width_in: float) -> str:
    """Return the name and the protocol of a task in lines that fit into a width in inches, in bold."""
    return wrap(f"{name}: {task.protocol_label}", round(width_in * _CHARACTERS_PER_INCH))


def panel_title(name: str, task: TaskConfig, width: int = 42) -> str:
    """Return the name of a task, and its protocol in lines of at most ``width`` characters."""
    return f"{name}\n{wrap(task.protocol_label, width)}"
