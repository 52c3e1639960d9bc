from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from emofactors.config import EMOTIONS, FigureConfig, PublishedScores, TableConfig, TaskConfig
from emofactors.report.figures import (
    EMOTION_STYLE,
    confusion_figure,
    embedding_figure,
    make_figure,
    mean_counts,
    project,
    recall_percent,
    sweep_figure,
)

CLASSES = ("anger", "happiness", "sadness")
TASK = TaskConfig(corpus="a", classes=CLASSES, protocol="speaker_groups", folds=2, dev_speakers=1)
OTHER = TaskConfig(corpus="b", classes=("calm", "fear"), protocol="stratified_random", strata=("speaker",))
TASKS = {"a3": TASK, "b2": OTHER}
VARIANTS = {"plain": "without", "center": "with"}
CONFUSION = FigureConfig(kind="confusion", title="t", caption="c", system="s", variants=VARIANTS)
EMBEDDING = FigureConfig(kind="embedding_pca", title="t", caption="c", system="s", variants=VARIANTS)
SWEEP = TableConfig(
    title="t",
    caption="c",
    system="s",
    axis="lambda",
    rows={"zero": 0, "low": 0.003, "high": 3},
    published=PublishedScores(
        label="Elsewhere, random folds", task="c4", where="talk", values={"low": {"ua": 64.8, "wa": 63.0}}
    ),
)


def confusion_of(task: TaskConfig) -> pd.DataFrame:
    """Two seeds and two speakers; 8 of 10 utterances of a class recognised."""
    rows = [
        (seed, speaker, truth, prediction, 4 if truth == prediction else 1 / (len(task.classes) - 1))
        for seed in (0, 1)
        for speaker in ("03", "08")
        for truth in task.classes
        for prediction in task.classes
    ]
    return pd.DataFrame(rows, columns=["seed", "speaker", "truth", "prediction", "count"])


def run_of(task: TaskConfig, seed: int = 0) -> dict[str, np.ndarray]:
    """Embeddings (60, 5) of one run."""
    rng = np.random.default_rng(seed)
    emotion = rng.choice(task.classes, 60)
    return {
        "embedding": rng.normal(size=(60, 5)).astype(np.float32) * [5, 3, 1, 1, 1],
        "role": np.array(["train"] * 30 + ["dev"] * 10 + ["test"] * 20),
        "emotion": emotion,
    }


def scores_of(tasks) -> pd.DataFrame:
    """A tidy table, in another order than the axis and with a metric no sweep draws."""
    rows = [
        (variant, task, metric, 50.0 + i, 45.0 + i, 56.0 + i)
        for i, variant in reversed(list(enumerate(SWEEP.rows)))
        for task in tasks
        for metric in ("ua", "wa", "ua_difference")
    ]
    return pd.DataFrame(rows, columns=["variant", "column", "metric", "value", "ci_low", "ci_high"])


def test_every_emotion_has_a_colour_and_a_marker_of_its_own():
    assert set(EMOTION_STYLE) == set(EMOTIONS)
    assert len({colour for colour, _ in EMOTION_STYLE.values()}) == len(EMOTIONS)
    assert len({marker for _, marker in EMOTION_STYLE.values()}) == len(EMOTIONS)


def test_counts_are_pooled_over_speakers_and_averaged_over_seeds():
    counts = mean_counts(confusion_of(TASK), CLASSES)
    np.testing.assert_allclose(counts, [[8, 1, 1], [1, 8, 1], [1, 1, 8]])
    np.testing.assert_allclose(recall_percent(counts).diagonal(), 80)


def test_a_stranger_among_the_emotions_is_an_error():
    with pytest.raises(ValueError, match="boredom"):
        mean_counts(confusion_of(TASK).replace("anger", "boredom"), CLASSES)


def test_a_class_without_utterances_leaves_ua_undefined():
    table = confusion_of(TASK)
    figure = confusion_figure(
        CONFUSION, {"a3": TASK}, {("a3", v): table[table["truth"] != "anger"] for v in VARIANTS}
    )
    assert figure.axes[0].get_title() == "without\nUA undefined, N = 20"


def test_a_confusion_panel_for_every_variant_of_every_task():
    figure = confusion_figure(
        CONFUSION, TASKS, {(name, v): confusion_of(task) for name, task in TASKS.items() for v in VARIANTS}
    )
    titles = [panel.get_title() for panel in figure.axes if panel.images]
    assert titles == [
        "without\nUA 80.0 %, N = 30",
        "with\nUA 80.0 %, N = 30",
        "without\nUA 80.0 %, N = 20",
        "with\nUA 80.0 %, N = 20",
    ]


def test_a_sweep_draws_ua_and_wa_of_every_task_in_the_order_of_the_axis():
    figure = sweep_figure(SWEEP, TASKS, scores_of(TASKS))
    assert len(figure.axes) == 3
    for panel in figure.axes[:2]:
        assert [line.get_label() for line in panel.lines] == ["UA, 95 % band", "WA, 95 % band"]
        assert [tick.get_text() for tick in panel.get_xticklabels()] == ["0", "0.003", "3"]
        for line in panel.lines:
            np.testing.assert_allclose(line.get_ydata(), [50, 51, 52])


