"""Figures of kind ``sweep``: UA and WA over the axis of a table."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emofactors.config.tables.scores import PublishedScores
from emofactors.config.tables.variants import VariantsTable
from emofactors.config.tasks import TaskConfig
from emofactors.report.figures.base import FigureInputs, panel_title
from emofactors.report.figures.of_table import read_table, scores_along_axis
from emofactors.report.figures.style import wrap

#: Label, colour, marker and line of a metric.
_METRIC_STYLE = {"ua": ("UA", "#0072B2", "o", "-"), "wa": ("WA", "#D55E00", "s", "--")}


def draw(settings: Mapping[str, Any], inputs: FigureInputs) -> Figure:
    """Draw a figure from the CSV of a table with an axis."""
    return sweep_figure(VariantsTable(**(inputs.table or {})), inputs.tasks, read_table(inputs))


def sweep_figure(table: VariantsTable, tasks: Mapping[str, TaskConfig], scores: pd.DataFrame) -> Figure:
    """Draw UA and WA over the axis of a sweep, one panel per task; published values under their own label.

    The values of the axis are set at equal distances: they may include 0, and
    a sweep over powers of ten would be unreadable on a linear axis.

    Args:
        table: the sweep.
        tasks: the tasks, one per panel.
        scores: the tidy table of the sweep, in percent; its column is the task.

    Returns:
        The figure.

    Raises:
        ValueError: if a task has no score of a row of the table.
    """
    values = [float(label) for label in table.rows.values()]
    # Published numbers of another corpus or protocol never share a panel with ours, nor with each other.
    elsewhere = [published for published in table.published if published.task not in tasks]
    n_panels = len(tasks) + len(elsewhere)
    drawn = Figure(figsize=(1.2 + 4.4 * n_panels, 4.4), layout="constrained")
    axes = drawn.subplots(1, n_panels, squeeze=False)[0]
    for panel, (name, task) in zip(axes, tasks.items(), strict=False):
        of_task = scores[scores["column"] == name]
        for metric in _METRIC_STYLE:
            _draw_line(panel, metric, scores_along_axis(of_task, metric, list(table.rows)))
        published = table.published_for(name)
        if published is not None:
            _draw_published(panel, table, published)
        panel.set_title(panel_title(name, task))
    for panel, published in zip(axes[len(tasks) :], elsewhere, strict=True):
        _draw_published(panel, table, published)
        panel.set_title(f"published, not comparable in height:\n{wrap(published.label)}")
    for panel in axes:
        panel.set_xticks(range(len(values)), [f"{value:g}" for value in values])
        panel.set_xlim(-0.3, len(values) - 0.7)
        panel.set_xlabel(table.axis)
        panel.grid(axis="y", color="0.9")
    axes[0].set_ylabel("UA, WA / %")
    handles = {label: h for panel in axes for h, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    drawn.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles))
    return drawn


def _draw_line(panel: Axes, metric: str, scores: pd.DataFrame) -> None:
    """Draw one metric with its band of 95 % intervals."""
    label, colour, marker, line = _METRIC_STYLE[metric]
    places = np.arange(len(scores))
    panel.fill_between(
        places, scores["ci_low"].astype(float), scores["ci_high"].astype(float), color=colour, alpha=0.18, lw=0
    )
    panel.plot(places, scores["value"], color=colour, marker=marker, linestyle=line, label=f"{label}, 95 % band")


def _draw_published(panel: Axes, table: VariantsTable, published: PublishedScores) -> None:
    """Draw the published values of a sweep: hollow markers, no band."""
    for metric, (label, colour, marker, _) in _METRIC_STYLE.items():
        known = [
            (place, published.values[variant][metric])
            for place, variant in enumerate(table.rows)
            if metric in published.values.get(variant, {})
        ]
        if known:
            panel.plot(
                *zip(*known, strict=True),
                color=colour,
                marker=marker,
                markerfacecolor="white",
                linestyle=":",
                label=f"{label}, published",
            )
