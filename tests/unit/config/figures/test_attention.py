from emofactors.config.figures.attention import AttentionFigure


def test_attention_is_read_from_one_run_of_a_network(of_variants):
    figure = AttentionFigure(**of_variants("attention"))
    assert figure.methods == ("network",)
    assert (figure.evaluation_files, figure.run_files, figure.first_run_files) == ((), (), ("attention.npz",))
