"""Figures along the axis of a table: a sweep, and the trade-off between emotion and speaker."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from emofactors.config.tables import SPEAKER_PROBES, PublishedScores, TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.report.figures.style import broken
from emofactors.report.tables.tidy import published_of

#: Label, colour, marker and line of a metric.
METRIC_STYLE = {"ua": ("UA", "#0072B2", "o", "-"), "wa": ("WA", "#D55E00", "s", "--")}

#: Likewise of a probe of the speaker.
PROBE_STYLE = {
    "speaker_linear": ("linear probe", "#0072B2", "o", "-"),
    "speaker_mlp": ("MLP probe", "#D55E00", "s", "--"),
}

#: Where a label may stand beside its point, best first: off the bars, then on them.
_WAYS = (*product((1, -1), (1, -1)), (0, 1.3), (0, -1.3), (1.3, 0), (-1.3, 0))


# --- sweep ---------------------------------------------------------------------------------------------------


def sweep_figure(table: TableConfig, tasks: Mapping[str, TaskConfig], scores: pd.DataFrame) -> Figure:
    """UA and WA over the axis of a sweep, a panel a task; published values under their own label.

    The values of the axis are set at even distances: they may include 0, and
    a sweep over powers of ten would be unreadable on a linear axis.

    Args:
        table: the sweep.
        tasks: the tasks, one a panel.
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
        for metric in METRIC_STYLE:
            _draw_line(panel, metric, _along_axis(of_task, metric, list(table.rows)))
        published = published_of(table, name)
        if published is not None:
            _draw_published(panel, table, published)
        panel.set_title(f"{name}\n{broken(task.protocol_words)}")
    for panel, published in zip(axes[len(tasks) :], elsewhere, strict=True):
        _draw_published(panel, table, published)
        panel.set_title(f"published, not comparable in height:\n{broken(published.label)}")
    for panel in axes:
        panel.set_xticks(range(len(values)), [f"{value:g}" for value in values])
        panel.set_xlim(-0.3, len(values) - 0.7)
        panel.set_xlabel(table.axis)
        panel.grid(axis="y", color="0.9")
    axes[0].set_ylabel("UA, WA / %")
    handles = {label: h for panel in axes for h, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    drawn.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=len(handles))
    return drawn


def _along_axis(scores: pd.DataFrame, metric: str, variants: Sequence[str]) -> pd.DataFrame:
    """The scores of one metric in the order of the axis."""
    scores = scores[scores["metric"] == metric].set_index("variant")
    missing = [variant for variant in variants if variant not in scores.index]
    if missing:
        raise ValueError(f"no {metric} of {', '.join(missing)}, expected that of every row of the table")
    return scores.loc[list(variants)]


def _draw_line(panel: Axes, metric: str, scores: pd.DataFrame) -> None:
    """One metric with its band of 95 % intervals."""
    label, colour, marker, line = METRIC_STYLE[metric]
    places = np.arange(len(scores))
    panel.fill_between(
        places, scores["ci_low"].astype(float), scores["ci_high"].astype(float), color=colour, alpha=0.18, lw=0
    )
    panel.plot(places, scores["value"], color=colour, marker=marker, linestyle=line, label=f"{label}, 95 % band")


def _draw_published(panel: Axes, table: TableConfig, published: PublishedScores) -> None:
    """The published values of a sweep: hollow markers, no band."""
    for metric, (label, colour, marker, _) in METRIC_STYLE.items():
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


# --- trade-off -----------------------------------------------------------------------------------------------


