from types import SimpleNamespace

from emofactors.config.figures.true_factors import TrueFactorsFigure


def test_the_figure_needs_a_table_of_the_same_kind_without_an_axis(of_table):
    figure = TrueFactorsFigure(**of_table("true_factors"))
    assert figure.table_fault(SimpleNamespace(kind="true_factors", axis="")) is None
    assert "expected a table of kind 'true_factors'" in figure.table_fault(SimpleNamespace(kind="variants"))
