from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from emofactors.config.figures.confusion import ConfusionFigure
from emofactors.config.figures.sweep import SweepFigure


def test_a_figure_of_variants_shows_runs_of_one_system(of_variants):
    assert ConfusionFigure(**of_variants("confusion")).runs == (("net", "a"), ("net", "b"))


@pytest.mark.parametrize("change", [{"variants": {}}, {"table": "scores"}, {"system": "../net"}])
def test_a_figure_of_variants_has_a_system_and_variants_and_no_table(of_variants, change):
    with pytest.raises(ValidationError, match=next(iter(change))):
        ConfusionFigure(**of_variants("confusion") | change)


def test_a_figure_of_a_table_has_a_table_and_no_runs_of_its_own(of_table):
    assert SweepFigure(**of_table("sweep")).runs == ()
    with pytest.raises(ValidationError, match="system"):
        SweepFigure(**of_table("sweep"), system="net")


def test_a_figure_fits_tables_of_its_kind(of_table):
    figure = SweepFigure(**of_table("sweep"))
    assert figure.table_fault(SimpleNamespace(kind="protocols")) == (
        "is of kind 'protocols'; expected a table of kind 'variants'"
    )
