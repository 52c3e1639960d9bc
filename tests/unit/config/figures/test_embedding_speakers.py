from emofactors.config.figures.embedding_speakers import EmbeddingSpeakersFigure


def test_embeddings_are_read_from_one_run_of_a_classifier(of_variants):
    figure = EmbeddingSpeakersFigure(**of_variants("embedding_speakers"))
    assert figure.methods == ("network", "svm")
    assert (figure.evaluation_files, figure.run_files, figure.first_run_files) == ((), (), ("embeddings.npz",))
