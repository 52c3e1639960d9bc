import pandas as pd

from emofactors.config.tables.true_factors import TrueFactorsTable
from emofactors.report.figures.true_factors import true_factors_figure
from emofactors.report.tables.true_factors import MATRIX_COLUMNS, MATRIX_ROWS, OWN_FACTOR, probe_metric

TABLE = TrueFactorsTable(kind="true_factors", title="t", caption="c", system="s", rows={"cycle": "cycle"})


def test_each_code_and_factor_has_a_cell_and_the_own_factors_are_framed(tasks):
    rows = [
        {"metric": f"{code}_{factor}_{probe_metric(factor)}", "value": (10 * i + j) / 100}
        for i, code in enumerate(MATRIX_ROWS)
        for j, factor in enumerate(MATRIX_COLUMNS)
    ]
    tidy = pd.DataFrame(rows).assign(column="a3", variant="cycle", ci_low=float("nan"), ci_high=float("nan"))
    panel, _ = true_factors_figure(TABLE, {"a3": tasks["a3"]}, tidy).axes
    texts = {text.get_position(): text.get_text() for text in panel.texts}
    assert texts == {
        (j, i): f"{(10 * i + j) / 100:.2f}" for i in range(len(MATRIX_ROWS)) for j in range(len(MATRIX_COLUMNS))
    }
    assert "rate\n(R²)" in [label.get_text() for label in panel.get_xticklabels()]
    assert len(panel.lines) == len(OWN_FACTOR)
    assert panel.images[0].get_clim() == (0, 1)
