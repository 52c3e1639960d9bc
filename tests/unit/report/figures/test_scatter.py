import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from emofactors.errors import InputError
from emofactors.report.figures.scatter import draw_legend, draw_points, read_embeddings

STYLES = {"anger": ("#D55E00", "^"), "_fear$": ("#CC79A7", "D"), "calm": ("#999933", "<")}


def test_points_have_the_colour_of_their_group_and_empty_groups_are_not_drawn():
    panel = Figure().subplots()
    points = np.arange(8.0).reshape(4, 2)
    draw_points(panel, points, np.array(["anger", "calm", "anger", "other"]), STYLES)
    assert [to_hex(group.get_facecolor()[0]).upper() for group in panel.collections] == ["#D55E00", "#999933"]
    np.testing.assert_array_equal(panel.collections[0].get_offsets(), points[[0, 2]])


def test_a_legend_has_all_groups_also_those_that_begin_with_an_underscore():
    legend = draw_legend(Figure(), STYLES)
    assert [text.get_text() for text in legend.get_texts()] == ["anger", r"_fear\$", "calm"]
    assert len(legend.legend_handles) == 3


def test_embeddings_without_an_array_are_refused(tmp_path):
    np.savez(tmp_path / "embeddings.npz", embedding=np.eye(2), split=np.array(["train"] * 2))
    with pytest.raises(InputError, match="lacks emotion"):
        read_embeddings(str(tmp_path / "embeddings.npz"))
