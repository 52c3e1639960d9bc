"""Figures of kind ``confusion``: confusion matrices with the recall of each class."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from emofactors.config.figures.confusion import ConfusionFigure
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.scores import read_confusion
from emofactors.plan.paths import parse_evaluation
from emofactors.report.figures.base import FigureInputs, heading


def draw(settings: Mapping[str, Any], inputs: FigureInputs) -> Figure:
    """Draw a figure from the ``confusion.csv`` of each variant on each task."""
    figure = ConfusionFigure(**settings)
    files = inputs.of_variants(figure.variants, "confusion.csv", parse_evaluation)
    confusions = {of: read_confusion(file) for of, (file,) in files.items()}
    return confusion_figure(figure, inputs.tasks, confusions)


def confusion_figure(
    figure: ConfusionFigure,
    tasks: Mapping[str, TaskConfig],
    confusions: Mapping[tuple[str, str], pd.DataFrame],
) -> Figure:
    """Draw one row of panels per task and one panel per variant: recall in percent, and the number of utterances.

    Args:
        figure: its variants are the panels of a row.
        tasks: the tasks, one per row.
        confusions: (task, variant) -> table with columns seed, speaker, truth, prediction, count.

    Returns:
        The figure.

    Raises:
        ValueError: if a table names an emotion that is no class of its task.
    """
    n_panels = len(figure.variants)
    # A panel is as large as its matrix, in inches: the numbers stay readable for any number of classes.
    sides = [max(2.6, 0.52 * len(task.classes)) for task in tasks.values()]
    left, right, gap, above, below = 1.9, 1.0, 0.25, 1.05, 1.25
    width = left + n_panels * max(sides) + (n_panels - 1) * gap + right
    height = sum(above + side + below for side in sides)
    drawn = Figure(figsize=(width, height))
    top = height
    for (name, task), side in zip(tasks.items(), sides, strict=True):
        bottom = top - above - side
        drawn.text(0.1 / width, (top - 0.1) / height, heading(name, task, width), va="top", fontweight="bold")
        for place, (variant, label) in enumerate(figure.variants.items()):
            x = left + place * (side + gap)
            panel = drawn.add_axes((x / width, bottom / height, side / width, side / height))
            counts = mean_counts(confusions[name, variant], task.classes)
            image = _draw_matrix(panel, counts, task.classes, label)
            if place == 0:
                panel.set_ylabel("true (utterances)")
            else:
                panel.set_yticklabels([])
        bar = drawn.add_axes(((x + side + 0.2) / width, bottom / height, 0.15 / width, side / height))
        drawn.colorbar(image, cax=bar, label="recall / %")
        top = bottom - below
    return drawn


def mean_counts(confusion: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    """Return the counts of a confusion table, pooled over folds and speakers and averaged over seeds.

    Args:
        confusion: one row per seed, speaker, truth and prediction, with its count.
        classes: the task's classes, in the order of the result.

    Returns:
        Utterances by true (row) and predicted (column) class, shape (C, C).

    Raises:
        ValueError: if the table names an emotion that is no class of the task.
    """
    unknown = (set(confusion["truth"]) | set(confusion["prediction"])) - set(classes)
    if unknown:
        raise ValueError(f"{sorted(unknown)} are in the confusion table, expected {list(classes)}")
    counts = confusion.pivot_table("count", index="truth", columns="prediction", aggfunc="sum", fill_value=0)
    counts = counts.reindex(index=list(classes), columns=list(classes), fill_value=0)
    return counts.to_numpy(float) / confusion["seed"].nunique()


def recall_percent(counts: np.ndarray) -> np.ndarray:
    """Return counts (C, C) in percent of their row; the row of a class without utterances is NaN."""
    support = counts.sum(axis=1, keepdims=True)  # (C, 1)
    return np.divide(100 * counts, support, out=np.full_like(counts, np.nan), where=support > 0)


def _draw_matrix(panel: Axes, counts: np.ndarray, classes: Sequence[str], label: str) -> AxesImage:
    """Draw one matrix with a number in each cell and its UA in the title."""
    recall = recall_percent(counts)
    image = panel.imshow(recall, cmap="Blues", vmin=0, vmax=100)
    for (row, column), value in np.ndenumerate(recall):
        panel.text(
            column,
            row,
            "–" if np.isnan(value) else f"{value:.0f}",
            ha="center",
            va="center",
            color="white" if value > 68 else "black",
            fontweight="bold" if row == column else "normal",
        )
    panel.set_xticks(range(len(classes)), classes, rotation=45, ha="right", rotation_mode="anchor")
    panel.set_yticks(
        range(len(classes)), [f"{name} ({n:.0f})" for name, n in zip(classes, counts.sum(axis=1), strict=True)]
    )
    panel.spines[:].set_visible(False)
    panel.tick_params(length=0)
    panel.set_xlabel("recognised as")
    # NaN, rather than a mean over the other classes, where a class has no test utterance.
    ua = recall.diagonal().mean()
    panel.set_title(
        f"{label}\nUA {'undefined' if np.isnan(ua) else f'{ua:.1f} %'}, N = {counts.sum():.0f}", linespacing=1.4
    )
    return image
