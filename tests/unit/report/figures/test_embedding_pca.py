import numpy as np
import pytest

from emofactors.config.figures.embedding_pca import EmbeddingPcaFigure
from emofactors.report.figures.embedding_pca import embedding_figure, project


def run_of(task, seed=0):
    """Embeddings (60, 5) of one run."""
    rng = np.random.default_rng(seed)
    return {
        "embedding": rng.normal(size=(60, 5)).astype(np.float32) * [5, 3, 1, 1, 1],
        "split": np.array(["train"] * 30 + ["dev"] * 10 + ["test"] * 20),
        "emotion": rng.choice(task.classes, 60),
    }


def test_the_projection_is_fitted_on_train_alone(tasks):
    run = run_of(tasks["a3"])
    is_train = run["split"] == "train"
    first = project(run["embedding"], run["split"])
    other = project(np.where(is_train[:, None], run["embedding"], 100 + run["embedding"] ** 2), run["split"])
    np.testing.assert_array_equal(first.train, other.train)
    np.testing.assert_array_equal(first.explained, other.explained)
    assert not np.allclose(first.test, other.test)


def test_the_projection_is_that_of_a_singular_value_decomposition(tasks):
    run = run_of(tasks["a3"])
    train, test = (run["embedding"][run["split"] == split] for split in ("train", "test"))
    _, singular_values, axes = np.linalg.svd(train - train.mean(axis=0), full_matrices=False)
    projection = project(run["embedding"], run["split"])
    np.testing.assert_allclose(
        np.abs(projection.test), np.abs((test - train.mean(axis=0)) @ axes[:2].T), rtol=1e-4
    )
    np.testing.assert_allclose(
        projection.explained, singular_values[:2] ** 2 / (singular_values**2).sum(), rtol=1e-5
    )


def test_a_run_without_test_utterances_has_an_empty_projection():
    assert project(np.eye(5), np.array(["train"] * 5)).test.shape == (0, 2)


def test_fewer_than_two_train_utterances_are_refused():
    with pytest.raises(ValueError, match="1 train utterances, expected at least 2"):
        project(np.eye(2), np.array(["train", "test"]))


def test_each_variant_of_each_task_has_a_train_and_a_test_panel(tasks, variants, settings):
    figure = EmbeddingPcaFigure(**settings("embedding_pca"))
    runs = {(name, v): run_of(task) for name, task in tasks.items() for v in variants}
    drawn = embedding_figure(figure, tasks, runs)
    assert [panel.get_title() for panel in drawn.axes] == 2 * [
        "without: train, N = 30",
        "without: test, N = 20",
        "with: train, N = 30",
        "with: test, N = 20",
    ]
    n_points = [sum(len(points.get_offsets()) for points in panel.collections) for panel in drawn.axes]
    assert n_points == 4 * [30, 20]
    assert drawn.axes[0].get_xlim() == drawn.axes[1].get_xlim()
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert labels == ["anger", "happiness", "sadness", "fear", "calm"]
