from types import SimpleNamespace

from emofactors.config.figures.code_information import CodeInformationFigure


def test_the_figure_needs_a_table_of_the_same_kind_without_an_axis(of_table):
    figure = CodeInformationFigure(**of_table("code_information"))
    assert figure.table_fault(SimpleNamespace(kind="code_information", axis="")) is None
    assert "expected a table of kind 'code_information'" in figure.table_fault(SimpleNamespace(kind="variants"))
