import numpy as np
import pytest
from sklearn.decomposition import PCA

from emofactors.evaluation.embedding_probes import Embeddings
from emofactors.evaluation.embedding_scatter import SCATTER_COLUMNS, measure_scatter, within_class_share


@pytest.fixture
def embeddings():
    """Training and test embeddings of three speakers each; those of the test are further apart within classes."""
    rng = np.random.default_rng(0)
    emotion = np.tile(["anger", "sadness"], 30)
    split = np.repeat(["train", "test"], 30)
    speaker = np.array([f"{part}{i % 3}" for i, part in enumerate(split)])
    spread = np.where(split == "train", 0.5, 2.0)[:, None]
    center = np.where(emotion == "anger", 1.0, -1.0)[:, None]
    embedding = (center + spread * rng.normal(size=(60, 4))).astype(np.float32)
    return Embeddings(embedding, np.array([f"u{i}" for i in range(60)]), split, emotion, speaker)


def test_the_share_is_within_over_total_scatter(embeddings):
    test = embeddings.of_split("test")
    total = PCA().fit(test.embedding).explained_variance_.sum() * 29
    within = sum(
        PCA().fit(of).explained_variance_.sum() * 14
        for of in (test.embedding[test.emotion == name] for name in ("anger", "sadness"))
    )
    assert within_class_share(test.embedding, test.emotion) == pytest.approx(within / total, rel=1e-4)


def test_the_share_is_0_for_points_and_1_for_equal_means():
    label = np.array(["a", "a", "b", "b"])
    assert within_class_share(np.array([[1.0], [1.0], [3.0], [3.0]]), label) == 0
    assert within_class_share(np.array([[1.0], [3.0], [3.0], [1.0]]), label) == 1
    assert np.isnan(within_class_share(np.ones((4, 2)), label))
    assert np.isnan(within_class_share(np.ones((0, 2)), label[:0]))


def test_every_run_and_split_is_measured_with_and_without_each_speaker(embeddings):
    found = measure_scatter({(1, 0): embeddings, (0, 0): embeddings})
    assert list(found.columns) == list(SCATTER_COLUMNS)
    assert len(found) == 2 * 2 * (1 + 3)
    assert found["fold"].is_monotonic_increasing
    whole = found[found["speaker"] == ""].set_index(["fold", "split"])["share"]
    assert whole[0, "train"] < whole[0, "test"]
    (without,) = found.query("fold == 0 and split == 'test' and speaker == 'test1'")["share"]
    test = embeddings.of_split("test")
    is_left = test.speaker != "test1"
    assert without == within_class_share(test.embedding[is_left], test.emotion[is_left])
