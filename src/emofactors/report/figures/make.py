"""The figures: confusion matrices, attention, losses and cost here; what tables and embeddings show, beside.

A figure is drawn from tables and arrays alone and is the same bytes whenever
it is drawn from the same numbers: no state of pyplot, fonts that ship with
matplotlib, no date.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from emofactors.config.evaluation import IntervalSettings
from emofactors.config.figures import OF_TABLES, FigureConfig
from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.scores import read_confusion, speaker_confusions
from emofactors.evaluation.statistics.metrics import unweighted_accuracy
from emofactors.io.csv import read_csv
from emofactors.io.json import read_json
from emofactors.io.npz import read_npz
from emofactors.report.figures.embedding_figures import embedding_figure, speakers_figure
from emofactors.report.figures.factor_figures import ground_truth_figure, information_figure
from emofactors.report.figures.style import (
    LETTERS_PER_INCH,
    VARIANT_STYLE,
    as_text,
    broken,
    house_style,
    save_figure,
)
from emofactors.report.figures.sweep_figures import sweep_figure, trade_off_figure
from emofactors.report.tables.tidy import read_tidy, score_interval

#: Arrays of the files that figures are drawn from.
_EMBEDDED = ("embedding", "split", "emotion")
_ATTENTION = ("utterance", "emotion", "prediction", "image", "n_frames", "attention")

#: Of a label of two lines in a figure of cost, as a fraction of its panel.
_LABEL_HEIGHT = 0.13


@dataclass(frozen=True)
class Costed:
    """A variant as a figure of cost shows it.

    Attributes:
        confusion: seed, speaker, truth, prediction, count.
        flops: of one input.
        parameters: trained parameters.
    """

    confusion: pd.DataFrame
    flops: int
    parameters: int


def make_figure(
    figure: FigureConfig,
    *,
    tasks: Mapping[str, TaskConfig],
    sources: Sequence[str],
    table: TableConfig | None,
    intervals: IntervalSettings | None = None,
    png: str,
    svg: str,
) -> None:
    """Draw one figure of the study and write it.

    Args:
        figure: what to draw.
        tasks: the tasks to draw it for, in the study's order.
        sources: what it is drawn from. ``confusion``: ``confusion.csv`` of each variant of each task,
            variants changing fastest; ``embedding_pca`` and ``embedding_speakers``: ``embeddings.npz`` and
            ``attention``: ``attention.npz`` likewise; figures of a table: its tidy CSV alone; ``losses``: files
            ``…/{task}/{system}/{variant}/fold{fold}/seed{seed}/history.csv`` of every run; ``cost``: every
            ``confusion.csv`` as above, then in the same order a ``run.json`` of each.
        table: the table a figure is drawn from, else None.
        intervals: number and seed of the resamples of ``cost``; None: the defaults.
        png: where the PNG goes, 200 dots an inch.
        svg: where the SVG goes.

    Raises:
        ValueError: if the number of sources is not what the figure needs, or what they hold does not fit it.
    """
    panels = [(task, variant) for task in tasks for variant in figure.variants]
    n_panels = len(panels)
    of_kind = dict.fromkeys(OF_TABLES, 1) | {"cost": 2 * n_panels, "losses": len(sources)}
    n_sources = of_kind.get(figure.kind, n_panels)
    if len(sources) != n_sources:
        raise ValueError(f"{len(sources)} sources for a {figure.kind} of {len(panels)} panels")
    with house_style():
        match figure.kind:
            case "confusion":
                tables = [read_confusion(path) for path in sources]
                drawn = confusion_figure(figure, tasks, dict(zip(panels, tables, strict=True)))
            case "embedding_pca":
                runs = [read_npz(path, "the embeddings.npz of a run", _EMBEDDED) for path in sources]
                drawn = embedding_figure(figure, tasks, dict(zip(panels, runs, strict=True)))
            case "embedding_speakers":
                runs = [read_npz(path, "the embeddings.npz of a run", _EMBEDDED) for path in sources]
                drawn = speakers_figure(figure, tasks, dict(zip(panels, runs, strict=True)))
            case "attention":
                runs = [read_npz(path, "the attention.npz of a run", _ATTENTION) for path in sources]
                drawn = attention_figure(figure, tasks, dict(zip(panels, runs, strict=True)))
            case "losses":
                drawn = losses_figure(figure, tasks, read_histories(sources))
            case "cost":
                costed = [
                    _read_costed(*pair)
                    for pair in zip(sources[: len(panels)], sources[len(panels) :], strict=True)
                ]
                drawn = cost_figure(
                    figure, tasks, dict(zip(panels, costed, strict=True)), intervals or IntervalSettings()
                )
            case _:
                assert table is not None  # all others are figures of a table
                of_table = {
                    "sweep": sweep_figure,
                    "trade_off": trade_off_figure,
                    "code_information": information_figure,
                    "true_factors": ground_truth_figure,
                }
                drawn = of_table[figure.kind](table, tasks, read_tidy(sources[0]))
        save_figure(drawn, png=png, svg=svg)


def read_histories(paths: Sequence[str | Path]) -> dict[tuple[str, str], list[pd.DataFrame]]:
    """Read the histories of runs.

    Args:
        paths: files ``…/{task}/{system}/{variant}/fold{fold}/seed{seed}/history.csv``.

    Returns:
        (task, variant) -> the histories of its folds and seeds.

    Raises:
        InputError: if one is missing or damaged.
    """
    histories: dict[tuple[str, str], list[pd.DataFrame]] = {}
    for path in map(Path, paths):
        task, _, variant, *_ = path.parts[-6:]
        histories.setdefault((task, variant), []).append(
            read_csv(path, "the history of a training", {"epoch": int}, others=float)
        )
    return histories


def _read_costed(confusion: str, run: str) -> Costed:
    """A variant from its confusion counts and what one of its runs says of itself."""
    about = read_json(run, "what a run says of itself", ["flops", "parameters"])
    return Costed(confusion=read_confusion(confusion), flops=about["flops"], parameters=about["parameters"])


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
        heading = broken(f"{name}: {task.protocol_words}", round(width * LETTERS_PER_INCH))
        drawn.text(0.1 / width, (top - 0.1) / height, heading, va="top", fontweight="bold")
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


# --- attention -----------------------------------------------------------------------------------------------


def attention_figure(
    figure: FigureConfig,
    tasks: Mapping[str, TaskConfig],
    runs: Mapping[tuple[str, str], Mapping[str, np.ndarray]],
) -> Figure:
    """A row a variant (of each task), a column an utterance: attention over time, above what the network saw.

    Attention is drawn as a multiple of what each frame would have were it spread evenly over the utterance.

    Args:
        figure: its variants are the rows.
        tasks: the tasks, one below the other.
        runs: (task, variant) -> utterance, emotion and prediction (N,), image (N, T, F) in [0, 1],
            n_frames (N,) and attention (N, T), each row of which sums to 1.

    Returns:
        The figure.

    Raises:
        ValueError: if the variants of a task were not run on the same utterances.
    """
    for task in tasks:
        first, *others = ([str(u) for u in runs[task, variant]["utterance"]] for variant in figure.variants)
        for other in others:
            if other != first:
                raise ValueError(f"{task}: attention of {', '.join(other)}, expected of {', '.join(first)}")
    n_columns = max(len(run["utterance"]) for run in runs.values())
    # All in inches: a panel keeps its size however many variants and utterances there are.
    left, right, side, gap = 0.95, 0.15, 2.1, 0.2
    line, titles, curve, between, image, below = 0.2, 0.75, 0.65, 0.1, 1.35, 0.6
    width = left + n_columns * side + (n_columns - 1) * gap + right
    headings = [
        broken(f"{name}: {task.protocol_words}", round(width * LETTERS_PER_INCH)) for name, task in tasks.items()
    ]
    of_rows = len(figure.variants) * (titles + curve + between + image + below)
    height = sum(0.25 + line * (1 + heading.count("\n")) + of_rows for heading in headings)
    drawn = Figure(figsize=(width, height))
    top = height
    for task, heading in zip(tasks, headings, strict=True):
        drawn.text(0.1 / width, (top - 0.1) / height, heading, va="top", fontweight="bold")
        top -= 0.25 + line * (1 + heading.count("\n"))
        for variant, label in figure.variants.items():
            drawn.text(0.1 / width, (top - 0.02) / height, label, va="top")
            top -= titles + curve + between + image
            run = runs[task, variant]
            multiples = [_times_even(*pair) for pair in zip(run["attention"], run["n_frames"], strict=True)]
            highest = 1.1 * max(multiple.max() for multiple in multiples)
            for column, multiple in enumerate(multiples):
                x = (left + column * (side + gap)) / width
                seen = drawn.add_axes((x, top / height, side / width, image / height))
                above = drawn.add_axes((x, (top + image + between) / height, side / width, curve / height))
                _draw_attention(above, seen, run["image"][column, : len(multiple)], multiple)
                above.set_ylim(0, highest)
                above.set_title(
                    f"{as_text(run['utterance'][column])}\n{run['emotion'][column]} → {run['prediction'][column]}",
                    fontsize=9,
                    color="black" if run["emotion"][column] == run["prediction"][column] else "#B00020",
                )
                if column == 0:
                    above.set_ylabel("attention\n/ even", fontsize=9)
                    seen.set_ylabel("frequency bin", fontsize=9)
                else:
                    above.set_yticklabels([])
                    seen.set_yticklabels([])
            top -= below
    return drawn


def _times_even(attention: np.ndarray, n_frames: int) -> np.ndarray:
    """Attention (T,) of an utterance's frames, as a multiple of attention spread evenly, shape (n_frames,)."""
    return attention[:n_frames].astype(np.float64) * n_frames


