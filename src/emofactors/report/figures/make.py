"""Make a figure: the module of its kind draws it, and it is written as PNG and SVG.

A figure is drawn from result files alone. The same numbers make the same bytes:
no state of pyplot, fonts that ship with matplotlib, no date.
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from matplotlib.figure import Figure

from emofactors.report.figures.base import FigureInputs
from emofactors.report.figures.style import figure_style, save_figure


def make_figure(settings: Mapping[str, Any], inputs: FigureInputs, *, png: str, svg: str) -> None:
    """Draw one figure of a study and write it.

    Args:
        settings: settings of the figure, as plain data; ``kind`` is the module whose ``draw`` is called.
        inputs: what it is drawn from.
        png: path of the PNG, 200 dots per inch.
        svg: path of the SVG.

    Raises:
        InputError: if an input file is missing or damaged.
        ValueError: if the inputs do not fit the figure.
    """
    kind = import_module(f"emofactors.report.figures.{settings['kind']}")
    draw: Callable[[Mapping[str, Any], FigureInputs], Figure] = kind.draw
    with figure_style():
        save_figure(draw(settings, inputs), png=png, svg=svg)
