from emofactors.config.figures.cost import CostFigure


def test_cost_is_read_from_evaluations_and_one_run_of_a_network(of_variants):
    figure = CostFigure(**of_variants("cost"))
    assert figure.methods == ("network",)
    assert (figure.evaluation_files, figure.first_run_files) == (("confusion.csv",), ("run.json",))
