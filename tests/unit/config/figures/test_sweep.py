from types import SimpleNamespace

from emofactors.config.figures.sweep import SweepFigure


def test_a_sweep_needs_a_table_of_variants_with_an_axis(of_table):
    figure = SweepFigure(**of_table("sweep"))
    assert figure.table_fault(SimpleNamespace(kind="variants", axis="lambda")) is None
    assert (
        figure.table_fault(SimpleNamespace(kind="variants", axis=""))
        == "is no sweep; expected a table with 'axis'"
    )
