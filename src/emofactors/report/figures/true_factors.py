"""Figures of kind ``true_factors``: matrices of how well probes predict each true factor from each code."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from emofactors.config.tables.true_factors import TrueFactorsTable
from emofactors.config.tasks import TaskConfig
from emofactors.report.figures.base import FigureInputs
from emofactors.report.figures.matrices import Matrix, matrices_figure
from emofactors.report.figures.of_table import read_table
from emofactors.report.tables.true_factors import (
    MATRIX_COLUMNS,
    MATRIX_ROWS,
    OWN_FACTOR,
    probe_label,
    probe_metric,
)


def draw(settings: Mapping[str, Any], inputs: FigureInputs) -> Figure:
    """Draw a figure from the CSV of a table of kind ``true_factors``."""
    return true_factors_figure(TrueFactorsTable(**(inputs.table or {})), inputs.tasks, read_table(inputs))


def true_factors_figure(table: TrueFactorsTable, tasks: Mapping[str, TaskConfig], tidy: pd.DataFrame) -> Figure:
    """Draw the scores of probes for each factor and code, one row of panels per task and one panel per variant.

    The cell of a code and the factor it should encode is framed.

    Args:
        table: its rows are the panels of a row.
        tasks: the tasks, one per row.
        tidy: the tidy table; its column is the task.

    Returns:
        The figure.

    Raises:
        ValueError: if a task lacks the numbers of a row.
    """
    matrix = Matrix(
        rows=MATRIX_ROWS,
        columns={factor: f"{factor}\n({probe_label(factor)})" for factor in MATRIX_COLUMNS},
        metrics={
            (code, factor): f"{code}_{factor}_{probe_metric(factor)}"
            for code in MATRIX_ROWS
            for factor in MATRIX_COLUMNS
        },
        label="skill, R²",
        maximum=1.0,
        decimals=2,
        framed=tuple(OWN_FACTOR.items()),
    )
    return matrices_figure(matrix, table, tasks, tidy)
