"""Figures of embeddings: train beside test, and emotion beside speaker."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from emofactors.config.figures import FigureConfig
from emofactors.config.tasks import TaskConfig
from emofactors.corpora.augmentations import original_of
from emofactors.report.figures.style import EMOTION_STYLE, LETTERS_PER_INCH, as_text, broken

#: Of a speaker: twelve colours of Tol, neighbours unlike, and a marker each.
_SPEAKER_COLOURS = (
    "#332288", "#DDCC77", "#CC6677", "#44AA99", "#882255", "#88CCEE",
    "#661100", "#999933", "#6699CC", "#AA4499", "#117733", "#111111",
)  # fmt: skip
_SPEAKER_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p", "h")

#: Sizes of a figure of speakers, in inches: a panel keeps its size however many rows there are.
_LEFT, _SIDE, _GAP, _WIDE_GAP, _TITLES = 0.45, 2.72, 0.15, 0.3, 0.62
_ROW = _TITLES + _SIDE + 0.55
_WIDTH = _LEFT + 4 * _SIDE + 2 * _GAP + _WIDE_GAP + 0.1


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


# --- embeddings ----------------------------------------------------------------------------------------------


def project(embedding: np.ndarray, split: np.ndarray) -> Projection:
    """Two principal components, fitted on the train embeddings and applied to train and test.

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
    figure: FigureConfig,
    tasks: Mapping[str, TaskConfig],
    runs: Mapping[tuple[str, str], Mapping[str, np.ndarray]],
) -> Figure:
    """A row of panels a variant (of each task): its train and its test embeddings, coloured by emotion.

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
        part.suptitle(f"{name}: {task.protocol_words}", fontsize=12, fontweight="bold")
        rows = part.subplots(n_variants, 2, squeeze=False, sharex="row", sharey="row")
        for axes, (variant, label) in zip(rows, figure.variants.items(), strict=True):
            run = runs[name, variant]
            projection = project(run["embedding"], run["split"])
            for panel, split in zip(axes, ("train", "test"), strict=True):
                emotion = run["emotion"][run["split"] == split]
                _draw_points(panel, getattr(projection, split), emotion, EMOTION_STYLE)
                panel.set_title(f"{label}: {split}, N = {(run['split'] == split).sum()}")
                panel.set_xlabel(f"component 1 ({100 * projection.explained[0]:.0f} % of train variance)")
            axes[0].set_ylabel(f"component 2 ({100 * projection.explained[1]:.0f} %)")
    _draw_legend(drawn, [e for e in EMOTION_STYLE if any(e in task.classes for task in tasks.values())])
    return drawn


def _draw_points(
    panel: Axes, points: np.ndarray, group: np.ndarray, styles: Mapping[str, tuple[str, str]]
) -> None:
    """Points (N, 2) in the colours and markers of their groups (N,)."""
    size = float(np.clip(6000 / max(len(points), 1), 6, 30))
    for name, (colour, marker) in styles.items():
        of_group = points[group == name]
        if len(of_group):
            # Thousands of points as a picture, the words around them as outlines: a small SVG.
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


def _draw_legend(figure: Figure | SubFigure, emotions: Sequence[str]) -> None:
    """The emotions of all panels, once, below them."""
    styles = {name: EMOTION_STYLE[name] for name in emotions}
    _legend(figure, styles, loc="outside lower center", ncols=min(len(styles), 7))


def _legend(figure: Figure | SubFigure, styles: Mapping[str, tuple[str, str]], **options: Any) -> Legend:
    """A legend of groups of points; matplotlib leaves out labels that begin with ``_``, so names are set last."""
    handles = [
        Line2D([], [], linestyle="", color=colour, marker=marker, ms=8, label=f"group {place}")
        for place, (colour, marker) in enumerate(styles.values())
    ]
    legend = figure.legend(handles=handles, handletextpad=0.1, columnspacing=1, **options)
    for text, name in zip(legend.get_texts(), styles, strict=True):
        text.set_text(as_text(name))
    return legend


# --- emotion beside speaker ------------------------------------------------------------------------------------


def speakers_figure(
    figure: FigureConfig,
    tasks: Mapping[str, TaskConfig],
    runs: Mapping[tuple[str, str], Mapping[str, np.ndarray]],
) -> Figure:
    """A row a variant (of each task): train embeddings by PCA and by t-SNE, coloured by emotion beside by speaker.

    Copies are left out, and of more than 2,000 utterances as many are drawn, the same of every variant. The
    components are those of all originals.

    Args:
        figure: its variants are the rows.
        tasks: the tasks, one below the other, each with its legends.
        runs: (task, variant) -> embedding (N, D), utterance, split, emotion and speaker (N,) of one run.

    Returns:
        The figure.

    Raises:
        ValueError: if a run has fewer than two original train utterances.
    """
    drawn_of = {of: _drawn_utterances(run) for of, run in runs.items()}
    blocks = [_Block.of(name, task, figure.variants, drawn_of) for name, task in tasks.items()]
    height = sum(block.height for block in blocks)
    drawn = Figure(figsize=(_WIDTH, height))
    top = height
    for block in blocks:
        drawn.text(0.1 / _WIDTH, (top - 0.1) / height, block.heading, va="top", fontweight="bold")
        row = top - block.above
        for variant, label in figure.variants.items():
            _draw_row(drawn, row, label, drawn_of[block.task, variant], block)
            row -= _ROW
        _draw_block_legends(drawn, row, block)
        top -= block.height
    return drawn


@dataclass(frozen=True)
class _Drawn:
    """The train utterances of a run that are drawn.

    Attributes:
        points: by title of a projection, shape (N, 2).
        emotion: shape (N,).
        speaker: shape (N,).
        explained: share of the variance of all originals along each component, shape (2,); NaN if they are equal.
        n_originals: number of train utterances, copies apart.
    """

    points: dict[str, np.ndarray]
    emotion: np.ndarray
    speaker: np.ndarray
    explained: np.ndarray
    n_originals: int


def _drawn_utterances(run: Mapping[str, np.ndarray]) -> _Drawn:
    """What is drawn of a run."""
    # In the order of their names, so that a picture does not hang on the order of a file.
    rows = [
        row
        for row in np.argsort(run["utterance"], kind="stable")
        if run["split"][row] == "train" and original_of(str(run["utterance"][row])) == run["utterance"][row]
    ]
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} original train utterances, expected at least 2")
    chosen = choose_utterances([str(name) for name in run["utterance"][rows]])
    points, explained = principal_components(run["embedding"][rows])
    neighbours = embed_neighbours(run["embedding"][rows][chosen], points[chosen])
    return _Drawn(
        points={"PCA": points[chosen], "t-SNE": neighbours},
        emotion=run["emotion"][rows][chosen],
        speaker=run["speaker"][rows][chosen].astype(str),
        explained=explained,
        n_originals=len(rows),
    )


def choose_utterances(names: Sequence[str], most: int = 2000) -> np.ndarray:
    """Which of many utterances are drawn: a random choice that is fixed by their names alone.

    Args:
        names: names of utterances, shape (N,).
        most: how many at most.

    Returns:
        Positions in ``names``, ascending, shape (min(N, most),).
    """
    by_hash = sorted(range(len(names)), key=lambda place: sha256(names[place].encode()).digest())
    return np.sort(np.array(by_hash[:most], dtype=np.int64))


def principal_components(embedding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two principal components of embeddings.

    Args:
        embedding: embeddings, shape (N, D).

    Returns:
        Points, shape (N, 2), and the share of the variance along each component, shape (2,); zeros and NaN
        where all embeddings are equal.
    """
    points, explained = np.zeros((len(embedding), 2)), np.full(2, np.nan)
    if not (embedding == embedding[0]).all():
        n_components = min(2, *embedding.shape)
        pca = PCA(n_components=n_components, svd_solver="full")
        # The last bits depend on the number of threads, and t-SNE would make another picture of them.
        with threadpool_limits(limits=1):
            points[:, :n_components] = pca.fit_transform(embedding.astype(np.float64))
        explained[:] = 0
        explained[:n_components] = pca.explained_variance_ratio_
    return points, explained


