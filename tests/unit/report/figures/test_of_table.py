import pandas as pd
import pytest

from emofactors.report.figures.base import FigureInputs
from emofactors.report.figures.of_table import read_table, scores_along_axis
from emofactors.report.tables.tidy import COLUMNS


def test_the_table_is_read_with_labels_as_text(tmp_path):
    table = pd.DataFrame({"row": ["0", "0.30"], "metric": "ua", "value": [60, 66]}).reindex(columns=COLUMNS)
    table.to_csv(tmp_path / "swept.csv", index=False)
    assert list(read_table(FigureInputs(files=(str(tmp_path / "swept.csv"),), tasks={}))["row"]) == ["0", "0.30"]


def test_a_figure_of_a_table_has_one_input_file():
    with pytest.raises(ValueError, match="unpack"):
        read_table(FigureInputs(files=("a.csv", "b.csv"), tasks={}))


def test_scores_follow_the_axis_and_a_missing_one_is_an_error():
    scores = pd.DataFrame({"variant": ["b", "a", "a"], "metric": ["ua", "ua", "wa"], "value": [1, 2, 3]})
    assert list(scores_along_axis(scores, "ua", ["a", "b"])["value"]) == [2, 1]
    with pytest.raises(ValueError, match="no wa of b"):
        scores_along_axis(scores, "wa", ["a", "b"])
