from emofactors.config.figures.confusion import ConfusionFigure


def test_confusions_are_read_from_evaluations_of_classifiers(of_variants):
    figure = ConfusionFigure(**of_variants("confusion"))
    assert figure.methods == ("network", "svm")
    assert (figure.evaluation_files, figure.run_files, figure.first_run_files) == (("confusion.csv",), (), ())