def embed_neighbours(embedding: np.ndarray, components: np.ndarray) -> np.ndarray:
    """The embeddings by t-SNE: neighbours stay together, distances and sizes mean nothing.

    The embeddings are taken as they are: their dimensions are not standardised, for the classifier did not see
    them so. They are only centered, and scaled as a whole. Perplexity is 30, or a third of the others where
    they are few; after 750 iterations hardly anything moves. One thread alone works, for the picture depends
    on their number.

    Source: van der Maaten and Hinton 2008.

    Args:
        embedding: embeddings, shape (N, D).
        components: where they start, on their two principal components, shape (N, 2).

    Returns:
        Points, shape (N, 2); zeros where all embeddings are equal.
    """
    if np.ptp(components[:, 0]) == 0:
        return np.zeros((len(embedding), 2))
    centered = embedding.astype(np.float64) - embedding.mean(axis=0, dtype=np.float64)
    t_sne = TSNE(
        perplexity=min(30, (len(embedding) - 1) / 3),
        # Scikit-learn's own start on the components, but for few or equal embeddings too.
        init=(1e-4 * components / components[:, 0].std()).astype(np.float32),
        learning_rate="auto",
        max_iter=750,
        random_state=0,
    )
    with threadpool_limits(limits=1):
        return t_sne.fit_transform(centered / centered.std())


