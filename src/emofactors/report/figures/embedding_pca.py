"""Figures of kind ``embedding_pca``: train and test embeddings, projected on two principal components."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import PCA

from emofactors.config.figures.embedding_pca import EmbeddingPcaFigure
from emofactors.config.tasks import TaskConfig
from emofactors.plan.paths import parse_run
from emofactors.report.figures.base import FigureInputs
from emofactors.report.figures.scatter import draw_legend, draw_points, read_embeddings
from emofactors.report.figures.style import EMOTION_STYLE


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


def draw(settings: Mapping[str, Any], inputs: FigureInputs) -> Figure:
    """Draw a figure from the ``embeddings.npz`` of one run of each variant on each task."""
    figure = EmbeddingPcaFigure(**settings)
    files = inputs.of_variants(figure.variants, "embeddings.npz", parse_run)
    return embedding_figure(figure, inputs.tasks, {of: read_embeddings(file) for of, (file,) in files.items()})


def project(embedding: np.ndarray, split: np.ndarray) -> Projection:
    """Fit two principal components on the train embeddings and apply them to train and test.

    Source: Dai et al. 2019, figure of the embeddings.

    Args:
        embedding: embeddings, shape (N, D) with D >= 2.
        split: train, dev or test, shape (N,).

    Returns:
        The projection; dev utterances are left out.

    Raises:
        ValueError: if there are fewer than two train utterances.
    """
    train = embedding[split == "train"].astype(np.float64)
    test = embedding[split == "test"].astype(np.float64)
    if len(train) < 2:
        raise ValueError(f"{len(train)} train utterances, expected at least 2")
    pca = PCA(n_components=2, svd_solver="full").fit(train)
    return Projection(
        train=pca.transform(train),
        test=pca.transform(test) if len(test) else np.empty((0, 2)),
        explained=pca.explained_variance_ratio_,
    )


def embedding_figure(
    figure: EmbeddingPcaFigure,
    tasks: Mapping[str, TaskConfig],
    runs: Mapping[tuple[str, str], Mapping[str, np.ndarray]],
) -> Figure:
    """Draw one row of panels per variant (of each task): its train and its test embeddings, coloured by emotion.

    Args:
        figure: its variants are the rows.
        tasks: the tasks, one below the other.
        runs: (task, variant) -> embedding (N, D), split (N,) and emotion (N,) of one run.

    Returns:
        The figure.

    Raises:
        ValueError: if a run has fewer than two train utterances.
    """
    n_variants = len(figure.variants)
    drawn = Figure(figsize=(8.6, (3.7 * n_variants + 0.6) * len(tasks) + 0.6), layout="constrained")
    parts = drawn.subfigures(len(tasks), 1, squeeze=False)[:, 0]
    for part, (name, task) in zip(parts, tasks.items(), strict=True):
        part.suptitle(f"{name}: {task.protocol_label}", fontsize=12, fontweight="bold")
        rows = part.subplots(n_variants, 2, squeeze=False, sharex="row", sharey="row")
        for axes, (variant, label) in zip(rows, figure.variants.items(), strict=True):
            run = runs[name, variant]
            projection = project(run["embedding"], run["split"])
            for panel, split in zip(axes, ("train", "test"), strict=True):
                emotion = run["emotion"][run["split"] == split]
                draw_points(panel, getattr(projection, split), emotion, EMOTION_STYLE)
                panel.set_title(f"{label}: {split}, N = {(run['split'] == split).sum()}")
                panel.set_xlabel(f"component 1 ({100 * projection.explained[0]:.0f} % of train variance)")
            axes[0].set_ylabel(f"component 2 ({100 * projection.explained[1]:.0f} %)")
    classes = {emotion for task in tasks.values() for emotion in task.classes}
    styles = {emotion: style for emotion, style in EMOTION_STYLE.items() if emotion in classes}
    draw_legend(drawn, styles, loc="outside lower center", ncols=min(len(styles), 7))
    return drawn
