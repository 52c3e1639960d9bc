import pandas as pd
import pytest

from emofactors.config.tables.code_information import CodeInformationTable
from emofactors.evaluation.code_information import PAIRS
from emofactors.report.figures.code_information import information_figure

TABLE = CodeInformationTable(kind="code_information", title="t", caption="c", system="s", rows={"cycle": "cycle"})


def tidy_of(task, scale=1.0):
    """Information of each pair: 0.1, 0.2, ... nats."""
    rows = [
        {"metric": f"{one}_{other}_{of}", "value": scale * (i + 1) / 10 + 9 * (of == "null")}
        for i, (one, other) in enumerate(PAIRS)
        for of in ("above_null", "null")
    ]
    return pd.DataFrame(rows).assign(column=task, variant="cycle", ci_low=float("nan"), ci_high=float("nan"))


def test_each_pair_has_a_cell_and_the_scale_ends_at_the_largest(tasks):
    figure = information_figure(TABLE, {"a3": tasks["a3"]}, tidy_of("a3"))
    panel, bar = figure.axes
    texts = {text.get_position(): text.get_text() for text in panel.texts}
    assert texts == {
        (0, 0): "0.100", (1, 0): "0.200", (2, 0): "0.300", (1, 1): "0.400", (2, 1): "0.500", (2, 2): "0.600",
    }  # fmt: skip
    assert panel.images[0].get_clim() == pytest.approx((0, 0.6))
    assert bar.get_ylabel() == "MI above null / nats"


def test_the_scale_has_a_minimum(tasks):
    figure = information_figure(TABLE, {"a3": tasks["a3"]}, tidy_of("a3", scale=0.001))
    assert figure.axes[0].images[0].get_clim() == (0, 0.01)
