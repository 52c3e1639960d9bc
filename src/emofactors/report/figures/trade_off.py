"""Figures of kind ``trade_off``: UA over the accuracy of probes for the speaker, along the axis of a table."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from emofactors.config.figures.trade_off import TradeOffFigure
from emofactors.config.tables.variants import VariantsTable
from emofactors.config.tasks import TaskConfig
from emofactors.report.figures.base import FigureInputs, panel_title
from emofactors.report.figures.of_table import read_table, scores_along_axis

#: Label, colour, marker and line of a probe of the speaker.
_PROBE_STYLE = {
    "speaker_linear": ("linear probe", "#0072B2", "o", "-"),
    "speaker_mlp": ("MLP probe", "#D55E00", "s", "--"),
}

#: Positions of a label around its point, best first: off the bars, then on them.
_POSITIONS = (*product((1, -1), (1, -1)), (0, 1.3), (0, -1.3), (1.3, 0), (-1.3, 0))


def draw(settings: Mapping[str, Any], inputs: FigureInputs) -> Figure:
    """Draw a figure from the CSV of a table with an axis and probes of the speaker."""
    return trade_off_figure(VariantsTable(**(inputs.table or {})), inputs.tasks, read_table(inputs))


def trade_off_figure(table: VariantsTable, tasks: Mapping[str, TaskConfig], scores: pd.DataFrame) -> Figure:
    """Draw UA on unseen speakers over the speaker accuracy of probes, one panel per task and one line per probe.

    Args:
        table: its rows are the points, in the order of the axis, labelled by their values.
        tasks: the tasks, one per panel.
        scores: the tidy table, in percent; its column is the task. Intervals and chance may be NaN.

    Returns:
        The figure.

    Raises:
        ValueError: if the table has no axis or lacks the metrics, or a task a score of a row.
    """
    probes = [probe for probe in TradeOffFigure.needs_one_of if probe in table.metrics]
    if not (table.axis and "ua" in table.metrics and probes):
        raise ValueError(
            f"a table with axis {table.axis!r} that shows {', '.join(table.metrics)}, expected one with an axis "
            f"that shows ua and {' or '.join(TradeOffFigure.needs_one_of)}"
        )
    # All in inches: the space for a label is known before anything is drawn.
    titles = [panel_title(name, task, 56) for name, task in tasks.items()]
    side, height, left, below = 4.9, 4.3, 0.75, 1.2
    above = 0.25 + 0.2 * (1 + max(title.count("\n") for title in titles))
    width, total_height = len(tasks) * (left + side) + 0.25, above + height + below
    drawn = Figure(figsize=(width, total_height))
    for place, name in enumerate(tasks):
        x = left + place * (left + side)
        panel = drawn.add_axes((x / width, below / total_height, side / width, height / total_height))
        of_task = scores[scores["column"] == name]
        of_metric = {metric: scores_along_axis(of_task, metric, list(table.rows)) for metric in ("ua", *probes)}
        for probe in probes:
            _draw_probe(panel, of_metric[probe], of_metric["ua"], _PROBE_STYLE[probe])
        _draw_chance(panel.axvline, pd.concat([of_metric[probe]["chance"] for probe in probes]))
        _draw_chance(panel.axhline, of_metric["ua"]["chance"])
        panel.margins(0.08)
        panel.set_title(titles[place])
        panel.set_xlabel("accuracy of a probe for the speaker / %")
        panel.grid(axis="y", color="0.9")
        _label_points(
            panel,
            [
                (*point, f"{float(label):g}", _PROBE_STYLE[probe][1])
                for probe in probes
                for label, *point in zip(
                    table.rows.values(), of_metric[probe]["value"], of_metric["ua"]["value"], strict=True
                )
            ],
            size=(side, height),
        )
    drawn.axes[0].set_ylabel("UA on unseen speakers / %")
    handles, labels = drawn.axes[0].get_legend_handles_labels()
    legend = dict(zip(labels, handles, strict=True))
    title = f"at each point: {table.axis}; bars: 95 % intervals"
    drawn.legend(legend.values(), legend.keys(), loc="lower center", ncols=len(legend), title=title)
    return drawn


def _draw_probe(panel: Axes, speaker: pd.DataFrame, ua: pd.DataFrame, style: tuple[str, str, str, str]) -> None:
    """Draw one probe: a line through its points, faint bars for both 95 % intervals."""
    label, colour, marker, line = style
    x, y = speaker["value"].to_numpy(float), ua["value"].to_numpy(float)
    faint: dict[str, Any] = {"color": colour, "alpha": 0.45, "lw": 1.4}
    panel.hlines(y, speaker["ci_low"].to_numpy(float), speaker["ci_high"].to_numpy(float), **faint)
    panel.vlines(x, ua["ci_low"].to_numpy(float), ua["ci_high"].to_numpy(float), **faint)
    panel.plot(x, y, color=colour, marker=marker, linestyle=line, label=label)


def _draw_chance(draw_line: Callable[..., Line2D], chance: pd.Series) -> None:
    """Draw a dotted line at each chance level that is known."""
    for value in sorted(set(chance.dropna())):
        draw_line(value, color="0.35", lw=1, linestyle=":", label="chance")


def _label_points(panel: Axes, labels: Sequence[tuple[float, float, str, str]], size: tuple[float, float]) -> None:
    """Draw labels (x, y, text, colour) around their points without overlap; ``size`` of the panel in inches."""
    labels = [label for label in labels if np.isfinite(label[:2]).all()]
    limits = np.array([panel.get_xlim(), panel.get_ylim()])
    panel.set(xlim=limits[0], ylim=limits[1])
    places = np.array([label[:2] for label in labels]).reshape(-1, 2)
    places = (places - limits[:, 0]) / np.ptp(limits, axis=1) * size  # (N, 2)
    # A box is (center, half of its width and height).
    boxes = [(place, np.array([0.06, 0.06])) for place in places]
    # Points on the lines between the points of one colour.
    lines = [
        np.linspace(places[i], places[i + 1], 50)
        for i, (one, other) in enumerate(pairwise(labels))
        if one[-1] == other[-1]
    ]
    for place, (x, y, text, colour) in zip(places, labels, strict=True):
        half = np.array([0.02 + 0.04 * len(text), 0.08])
        candidates = [place + np.array(position) * (half + 0.07) for position in _POSITIONS]
        center = min(
            candidates,
            key=lambda at: (
                sum((np.abs(at - other) < half + reach).all() for other, reach in boxes)
                + 0.3 * sum((np.abs(at - other) < half + np.array([0, 0.4])).all() for other in places)  # on a bar
                + 0.3 * sum((np.abs(at - line) < half).all(axis=1).any() for line in lines)
                + 2 * ((at - half < 0) | (at + half > size)).any()
            ),
        )
        boxes.append((center, half))
        panel.annotate(
            text,
            (x, y),
            xytext=tuple(72 * (center - place)),
            textcoords="offset points",
            ha="center",
            va="center",
            color=colour,
            fontsize=10,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )
