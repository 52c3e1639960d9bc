import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.colors import to_hex
from threadpoolctl import threadpool_info, threadpool_limits

from emofactors.config.figures.kinds import FigureConfig
from emofactors.config.labels import ABSENT
from emofactors.config.load import load_study
from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.errors import InputError
from emofactors.report.figures.embedding_figures import (
    choose_utterances,
    embed_neighbours,
    principal_components,
    speaker_styles,
    speakers_figure,
)
from emofactors.report.figures.make import embedding_figures, make_figure
from emofactors.report.figures.style import EMOTION_STYLE
from emofactors.report.figures.sweep_figures import trade_off_figure
from emofactors.report.tables.tidy import COLUMNS

CONFIG = Path(__file__).parents[4] / "config"
CLASSES = ("anger", "happiness", "sadness", "neutral")
TASK = TaskConfig(corpus="a", classes=CLASSES, protocol="speaker_groups", folds=2, dev_speakers=1)
BINARY = TaskConfig(corpus="b", classes=("sadness", ABSENT), protocol="speaker_groups", folds=2, dev_speakers=1)
FIGURE = FigureConfig(
    kind="embedding_speakers",
    title="t",
    caption="c",
    system="s",
    variants={"none": "no adversary", "both": "with both"},
)
TRADE_OFF = FigureConfig(kind="trade_off", title="t", caption="c", table="weight")
TABLE = TableConfig(
    title="t",
    caption="c",
    system="s",
    axis="weight",
    rows={"none": 0, "low": 0.1, "high": 3},
    metrics=("ua", "wa", "speaker_linear", "speaker_mlp"),
)
UA = (60.0, 62.0, 40.0)
PROBED = {"speaker_linear": (80.0, 50.0, 20.0), "speaker_mlp": (90.0, 70.0, 30.0)}
TITLES = ["PCA, by emotion", "PCA, by speaker", "t-SNE, by emotion", "t-SNE, by speaker"]


def run_of(
    seed: int = 0, n: int = 60, classes=CLASSES, n_speakers: int = 6, spread: float = 1.0
) -> dict[str, np.ndarray]:
    """Embeddings (n + 5, 8) of one run, the last five of which are not train utterances; each class has a place."""
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
    """A run with a copy of each utterance, somewhere else."""
    copied = {name: np.concatenate([values, values]) for name, values in run.items()}
    copied["utterance"] = np.array([*run["utterance"], *(f"{name}~noise" for name in run["utterance"])])
    copied["embedding"] = np.concatenate([run["embedding"], 100 - run["embedding"]])
    return copied


def points_of(panel) -> np.ndarray:
    return np.concatenate([points.get_offsets() for points in panel.collections])


def scores_of(tasks=("a4",), ci: float = 4.0) -> pd.DataFrame:
    """A tidy table in another order than the axis, with a metric the figure does not show."""
    rows = [
        (variant, task, metric, values[i], values[i] - ci, values[i] + ci, chance)
        for task in tasks
        for metric, values, chance in (
            ("ua", UA, 25.0),
            ("wa", UA, np.nan),
            *((probe, values, 12.5) for probe, values in PROBED.items()),
        )
        for i, variant in reversed(list(enumerate(TABLE.rows)))
    ]
    return pd.DataFrame(rows, columns=["variant", "column", "metric", "value", "ci_low", "ci_high", "chance"])


# --- emotion beside speaker ----------------------------------------------------------------------------------


def test_each_variant_has_pca_and_t_sne_by_emotion_beside_by_speaker():
    runs = {(task, v): run_of(i) for task in ("a4", "b4") for i, v in enumerate(FIGURE.variants)}
    figure = speakers_figure(FIGURE, {"a4": TASK, "b4": TASK}, runs)
    assert [panel.get_title() for panel in figure.axes] == 4 * TITLES
    for first in range(0, 16, 4):
        by_emotion, by_speaker = figure.axes[first : first + 2]
        # The same picture twice: sorted, for each is drawn group by group.
        np.testing.assert_array_equal(
            np.sort(points_of(by_emotion), axis=0), np.sort(points_of(by_speaker), axis=0)
        )
        assert by_emotion.get_xlim() == by_speaker.get_xlim()
        assert [len(points.get_offsets()) for points in by_emotion.collections] == 4 * [15]
        assert [len(points.get_offsets()) for points in by_speaker.collections] == 6 * [10]
        colours = [to_hex(points.get_facecolor()[0]).upper() for points in by_emotion.collections]
        assert colours == [EMOTION_STYLE[emotion][0] for emotion in CLASSES]


