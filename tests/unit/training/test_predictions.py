import numpy as np
import pandas as pd
import pytest

from emofactors.training.predictions import ModelOutputs, as_predictions, merge_segments

CLASSES = ["calm", "anger", "fear"]


def outputs(utterances, logits, split="dev"):
    emotion = np.array([int(name[1:]) % 2 for name in utterances], dtype=np.int64)
    embedding = np.arange(3 * len(utterances), dtype=np.float32).reshape(-1, 3)
    speakers = [f"s{name}" for name in utterances]
    return ModelOutputs(split, utterances, speakers, emotion, np.array(logits, dtype=np.float32), embedding)


def test_the_posterior_of_an_utterance_is_the_maximum_of_its_segments_normalised():
    logits = np.log([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])
    merged = merge_segments(outputs(["u1", "u1", "u2"], logits + np.array([[1], [2], [3]])))
    assert (merged.utterances, merged.speakers) == (["u1", "u2"], ["su1", "su2"])
    assert merged.emotion.tolist() == [1, 0]
    posterior = np.exp(merged.logits)
    np.testing.assert_allclose(posterior[0], [0.7, 0.2, 0.8], rtol=1e-6)
    np.testing.assert_allclose(posterior[1] / posterior[1].sum(), [0.3, 0.4, 0.3], rtol=1e-6)
    np.testing.assert_array_equal(merged.embedding, [[1.5, 2.5, 3.5], [6, 7, 8]])
    assert merged.embedding.dtype == np.float32


def test_utterances_of_one_segment_are_unchanged_by_merging():
    logits = np.random.default_rng(0).normal(size=(4, 3))
    whole = outputs(["u1", "u2", "u3", "u4"], logits)
    assert merge_segments(whole) is whole
    mixed = outputs(["u1", "u2", "u2", "u4"], logits)
    merged = merge_segments(mixed)
    for row, segment in ((0, 0), (2, 3)):
        np.testing.assert_array_equal(merged.logits[row], mixed.logits[segment])
        np.testing.assert_array_equal(merged.embedding[row], mixed.embedding[segment])


@pytest.fixture
def predictions():
    logits = np.random.default_rng(0).normal(size=(5, 3))
    splits = [outputs(["u1", "u2"], logits[:2], "train"), outputs(["u3", "u4", "u5"], logits[2:], "test")]
    return as_predictions(splits, CLASSES, wall_s=0.5)


def test_training_utterances_have_embeddings_but_no_predictions(predictions):
    assert predictions.table["utterance"].tolist() == ["u3", "u4", "u5"]
    assert set(predictions.table["split"]) == {"test"}
    assert predictions.labels["utterance"].tolist() == ["u1", "u2", "u3", "u4", "u5"]
    assert predictions.labels["split"].tolist() == ["train"] * 2 + ["test"] * 3
    assert predictions.labels["emotion"].tolist() == ["anger", "calm"] * 2 + ["anger"]
    assert predictions.embedding.shape == (5, 3)
    assert predictions.utterances_per_s == 10


def test_posteriors_sum_to_one_and_the_highest_is_predicted(predictions):
    posterior = predictions.table[[f"p_{name}" for name in CLASSES]]
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    assert list(posterior.idxmax(axis=1).str.removeprefix("p_")) == list(predictions.table["prediction"])


def test_files_have_the_documented_columns_and_arrays(tmp_path, predictions):
    predictions.save(tmp_path / "p.csv", tmp_path / "e.npz")
    table = pd.read_csv(tmp_path / "p.csv")
    columns = ["utterance", "speaker", "split", "truth", "prediction", *(f"p_{name}" for name in CLASSES)]
    assert list(table.columns) == columns
    with np.load(tmp_path / "e.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"embedding", "utterance", "split", "emotion", "speaker"}
        assert arrays["embedding"].dtype == np.float32
        assert arrays["split"].dtype.kind == "U"


def test_without_a_second_path_only_predictions_are_written(tmp_path, predictions):
    predictions.save(tmp_path / "p.csv")
    assert [file.name for file in tmp_path.iterdir()] == ["p.csv"]


def test_a_fold_of_training_utterances_has_an_empty_table_with_all_columns():
    train = outputs(["u1"], [[1, 2, 3]], "train")
    predictions = as_predictions([train], CLASSES, wall_s=1.0)
    assert len(predictions.table) == 0
    assert list(predictions.table.columns)[-3:] == ["p_calm", "p_anger", "p_fear"]