def speaker_styles(speakers: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each speaker, by name.

    Twelve speakers differ in both; of up to 144 each has a pair of its own.

    Args:
        speakers: names, in any order, as often as they come.

    Returns:
        Speaker -> colour and marker, in the order of the names.
    """
    n = len(_SPEAKER_COLOURS)
    return {
        name: (_SPEAKER_COLOURS[place % n], _SPEAKER_MARKERS[(place + place // n) % n])
        for place, name in enumerate(sorted(set(speakers)))
    }


@dataclass(frozen=True)
class _Block:
    """What the rows of a task share.

    Attributes:
        task: name of the task.
        heading: name and protocol, in lines that fit.
        emotions: emotion -> colour and marker.
        speakers: speaker -> colour and marker.
        n_rows: number of variants.
    """

    task: str
    heading: str
    emotions: dict[str, tuple[str, str]]
    speakers: dict[str, tuple[str, str]]
    n_rows: int

    @classmethod
    def of(
        cls,
        name: str,
        task: TaskConfig,
        variants: Iterable[str],
        drawn_of: Mapping[tuple[str, str], _Drawn],
    ) -> Self:
        """The block of a task."""
        of_task = [drawn_of[name, variant] for variant in variants]
        return cls(
            task=name,
            heading=broken(f"{name}: {task.protocol_words}", round(_WIDTH * LETTERS_PER_INCH)),
            emotions={e: style for e, style in EMOTION_STYLE.items() if e in task.classes},
            speakers=speaker_styles(speaker for drawn in of_task for speaker in drawn.speaker),
            n_rows=len(of_task),
        )

    @property
    def above(self) -> float:
        """Height of the heading, in inches."""
        return 0.25 + 0.2 * (1 + self.heading.count("\n"))

    @property
    def below(self) -> float:
        """Height of the legends, in inches."""
        n_lines = max(-(-len(styles) // _columns(styles)) for styles in (self.emotions, self.named_speakers))
        return 0.55 + 0.25 * n_lines

    @property
    def height(self) -> float:
        """Of the block, in inches."""
        return self.above + self.n_rows * _ROW + self.below

    @property
    def named_speakers(self) -> dict[str, tuple[str, str]]:
        """The speakers, if they are few enough to be named."""
        return self.speakers if len(self.speakers) <= len(_SPEAKER_COLOURS) else {}


def _draw_row(figure: Figure, top: float, label: str, drawn: _Drawn, block: _Block) -> None:
    """The four panels of a variant, below its title; ``top`` in inches."""
    height = figure.get_figheight()
    first, second = 100 * drawn.explained
    share = "all equal" if np.isnan(first) else f"two components: {first + second:.0f} % of the variance"
    figure.text(
        _LEFT / _WIDTH,
        (top - 0.05) / height,
        f"{label}: {len(drawn.emotion):,} of {drawn.n_originals:,} train utterances, {share}",
        va="top",
    )
    x, bottom = _LEFT, top - _TITLES - _SIDE
    for method, points in drawn.points.items():
        for noun, group, styles in (
            ("emotion", drawn.emotion, block.emotions),
            ("speaker", drawn.speaker, block.speakers),
        ):
            panel = figure.add_axes((x / _WIDTH, bottom / height, _SIDE / _WIDTH, _SIDE / height))
            _draw_points(panel, points, group, styles)
            panel.set_title(f"{method}, by {noun}")
            panel.spines[:].set(visible=True, color="0.7")
            # A component has a unit of no meaning, t-SNE not even that.
            panel.set(xticks=[], yticks=[])
            panel.margins(0.06)
            if method == "PCA" and not np.isnan(first):
                panel.set_xlabel(f"component 1 ({first:.0f} %)")
                if noun == "emotion":
                    panel.set_ylabel(f"component 2 ({second:.0f} %)")
            x += _SIDE + (_GAP if noun == "emotion" else _WIDE_GAP)


def _draw_block_legends(figure: Figure, top: float, block: _Block) -> None:
    """The emotions of a task on the left, its speakers on the right; ``top`` in inches."""
    height = figure.get_figheight()
    right = _LEFT + 2 * _SIDE + _GAP + _WIDE_GAP
    for x, noun, styles in ((_LEFT, "emotion", block.emotions), (right, "speaker", block.named_speakers)):
        title = noun if styles else f"{len(block.speakers)} speakers, each with a colour and marker of its own"
        legend = _legend(
            figure,
            styles,
            title=title,
            alignment="left",
            loc="upper left",
            bbox_to_anchor=(x / _WIDTH, top / height),
            borderaxespad=0,
            borderpad=0,
            ncols=_columns(styles),
        )
        legend.get_title().set_fontweight("bold" if styles else "normal")


def _columns(styles: Collection[str]) -> int:
    """Columns of a legend below two panels, no more than its lines need."""
    longest = max(map(len, styles), default=0)
    most = max(1, int((2 * _SIDE + _GAP) / (0.5 + 0.1 * longest)))
    n_lines = max(1, -(-len(styles) // most))
    return max(1, -(-len(styles) // n_lines))
