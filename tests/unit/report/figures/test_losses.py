import numpy as np
import pandas as pd
import pytest

from emofactors.config.figures.losses import LossesFigure
from emofactors.report.figures.losses import losses_by_epoch, losses_figure


@pytest.fixture
def figure(settings):
    return LossesFigure(**settings("losses", loss="matching"))


def history_of(level, epochs=3):
    """Two evaluations per epoch; the loss decreases by one with each."""
    n = 2 * epochs
    return pd.DataFrame(
        {"epoch": np.arange(n) // 2 + 1, "step": 10 * np.arange(n), "matching": level - np.arange(n)}
    )


def test_losses_are_those_at_the_end_of_an_epoch_of_the_runs_that_have_them():
    histories = [history_of(10), history_of(20, epochs=2), history_of(5).drop(columns="matching")]
    losses = losses_by_epoch(histories, "matching")
    np.testing.assert_array_equal(losses.to_numpy(), [[9, 19], [7, 17], [5, np.nan]])
    assert losses.index.to_list() == [1, 2, 3]
    assert losses_by_epoch(histories[2:], "matching").empty
    gap = history_of(10)
    gap.loc[gap["epoch"] == 2, "matching"] = np.nan
    assert losses_by_epoch([gap], "matching").index.to_list() == [1, 3]


def test_a_line_is_the_median_and_its_band_from_minimum_to_maximum(figure, tasks, variants):
    histories = {(task, v): [history_of(level) for level in (30, 10, 14)] for task in tasks for v in variants}
    drawn = losses_figure(figure, tasks, histories)
    assert [panel.get_title().split("\n")[0] for panel in drawn.axes] == ["a3", "b2"]
    for panel in drawn.axes:
        assert [line.get_label() for line in panel.lines] == ["without", "with"]
        np.testing.assert_array_equal(panel.lines[0].get_xydata(), [[1, 13], [2, 11], [3, 9]])
        band = panel.collections[0].get_paths()[0].vertices
        assert (band[:, 1].min(), band[:, 1].max()) == (5, 29)
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["without", "with"]


def test_a_variant_without_the_loss_is_an_error(figure, tasks):
    histories = {("a3", "plain"): [history_of(10)], ("a3", "center"): [history_of(5).drop(columns="matching")]}
    with pytest.raises(ValueError, match="no matching in a history of center on a3"):
        losses_figure(figure, {"a3": tasks["a3"]}, histories)
