import json
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from emofactors.config.evaluation import IntervalSettings
from emofactors.config.figures.kinds import FigureConfig
from emofactors.config.labels import ABSENT, EMOTIONS
from emofactors.config.tables import PublishedScores, TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.scores import speaker_confusions
from emofactors.evaluation.statistics.intervals import speaker_interval
from emofactors.evaluation.statistics.metrics import unweighted_accuracy
from emofactors.report.figures.embedding_figures import embedding_figure, project
from emofactors.report.figures.make import (
    Costed,
    attention_figure,
    confusion_figure,
    cost_figure,
    losses_by_epoch,
    losses_figure,
    make_figure,
    mean_counts,
    read_histories,
    recall_percent,
)
from emofactors.report.figures.style import EMOTION_STYLE
from emofactors.report.figures.sweep_figures import sweep_figure
from emofactors.report.tables.tidy import COLUMNS

CLASSES = ("anger", "happiness", "sadness")
TASK = TaskConfig(corpus="a", classes=CLASSES, protocol="speaker_groups", folds=2, dev_speakers=1)
OTHER = TaskConfig(corpus="b", classes=("calm", "fear"), protocol="stratified_random", strata=("speaker",))
TASKS = {"a3": TASK, "b2": OTHER}
VARIANTS = {"plain": "without", "center": "with"}
CONFUSION = FigureConfig(kind="confusion", title="t", caption="c", system="s", variants=VARIANTS)
EMBEDDING = FigureConfig(kind="embedding_pca", title="t", caption="c", system="s", variants=VARIANTS)
ATTENTION, COST = (
    FigureConfig(kind=kind, title="t", caption="c", system="s", variants=VARIANTS)
    for kind in ("attention", "cost")
)
LOSSES = FigureConfig(kind="losses", title="t", caption="c", system="s", variants=VARIANTS, loss="matching")
INTERVALS = IntervalSettings(resamples=200)
SWEEP = TableConfig(
    title="t",
    caption="c",
    system="s",
    axis="lambda",
    rows={"zero": 0, "low": 0.003, "high": 3},
    published=(
        PublishedScores(
            label="Elsewhere, random folds", task="c4", where="talk", values={"low": {"ua": 64.8, "wa": 63.0}}
        ),
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


def uneven_of(task: TaskConfig) -> pd.DataFrame:
    """One seed and four speakers, the first of whom is recognised 9 times in 10, the last 6 times."""
    rows = [
        (0, speaker, truth, prediction, right if truth == prediction else 10 - right)
        for speaker, right in (("03", 9), ("08", 8), ("09", 7), ("10", 6))
        for truth, other in zip(task.classes, task.classes[::-1], strict=True)
        for prediction in (truth, other if other != truth else task.classes[0])
    ]
    return pd.DataFrame(rows, columns=["seed", "speaker", "truth", "prediction", "count"])


def run_of(task: TaskConfig, seed: int = 0) -> dict[str, np.ndarray]:
    """Embeddings (60, 5) of one run."""
    rng = np.random.default_rng(seed)
    emotion = rng.choice(task.classes, 60)
    return {
        "embedding": rng.normal(size=(60, 5)).astype(np.float32) * [5, 3, 1, 1, 1],
        "split": np.array(["train"] * 30 + ["dev"] * 10 + ["test"] * 20),
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
    assert list(EMOTION_STYLE) == [*EMOTIONS, ABSENT]
    assert len({colour for colour, _ in EMOTION_STYLE.values()}) == len(EMOTION_STYLE)
    assert len({marker for _, marker in EMOTION_STYLE.values()}) == len(EMOTION_STYLE)


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
    published = SWEEP.published[0].model_copy(update={"task": "b2"})
    figure = sweep_figure(SWEEP.model_copy(update={"published": (published,)}), TASKS, scores_of(TASKS))
    assert [len(panel.lines) for panel in figure.axes] == [2, 4]


def test_published_values_of_two_corpora_share_no_panel():
    farther = SWEEP.published[0].model_copy(
        update={"task": "d5", "label": "Farther", "values": {"high": {"wa": 9.0}}}
    )
    here = SWEEP.published[0].model_copy(update={"task": "a3"})
    published = (*SWEEP.published, farther, here)
    figure = sweep_figure(SWEEP.model_copy(update={"published": published}), TASKS, scores_of(TASKS))
    assert [len(panel.lines) for panel in figure.axes] == [4, 2, 2, 1]
    assert "Farther" in figure.axes[3].get_title()
    np.testing.assert_allclose(figure.axes[3].lines[0].get_xydata(), [[2, 9.0]])


def test_a_sweep_without_published_values_has_a_panel_a_task():
    assert len(sweep_figure(SWEEP.model_copy(update={"published": ()}), TASKS, scores_of(TASKS)).axes) == 2


def test_a_point_missing_from_a_sweep_is_an_error():
    scores = scores_of(TASKS)
    with pytest.raises(ValueError, match="no ua of high"):
        sweep_figure(SWEEP, TASKS, scores[scores["variant"] != "high"])


def test_the_projection_is_fitted_on_train_alone():
    run = run_of(TASK)
    is_train = run["split"] == "train"
    first = project(run["embedding"], run["split"])
    other = project(np.where(is_train[:, None], run["embedding"], 100 + run["embedding"] ** 2), run["split"])
    np.testing.assert_array_equal(first.train, other.train)
    np.testing.assert_array_equal(first.explained, other.explained)
    assert not np.allclose(first.test, other.test)


def test_the_projection_is_that_of_principal_components():
    run = run_of(TASK)
    train, test = (run["embedding"][run["split"] == split] for split in ("train", "test"))
    _, spread, axes = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)
    projection = project(run["embedding"], run["split"])
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


def attention_of(seed: int = 0, utterances=("u1", "u2", "u3")) -> dict[str, np.ndarray]:
    """Attention of three utterances of 12 frames, the second of which ends after 8."""
    rng = np.random.default_rng(seed)
    n_frames = np.array([12, 8, 12])
    attention = rng.random((3, 12)) * (np.arange(12) < n_frames[:, None])
    return {
        "utterance": np.array(utterances),
        "emotion": np.array(CLASSES),
        "prediction": np.array(["anger", "anger", "sadness"]),
        "image": rng.random((3, 12, 6)).astype(np.float32),
        "n_frames": n_frames,
        "attention": attention / attention.sum(axis=1, keepdims=True),
    }


def test_attention_stands_above_what_was_seen_of_the_same_utterances():
    runs = {(task, v): attention_of(i) for i, (task, v) in enumerate((t, v) for t in TASKS for v in VARIANTS)}
    figure = attention_figure(ATTENTION, TASKS, runs)
    seen, above = figure.axes[0::2], figure.axes[1::2]
    assert len(seen) == len(above) == 2 * 2 * 3
    assert [panel.get_title() for panel in above] == 4 * [
        "u1\nanger → anger",
        "u2\nhappiness → anger",
        "u3\nsadness → sadness",
    ]
    run = runs["a3", "plain"]
    np.testing.assert_array_equal(seen[0].images[0].get_array(), run["image"][0].T)
    assert seen[0].images[0].origin == "lower"  # frequency upwards
    np.testing.assert_array_equal(seen[1].images[0].get_array(), run["image"][1, :8].T)
    np.testing.assert_allclose(above[0].lines[0].get_ydata(), run["attention"][0] * 12)
    np.testing.assert_allclose(above[1].lines[0].get_ydata().mean(), 1)  # 1 is attention spread evenly
    assert len({panel.get_ylim() for panel in above[:3]}) == 1
    assert [text.get_text() for text in figure.texts if text.get_text() in VARIANTS.values()] == 2 * [
        "without",
        "with",
    ]


def test_attention_of_other_utterances_is_refused():
    runs = {("a3", "plain"): attention_of(), ("a3", "center"): attention_of(utterances=("u1", "u2", "u4"))}
    with pytest.raises(ValueError, match="a3: attention of u1, u2, u4, expected of u1, u2, u3"):
        attention_figure(ATTENTION, {"a3": TASK}, runs)


def history_of(level: float, epochs: int = 3) -> pd.DataFrame:
    """Two evaluations an epoch; the loss falls by one with each."""
    n = 2 * epochs
    return pd.DataFrame(
        {"epoch": np.arange(n) // 2 + 1, "step": 10 * np.arange(n), "matching": level - np.arange(n)}
    )


def test_losses_are_those_at_the_end_of_an_epoch_and_runs_without_them_are_left_out():
    histories = [history_of(10), history_of(20, epochs=2), history_of(5).drop(columns="matching")]
    course = losses_by_epoch(histories, "matching")
    np.testing.assert_array_equal(course.to_numpy(), [[9, 19], [7, 17], [5, np.nan]])
    assert course.index.to_list() == [1, 2, 3]
    assert losses_by_epoch(histories[2:], "matching").empty
    gap = history_of(10)
    gap.loc[gap["epoch"] == 2, "matching"] = np.nan
    assert losses_by_epoch([gap], "matching").index.to_list() == [1, 3]


def test_a_line_is_the_median_and_its_band_from_lowest_to_highest():
    histories = {(task, v): [history_of(level) for level in (30, 10, 14)] for task in TASKS for v in VARIANTS}
    figure = losses_figure(LOSSES, TASKS, histories)
    assert [panel.get_title().split("\n")[0] for panel in figure.axes] == ["a3", "b2"]
    for panel in figure.axes:
        assert [line.get_label() for line in panel.lines] == ["without", "with"]
        np.testing.assert_array_equal(panel.lines[0].get_xydata(), [[1, 13], [2, 11], [3, 9]])
        band = panel.collections[0].get_paths()[0].vertices
        assert (band[:, 1].min(), band[:, 1].max()) == (5, 29)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["without", "with"]


def test_a_variant_that_never_had_the_loss_is_an_error():
    histories = {("a3", "plain"): [history_of(10)], ("a3", "center"): [history_of(5).drop(columns="matching")]}
    with pytest.raises(ValueError, match="no matching in a history of center on a3"):
        losses_figure(LOSSES, {"a3": TASK}, histories)


def test_histories_are_told_apart_by_their_paths(tmp_path):
    paths = [
        tmp_path / "training" / task / "s" / variant / f"fold{fold}" / "seed0" / "history.csv"
        for task in TASKS
        for variant in VARIANTS
        for fold in (0, 1)
    ]
    for level, path in enumerate(paths):
        path.parent.mkdir(parents=True)
        history_of(level).to_csv(path, index=False)
    histories = read_histories(paths)
    assert list(histories) == [(task, variant) for task in TASKS for variant in VARIANTS]
    assert [[h["matching"].iloc[0] for h in of] for of in histories.values()] == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_cost_shows_ua_with_its_interval_over_flops():
    costed = {
        (name, variant): Costed(uneven_of(task), flops=flops, parameters=parameters)
        for name, task in TASKS.items()
        for variant, flops, parameters in (("plain", 2_000_000_000, 3_000_000), ("center", 400_000_000, 1_500_000))
    }
    figure = cost_figure(COST, TASKS, costed, INTERVALS)
    assert len(figure.axes) == 2
    for panel, task in zip(figure.axes, TASKS.values(), strict=True):
        assert panel.get_xscale() == "log"
        marks = [mark for mark in panel.collections if len(mark.get_offsets())]
        np.testing.assert_allclose([mark.get_offsets()[0] for mark in marks], [[2, 75], [0.4, 75]])
        assert marks[0].get_sizes()[0] == 2 * marks[1].get_sizes()[0]
        counts = speaker_confusions(uneven_of(task), task.classes)
        interval = speaker_interval(counts, unweighted_accuracy, resamples=200, seed=0)
        assert interval.low < 0.75 < interval.high
        np.testing.assert_allclose(panel.lines[0].get_ydata(), [100 * interval.low, 100 * interval.high])
        assert [text.get_text() for text in panel.texts] == ["with\n1.5 M parameters", "without\n3 M parameters"]


def test_markers_of_equal_cost_and_their_labels_are_set_apart():
    costed = {("a3", v): Costed(uneven_of(TASK), flops=400_000_000, parameters=1) for v in VARIANTS}
    (panel,) = cost_figure(COST, {"a3": TASK}, costed, INTERVALS).axes
    x = [mark.get_offsets()[0][0] for mark in panel.collections]
    assert x[1] / x[0] == pytest.approx(1.05)
    assert np.sqrt(x[0] * x[1]) == pytest.approx(0.4)


@pytest.fixture
def sources(tmp_path):
    """Sources of a figure of each kind for one task."""
    runs, tables, attention, histories, costs = [], [], [], [], []
    for i, variant in enumerate(VARIANTS):
        folder = tmp_path / "a3" / "s" / variant / "fold0" / "seed0"
        folder.mkdir(parents=True)
        attention.append(str(folder / "attention.npz"))
        np.savez(attention[-1], **attention_of(i))
        histories.append(str(folder / "history.csv"))
        history_of(10 + i).to_csv(histories[-1], index=False)
        costs.append(str(folder / "run.json"))
        (folder / "run.json").write_text(json.dumps({"flops": 10**9, "parameters": 10**6}))
        runs.append(str(tmp_path / f"{variant}.npz"))
        np.savez(runs[-1], **run_of(TASK, seed=i))
        tables.append(str(tmp_path / f"{variant}.csv"))
        confusion_of(TASK).astype({"count": int}).to_csv(tables[-1], index=False)
    scores_of(["a3"]).reindex(columns=COLUMNS).to_csv(tmp_path / "sweep.csv", index=False)
    sweep = FigureConfig(kind="sweep", title="t", caption="c", table="sweep")
    return {
        "confusion": (CONFUSION, tables, None),
        "embedding_pca": (EMBEDDING, runs, None),
        "sweep": (sweep, [str(tmp_path / "sweep.csv")], SWEEP),
        "attention": (ATTENTION, attention, None),
        "losses": (LOSSES, histories, None),
        "cost": (COST, tables + costs, None),
    }


@pytest.mark.parametrize("kind", ["confusion", "embedding_pca", "sweep", "attention", "losses", "cost"])
def test_the_same_numbers_are_the_same_bytes(tmp_path, sources, kind, monkeypatch):
    figure, files, table = sources[kind]
    drawn = []
    for name, epoch in (("first", "0"), ("second", "1000000000")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
        png, svg = tmp_path / f"{name}.png", tmp_path / f"{name}.svg"
        given = {"tasks": {"a3": TASK}, "sources": files, "table": table, "intervals": INTERVALS}
        make_figure(figure, **given, png=str(png), svg=str(svg))
        drawn.append((png.read_bytes(), svg.read_bytes()))
    assert drawn[0] == drawn[1]
    assert imread(BytesIO(drawn[0][0])).shape[1] > 1000
    assert drawn[0][1].startswith(b"<?xml")


def test_a_missing_source_is_an_error(tmp_path, sources):
    for kind, n in (("confusion", 1), ("cost", 3), ("attention", 1)):
        figure, files, table = sources[kind]
        with pytest.raises(ValueError, match=f"{n} sources for a {kind} of 2 panels"):
            make_figure(figure, tasks={"a3": TASK}, sources=files[:n], table=table, png="a.png", svg="a.svg")
