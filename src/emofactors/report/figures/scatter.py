"""Scatter plots of embeddings in groups, and their legends."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D

from emofactors.io.npz import read_npz
from emofactors.report.figures.style import without_formulas


def read_embeddings(path: str) -> dict[str, np.ndarray]:
    """Return the arrays of the ``embeddings.npz`` of a run.

    Raises:
        InputError: if the file is missing or damaged.
    """
    return read_npz(path, "the embeddings.npz of a run", ("embedding", "split", "emotion"))


def draw_points(panel: Axes, points: np.ndarray, group: np.ndarray, styles: Mapping[str, tuple[str, str]]) -> None:
    """Draw points (N, 2) in the colours and markers of their groups (N,)."""
    size = float(np.clip(6000 / max(len(points), 1), 6, 30))
    for name, (colour, marker) in styles.items():
        of_group = points[group == name]
        if len(of_group):
            # Thousands of points as a bitmap and the text around them as outlines keep the SVG small.
            panel.scatter(
                of_group[:, 0],
                of_group[:, 1],
                s=size,
                c=colour,
                marker=marker,
                alpha=0.75,
                edgecolors="white",
                linewidths=0.3,
                label=name,
                rasterized=True,
            )


def draw_legend(figure: Figure, styles: Mapping[str, tuple[str, str]], **options: Any) -> Legend:
    """Draw a legend of groups of points; options are those of ``Figure.legend``."""
    # Matplotlib leaves out labels that begin with an underscore, so the names are set afterwards.
    handles = [
        Line2D([], [], linestyle="", color=colour, marker=marker, ms=8, label=f"group {place}")
        for place, (colour, marker) in enumerate(styles.values())
    ]
    legend = figure.legend(handles=handles, handletextpad=0.1, columnspacing=1, **options)
    for text, name in zip(legend.get_texts(), styles, strict=True):
        text.set_text(without_formulas(name))
    return legend