def test_titles_say_how_many_are_drawn_and_what_the_components_hold():
    run = run_of()
    train = run["embedding"][:60]
    spread = np.linalg.svd(train - train.mean(axis=0), compute_uv=False) ** 2
    first, second = 100 * spread[:2] / spread.sum()
    figure = speakers_figure(FIGURE, {"a4": TASK}, {("a4", v): run for v in FIGURE.variants})
    said = [text.get_text() for text in figure.texts]
    assert said[0].startswith("a4: speaker-independent")
    assert said[1:] == [
        f"{label}: 60 of 60 train utterances, two components: {first + second:.0f} % of the variance"
        for label in FIGURE.variants.values()
    ]
    assert figure.axes[0].get_xlabel() == f"component 1 ({first:.0f} %)"
    assert figure.axes[0].get_ylabel() == f"component 2 ({second:.0f} %)"


def test_every_task_has_a_legend_of_its_emotions_and_one_of_its_speakers():
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
    # All inside of the picture and beside each other.
    figure.canvas.draw()
    width, height = figure.bbox.size
    boxes = [legend.get_window_extent() for legend in figure.legends]
    assert all(box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in boxes)
    assert not boxes[0].overlaps(boxes[1])


@pytest.mark.parametrize("n_speakers", [7, 12])
def test_a_legend_of_long_names_stays_inside(n_speakers):
    run = run_of(n_speakers=n_speakers)
    run["speaker"] = np.char.add("a_rather_long_name_", run["speaker"])
    figure = speakers_figure(FIGURE, {"a4": TASK}, {("a4", v): run for v in FIGURE.variants})
    figure.canvas.draw()
    box = figure.legends[1].get_window_extent()
    assert len(figure.legends[1].get_texts()) == n_speakers
    assert box.x1 <= figure.bbox.width
    assert box.y0 >= 0


def test_a_speaker_whose_name_begins_with_an_underscore_is_in_the_legend():
    run = run_of()
    run["speaker"] = np.char.replace(run["speaker"], "s0", "_")
    figure = speakers_figure(FIGURE, {"a4": TASK}, {("a4", variant): run for variant in FIGURE.variants})
    _, of_speakers = figure.legends
    assert [text.get_text() for text in of_speakers.get_texts()] == ["_0", "_1", "_2", "_3", "_4", "_5"]
    assert len(of_speakers.legend_handles) == 6


def test_copies_are_neither_drawn_nor_do_they_move_what_is():
    plain = speakers_figure(FIGURE, {"a4": TASK}, {("a4", v): run_of() for v in FIGURE.variants})
    copied = speakers_figure(FIGURE, {"a4": TASK}, {("a4", v): with_copies(run_of()) for v in FIGURE.variants})
    for one, other in zip(plain.axes, copied.axes, strict=True):
        np.testing.assert_array_equal(points_of(one), points_of(other))


def test_the_order_of_a_file_does_not_move_a_point():
    order = np.random.default_rng(1).permutation(65)
    shuffled = {name: values[order] for name, values in run_of().items()}
    figures = [
        speakers_figure(FIGURE, {"a4": TASK}, {("a4", v): run for v in FIGURE.variants})
        for run in (run_of(), shuffled)
    ]
    for one, other in zip(*(figure.axes for figure in figures), strict=True):
        np.testing.assert_array_equal(points_of(one), points_of(other))


def test_of_many_utterances_the_same_are_drawn_of_every_variant():
    names = [f"u{i:04d}" for i in range(300)]
    chosen = choose_utterances(names, most=50)
    assert len(set(chosen)) == 50
    assert (np.diff(chosen) > 0).all()
    assert chosen.min() < 60  # from all over, not the first or last
    assert chosen.max() > 240
    backwards = choose_utterances(names[::-1], most=50)
    assert {names[i] for i in chosen} == {names[::-1][i] for i in backwards}
    np.testing.assert_array_equal(choose_utterances(names), np.arange(300))


def test_more_than_two_thousand_are_not_drawn(monkeypatch):
    monkeypatch.setattr(embedding_figures, "embed_neighbours", lambda _, components: components)
    runs = {("a4", v): run_of(n=2010) for v in FIGURE.variants}
    one = FIGURE.model_copy(update={"variants": {"none": "no adversary"}})
    figure = speakers_figure(one, {"a4": TASK}, runs)
    assert [len(points_of(panel)) for panel in figure.axes] == 4 * [2000]
    assert figure.texts[1].get_text().startswith("no adversary: 2,000 of 2,010 train utterances")


def test_embeddings_that_are_all_equal_are_drawn():
    run = run_of() | {"embedding": np.full((65, 8), 0.3, dtype=np.float32)}
    figure = speakers_figure(FIGURE, {"a4": TASK}, {("a4", v): run for v in FIGURE.variants})
    assert figure.texts[1].get_text() == "no adversary: 60 of 60 train utterances, all equal"
    for panel in figure.axes:
        assert len(points_of(panel)) == 60
        np.testing.assert_array_equal(points_of(panel), 0)


