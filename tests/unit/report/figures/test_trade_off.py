import numpy as np
import pandas as pd
import pytest

from emofactors.config.tables.variants import VariantsTable
from emofactors.report.figures.trade_off import trade_off_figure

TABLE = VariantsTable(
    title="t",
    caption="c",
    system="s",
    axis="weight",
    rows={"none": 0, "low": 0.1, "high": 3},
    metrics=("ua", "wa", "speaker_linear", "speaker_mlp"),
)
UA = (60.0, 62.0, 40.0)
PROBED = {"speaker_linear": (80.0, 50.0, 20.0), "speaker_mlp": (90.0, 70.0, 30.0)}


@pytest.fixture
def task(tasks):
    """The first task alone."""
    return {"a3": tasks["a3"]}


def scores_of(tasks=("a3",), ci: float = 4.0) -> pd.DataFrame:
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


def test_each_probe_is_a_line_in_the_order_of_the_axis(tasks):
    figure = trade_off_figure(TABLE, tasks, scores_of(["b2", "a3"]))
    assert [panel.get_title().split("\n")[0] for panel in figure.axes] == ["a3", "b2"]
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


def test_bars_are_the_intervals_of_both(task):
    (panel,) = trade_off_figure(TABLE, task, scores_of()).axes
    across, upright = (bars.get_segments() for bars in panel.collections[:2])
    np.testing.assert_array_equal(across[1], [[46, 62], [54, 62]])
    np.testing.assert_array_equal(upright[1], [[50, 58], [50, 66]])


@pytest.mark.parametrize("missing", [["ci_low", "ci_high"], ["chance"], ["ci_low", "ci_high", "chance"]])
def test_missing_intervals_or_chance_do_not_move_the_points(task, missing):
    scores = scores_of()
    scores[missing] = np.nan
    figure = trade_off_figure(TABLE, task, scores)
    figure.canvas.draw()
    line = next(line for line in figure.axes[0].lines if line.get_label() == "MLP probe")
    np.testing.assert_array_equal(line.get_xydata(), list(zip(PROBED["speaker_mlp"], UA, strict=True)))
    has_chance = "chance" in [line.get_label() for line in figure.axes[0].lines]
    assert has_chance == ("chance" not in missing)
    low, high = figure.axes[0].get_xlim()
    assert low < 20
    assert high > 90


def test_labels_do_not_overlap(task):
    scores = scores_of(ci=1.0)
    scores.loc[scores["metric"] == "speaker_mlp", "value"] = [20.4, 50.4, 80.4]
    figure = trade_off_figure(TABLE, task, scores)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 6
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_a_table_with_one_probe_has_one_line(task):
    table = TABLE.model_copy(update={"metrics": ("ua", "speaker_mlp")})
    (panel,) = trade_off_figure(table, task, scores_of()).axes
    assert [line.get_label() for line in panel.lines] == ["MLP probe", "chance", "chance"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"metrics": ("ua", "wa")},
            "that shows ua, wa, expected one with an axis that shows ua and speaker_linear",
        ),
        ({"metrics": ("wa", "speaker_linear")}, "that shows wa, speaker_linear, expected"),
        ({"axis": ""}, "axis '' that shows"),
    ],
)
def test_another_table_is_refused(task, change, message):
    with pytest.raises(ValueError, match=message):
        trade_off_figure(TABLE.model_copy(update=change), task, scores_of())


def test_a_missing_point_is_an_error(task):
    scores = scores_of()
    scores = scores[(scores["metric"] != "speaker_mlp") | (scores["variant"] != "low")]
    with pytest.raises(ValueError, match="no speaker_mlp of low"):
        trade_off_figure(TABLE, task, scores)
