"""Figures of kind ``embedding_speakers``: train embeddings by PCA and t-SNE, by emotion and by speaker."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self

import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from emofactors.config.figures.embedding_speakers import EmbeddingSpeakersFigure
from emofactors.config.tasks import TaskConfig
from emofactors.corpora.augmentations import original_of
from emofactors.plan.paths import parse_run
from emofactors.report.figures.base import FigureInputs, heading
from emofactors.report.figures.scatter import draw_legend, draw_points, read_embeddings
from emofactors.report.figures.style import EMOTION_STYLE

#: Colours of speakers: twelve of Tol, neighbours unlike, and as many markers.
_SPEAKER_COLOURS = (
    "#332288", "#DDCC77", "#CC6677", "#44AA99", "#882255", "#88CCEE",
    "#661100", "#999933", "#6699CC", "#AA4499", "#117733", "#111111",
)  # fmt: skip
_SPEAKER_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p", "h")

#: Sizes in inches: a panel keeps its size for any number of rows.
_LEFT, _SIDE, _GAP, _WIDE_GAP, _TITLES = 0.45, 2.72, 0.15, 0.3, 0.62
_ROW = _TITLES + _SIDE + 0.55
_WIDTH = _LEFT + 4 * _SIDE + 2 * _GAP + _WIDE_GAP + 0.1


def draw(settings: Mapping[str, Any], inputs: FigureInputs) -> Figure:
    """Draw a figure from the ``embeddings.npz`` of one run of each variant on each task."""
    figure = EmbeddingSpeakersFigure(**settings)
    files = inputs.of_variants(figure.variants, "embeddings.npz", parse_run)
    return speakers_figure(figure, inputs.tasks, {of: read_embeddings(file) for of, (file,) in files.items()})


def speakers_figure(
    figure: EmbeddingSpeakersFigure,
    tasks: Mapping[str, TaskConfig],
    runs: Mapping[tuple[str, str], Mapping[str, np.ndarray]],
) -> Figure:
    """Draw one row per variant (of each task): train embeddings by PCA and by t-SNE, by emotion and by speaker.

    Augmented copies are left out. Of more than 2,000 utterances, 2,000 are drawn, the same of every variant.
    The components are those of all originals.

    Args:
        figure: its variants are the rows.
        tasks: the tasks, one below the other, each with its legends.
        runs: (task, variant) -> embedding (N, D), utterance, split, emotion and speaker (N,) of one run.

    Returns:
        The figure.

    Raises:
        ValueError: if a run has fewer than two original train utterances.
    """
    points_of = {of: _run_points(run) for of, run in runs.items()}
    blocks = [_Block.of(name, task, figure.variants, points_of) for name, task in tasks.items()]
    height = sum(block.height for block in blocks)
    drawn = Figure(figsize=(_WIDTH, height))
    top = height
    for block in blocks:
        drawn.text(0.1 / _WIDTH, (top - 0.1) / height, block.heading, va="top", fontweight="bold")
        row = top - block.above
        for variant, label in figure.variants.items():
            _draw_row(drawn, row, label, points_of[block.task, variant], block)
            row -= _ROW
        _draw_legends(drawn, row, block)
        top -= block.height
    return drawn


@dataclass(frozen=True)
class _RunPoints:
    """The train utterances of a run that are drawn.

    Attributes:
        points: title of a projection -> its points, shape (N, 2).
        emotion: shape (N,).
        speaker: shape (N,).
        explained: share of the variance of all originals along each component, shape (2,); NaN if they are equal.
        n_originals: number of train utterances without augmented copies.
    """

    points: dict[str, np.ndarray]
    emotion: np.ndarray
    speaker: np.ndarray
    explained: np.ndarray
    n_originals: int


def _run_points(run: Mapping[str, np.ndarray]) -> _RunPoints:
    """Choose and project the utterances of a run."""
    # Sorted by name, so that the figure does not depend on the order of a file.
    rows = [
        row
        for row in np.argsort(run["utterance"], kind="stable")
        if run["split"][row] == "train" and original_of(str(run["utterance"][row])) == run["utterance"][row]
    ]
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} original train utterances, expected at least 2")
    chosen = choose_utterances([str(name) for name in run["utterance"][rows]])
    points, explained = principal_components(run["embedding"][rows])
    return _RunPoints(
        points={"PCA": points[chosen], "t-SNE": t_sne(run["embedding"][rows][chosen], points[chosen])},
        emotion=run["emotion"][rows][chosen],
        speaker=run["speaker"][rows][chosen].astype(str),
        explained=explained,
        n_originals=len(rows),
    )


def choose_utterances(names: Sequence[str], maximum: int = 2000) -> np.ndarray:
    """Choose utterances pseudo-randomly, by the hashes of their names alone.

    Args:
        names: names of utterances, shape (N,).
        maximum: how many to choose at most.

    Returns:
        Positions in ``names``, ascending, shape (min(N, maximum),).
    """
    by_hash = sorted(range(len(names)), key=lambda place: sha256(names[place].encode()).digest())
    return np.sort(np.array(by_hash[:maximum], dtype=np.int64))


def principal_components(embedding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project embeddings on their two principal components.

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
        # The last bits depend on the number of threads, and t-SNE would amplify the difference.
        with threadpool_limits(limits=1):
            points[:, :n_components] = pca.fit_transform(embedding.astype(np.float64))
        explained[:] = 0
        explained[:n_components] = pca.explained_variance_ratio_
    return points, explained


def t_sne(embedding: np.ndarray, components: np.ndarray) -> np.ndarray:
    """Project embeddings by t-SNE, which keeps neighbours together; distances and sizes have no meaning.

    The dimensions of the embeddings are not standardised, as the classifier does not standardise them either:
    the embeddings are centered and scaled as a whole. Perplexity is 30, or a third of the other utterances
    where they are few; after 750 iterations the points hardly move. It runs in one thread, because the result
    depends on the number of threads.

    Source: van der Maaten and Hinton 2008.

    Args:
        embedding: embeddings, shape (N, D).
        components: initial positions, the two principal components, shape (N, 2).

    Returns:
        Points, shape (N, 2); zeros where all embeddings are equal.
    """
    if np.ptp(components[:, 0]) == 0:
        return np.zeros((len(embedding), 2))
    centered = embedding.astype(np.float64) - embedding.mean(axis=0, dtype=np.float64)
    projection = TSNE(
        perplexity=min(30, (len(embedding) - 1) / 3),
        # The initial positions of scikit-learn's init="pca", which fails for few or equal embeddings.
        init=(1e-4 * components / components[:, 0].std()).astype(np.float32),
        learning_rate="auto",
        max_iter=750,
        random_state=0,
    )
    with threadpool_limits(limits=1):
        return projection.fit_transform(centered / centered.std())


def speaker_styles(speakers: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the colour and the marker of each speaker.

    Up to twelve speakers differ in both; up to 144 differ in the pair.

    Args:
        speakers: names, in any order, with repetitions.

    Returns:
        Speaker -> colour and marker, sorted by name.
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
        points_of: Mapping[tuple[str, str], _RunPoints],
    ) -> Self:
        """Return the block of a task."""
        of_task = [points_of[name, variant] for variant in variants]
        return cls(
            task=name,
            heading=heading(name, task, _WIDTH),
            emotions={e: style for e, style in EMOTION_STYLE.items() if e in task.classes},
            speakers=speaker_styles(speaker for run in of_task for speaker in run.speaker),
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
        """Height of the block, in inches."""
        return self.above + self.n_rows * _ROW + self.below

    @property
    def named_speakers(self) -> dict[str, tuple[str, str]]:
        """The speakers, if they are few enough for a legend."""
        return self.speakers if len(self.speakers) <= len(_SPEAKER_COLOURS) else {}


def _draw_row(figure: Figure, top: float, label: str, run: _RunPoints, block: _Block) -> None:
    """Draw the four panels of a variant, below its title; ``top`` in inches."""
    height = figure.get_figheight()
    first, second = 100 * run.explained
    share = "all equal" if np.isnan(first) else f"two components: {first + second:.0f} % of the variance"
    figure.text(
        _LEFT / _WIDTH,
        (top - 0.05) / height,
        f"{label}: {len(run.emotion):,} of {run.n_originals:,} train utterances, {share}",
        va="top",
    )
    x, bottom = _LEFT, top - _TITLES - _SIDE
    for method, points in run.points.items():
        for noun, group, styles in (
            ("emotion", run.emotion, block.emotions),
            ("speaker", run.speaker, block.speakers),
        ):
            panel = figure.add_axes((x / _WIDTH, bottom / height, _SIDE / _WIDTH, _SIDE / height))
            draw_points(panel, points, group, styles)
            panel.set_title(f"{method}, by {noun}")
            panel.spines[:].set(visible=True, color="0.7")
            # The units of components and of t-SNE have no meaning.
            panel.set(xticks=[], yticks=[])
            panel.margins(0.06)
            if method == "PCA" and not np.isnan(first):
                panel.set_xlabel(f"component 1 ({first:.0f} %)")
                if noun == "emotion":
                    panel.set_ylabel(f"component 2 ({second:.0f} %)")
            x += _SIDE + (_GAP if noun == "emotion" else _WIDE_GAP)


def _draw_legends(figure: Figure, top: float, block: _Block) -> None:
    """Draw the emotions of a task on the left and its speakers on the right; ``top`` in inches."""
    height = figure.get_figheight()
    right = _LEFT + 2 * _SIDE + _GAP + _WIDE_GAP
    for x, noun, styles in ((_LEFT, "emotion", block.emotions), (right, "speaker", block.named_speakers)):
        title = noun if styles else f"{len(block.speakers)} speakers, each with a colour and marker of its own"
        legend = draw_legend(
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
    """Return the number of columns of a legend below two panels, no more than its lines need."""
    longest = max(map(len, styles), default=0)
    most = max(1, int((2 * _SIDE + _GAP) / (0.5 + 0.1 * longest)))
    n_lines = max(1, -(-len(styles) // most))
    return max(1, -(-len(styles) // n_lines))
