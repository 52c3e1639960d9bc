"""Figures of kind ``cost``: UA over the FLOPs of one input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from emofactors.config.figures.cost import CostFigure
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.scores import read_confusion
from emofactors.evaluation.statistics.metrics import unweighted_accuracy
from emofactors.io.json import read_json
from emofactors.plan.paths import parse_evaluation, parse_run
from emofactors.report.figures.base import FigureInputs, panel_title
from emofactors.report.figures.style import VARIANT_STYLE
from emofactors.report.tables.metrics import confusion_score

#: Height of a label of two lines, as a fraction of its panel.
_LABEL_HEIGHT = 0.13


@dataclass(frozen=True)
class CostPoint:
    """A variant as a figure of cost shows it.

    Attributes:
        confusion: fold, seed, speaker, truth, prediction, count.
        flops: of one input.
        parameters: number of trained parameters.
    """

    confusion: pd.DataFrame
    flops: int
    parameters: int


def draw(settings: Mapping[str, Any], inputs: FigureInputs) -> Figure:
    """Draw a figure from the ``confusion.csv`` and one ``run.json`` of each variant on each task."""
    figure = CostFigure(**settings)
    confusions = inputs.of_variants(figure.variants, "confusion.csv", parse_evaluation)
    runs = inputs.of_variants(figure.variants, "run.json", parse_run)
    costs = {}
    for of, (confusion,) in confusions.items():
        run = read_json(runs[of][0], "the metadata of a run", ["flops", "parameters"])
        costs[of] = CostPoint(read_confusion(confusion), flops=run["flops"], parameters=run["parameters"])
    return cost_figure(figure, inputs.tasks, costs)


def cost_figure(
    figure: CostFigure,
    tasks: Mapping[str, TaskConfig],
    costs: Mapping[tuple[str, str], CostPoint],
) -> Figure:
    """Draw one panel per task and one marker per variant, its area proportional to the number of parameters.

    Args:
        figure: its variants are the markers.
        tasks: the tasks, one per panel.
        costs: (task, variant) -> its confusion counts and cost.

    Returns:
        The figure.
    """
    drawn = Figure(figsize=(0.8 + 5.4 * len(tasks), 4.4), layout="constrained")
    axes = drawn.subplots(1, len(tasks), squeeze=False)[0]
    most = max(cost.parameters for cost in costs.values())
    for panel, (name, task) in zip(axes, tasks.items(), strict=True):
        places = _separated([costs[name, variant].flops / 1e9 for variant in figure.variants])
        labels = []
        for (variant, label), x, style in zip(figure.variants.items(), places, VARIANT_STYLE, strict=False):
            cost = costs[name, variant]
            ua = confusion_score(cost.confusion, task.classes, unweighted_accuracy).interval()
            y, low, high = (100 * value for value in (ua.value, ua.low, ua.high))
            colour, marker, _ = style
            panel.plot([x, x], [low, high], color=colour, lw=1.5)
            panel.scatter(
                [x], [y], s=320 * cost.parameters / most, color=colour, marker=marker, edgecolors="white", zorder=3
            )
            labels.append((x, y, f"{label}\n{cost.parameters / 1e6:.3g} M parameters", colour))
        panel.set_xscale("log")
        # Space for the labels at both ends; labels are placed towards the middle.
        panel.set_xlim(min(places) / 1.6, max(places) * 1.6)
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter("{x:g}")
        panel.xaxis.set_minor_locator(NullLocator())
        panel.margins(y=0.12)
        _draw_labels(panel, labels)
        panel.set_title(panel_title(name, task))
        panel.set_xlabel("GFLOPs of one input")
        panel.grid(axis="y", color="0.9")
    axes[0].set_ylabel("UA / %")
    return drawn


def _separated(costs: Sequence[float]) -> list[float]:
    """Return the positions of costs: equal ones a little apart, so that all intervals are visible."""
    places = []
    for index, cost in enumerate(costs):
        equal = [i for i, other in enumerate(costs) if np.isclose(other, cost, rtol=0.02)]
        places.append(cost * 1.05 ** (equal.index(index) - (len(equal) - 1) / 2))
    return places


def _draw_labels(panel: Axes, labels: Sequence[tuple[float, float, str, str]]) -> None:
    """Draw labels (x, y, text, colour) next to their markers, towards the middle and without overlap."""
    left, right = np.log(panel.get_xlim())
    low, high = panel.get_ylim()
    for is_left in (True, False):
        of_side = [label for label in labels if (np.log(label[0]) <= (left + right) / 2) == is_left]
        height = -np.inf
        # From the lowest upwards: a label is level with its marker, or as much higher as the one below needs.
        for x, y, text, colour in sorted(of_side, key=lambda label: label[1]):
            height = max(y, height + _LABEL_HEIGHT * (high - low))
            panel.annotate(
                text,
                (x, y),
                xytext=(x * 1.18 if is_left else x / 1.18, height),
                ha="left" if is_left else "right",
                va="center",
                color=colour,
                fontsize=9.5,
                arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.6, "shrinkB": 4},
            )
