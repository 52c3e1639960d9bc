"""Figures about codes: matrices of what they share, and of what they tell of true factors."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.report.figures.style import LETTERS_PER_INCH, broken
from emofactors.report.formatting import number_at
from emofactors.report.tables.factor_layout import MATRIX_COLUMNS, MATRIX_ROWS
from emofactors.report.tables.factor_tables import (
    OWN_FACTOR,
    PAIR_KEYS,
    TRUTH_COLUMNS,
    TRUTH_ROWS,
    measure_words,
    of_rows,
    probe_measure,
)
from emofactors.report.tables.tidy import row_label

#: Inches of one cell: its number, and its interval below, are readable.
_CELL = (1.25, 0.75)
#: A cell above this part of the scale is dark: what is written in it is white.
_DARK = 0.62


def information_figure(table: TableConfig, tasks: Mapping[str, TaskConfig], tidy: pd.DataFrame) -> Figure:
    """A row of panels a task, a panel a variant: information above null of each pair, on one scale.

    Args:
        table: its rows are the panels of a row.
        tasks: the tasks, one a row.
        tidy: the tidy table; its column is the task.

    Returns:
        The figure.

    Raises:
        ValueError: if a task lacks a number of a row.
    """

    def metric(one: str, other: str) -> str | None:
        key = f"{one}_{other}"
        return f"{key}_above_null" if key in PAIR_KEYS else None

    highest = tidy.loc[tidy["metric"].isin([f"{key}_above_null" for key in PAIR_KEYS]), "value"].max()
    return _matrices(
        *(table, tasks, tidy),
        of=_Matrix(MATRIX_ROWS, MATRIX_COLUMNS, metric, decimals=3),
        top=max(float(highest), 0.01),
        words="MI above null / nats",
    )


def ground_truth_figure(table: TableConfig, tasks: Mapping[str, TaskConfig], tidy: pd.DataFrame) -> Figure:
    """A row of panels a task, a panel a variant: what a probe finds of each true factor in each code.

    The cell of a code and the factor it is there for is framed.

    Args:
        table: its rows are the panels of a row.
        tasks: the tasks, one a row.
        tidy: the tidy table; its column is the task.

    Returns:
        The figure.

    Raises:
        ValueError: if a task lacks a number of a row.
    """

    def metric(code: str, factor: str) -> str:
        return f"{code}_{factor}_{probe_measure(factor)}"

    return _matrices(
        *(table, tasks, tidy),
        of=_Matrix(TRUTH_ROWS, TRUTH_COLUMNS, metric, decimals=2, framed=tuple(OWN_FACTOR.items())),
        top=1.0,
        words="skill, R²",
    )


class _Matrix:
    """What a panel shows: names of rows and columns, the metric of a cell (None: no such cell), framed cells."""

    def __init__(
        self,
        rows: Sequence[str],
        columns: Sequence[str],
        metric: Callable[[str, str], str | None],
        *,
        decimals: int,
        framed: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.rows, self.columns, self.metric = tuple(rows), tuple(columns), metric
        self.decimals, self.framed = decimals, tuple(framed)

    def cells(self, numbers: pd.DataFrame) -> dict[tuple[int, int], pd.Series]:
        """Place -> number with its interval; NaN where there is none of that metric at all."""
        metrics = {
            (i, j): metric
            for i, row in enumerate(self.rows)
            for j, column in enumerate(self.columns)
            if (metric := self.metric(row, column)) is not None
        }
        if numbers.empty or not set(metrics.values()) & set(numbers.index):
            raise ValueError(f"no {next(iter(metrics.values()))}, expected the numbers of every row of the table")
        nothing = pd.Series({"value": np.nan, "ci_low": np.nan, "ci_high": np.nan})
        return {place: number_at(numbers, m) if m in numbers.index else nothing for place, m in metrics.items()}

    def column_labels(self) -> list[str]:
        """Names of columns; of factors with the measure."""
        return [f"{c}\n({measure_words(c)})" if self.framed else c for c in self.columns]


def _matrices(
    table: TableConfig,
    tasks: Mapping[str, TaskConfig],
    tidy: pd.DataFrame,
    *,
    of: _Matrix,
    top: float,
    words: str,
) -> Figure:
    """All panels, in inches: a cell is as large whatever the number of panels."""
    side, height = len(of.columns) * _CELL[0], len(of.rows) * _CELL[1]
    left, right, gap, below = 1.35, 1.05, 0.3, 0.75
    n_panels = len(table.rows)
    width = left + n_panels * side + (n_panels - 1) * gap + right
    letters = round(width * LETTERS_PER_INCH)
    headings = [broken(f"{name}: {task.protocol_words}", letters) for name, task in tasks.items()]
    above = 0.6 + 0.2 * max(heading.count("\n") + 1 for heading in headings)
    tall = len(tasks) * (above + height + below)
    drawn = Figure(figsize=(width, tall))
    for line, (name, heading) in enumerate(zip(tasks, headings, strict=True)):
        ceiling = tall - line * (above + height + below)
        drawn.text(0.1 / width, (ceiling - 0.1) / tall, heading, va="top", fontweight="bold")
        bottom = ceiling - above - height
        of_task = tidy[tidy["column"] == name]
        for place, variant in enumerate(table.rows):
            x = left + place * (side + gap)
            panel = drawn.add_axes((x / width, bottom / tall, side / width, height / tall))
            numbers = of_rows(of_task[of_task["variant"] == variant]).droplevel("variant")
            image = _draw(panel, of, of.cells(numbers), top)
            panel.set_title(row_label(table, variant))
            panel.set_yticks(range(len(of.rows)), of.rows if place == 0 else [])
        bar = drawn.add_axes(((x + side + 0.2) / width, bottom / tall, 0.15 / width, height / tall))
        drawn.colorbar(image, cax=bar, label=words)
    return drawn


def _draw(panel: Axes, of: _Matrix, cells: Mapping[tuple[int, int], pd.Series], top: float) -> AxesImage:
    """One matrix: a number in each cell, its interval below."""
    shades = np.full((len(of.rows), len(of.columns)), np.nan)
    for place, number in cells.items():
        shades[place] = number["value"]
    image = panel.imshow(np.ma.masked_invalid(shades), cmap="Blues", vmin=0, vmax=top, aspect="auto")
    form = f"z.{of.decimals}f"
    for (i, j), number in cells.items():
        is_dark = number["value"] > _DARK * top
        at: dict[str, Any] = {"ha": "center", "color": "white" if is_dark else "black"}
        if pd.isna(number["ci_low"]):
            panel.text(j, i, "–" if pd.isna(number["value"]) else f"{number['value']:{form}}", va="center", **at)
            continue
        weight = "bold" if (of.rows[i], of.columns[j]) in of.framed else "normal"
        panel.text(j, i - 0.04, f"{number['value']:{form}}", va="bottom", fontweight=weight, **at)
        interval = f"[{number['ci_low']:{form}}, {number['ci_high']:{form}}]"
        panel.text(j, i + 0.1, interval, va="top", fontsize=8, **at)
    for row, column in of.framed:
        i, j = of.rows.index(row), of.columns.index(column)
        edges = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]]) * 0.96
        panel.plot(j + edges[:, 0], i + edges[:, 1], color="#D55E00", lw=1.8)
    panel.set_xticks(range(len(of.columns)), of.column_labels())
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    return image