def trade_off_figure(table: TableConfig, tasks: Mapping[str, TaskConfig], scores: pd.DataFrame) -> Figure:
    """UA on unseen speakers over how well a probe tells the training speakers, a panel a task, a line a probe.

    Args:
        table: its rows are the points, in the order of the axis, with which they are labelled.
        tasks: the tasks, one a panel.
        scores: the tidy table, in percent; its column is the task. Intervals and chance may be NaN.

    Returns:
        The figure.

    Raises:
        ValueError: if the table has no axis or lacks the metrics, or a task a score of a row.
    """
    probes = [probe for probe in SPEAKER_PROBES if probe in table.metrics]
    if not (table.axis and "ua" in table.metrics and probes):
        raise ValueError(
            f"a table with axis {table.axis!r} that shows {', '.join(table.metrics)}, "
            f"expected one with an axis that shows ua and {' or '.join(SPEAKER_PROBES)}"
        )
    # All in inches: where a label has room is known before anything is drawn.
    titles = [f"{name}\n{broken(task.protocol_words, 56)}" for name, task in tasks.items()]
    side, height, left, below = 4.9, 4.3, 0.75, 1.2
    above = 0.25 + 0.2 * (1 + max(title.count("\n") for title in titles))
    width, tall = len(tasks) * (left + side) + 0.25, above + height + below
    drawn = Figure(figsize=(width, tall))
    for place, name in enumerate(tasks):
        x = left + place * (left + side)
        panel = drawn.add_axes((x / width, below / tall, side / width, height / tall))
        of_task = scores[scores["column"] == name]
        of_metric = {metric: _along_axis(of_task, metric, list(table.rows)) for metric in ("ua", *probes)}
        for probe in probes:
            _draw_trade_off(panel, of_metric[probe], of_metric["ua"], PROBE_STYLE[probe])
        _draw_chance(panel.axvline, pd.concat([of_metric[probe]["chance"] for probe in probes]))
        _draw_chance(panel.axhline, of_metric["ua"]["chance"])
        panel.margins(0.08)
        panel.set_title(titles[place])
        panel.set_xlabel("accuracy of a probe for the speaker / %")
        panel.grid(axis="y", color="0.9")
        _label_points(
            panel,
            [
                (*point, f"{float(label):g}", PROBE_STYLE[probe][1])
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


def _draw_trade_off(
    panel: Axes, speaker: pd.DataFrame, ua: pd.DataFrame, style: tuple[str, str, str, str]
) -> None:
    """One probe: a line through its points, faint bars for both 95 % intervals."""
    label, colour, marker, line = style
    x, y = speaker["value"].to_numpy(float), ua["value"].to_numpy(float)
    faint: dict[str, Any] = {"color": colour, "alpha": 0.45, "lw": 1.4}
    panel.hlines(y, speaker["ci_low"].to_numpy(float), speaker["ci_high"].to_numpy(float), **faint)
    panel.vlines(x, ua["ci_low"].to_numpy(float), ua["ci_high"].to_numpy(float), **faint)
    panel.plot(x, y, color=colour, marker=marker, linestyle=line, label=label)


def _draw_chance(draw_line: Callable[..., Line2D], chance: pd.Series) -> None:
    """A dotted line at each chance that is known."""
    for value in sorted(set(chance.dropna())):
        draw_line(value, color="0.35", lw=1, linestyle=":", label="chance")


def _label_points(
    panel: Axes, labelled: Sequence[tuple[float, float, str, str]], size: tuple[float, float]
) -> None:
    """Labels (x, y, text, colour) beside their points, clear of markers and of each other; the panel in inches."""
    labelled = [label for label in labelled if np.isfinite(label[:2]).all()]
    limits = np.array([panel.get_xlim(), panel.get_ylim()])
    panel.set(xlim=limits[0], ylim=limits[1])
    places = np.array([label[:2] for label in labelled]).reshape(-1, 2)
    places = (places - limits[:, 0]) / np.ptp(limits, axis=1) * size  # (N, 2)
    # A box is (center, half of its width and height).
    boxes = [(place, np.array([0.06, 0.06])) for place in places]
    # Points of the lines between those of one colour.
    lines = [
        np.linspace(places[i], places[i + 1], 50)
        for i, (one, other) in enumerate(pairwise(labelled))
        if one[-1] == other[-1]
    ]
    for place, (x, y, text, colour) in zip(places, labelled, strict=True):
        half = np.array([0.02 + 0.04 * len(text), 0.08])
        tried = [place + np.array(way) * (half + 0.07) for way in _WAYS]
        center = min(
            tried,
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
