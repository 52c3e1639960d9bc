import numpy as np
import pytest
from matplotlib.colors import to_hex
from threadpoolctl import threadpool_info, threadpool_limits

from emofactors.config.figures.embedding_speakers import EmbeddingSpeakersFigure
from emofactors.config.labels import ABSENT
from emofactors.config.tasks import TaskConfig
from emofactors.report.figures import embedding_speakers
from emofactors.report.figures.embedding_speakers import (
    choose_utterances,
    principal_components,
    speaker_styles,
    speakers_figure,
    t_sne,
)
from emofactors.report.figures.style import EMOTION_STYLE

CLASSES = ("anger", "happiness", "sadness", "neutral")
TASK = TaskConfig(corpus="a", classes=CLASSES, protocol="speaker_groups", folds=2, dev_speakers=1)
BINARY = TaskConfig(corpus="b", classes=("sadness", ABSENT), protocol="speaker_groups", folds=2, dev_speakers=1)
FIGURE = EmbeddingSpeakersFigure(
    kind="embedding_speakers",
    title="t",
    caption="c",
    system="s",
    variants={"none": "no adversary", "both": "with both"},
)
TITLES = ["PCA, by emotion", "PCA, by speaker", "t-SNE, by emotion", "t-SNE, by speaker"]


def run_of(
    seed: int = 0, n: int = 60, classes=CLASSES, n_speakers: int = 6, spread: float = 1.0
) -> dict[str, np.ndarray]:
    """Embeddings (n + 5, 8) of one run, clustered by class; the last five are not train utterances."""
    rng = np.random.default_rng(seed)
    of_class = np.arange(n + 5) % len(classes)
    return {
        "embedding": (10 * np.eye(8)[of_class] + spread * rng.normal(size=(n + 5, 8))).astype(np.float32),
        "utterance": np.array([f"u{i:04d}" for i in range(n + 5)]),
        "split": np.array(["train"] * n + ["dev", "test"] * 2 + ["test"]),
        "emotion": np.array(classes)[of_class],
        "speaker": np.array([f"s{i % n_speakers:02d}" for i in range(n + 5)]),
    }


