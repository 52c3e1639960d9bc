"""Figures of kind ``attention``: attention of the class token over time, above the input of the network."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emofactors.config.figures.attention import AttentionFigure
from emofactors.config.tasks import TaskConfig
from emofactors.io.npz import read_npz
from emofactors.plan.paths import parse_run
from emofactors.report.figures.base import FigureInputs, heading
from emofactors.report.figures.style import without_formulas

_ARRAYS = ("utterance", "emotion", "prediction", "image", "n_frames", "attention")


def draw(settings: Mapping[str, Any], inputs: FigureInputs) -> Figure:
    """Draw a figure from the ``attention.npz`` of one run of each variant on each task."""
    figure = AttentionFigure(**settings)
    files = inputs.of_variants(figure.variants, "attention.npz", parse_run)
    runs = {of: read_npz(file, "the attention.npz of a run", _ARRAYS) for of, (file,) in files.items()}
    return attention_figure(figure, inputs.tasks, runs)


def attention_figure(
    figure: AttentionFigure,
    tasks: Mapping[str, TaskConfig],
    runs: Mapping[tuple[str, str], Mapping[str, np.ndarray]],
) -> Figure:
    """Draw one row per variant (of each task) and one column per utterance: attention above the input image.

    Attention is drawn as a multiple of uniform attention over the frames of the utterance.

    Args:
        figure: its variants are the rows.
        tasks: the tasks, one below the other.
        runs: (task, variant) -> utterance, emotion and prediction (N,), image (N, T, F) in [0, 1],
            n_frames (N,) and attention (N, T), each row of which sums to 1.

    Returns:
        The figure.

    Raises:
        ValueError: if the variants of a task have attention of different utterances.
    """
    for task in tasks:
        first, *others = ([str(u) for u in runs[task, variant]["utterance"]] for variant in figure.variants)
        for other in others:
            if other != first:
                raise ValueError(f"{task}: attention of {', '.join(other)}, expected of {', '.join(first)}")
    n_columns = max(len(run["utterance"]) for run in runs.values())
    # All in inches: a panel keeps its size for any number of variants and utterances.
    left, right, side, gap = 0.95, 0.15, 2.1, 0.2
    line, titles, curve, between, image, below = 0.2, 0.75, 0.65, 0.1, 1.35, 0.6
    width = left + n_columns * side + (n_columns - 1) * gap + right
    headings = [heading(name, task, width) for name, task in tasks.items()]
    of_rows = len(figure.variants) * (titles + curve + between + image + below)
    height = sum(0.25 + line * (1 + text.count("\n")) + of_rows for text in headings)
    drawn = Figure(figsize=(width, height))
    top = height
    for task, text in zip(tasks, headings, strict=True):
        drawn.text(0.1 / width, (top - 0.1) / height, text, va="top", fontweight="bold")
        top -= 0.25 + line * (1 + text.count("\n"))
        for variant, label in figure.variants.items():
            drawn.text(0.1 / width, (top - 0.02) / height, label, va="top")
            top -= titles + curve + between + image
            run = runs[task, variant]
            multiples = [_relative(*pair) for pair in zip(run["attention"], run["n_frames"], strict=True)]
            highest = 1.1 * max(multiple.max() for multiple in multiples)
            for column, multiple in enumerate(multiples):
                x = (left + column * (side + gap)) / width
                lower = drawn.add_axes((x, top / height, side / width, image / height))
                upper = drawn.add_axes((x, (top + image + between) / height, side / width, curve / height))
                _draw_utterance(upper, lower, run["image"][column, : len(multiple)], multiple)
                upper.set_ylim(0, highest)
                upper.set_title(
                    f"{without_formulas(run['utterance'][column])}\n"
                    f"{run['emotion'][column]} → {run['prediction'][column]}",
                    fontsize=9,
                    color="black" if run["emotion"][column] == run["prediction"][column] else "#B00020",
                )
                if column == 0:
                    upper.set_ylabel("attention\n/ even", fontsize=9)
                    lower.set_ylabel("frequency bin", fontsize=9)
                else:
                    upper.set_yticklabels([])
                    lower.set_yticklabels([])
            top -= below
    return drawn


def _relative(attention: np.ndarray, n_frames: int) -> np.ndarray:
    """Return the attention (T,) of an utterance's frames as a multiple of uniform attention, shape (n_frames,)."""
    return attention[:n_frames].astype(np.float64) * n_frames


def _draw_utterance(upper: Axes, lower: Axes, image: np.ndarray, multiple: np.ndarray) -> None:
    """Draw the image (T, F) of one utterance, frequency upwards, and above it its attention (T,)."""
    n_frames, n_bins = image.shape
    lower.imshow(image.T, origin="lower", aspect="auto", cmap="gray", vmin=0, vmax=1, interpolation="none")
    lower.spines[:].set_visible(False)
    lower.set_xlabel("frame", fontsize=9)
    lower.set_yticks([0, n_bins - 1])
    upper.fill_between(np.arange(n_frames), multiple, color="#0072B2", alpha=0.25, lw=0)
    upper.plot(np.arange(n_frames), multiple, color="#0072B2", lw=1.2)
    upper.axhline(1, color="black", lw=0.8, ls=":")
    upper.set_xlim(-0.5, n_frames - 0.5)
    upper.set_xticks([])
    for panel in (upper, lower):
        panel.tick_params(labelsize=8)
