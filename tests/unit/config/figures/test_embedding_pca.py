from emofactors.config.figures.embedding_pca import EmbeddingPcaFigure


def test_embeddings_are_read_from_one_run_of_a_classifier(of_variants):
    figure = EmbeddingPcaFigure(**of_variants("embedding_pca"))
    assert figure.methods == ("network", "svm")
    assert (figure.evaluation_files, figure.run_files, figure.first_run_files) == ((), (), ("embeddings.npz",))
