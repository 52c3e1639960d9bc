"""Figures of kind ``code_information``: matrices of the mutual information that pairs of codes share."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from emofactors.config.tables.code_information import CodeInformationTable
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.code_information import PAIRS, REPRESENTATIONS
from emofactors.report.figures.base import FigureInputs
from emofactors.report.figures.matrices import Matrix, matrices_figure
from emofactors.report.figures.of_table import read_table


def draw(settings: Mapping[str, Any], inputs: FigureInputs) -> Figure:
    """Draw a figure from the CSV of a table of kind ``code_information``."""
    return information_figure(CodeInformationTable(**(inputs.table or {})), inputs.tasks, read_table(inputs))


def information_figure(table: CodeInformationTable, tasks: Mapping[str, TaskConfig], tidy: pd.DataFrame) -> Figure:
    """Draw the information above null of each pair, one row of panels per task and one panel per variant.

    Args:
        table: its rows are the panels of a row.
        tasks: the tasks, one per row.
        tidy: the tidy table; its column is the task.

    Returns:
        The figure.

    Raises:
        ValueError: if a task lacks the numbers of a row.
    """
    metrics = {pair: f"{'_'.join(pair)}_above_null" for pair in PAIRS}
    highest = tidy.loc[tidy["metric"].isin(list(metrics.values())), "value"].max()
    matrix = Matrix(
        rows=REPRESENTATIONS[:-1],
        columns={name: name for name in REPRESENTATIONS[1:]},
        metrics=metrics,
        label="MI above null / nats",
        maximum=max(float(highest), 0.01),
        decimals=3,
    )
    return matrices_figure(matrix, table, tasks, tidy)
