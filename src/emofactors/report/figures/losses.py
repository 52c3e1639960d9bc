"""Figures of kind ``losses``: one loss over the epochs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from emofactors.config.figures.losses import LossesFigure
from emofactors.config.tasks import TaskConfig
from emofactors.io.csv import read_csv
from emofactors.plan.paths import parse_run
from emofactors.report.figures.base import FigureInputs, panel_title
from emofactors.report.figures.style import VARIANT_STYLE


def draw(settings: Mapping[str, Any], inputs: FigureInputs) -> Figure:
    """Draw a figure from the ``history.csv`` of every run of each variant on each task."""
    figure = LossesFigure(**settings)
    files = inputs.of_variants(figure.variants, "history.csv", parse_run)
    histories = {
        of: [read_csv(path, "the history of a training", {"epoch": int}, others=float) for path in paths]
        for of, paths in files.items()
    }
    return losses_figure(figure, inputs.tasks, histories)


def losses_figure(
    figure: LossesFigure,
    tasks: Mapping[str, TaskConfig],
    histories: Mapping[tuple[str, str], Sequence[pd.DataFrame]],
) -> Figure:
    """Draw one panel per task and one line per variant: median over the runs, with a band from minimum to maximum.

    Args:
        figure: its variants are the lines, its ``loss`` is drawn.
        tasks: the tasks, one per panel.
        histories: (task, variant) -> the histories of its runs, with a column ``epoch``.

    Returns:
        The figure.

    Raises:
        ValueError: if no run of a variant has the loss.
    """
    drawn = Figure(figsize=(1.2 + 4.6 * len(tasks), 4.2), layout="constrained")
    axes = drawn.subplots(1, len(tasks), squeeze=False)[0]
    for panel, (name, task) in zip(axes, tasks.items(), strict=True):
        for (variant, label), style in zip(figure.variants.items(), VARIANT_STYLE, strict=False):
            losses = losses_by_epoch(histories.get((name, variant), []), figure.loss)
            if losses.empty:
                raise ValueError(f"no {figure.loss} in a history of {variant} on {name}, expected it in some")
            colour, _, line = style
            panel.fill_between(losses.index, losses.min(axis=1), losses.max(axis=1), color=colour, alpha=0.2, lw=0)
            panel.plot(losses.index, losses.median(axis=1), color=colour, linestyle=line, label=label)
        panel.set_title(panel_title(name, task))
        panel.set_xlabel("epoch")
        panel.set_ylim(bottom=0)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(axis="y", color="0.9")
    axes[0].set_ylabel(figure.loss.replace("_", " "))
    handles, labels = axes[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3))
    return drawn


def losses_by_epoch(histories: Sequence[pd.DataFrame], loss: str) -> pd.DataFrame:
    """Return a loss of several runs by epoch, at the last evaluation of each epoch.

    Args:
        histories: one row per evaluation, with a column ``epoch``; those without the loss are left out.
        loss: name of the column.

    Returns:
        Losses, shape (epochs, runs), indexed by epoch; NaN where a run had ended or did not have the loss.
    """
    runs = [history.groupby("epoch")[loss].last() for history in histories if loss in history]
    return pd.concat(runs, axis=1).dropna(how="all").sort_index() if runs else pd.DataFrame()