def _draw_attention(above: Axes, seen: Axes, image: np.ndarray, multiple: np.ndarray) -> None:
    """One utterance: its image (T, F), frequency upwards, and above it its attention (T,)."""
    n_frames, n_bins = image.shape
    seen.imshow(image.T, origin="lower", aspect="auto", cmap="gray", vmin=0, vmax=1, interpolation="none")
    seen.spines[:].set_visible(False)
    seen.set_xlabel("frame", fontsize=9)
    seen.set_yticks([0, n_bins - 1])
    above.fill_between(np.arange(n_frames), multiple, color="#0072B2", alpha=0.25, lw=0)
    above.plot(np.arange(n_frames), multiple, color="#0072B2", lw=1.2)
    above.axhline(1, color="black", lw=0.8, ls=":")
    above.set_xlim(-0.5, n_frames - 0.5)
    above.set_xticks([])
    for panel in (above, seen):
        panel.tick_params(labelsize=8)


# --- losses --------------------------------------------------------------------------------------------------


def losses_figure(
    figure: FigureConfig,
    tasks: Mapping[str, TaskConfig],
    histories: Mapping[tuple[str, str], Sequence[pd.DataFrame]],
) -> Figure:
    """A loss over the epochs, a panel a task, a line a variant: median over runs, band from lowest to highest.

    Args:
        figure: its variants are the lines, ``loss`` is what is drawn.
        tasks: the tasks, one a panel.
        histories: (task, variant) -> the histories of its runs, with a column ``epoch``.

    Returns:
        The figure.

    Raises:
        ValueError: if no run of a variant has the loss.
    """
    assert figure.loss is not None  # as its config sees to
    drawn = Figure(figsize=(1.2 + 4.6 * len(tasks), 4.2), layout="constrained")
    axes = drawn.subplots(1, len(tasks), squeeze=False)[0]
    for panel, (name, task) in zip(axes, tasks.items(), strict=True):
        for (variant, label), style in zip(figure.variants.items(), VARIANT_STYLE, strict=False):
            course = losses_by_epoch(histories.get((name, variant), []), figure.loss)
            if course.empty:
                raise ValueError(f"no {figure.loss} in a history of {variant} on {name}, expected it in some")
            colour, _, line = style
            panel.fill_between(course.index, course.min(axis=1), course.max(axis=1), color=colour, alpha=0.2, lw=0)
            panel.plot(course.index, course.median(axis=1), color=colour, linestyle=line, label=label)
        panel.set_title(f"{name}\n{broken(task.protocol_words)}")
        panel.set_xlabel("epoch")
        panel.set_ylim(bottom=0)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.grid(axis="y", color="0.9")
    axes[0].set_ylabel(figure.loss.replace("_", " "))
    handles, labels = axes[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 3))
    return drawn


