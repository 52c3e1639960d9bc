"""Section of tables of kind ``variants``: variants by metrics, one block per task."""

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import model_validator

from emofactors.config.tables.base import ComparisonTable
from emofactors.config.tables.metrics import HELD_OUT_METRICS, PROBE_METRICS, Metric
from emofactors.config.tables.scores import ScoreTable
from emofactors.config.tasks import TaskConfig


class VariantsTable(ComparisonTable, ScoreTable):
    """One block per task: one row per variant, its metrics, and differences of rows.

    Attributes:
        kind: ``variants``, the default.
        metrics: metrics of each row; ``ua`` is always among them.
    """

    kind: Literal["variants"] = "variants"
    metrics: tuple[Metric, ...] = ("ua", "wa")

    @model_validator(mode="after")
    def _shows_each_metric_once(self) -> Self:
        if "ua" not in self.metrics or len(set(self.metrics)) < len(self.metrics):
            raise ValueError(f"'metrics' is {list(self.metrics)}: expected ua, and each metric once")
        return self

    @property
    def evaluation_files(self) -> tuple[str, ...]:
        """Names of the files that the table reads from the evaluation of each row."""
        held_out = ("held_out_confusion.csv",) if self._held_out_metrics else ()
        probes = ("probes.csv", "mutual_information.csv", "scatter.csv") if self.probes else ()
        return ("confusion.csv", "scores.csv", *held_out, *probes)

    @property
    def probes(self) -> tuple[str, ...]:
        """The metrics of probes among those shown; they need two training speakers per fold."""
        return tuple(metric for metric in self.metrics if metric in PROBE_METRICS)

    @property
    def compared_metrics(self) -> tuple[str, ...]:
        """The metrics of the differences."""
        return self.metrics

    @property
    def _held_out_metrics(self) -> list[str]:
        return [metric for metric in self.metrics if metric in HELD_OUT_METRICS]

    def task_faults(self, tasks: Mapping[str, TaskConfig]) -> list[str]:
        """Return one line per task that does not fit, also for lack of the held-out utterances of a metric."""
        return super().task_faults(tasks) + [
            f"task {name} holds out no utterances of its training speakers; expected a task with 'held_out', as "
            f"the table shows {', '.join(self._held_out_metrics)}"
            for name, task in tasks.items()
            if self._held_out_metrics and task.held_out is None
        ]
