import numpy as np
import pandas as pd
import pytest

from emofactors.config.tables.code_information import CodeInformationTable
from emofactors.report.figures.matrices import Matrix, matrices_figure

TABLE = CodeInformationTable(
    kind="code_information",
    title="t",
    caption="c",
    system="s",
    rows={"original": "without cycle", "cycle": "cycle"},
)
MATRIX = Matrix(
    rows=("content", "pitch"),
    columns={"rate": "rate\n(R²)", "voice": "voice"},
    metrics={
        ("content", "rate"): "content_rate",
        ("content", "voice"): "content_voice",
        ("pitch", "rate"): "pitch_rate",
    },
    label="skill",
    maximum=1.0,
    decimals=2,
    framed=(("content", "rate"),),
)


@pytest.fixture
def tidy(tasks):
    """Numbers of both rows on both tasks; one has no interval, one is missing, and differences are not shown."""
    rows = [
        {
            "column": task,
            "variant": row,
            "metric": metric,
            "value": value,
            "ci_low": value - 0.1,
            "ci_high": value + 0.1,
        }
        for task in tasks
        for row in TABLE.rows
        for metric, value in (("content_rate", 0.9), ("content_voice", -0.001), ("content_rate_difference", 9.0))
    ]
    tidy = pd.DataFrame(rows)
    tidy.loc[tidy["metric"] == "content_voice", ["ci_low", "ci_high"]] = np.nan
    return tidy


def test_each_row_of_each_task_is_a_matrix_with_numbers_and_intervals(tasks, tidy):
    figure = matrices_figure(MATRIX, TABLE, tasks, tidy)
    panels = [panel for panel in figure.axes if panel.images]
    assert [panel.get_title() for panel in panels] == 2 * ["without cycle", "cycle"]
    for panel in panels:
        texts = {(text.get_position(), text.get_text(), text.get_color()) for text in panel.texts}
        assert texts == {
            ((0, -0.04), "0.90", "white"),
            ((0, 0.1), "[0.80, 1.00]", "white"),
            ((1, 0), "0.00", "black"),
            ((0, 1), "–", "black"),
        }
        assert [label.get_text() for label in panel.get_xticklabels()] == ["rate\n(R²)", "voice"]
        assert panel.images[0].get_clim() == (0, 1)
        assert len(panel.lines) == 1
        np.testing.assert_allclose(panel.lines[0].get_xydata().mean(axis=0)[:2], [-0.096, -0.096])
    assert [label.get_text() for label in panels[0].get_yticklabels()] == ["content", "pitch"]


def test_a_row_without_numbers_is_an_error(tasks, tidy):
    with pytest.raises(ValueError, match="no content_rate, expected the numbers of every row of the table"):
        matrices_figure(MATRIX, TABLE, tasks, tidy[tidy["variant"] != "cycle"])