@pytest.mark.parametrize("n", [2, 3, 5])
def test_few_utterances_are_drawn(n):
    run = run_of(n=n)
    figure = speakers_figure(FIGURE, {"a4": TASK}, {("a4", v): run for v in FIGURE.variants})
    assert all(np.isfinite(points_of(panel)).all() and len(points_of(panel)) == n for panel in figure.axes)


def test_embeddings_on_a_line_and_in_two_places_are_drawn():
    for embedding in (np.arange(30.0)[:, None] * np.ones(4), np.repeat([[0.0] * 4, [1.0] * 4], 15, axis=0)):
        points, explained = principal_components(embedding)
        np.testing.assert_allclose(explained, [1, 0], atol=1e-12)
        assert np.isfinite(embed_neighbours(embedding, points)).all()


def test_fewer_than_two_originals_are_refused():
    run = with_copies(run_of(n=1))
    with pytest.raises(ValueError, match="1 original train utterances, expected at least 2"):
        speakers_figure(FIGURE, {"a4": TASK}, {("a4", v): run for v in FIGURE.variants})


def test_neighbours_stay_together():
    run = run_of(n=200, spread=0.5)
    points, _ = principal_components(run["embedding"])
    drawn = embed_neighbours(run["embedding"], points)
    distance = np.linalg.norm(drawn[:, None] - drawn[None], axis=-1) + 1e9 * np.eye(len(drawn))
    assert (run["emotion"][distance.argmin(axis=1)] == run["emotion"]).all()


def test_neighbours_hang_neither_on_place_nor_on_scale():
    embedding = run_of(n=100)["embedding"].astype(np.float64)
    one, other = (embed_neighbours(x, principal_components(x)[0]) for x in (embedding, 2.0**-20 * embedding + 1))
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


def test_speakers_differ_in_colour_and_marker_or_at_least_in_the_pair():
    dozen = speaker_styles(f"{i:02d}" for i in range(12)).values()
    assert len({colour for colour, _ in dozen}) == len({marker for _, marker in dozen}) == 12
    many = speaker_styles([*(f"{i:03d}" for i in range(144)), "000"])
    assert len(set(many.values())) == len(many) == 144
    assert list(many) == sorted(many)


@pytest.mark.parametrize("method", ["PCA", "TSNE"])
def test_one_thread_draws_whatever_the_number_there_are(method, monkeypatch):
    seen = []

    def fit_transform(_, embedding):
        seen.extend(library["num_threads"] for library in threadpool_info())
        return np.zeros((len(embedding), 2))

    monkeypatch.setattr(getattr(embedding_figures, method), "fit_transform", fit_transform)
    embedding = run_of()["embedding"]
    with threadpool_limits(limits=2):
        if method == "PCA":
            monkeypatch.setattr(embedding_figures.PCA, "explained_variance_ratio_", np.ones(2), raising=False)
            principal_components(embedding)
        else:
            embed_neighbours(embedding, embedding[:, :2])
    assert set(seen) == {1}


# --- trade-off -----------------------------------------------------------------------------------------------


def test_a_trade_off_is_a_line_a_probe_in_the_order_of_the_axis():
    figure = trade_off_figure(TABLE, {"a4": TASK, "b4": TASK}, scores_of(["b4", "a4"]))
    assert [panel.get_title().split("\n")[0] for panel in figure.axes] == ["a4", "b4"]
    for panel in figure.axes:
        of_label = {line.get_label(): line for line in panel.lines}
        np.testing.assert_array_equal(
            of_label["linear probe"].get_xydata(), list(zip(PROBED["speaker_linear"], UA, strict=True))
        )
        np.testing.assert_array_equal(
            of_label["MLP probe"].get_xydata(), list(zip(PROBED["speaker_mlp"], UA, strict=True))
        )
        chance = [line for line in panel.lines if line.get_label() == "chance"]
        assert [line.get_xdata() for line in chance] == [[12.5, 12.5], [0, 1]]
        assert [line.get_ydata() for line in chance] == [[0, 1], [25, 25]]
        assert [text.get_text() for text in panel.texts] == 2 * ["0", "0.1", "3"]
        assert [text.xy for text in panel.texts] == [
            (x, y) for probe in PROBED.values() for x, y in zip(probe, UA, strict=True)
        ]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["linear probe", "MLP probe", "chance"]


def test_bars_are_the_intervals_of_both():
    (panel,) = trade_off_figure(TABLE, {"a4": TASK}, scores_of()).axes
    across, upright = (bars.get_segments() for bars in panel.collections[:2])
    np.testing.assert_array_equal(across[1], [[46, 62], [54, 62]])
    np.testing.assert_array_equal(upright[1], [[50, 58], [50, 66]])


