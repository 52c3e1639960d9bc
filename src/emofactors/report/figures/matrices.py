"""Matrices of numbers with intervals: the drawing that figures about codes share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from emofactors.config.tables.decomposers import DecomposerTable
from emofactors.config.tasks import TaskConfig
from emofactors.report.figures.base import heading
from emofactors.report.formatting import number_at

#: Width and height of one cell in inches: its number, and its interval below, are readable.
_CELL_IN = (1.25, 0.75)

#: Numbers above this fraction of the maximum are written in white, on a dark cell.
_DARK = 0.62

#: Corners of the frame around a cell, around and back.
_FRAME = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]]) * 0.96


@dataclass(frozen=True)
class Matrix:
    """Layout of a matrix.

    Attributes:
        rows: names of the rows.
        columns: name of a column -> its label.
        metrics: (row, column) -> metric of the cell; other cells stay empty.
        label: label of the colour bar.
        maximum: end of the colour scale, which starts at 0.
        decimals: digits after the decimal point.
        framed: (row, column) of the cells with a frame.
    """

    rows: tuple[str, ...]
    columns: Mapping[str, str]
    metrics: Mapping[tuple[str, str], str]
    label: str
    maximum: float
    decimals: int
    framed: tuple[tuple[str, str], ...] = ()


def matrices_figure(
    matrix: Matrix, table: DecomposerTable, tasks: Mapping[str, TaskConfig], tidy: pd.DataFrame
) -> Figure:
    """Draw one row of matrices per task and one matrix per row of the table, on one scale.

    Args:
        matrix: layout of the matrices.
        table: its rows are the matrices of a task.
        tasks: the tasks, one per row.
        tidy: the tidy table; its column is the task.

    Returns:
        The figure.

    Raises:
        ValueError: if a task lacks the numbers of a row.
    """
    # All in inches: a cell keeps its size for any number of panels.
    side, height = len(matrix.columns) * _CELL_IN[0], len(matrix.rows) * _CELL_IN[1]
    left, right, gap, below = 1.35, 1.05, 0.3, 0.75
    n_panels = len(table.rows)
    width = left + n_panels * side + (n_panels - 1) * gap + right
    headings = [heading(name, task, width) for name, task in tasks.items()]
    above = 0.6 + 0.2 * max(text.count("\n") + 1 for text in headings)
    total_height = len(tasks) * (above + height + below)
    drawn = Figure(figsize=(width, total_height))
    for place, (name, text) in enumerate(zip(tasks, headings, strict=True)):
        top = total_height - place * (above + height + below)
        drawn.text(0.1 / width, (top - 0.1) / total_height, text, va="top", fontweight="bold")
        bottom = top - above - height
        of_task = tidy[(tidy["column"] == name) & ~tidy["metric"].str.endswith("_difference")]
        for column, row in enumerate(table.rows):
            x = left + column * (side + gap)
            panel = drawn.add_axes((x / width, bottom / total_height, side / width, height / total_height))
            cells = _cells(matrix, of_task[of_task["variant"] == row].set_index("metric"))
            image = _draw_matrix(panel, matrix, cells)
            panel.set_title(table.label(row))
            panel.set_yticks(range(len(matrix.rows)), matrix.rows if column == 0 else [])
        bar = drawn.add_axes(
            ((x + side + 0.2) / width, bottom / total_height, 0.15 / width, height / total_height)
        )
        drawn.colorbar(image, cax=bar, label=matrix.label)
    return drawn


def _cells(matrix: Matrix, numbers: pd.DataFrame) -> dict[tuple[int, int], pd.Series]:
    """Return place -> number with its interval; NaN where the table has no number of the metric."""
    if not set(matrix.metrics.values()) & set(numbers.index):
        expected = next(iter(matrix.metrics.values()))
        raise ValueError(f"no {expected}, expected the numbers of every row of the table")
    columns = list(matrix.columns)
    numbers = numbers.reindex(list(matrix.metrics.values()))
    return {
        (matrix.rows.index(row), columns.index(column)): number_at(numbers, metric)
        for (row, column), metric in matrix.metrics.items()
    }


def _draw_matrix(panel: Axes, matrix: Matrix, cells: Mapping[tuple[int, int], pd.Series]) -> AxesImage:
    """Draw one matrix: a number in each cell, its interval below."""
    shades = np.full((len(matrix.rows), len(matrix.columns)), np.nan)
    for place, number in cells.items():
        shades[place] = number["value"]
    image = panel.imshow(np.ma.masked_invalid(shades), cmap="Blues", vmin=0, vmax=matrix.maximum, aspect="auto")
    columns = list(matrix.columns)
    form = f"z.{matrix.decimals}f"
    for (i, j), number in cells.items():
        is_dark = number["value"] > _DARK * matrix.maximum
        style: dict[str, Any] = {"ha": "center", "color": "white" if is_dark else "black"}
        if pd.isna(number["ci_low"]):
            panel.text(
                j, i, "–" if pd.isna(number["value"]) else f"{number['value']:{form}}", va="center", **style
            )
            continue
        weight = "bold" if (matrix.rows[i], columns[j]) in matrix.framed else "normal"
        panel.text(j, i - 0.04, f"{number['value']:{form}}", va="bottom", fontweight=weight, **style)
        interval = f"[{number['ci_low']:{form}}, {number['ci_high']:{form}}]"
        panel.text(j, i + 0.1, interval, va="top", fontsize=8, **style)
    for row, column in matrix.framed:
        x, y = columns.index(column), matrix.rows.index(row)
        panel.plot(x + _FRAME[:, 0], y + _FRAME[:, 1], color="#D55E00", lw=1.8)
    panel.set_xticks(range(len(columns)), list(matrix.columns.values()))
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    return image