def with_copies(run: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A run with an augmented copy of each utterance, with another embedding."""
    copied = {name: np.concatenate([values, values]) for name, values in run.items()}
    copied["utterance"] = np.array([*run["utterance"], *(f"{name}~noise" for name in run["utterance"])])
    copied["embedding"] = np.concatenate([run["embedding"], 100 - run["embedding"]])
    return copied


def figure_of(run):
    """The figure of one task; the run is that of all variants."""
    return speakers_figure(FIGURE, {"a4": TASK}, {("a4", variant): run for variant in FIGURE.variants})


def points_of(panel) -> np.ndarray:
    return np.concatenate([points.get_offsets() for points in panel.collections])


def test_each_variant_has_pca_and_t_sne_by_emotion_and_by_speaker():
    runs = {(task, v): run_of(i) for task in ("a4", "b4") for i, v in enumerate(FIGURE.variants)}
    figure = speakers_figure(FIGURE, {"a4": TASK, "b4": TASK}, runs)
    assert [panel.get_title() for panel in figure.axes] == 4 * TITLES
    for first in range(0, 16, 4):
        by_emotion, by_speaker = figure.axes[first : first + 2]
        # The same points twice, sorted here because each panel is drawn group by group.
        np.testing.assert_array_equal(
            np.sort(points_of(by_emotion), axis=0), np.sort(points_of(by_speaker), axis=0)
        )
        assert by_emotion.get_xlim() == by_speaker.get_xlim()
        assert [len(points.get_offsets()) for points in by_emotion.collections] == 4 * [15]
        assert [len(points.get_offsets()) for points in by_speaker.collections] == 6 * [10]
        colours = [to_hex(points.get_facecolor()[0]).upper() for points in by_emotion.collections]
        assert colours == [EMOTION_STYLE[emotion][0] for emotion in CLASSES]


def test_titles_have_the_number_of_utterances_and_the_explained_variance():
    run = run_of()
    train = run["embedding"][:60]
    spread = np.linalg.svd(train - train.mean(axis=0), compute_uv=False) ** 2
    first, second = 100 * spread[:2] / spread.sum()
    figure = figure_of(run)
    texts = [text.get_text() for text in figure.texts]
    assert texts[0].startswith("a4: speaker-independent")
    assert texts[1:] == [
        f"{label}: 60 of 60 train utterances, two components: {first + second:.0f} % of the variance"
        for label in FIGURE.variants.values()
    ]
    assert figure.axes[0].get_xlabel() == f"component 1 ({first:.0f} %)"
    assert figure.axes[0].get_ylabel() == f"component 2 ({second:.0f} %)"


def test_each_task_has_a_legend_of_emotions_and_one_of_speakers():
    runs = {("a4", v): run_of() for v in FIGURE.variants}
    runs |= {("b2", v): run_of(classes=BINARY.classes, n_speakers=40) for v in FIGURE.variants}
    figure = speakers_figure(FIGURE, {"a4": TASK, "b2": BINARY}, runs)
    legends = [
        (legend.get_title().get_text(), [text.get_text() for text in legend.get_texts()])
        for legend in figure.legends
    ]
    assert legends == [
        ("emotion", ["anger", "happiness", "sadness", "neutral"]),
        ("speaker", [f"s{i:02d}" for i in range(6)]),
        ("emotion", ["sadness", "absent"]),
        ("40 speakers, each with a colour and marker of its own", []),
    ]
    # All are inside of the figure, without overlap.
    figure.canvas.draw()
    width, height = figure.bbox.size
    boxes = [legend.get_window_extent() for legend in figure.legends]
    assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in boxes)
    assert not boxes[0].overlaps(boxes[1])


@pytest.mark.parametrize("n_speakers", [7, 12])
def test_a_legend_of_long_names_is_inside_of_the_figure(n_speakers):
    run = run_of(n_speakers=n_speakers)
    run["speaker"] = np.char.add("a_rather_long_name_", run["speaker"])
    figure = figure_of(run)
    figure.canvas.draw()
    box = figure.legends[1].get_window_extent()
    assert len(figure.legends[1].get_texts()) == n_speakers
    assert box.x1 <= figure.bbox.width
    assert box.y0 >= 0


def test_augmented_copies_are_not_drawn_and_change_nothing():
    for one, other in zip(figure_of(run_of()).axes, figure_of(with_copies(run_of())).axes, strict=True):
        np.testing.assert_array_equal(points_of(one), points_of(other))


def test_the_order_of_a_file_changes_nothing():
    order = np.random.default_rng(1).permutation(65)
    shuffled = {name: values[order] for name, values in run_of().items()}
    for one, other in zip(figure_of(run_of()).axes, figure_of(shuffled).axes, strict=True):
        np.testing.assert_array_equal(points_of(one), points_of(other))


def test_the_choice_of_utterances_depends_on_their_names_alone():
    names = [f"u{i:04d}" for i in range(300)]
    chosen = choose_utterances(names, maximum=50)
    assert len(set(chosen)) == 50
    assert (np.diff(chosen) > 0).all()
    assert chosen.min() < 60  # neither only the first nor only the last
    assert chosen.max() > 240
    backwards = choose_utterances(names[::-1], maximum=50)
    assert {names[i] for i in chosen} == {names[::-1][i] for i in backwards}
    np.testing.assert_array_equal(choose_utterances(names), np.arange(300))


def test_at_most_two_thousand_utterances_are_drawn(monkeypatch):
    monkeypatch.setattr(embedding_speakers, "t_sne", lambda _, components: components)
    one = FIGURE.model_copy(update={"variants": {"none": "no adversary"}})
    figure = speakers_figure(one, {"a4": TASK}, {("a4", "none"): run_of(n=2010)})
    assert [len(points_of(panel)) for panel in figure.axes] == 4 * [2000]
    assert figure.texts[1].get_text().startswith("no adversary: 2,000 of 2,010 train utterances")


def test_equal_embeddings_are_drawn():
    run = run_of() | {"embedding": np.full((65, 8), 0.3, dtype=np.float32)}
    figure = figure_of(run)
    assert figure.texts[1].get_text() == "no adversary: 60 of 60 train utterances, all equal"
    for panel in figure.axes:
        assert len(points_of(panel)) == 60
        np.testing.assert_array_equal(points_of(panel), 0)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_utterances_are_drawn(n):
    figure = figure_of(run_of(n=n))
    assert all(np.isfinite(points_of(panel)).all() and len(points_of(panel)) == n for panel in figure.axes)


def test_embeddings_on_a_line_or_at_two_points_are_drawn():
    for embedding in (np.arange(30.0)[:, None] * np.ones(4), np.repeat([[0.0] * 4, [1.0] * 4], 15, axis=0)):
        points, explained = principal_components(embedding)
        np.testing.assert_allclose(explained, [1, 0], atol=1e-12)
        assert np.isfinite(t_sne(embedding, points)).all()


def test_fewer_than_two_originals_are_refused():
    with pytest.raises(ValueError, match="1 original train utterances, expected at least 2"):
        figure_of(with_copies(run_of(n=1)))


def test_t_sne_keeps_neighbours_together():
    run = run_of(n=200, spread=0.5)
    points, _ = principal_components(run["embedding"])
    drawn = t_sne(run["embedding"], points)
    distance = np.linalg.norm(drawn[:, None] - drawn[None], axis=-1) + 1e9 * np.eye(len(drawn))
    assert (run["emotion"][distance.argmin(axis=1)] == run["emotion"]).all()


def test_t_sne_depends_neither_on_the_mean_nor_on_the_scale():
    embedding = run_of(n=100)["embedding"].astype(np.float64)
    one, other = (t_sne(x, principal_components(x)[0]) for x in (embedding, 2.0**-20 * embedding + 1))
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


def test_speakers_differ_in_colour_and_marker_or_at_least_in_the_pair():
    dozen = speaker_styles(f"{i:02d}" for i in range(12)).values()
    assert len({colour for colour, _ in dozen}) == len({marker for _, marker in dozen}) == 12
    many = speaker_styles([*(f"{i:03d}" for i in range(144)), "000"])
    assert len(set(many.values())) == len(many) == 144
    assert list(many) == sorted(many)


@pytest.mark.parametrize("method", ["PCA", "TSNE"])
def test_projections_use_one_thread(method, monkeypatch):
    threads = []

    def fit_transform(_, embedding):
        threads.extend(library["num_threads"] for library in threadpool_info())
        return np.zeros((len(embedding), 2))

    monkeypatch.setattr(getattr(embedding_speakers, method), "fit_transform", fit_transform)
    embedding = run_of()["embedding"]
    with threadpool_limits(limits=2):
        if method == "PCA":
            monkeypatch.setattr(embedding_speakers.PCA, "explained_variance_ratio_", np.ones(2), raising=False)
            principal_components(embedding)
        else:
            t_sne(embedding, embedding[:, :2])
    assert set(threads) == {1}