def losses_by_epoch(histories: Sequence[pd.DataFrame], loss: str) -> pd.DataFrame:
    """A loss of several runs, a row an epoch and a column a run; the last of an epoch's evaluations counts.

    Args:
        histories: a row an evaluation, with a column ``epoch``; those without the loss are left out.
        loss: name of the column.

    Returns:
        Losses, shape (epochs, runs), indexed by epoch; NaN where a run had ended or did not have the loss.
    """
    runs = [history.groupby("epoch")[loss].last() for history in histories if loss in history]
    return pd.concat(runs, axis=1).dropna(how="all").sort_index() if runs else pd.DataFrame()


# --- cost ----------------------------------------------------------------------------------------------------


def cost_figure(
    figure: FigureConfig,
    tasks: Mapping[str, TaskConfig],
    costed: Mapping[tuple[str, str], Costed],
    intervals: IntervalSettings,
) -> Figure:
    """UA over the FLOPs of one input, a panel a task, a marker a variant, its area by the number of parameters.

    Args:
        figure: its variants are the markers.
        tasks: the tasks, one a panel.
        costed: (task, variant) -> its confusion counts and cost.
        intervals: number and seed of the resamples.

    Returns:
        The figure.
    """
    drawn = Figure(figsize=(0.8 + 5.4 * len(tasks), 4.4), layout="constrained")
    axes = drawn.subplots(1, len(tasks), squeeze=False)[0]
    most = max(of.parameters for of in costed.values())
    for panel, (name, task) in zip(axes, tasks.items(), strict=True):
        places = _apart([costed[name, variant].flops / 1e9 for variant in figure.variants])
        labelled = []
        for (variant, label), x, style in zip(figure.variants.items(), places, VARIANT_STYLE, strict=False):
            of = costed[name, variant]
            score = score_interval(speaker_confusions(of.confusion, task.classes), unweighted_accuracy, intervals)
            y, low, high = (100 * value for value in (score.value, score.low, score.high))
            colour, marker, _ = style
            panel.plot([x, x], [low, high], color=colour, lw=1.5)
            panel.scatter(
                [x], [y], s=320 * of.parameters / most, color=colour, marker=marker, edgecolors="white", zorder=3
            )
            labelled.append((x, y, f"{label}\n{of.parameters / 1e6:.3g} M parameters", colour))
        panel.set_xscale("log")
        # Room at either end for the labels, and labels towards the middle.
        panel.set_xlim(min(places) / 1.6, max(places) * 1.6)
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_major_formatter("{x:g}")
        panel.xaxis.set_minor_locator(NullLocator())
        panel.margins(y=0.12)
        _draw_labels(panel, labelled)
        panel.set_title(f"{name}\n{broken(task.protocol_words)}")
        panel.set_xlabel("GFLOPs of one input")
        panel.grid(axis="y", color="0.9")
    axes[0].set_ylabel("UA / %")
    return drawn


def _apart(costs: Sequence[float]) -> list[float]:
    """Costs as they are drawn: equal ones a little apart, so that their intervals are both seen."""
    places = []
    for index, cost in enumerate(costs):
        twins = [i for i, other in enumerate(costs) if np.isclose(other, cost, rtol=0.02)]
        places.append(cost * 1.05 ** (twins.index(index) - (len(twins) - 1) / 2))
    return places


def _draw_labels(panel: Axes, labelled: Sequence[tuple[float, float, str, str]]) -> None:
    """Labels (x, y, text, colour) beside their markers, towards the middle and clear of each other."""
    left, right = np.log(panel.get_xlim())
    low, high = panel.get_ylim()
    for is_left in (True, False):
        of_side = [mark for mark in labelled if (np.log(mark[0]) <= (left + right) / 2) == is_left]
        height = -np.inf
        # From the lowest upwards: a label stands beside its marker, or as much higher as the one below needs.
        for x, y, text, colour in sorted(of_side, key=lambda mark: mark[1]):
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