def test_published_values_of_another_corpus_have_a_panel_of_their_own():
    panel = sweep_figure(SWEEP, TASKS, scores_of(TASKS)).axes[-1]
    assert "Elsewhere, random folds" in panel.get_title().replace("\n", " ")
    assert [line.get_label() for line in panel.lines] == ["UA, published", "WA, published"]
    np.testing.assert_allclose(panel.lines[0].get_xydata(), [[1, 64.8]])


def test_published_values_of_the_same_task_stand_in_its_panel():
    published = SWEEP.published.model_copy(update={"task": "b2"})
    figure = sweep_figure(SWEEP.model_copy(update={"published": published}), TASKS, scores_of(TASKS))
    assert [len(panel.lines) for panel in figure.axes] == [2, 4]


def test_a_point_missing_from_a_sweep_is_an_error():
    scores = scores_of(TASKS)
    with pytest.raises(ValueError, match="no ua of high"):
        sweep_figure(SWEEP, TASKS, scores[scores["variant"] != "high"])


def test_the_projection_is_fitted_on_train_alone():
    run = run_of(TASK)
    is_train = run["role"] == "train"
    first = project(run["embedding"], run["role"])
    other = project(np.where(is_train[:, None], run["embedding"], 100 + run["embedding"] ** 2), run["role"])
    np.testing.assert_array_equal(first.train, other.train)
    np.testing.assert_array_equal(first.explained, other.explained)
    assert not np.allclose(first.test, other.test)


def test_the_projection_is_that_of_principal_components():
    run = run_of(TASK)
    train, test = (run["embedding"][run["role"] == role] for role in ("train", "test"))
    _, spread, axes = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)
    projection = project(run["embedding"], run["role"])
    np.testing.assert_allclose(
        np.abs(projection.test), np.abs((test - train.mean(axis=0)) @ axes[:2].T), rtol=1e-4
    )
    np.testing.assert_allclose(projection.explained, spread[:2] ** 2 / (spread**2).sum(), rtol=1e-5)


def test_a_run_without_test_utterances_has_an_empty_test_panel():
    assert project(np.eye(5), np.array(["train"] * 5)).test.shape == (0, 2)


def test_train_and_test_of_every_variant_of_every_task_are_drawn():
    figure = embedding_figure(
        EMBEDDING, TASKS, {(name, v): run_of(task) for name, task in TASKS.items() for v in VARIANTS}
    )
    assert [panel.get_title() for panel in figure.axes] == 2 * [
        "without: train, N = 30",
        "without: test, N = 20",
        "with: train, N = 30",
        "with: test, N = 20",
    ]
    n_points = [sum(len(points.get_offsets()) for points in panel.collections) for panel in figure.axes]
    assert n_points == 4 * [30, 20]
    assert figure.axes[0].get_xlim() == figure.axes[1].get_xlim()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [*CLASSES, "fear", "calm"]


@pytest.fixture
def sources(tmp_path):
    """Sources of a figure of each kind for one task."""
    runs, tables = [], []
    for i, variant in enumerate(VARIANTS):
        runs.append(str(tmp_path / f"{variant}.npz"))
        np.savez(runs[-1], **run_of(TASK, seed=i))
        tables.append(str(tmp_path / f"{variant}.csv"))
        confusion_of(TASK).to_csv(tables[-1], index=False)
    scores_of(["a3"]).to_csv(tmp_path / "sweep.csv", index=False)
    sweep = FigureConfig(kind="sweep", title="t", caption="c", table="sweep")
    return {
        "confusion": (CONFUSION, tables, None),
        "embedding_pca": (EMBEDDING, runs, None),
        "sweep": (sweep, [str(tmp_path / "sweep.csv")], SWEEP),
    }


@pytest.mark.parametrize("kind", ["confusion", "embedding_pca", "sweep"])
def test_the_same_numbers_are_the_same_bytes(tmp_path, sources, kind, monkeypatch):
    figure, files, table = sources[kind]
    drawn = []
    for name, epoch in (("first", "0"), ("second", "1000000000")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        png, svg = tmp_path / f"{name}.png", tmp_path / f"{name}.svg"
        make_figure(figure, tasks={"a3": TASK}, sources=files, table=table, png=str(png), svg=str(svg))
        drawn.append((png.read_bytes(), svg.read_bytes()))
    assert drawn[0] == drawn[1]
    assert imread(BytesIO(drawn[0][0])).shape[1] > 1000
    assert drawn[0][1].startswith(b"<?xml")


def test_a_missing_source_is_an_error(tmp_path, sources):
    figure, files, table = sources["confusion"]
    with pytest.raises(ValueError, match="1 sources for a confusion of 2 panels"):
        make_figure(figure, tasks={"a3": TASK}, sources=files[:1], table=table, png="a.png", svg="a.svg")