@pytest.mark.parametrize("gone", [["ci_low", "ci_high"], ["chance"], ["ci_low", "ci_high", "chance"]])
def test_without_intervals_or_chance_the_points_stand_where_they_stood(gone):
    scores = scores_of()
    scores[gone] = np.nan
    figure = trade_off_figure(TABLE, {"a4": TASK}, scores)
    figure.canvas.draw()
    line = next(line for line in figure.axes[0].lines if line.get_label() == "MLP probe")
    np.testing.assert_array_equal(line.get_xydata(), list(zip(PROBED["speaker_mlp"], UA, strict=True)))
    has_chance = "chance" in [line.get_label() for line in figure.axes[0].lines]
    assert has_chance == ("chance" not in gone)
    low, high = figure.axes[0].get_xlim()
    assert low < 20
    assert high > 90


def test_labels_stand_clear_of_each_other():
    scores = scores_of(ci=1.0)
    scores.loc[scores["metric"] == "speaker_mlp", "value"] = [20.4, 50.4, 80.4]
    figure = trade_off_figure(TABLE, {"a4": TASK}, scores)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 6
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_one_probe_is_enough_and_the_other_is_not_drawn():
    table = TABLE.model_copy(update={"metrics": ("ua", "speaker_mlp")})
    (panel,) = trade_off_figure(table, {"a4": TASK}, scores_of()).axes
    assert [line.get_label() for line in panel.lines] == ["MLP probe", "chance", "chance"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"metrics": ("ua", "wa")},
            "that shows ua, wa, expected one with an axis that shows ua and speaker_linear",
        ),
        ({"metrics": ("wa", "speaker_linear")}, "that shows wa, speaker_linear, expected"),
        ({"axis": ""}, "axis '' that shows"),
    ],
)
def test_another_table_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        trade_off_figure(TABLE.model_copy(update=change), {"a4": TASK}, scores_of())


def test_a_point_missing_from_a_trade_off_is_an_error():
    scores = scores_of()
    scores = scores[(scores["metric"] != "speaker_mlp") | (scores["variant"] != "low")]
    with pytest.raises(ValueError, match="no speaker_mlp of low"):
        trade_off_figure(TABLE, {"a4": TASK}, scores)


# --- files and studies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["embedding_speakers", "trade_off"])
def test_the_same_numbers_are_the_same_bytes(tmp_path, kind):
    sources = []
    for i, variant in enumerate(FIGURE.variants):
        sources.append(str(tmp_path / f"{variant}.npz"))
        np.savez(sources[-1], **run_of(i))
    scores_of().reindex(columns=COLUMNS).to_csv(tmp_path / "weight.csv", index=False)
    figure, sources, table = {
        "embedding_speakers": (FIGURE, sources, None),
        "trade_off": (TRADE_OFF, [str(tmp_path / "weight.csv")], TABLE),
    }[kind]
    drawn = []
    for name in ("first", "second"):
        png, svg = tmp_path / f"{name}.png", tmp_path / f"{name}.svg"
        make_figure(figure, tasks={"a4": TASK}, sources=sources, table=table, png=str(png), svg=str(svg))
        drawn.append((png.read_bytes(), svg.read_bytes()))
    assert drawn[0] == drawn[1]
    with pytest.raises(ValueError, match=f"0 sources for a {kind}"):
        make_figure(figure, tasks={"a4": TASK}, sources=[], table=table, png="a.png", svg="a.svg")


@pytest.mark.parametrize(
    ("table", "metrics", "said"),
    [
        (
            "adversarial_weight",
            ["ua", "wa"],
            "'adversarial_weight' shows ua, wa; expected one that shows speaker_linear",
        ),
        ("adversarial_weight", ["wa", "speaker_mlp"], "'metrics' is \\['wa', 'speaker_mlp'\\]: expected ua"),
        ("adversarial", ["ua", "speaker_mlp"], "'adversarial_weight' is no sweep of this study; expected one of"),
        ("adversarial_weight", ["ua", "speaker_mlp"], None),
    ],
)
def test_a_study_refuses_a_trade_off_without_its_table_and_metrics(tmp_path, table, metrics, said):
    shutil.copytree(CONFIG, tmp_path / "config")
    file = tmp_path / "config" / "tables" / "adversarial_weight.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump(content | {"metrics": metrics}, sort_keys=False), encoding="utf-8")
    study = {
        "study": "s",
        "title": "t",
        "tasks": ["emodb7_speakers"],
        "seeds": [0],
        "tables": [table],
        "figures": ["adversarial_trade_off"],
    }
    if said is None:
        assert load_study(study, tmp_path / "config").figures["adversarial_trade_off"].table == table
    else:
        with pytest.raises(InputError, match=said) as refused:
            load_study(study, tmp_path / "config")
        assert len(str(refused.value).splitlines()) == 1
