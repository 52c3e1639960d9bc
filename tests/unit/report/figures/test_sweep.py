import numpy as np
import pandas as pd
import pytest

from emofactors.config.tables.scores import PublishedScores
from emofactors.config.tables.variants import VariantsTable
from emofactors.report.figures.sweep import sweep_figure

PUBLISHED = PublishedScores(
    label="Elsewhere, random folds", task="c4", where="talk", values={"low": {"ua": 64.8, "wa": 63.0}}
)
TABLE = VariantsTable(
    title="t",
    caption="c",
    system="s",
    axis="lambda",
    rows={"zero": 0, "low": 0.003, "high": 3},
    published=(PUBLISHED,),
)


@pytest.fixture
def scores(tasks):
    """A tidy table, in another order than the axis and with a metric that no sweep shows."""
    rows = [
        (variant, task, metric, 50.0 + i, 45.0 + i, 56.0 + i)
        for i, variant in reversed(list(enumerate(TABLE.rows)))
        for task in tasks
        for metric in ("ua", "wa", "ua_difference")
    ]
    return pd.DataFrame(rows, columns=["variant", "column", "metric", "value", "ci_low", "ci_high"])


def with_published(*published):
    return TABLE.model_copy(update={"published": published})


def test_ua_and_wa_of_each_task_are_in_the_order_of_the_axis(tasks, scores):
    figure = sweep_figure(TABLE, tasks, scores)
    assert len(figure.axes) == 3
    for panel in figure.axes[:2]:
        assert [line.get_label() for line in panel.lines] == ["UA, 95 % band", "WA, 95 % band"]
        assert [tick.get_text() for tick in panel.get_xticklabels()] == ["0", "0.003", "3"]
        for line in panel.lines:
            np.testing.assert_allclose(line.get_ydata(), [50, 51, 52])


def test_published_values_of_another_corpus_have_their_own_panel(tasks, scores):
    panel = sweep_figure(TABLE, tasks, scores).axes[-1]
    assert "Elsewhere, random folds" in panel.get_title().replace("\n", " ")
    assert [line.get_label() for line in panel.lines] == ["UA, published", "WA, published"]
    np.testing.assert_allclose(panel.lines[0].get_xydata(), [[1, 64.8]])


def test_published_values_of_the_same_task_are_in_its_panel(tasks, scores):
    table = with_published(PUBLISHED.model_copy(update={"task": "b2"}))
    assert [len(panel.lines) for panel in sweep_figure(table, tasks, scores).axes] == [2, 4]


def test_published_values_of_two_corpora_share_no_panel(tasks, scores):
    farther = {"task": "d5", "label": "Farther", "values": {"high": {"wa": 9.0}}}
    published = [PUBLISHED, PUBLISHED.model_copy(update=farther), PUBLISHED.model_copy(update={"task": "a3"})]
    axes = sweep_figure(with_published(*published), tasks, scores).axes
    assert [len(panel.lines) for panel in axes] == [4, 2, 2, 1]
    assert "Farther" in axes[3].get_title()
    np.testing.assert_allclose(axes[3].lines[0].get_xydata(), [[2, 9.0]])


def test_without_published_values_each_task_has_a_panel(tasks, scores):
    assert len(sweep_figure(with_published(), tasks, scores).axes) == 2


def test_a_missing_point_is_an_error(tasks, scores):
    with pytest.raises(ValueError, match="no ua of high"):
        sweep_figure(TABLE, tasks, scores[scores["variant"] != "high"])
