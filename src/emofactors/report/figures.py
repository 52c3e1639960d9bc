"""The figures: confusion matrices, sweeps over a setting, and embeddings in two dimensions.

A figure is drawn from tables and arrays alone and is the same bytes whenever
it is drawn from the same numbers: no state of pyplot, fonts that ship with
matplotlib, no date.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from sklearn.decomposition import PCA

from emofactors.config import EMOTIONS, FigureConfig, TableConfig, TaskConfig
from emofactors.evaluation.scores import read_confusion
from emofactors.files import write_bytes_atomically

#: Colour and marker of an emotion, the same in all figures; colours of Okabe and Ito, then of Tol.
EMOTION_STYLE = {
    "anger": ("#D55E00", "^"),
    "happiness": ("#E69F00", "o"),
    "sadness": ("#0072B2", "v"),
    "neutral": ("#707070", "s"),
    "fear": ("#CC79A7", "D"),
    "disgust": ("#009E73", "P"),
    "surprise": ("#56B4E9", "*"),
    "boredom": ("#882255", "X"),
    "calm": ("#999933", "<"),
    "excitement": ("#332288", ">"),
    "frustration": ("#000000", "p"),
}

#: Label, colour, marker and line of a metric.
METRIC_STYLE = {"ua": ("UA", "#0072B2", "o", "-"), "wa": ("WA", "#D55E00", "s", "--")}

_DOTS_PER_INCH = 200


@dataclass(frozen=True)
class Projection:
    """Embeddings on the two principal components of the train embeddings.

    Attributes:
        train: train utterances, shape (N_train, 2).
        test: test utterances, shape (N_test, 2).
        explained: share of the train variance along each component, shape (2,), in [0, 1].
    """

    train: np.ndarray
    test: np.ndarray
    explained: np.ndarray


def make_figure(
    figure: FigureConfig,
    *,
    tasks: Mapping[str, TaskConfig],
    sources: Sequence[str],
    table: TableConfig | None,
    png: str,
    svg: str,
) -> None:
    """Draw one figure of the study and write it.

    Args:
        figure: what to draw.
        tasks: the tasks to draw it for, in the study's order.
        sources: what it is drawn from. ``confusion``: ``confusion.csv`` of each variant of each task,
            variants changing fastest; ``embedding_pca``: ``embeddings.npz`` likewise; ``sweep``: the
            table's tidy CSV alone.
        table: the table of a ``sweep``, else None.
        png: where the PNG goes, 200 dots an inch.
        svg: where the SVG goes.

    Raises:
        ValueError: if the number of sources is not what the figure needs.
    """
    panels = [(task, variant) for task in tasks for variant in figure.variants]
    if len(sources) != (len(panels) if figure.kind != "sweep" else 1):
        raise ValueError(f"{len(sources)} sources for a {figure.kind} of {len(panels)} panels")
    with house_style():
        if figure.kind == "confusion":
            tables = [read_confusion(path) for path in sources]
            drawn = confusion_figure(figure, tasks, dict(zip(panels, tables, strict=True)))
        elif figure.kind == "embedding_pca":
            runs = [dict(np.load(path, allow_pickle=False)) for path in sources]
            drawn = embedding_figure(figure, tasks, dict(zip(panels, runs, strict=True)))
        else:
            drawn = sweep_figure(table, tasks, pd.read_csv(sources[0]))
        save_figure(drawn, png=png, svg=svg)


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's own defaults, whatever the user's matplotlibrc says, and what the house changes of them."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "font.family": "DejaVu Sans",
                "font.size": 11,
                "axes.titlesize": 11,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "legend.frameon": False,
                "svg.hashsalt": "emofactors",
                "svg.fonttype": "path",
            }
        )
        yield


def save_figure(figure: Figure, *, png: str, svg: str) -> None:
    """Write a figure as PNG (200 dots an inch) and SVG: the same numbers, the same bytes.

    Raises:
        OSError: if a file cannot be written.
    """
    # Without date and version of matplotlib, which would make equal figures differ.
    for path, form, metadata in (
        (png, "png", {"Software": None}),
        (svg, "svg", {"Date": None, "Creator": None}),
    ):
        content = BytesIO()
        figure.savefig(content, format=form, dpi=_DOTS_PER_INCH, metadata=metadata)
        write_bytes_atomically(path, content.getvalue())


# --- confusion -----------------------------------------------------------------------------------------------


def mean_counts(confusion: pd.DataFrame, classes: Sequence[str]) -> np.ndarray:
    """Counts of a confusion table, pooled over folds and speakers and averaged over seeds.

    Args:
        confusion: one row a seed, speaker, truth and prediction, with its count.
        classes: the task's classes, in the order of the result.

    Returns:
        Utterances by true (row) and predicted (column) class, shape (C, C).

    Raises:
        ValueError: if the table names an emotion that is no class of the task.
    """
    strangers = (set(confusion["truth"]) | set(confusion["prediction"])) - set(classes)
    if strangers:
        raise ValueError(f"{sorted(strangers)} are in the confusion table, expected {list(classes)}")
    counts = confusion.pivot_table("count", index="truth", columns="prediction", aggfunc="sum", fill_value=0)
    counts = counts.reindex(index=list(classes), columns=list(classes), fill_value=0)
    return counts.to_numpy(float) / confusion["seed"].nunique()


def recall_percent(counts: np.ndarray) -> np.ndarray:
    """Counts (C, C) as percent of their row; a class without utterances is a row of NaN."""
    support = counts.sum(axis=1, keepdims=True)  # (C, 1)
    return np.divide(100 * counts, support, out=np.full_like(counts, np.nan), where=support > 0)


def confusion_figure(
    figure: FigureConfig,
    tasks: Mapping[str, TaskConfig],
    confusions: Mapping[tuple[str, str], pd.DataFrame],
) -> Figure:
    """A row of panels a task, a panel a variant: recall in percent, with the number of utterances.

    Args:
        figure: its variants are the panels of a row.
        tasks: the tasks, one a row.
        confusions: (task, variant) -> table with columns seed, speaker, truth, prediction, count.

    Returns:
        The figure.

    Raises:
        ValueError: if a table names an emotion that is no class of its task.
    """
    n_panels = len(figure.variants)
    # A panel is as large as its matrix, in inches: the numbers stay readable whatever the number of classes.
    sides = [max(2.6, 0.52 * len(task.classes)) for task in tasks.values()]
    left, right, gap, above, below = 1.9, 1.0, 0.25, 1.05, 1.25
    width = left + n_panels * max(sides) + (n_panels - 1) * gap + right
    height = sum(above + side + below for side in sides)
    drawn = Figure(figsize=(width, height))
    top = height
    for (name, task), side in zip(tasks.items(), sides, strict=True):
        bottom = top - above - side
        drawn.text(
            0.1 / width, (top - 0.1) / height, f"{name}: {task.protocol_words}", va="top", fontweight="bold"
        )
        for place, (variant, label) in enumerate(figure.variants.items()):
            x = left + place * (side + gap)
            panel = drawn.add_axes((x / width, bottom / height, side / width, side / height))
            counts = mean_counts(confusions[name, variant], task.classes)
            image = _draw_confusion(panel, counts, task.classes, label)
            if place == 0:
                panel.set_ylabel("true (utterances)")
            else:
                panel.set_yticklabels([])
        bar = drawn.add_axes(((x + side + 0.2) / width, bottom / height, 0.15 / width, side / height))
        drawn.colorbar(image, cax=bar, label="recall / %")
        top = bottom - below
    return drawn


def _draw_confusion(panel: Axes, counts: np.ndarray, classes: Sequence[str], label: str) -> AxesImage:
    """One matrix with a number in each cell, its UA in the title."""
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
    # NaN, not a mean over the other classes, where a class has no test utterance.
    ua = recall.diagonal().mean()
    panel.set_title(
        f"{label}\nUA {'undefined' if np.isnan(ua) else f'{ua:.1f} %'}, N = {counts.sum():.0f}", linespacing=1.4
    )
    return image


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
    # Published numbers of another corpus or protocol never share a panel with ours.
    elsewhere = table.published is not None and table.published.task not in tasks
    n_panels = len(tasks) + elsewhere
    drawn = Figure(figsize=(1.2 + 4.4 * n_panels, 4.4), layout="constrained")
    axes = drawn.subplots(1, n_panels, squeeze=False)[0]
    for panel, (name, task) in zip(axes, tasks.items(), strict=False):
        of_task = scores[scores["column"] == name]
        for metric in METRIC_STYLE:
            _draw_line(panel, metric, _along_axis(of_task, metric, list(table.rows)))
        if table.published is not None and table.published.task == name:
            _draw_published(panel, table)
        panel.set_title(f"{name}\n{_broken(task.protocol_words)}")
    if elsewhere:
        _draw_published(axes[-1], table)
        axes[-1].set_title(f"published, not comparable in height:\n{_broken(table.published.label)}")
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


def _draw_published(panel: Axes, table: TableConfig) -> None:
    """The published values of a sweep: hollow markers, no band."""
    for metric, (label, colour, marker, _) in METRIC_STYLE.items():
        known = [
            (place, table.published.values[variant][metric])
            for place, variant in enumerate(table.rows)
            if metric in table.published.values.get(variant, {})
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


def _broken(words: str, width: int = 42) -> str:
    """Words in lines of at most ``width`` letters, to fit above a panel."""
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)


# --- embeddings ----------------------------------------------------------------------------------------------


def project(embedding: np.ndarray, role: np.ndarray) -> Projection:
    """Two principal components, fitted on the train embeddings and applied to train and test.

    Source: Dai et al. 2019, figure of the embeddings.

    Args:
        embedding: embeddings, shape (N, D) with D >= 2.
        role: train, dev or test, shape (N,).

    Returns:
        The projection; dev utterances are left out.

    Raises:
        ValueError: if there are fewer than two train utterances.
    """
    train = embedding[role == "train"].astype(np.float64)
    test = embedding[role == "test"].astype(np.float64)
    if len(train) < 2:
        raise ValueError(f"{len(train)} train utterances, expected at least 2")
    pca = PCA(n_components=2, svd_solver="full").fit(train)
    return Projection(
        train=pca.transform(train),
        test=pca.transform(test) if len(test) else np.empty((0, 2)),
        explained=pca.explained_variance_ratio_,
    )


def embedding_figure(
    figure: FigureConfig,
    tasks: Mapping[str, TaskConfig],
    runs: Mapping[tuple[str, str], Mapping[str, np.ndarray]],
) -> Figure:
    """A row of panels a variant (of each task): its train and its test embeddings, coloured by emotion.

    Args:
        figure: its variants are the rows.
        tasks: the tasks, one below the other.
        runs: (task, variant) -> embedding (N, D), role (N,) and emotion (N,) of one run.

    Returns:
        The figure.

    Raises:
        ValueError: if a run has fewer than two train utterances.
    """
    n_variants = len(figure.variants)
    drawn = Figure(figsize=(8.6, (3.7 * n_variants + 0.6) * len(tasks) + 0.6), layout="constrained")
    parts = drawn.subfigures(len(tasks), 1, squeeze=False)[:, 0]
    for part, (name, task) in zip(parts, tasks.items(), strict=True):
        part.suptitle(f"{name}: {task.protocol_words}", fontsize=12, fontweight="bold")
        rows = part.subplots(n_variants, 2, squeeze=False, sharex="row", sharey="row")
        for axes, (variant, label) in zip(rows, figure.variants.items(), strict=True):
            run = runs[name, variant]
            projection = project(run["embedding"], run["role"])
            for panel, role in zip(axes, ("train", "test"), strict=True):
                _draw_embeddings(panel, getattr(projection, role), run["emotion"][run["role"] == role])
                panel.set_title(f"{label}: {role}, N = {(run['role'] == role).sum()}")
                panel.set_xlabel(f"component 1 ({100 * projection.explained[0]:.0f} % of train variance)")
            axes[0].set_ylabel(f"component 2 ({100 * projection.explained[1]:.0f} %)")
    _draw_legend(drawn, [e for e in EMOTIONS if any(e in task.classes for task in tasks.values())])
    return drawn


def _draw_embeddings(panel: Axes, points: np.ndarray, emotion: np.ndarray) -> None:
    """Points (N, 2) in the colours of their emotions (N,)."""
    size = float(np.clip(6000 / max(len(points), 1), 6, 30))
    for name in EMOTIONS:
        of_emotion = points[emotion == name]
        if len(of_emotion):
            colour, marker = EMOTION_STYLE[name]
            # Thousands of points as a picture, the words around them as outlines: a small SVG.
            panel.scatter(
                *of_emotion.T,
                s=size,
                c=colour,
                marker=marker,
                alpha=0.75,
                edgecolors="white",
                linewidths=0.3,
                label=name,
                rasterized=True,
            )


def _draw_legend(figure: Figure | SubFigure, emotions: Sequence[str]) -> None:
    """The emotions of all panels, once, below them."""
    handles = [
        Line2D([], [], linestyle="", color=EMOTION_STYLE[name][0], marker=EMOTION_STYLE[name][1], ms=8, label=name)
        for name in emotions
    ]
    figure.legend(
        handles=handles, loc="outside lower center", ncols=min(len(handles), 7), handletextpad=0.1, columnspacing=1
    )
