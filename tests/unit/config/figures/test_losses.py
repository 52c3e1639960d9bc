import pytest
from pydantic import ValidationError

from emofactors.config.figures.losses import LossesFigure


def test_losses_are_read_from_every_run_of_a_network_or_decomposer(of_variants):
    figure = LossesFigure(**of_variants("losses", loss="center"))
    assert figure.methods == ("network", "decomposer")
    assert (figure.evaluation_files, figure.run_files, figure.first_run_files) == ((), ("history.csv",), ())


def test_losses_need_the_name_of_a_loss(of_variants):
    with pytest.raises(ValidationError, match="loss"):
        LossesFigure(**of_variants("losses"))
