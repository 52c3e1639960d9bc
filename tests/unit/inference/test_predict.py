from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from emofactors.inference.predict import predict
from emofactors.training.predictions import ModelOutputs, of_utterances


@pytest.fixture
def predictions(train, dev, fresh_system):
    splits = {"train": train, "dev": dev}
    return predict(fresh_system(), splits, ["calm", "anger"], batch_size=8, precision="float32")


def test_every_dev_and_test_utterance_is_predicted_once_and_no_training_one(predictions, dev):
    assert list(predictions.table["utterance"]) == list(dev.utterances)
    assert set(predictions.table["split"]) == {"dev"}


def test_embeddings_of_all_splits_stand_with_their_labels(predictions, train, dev):
    assert predictions.embedding.shape == (70, 4)
    assert list(predictions.labels["utterance"]) == [*train.utterances, *dev.utterances]
    assert list(predictions.labels["emotion"][:2]) == ["calm", "anger"]


def first_of(split, n):
    of_each = ("utterances", "speakers", "emotion", "frames", "n_frames")
    return replace(split, **{name: getattr(split, name)[:n] for name in of_each})


def test_seen_utterances_are_predicted_and_a_split_without_any_changes_no_byte(tmp_path, train, dev, fresh_system):
    def predicted(**more):
        splits = {"train": train, "dev": dev} | more
        return predict(fresh_system(), splits, ["calm", "anger"], batch_size=8, precision="float32")

    with_held_out = predicted(held_out=first_of(dev, 5))
    assert with_held_out.table["split"].tolist() == ["dev"] * 20 + ["held_out"] * 5
    assert with_held_out.labels["split"].tolist() == ["train"] * 50 + ["dev"] * 20 + ["held_out"] * 5
    for name, splits in (("without", {}), ("empty", {"held_out": first_of(dev, 0)})):
        predicted(**splits).save(tmp_path / f"{name}.csv", tmp_path / f"{name}.npz")
    for suffix in ("csv", "npz"):
        assert (tmp_path / f"without.{suffix}").read_bytes() == (tmp_path / f"empty.{suffix}").read_bytes()


def test_posteriors_sum_to_one_and_agree_with_the_prediction(predictions):
    posterior = predictions.table[["p_calm", "p_anger"]]
    np.testing.assert_allclose(posterior.sum(axis=1), 1)
    assert list(posterior.idxmax(axis=1).str.removeprefix("p_")) == list(predictions.table["prediction"])


def test_rows_do_not_depend_on_batches(train, dev, fresh_system):
    system = fresh_system()
    one = predict(system, {"test": dev}, ["calm", "anger"], batch_size=1, precision="float32")
    many = predict(system, {"test": dev}, ["calm", "anger"], batch_size=20, precision="float32")
    np.testing.assert_allclose(one.table["p_calm"], many.table["p_calm"], atol=1e-5)
    np.testing.assert_allclose(one.embedding, many.embedding, atol=1e-5)


def test_files_have_the_columns_and_arrays_of_the_contract(tmp_path, predictions):
    predictions.save(tmp_path / "p.csv", tmp_path / "e.npz")
    table = pd.read_csv(tmp_path / "p.csv")
    assert list(table.columns) == ["utterance", "speaker", "split", "truth", "prediction", "p_calm", "p_anger"]
    with np.load(tmp_path / "e.npz") as arrays:
        assert set(arrays) == {"embedding", "utterance", "split", "emotion", "speaker"}
        assert arrays["embedding"].dtype == np.float32
        assert arrays["split"].dtype.kind == "U"


def heard(utterances, logits):
    emotion = np.array([int(name[1:]) % 2 for name in utterances])
    embedding = np.arange(3 * len(utterances), dtype=np.float32).reshape(-1, 3)
    speakers = [f"s{name}" for name in utterances]
    return ModelOutputs("dev", utterances, speakers, emotion, np.array(logits, dtype=np.float32), embedding)


def test_posterior_of_an_utterance_is_the_largest_of_its_segments_renormalised():
    logits = np.log([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])
    merged = of_utterances(heard(["u1", "u1", "u2"], logits + np.array([[1], [2], [3]])))
    assert (merged.utterances, merged.speakers) == (["u1", "u2"], ["su1", "su2"])
    assert merged.emotion.tolist() == [1, 0]
    largest = np.array([0.7, 0.2, 0.8])
    posterior = np.exp(merged.logits)
    np.testing.assert_allclose(posterior[0], largest, rtol=1e-6)
    np.testing.assert_allclose(posterior[1] / posterior[1].sum(), [0.3, 0.4, 0.3], rtol=1e-6)
    np.testing.assert_array_equal(merged.embedding, [[1.5, 2.5, 3.5], [6, 7, 8]])
    assert merged.embedding.dtype == np.float32


def test_an_utterance_of_one_segment_stays_bit_by_bit_beside_longer_ones_too():
    logits = np.random.default_rng(0).normal(size=(4, 3))
    alone = heard(["u1", "u2", "u3", "u4"], logits)
    assert of_utterances(alone) is alone
    beside = heard(["u1", "u2", "u2", "u4"], logits)
    merged = of_utterances(beside)
    for row, segment in ((0, 0), (2, 3)):
        np.testing.assert_array_equal(merged.logits[row], beside.logits[segment])
        np.testing.assert_array_equal(merged.embedding[row], beside.embedding[segment])


def test_files_have_one_row_an_utterance_though_it_was_heard_in_segments(dev, fresh_system):
    names = [name for name in dev.utterances[:10] for _ in range(2)]
    in_pairs = replace(dev, utterances=tuple(names), emotion=np.repeat(dev.emotion[:10], 2))
    predictions = predict(fresh_system(), {"dev": in_pairs}, ["calm", "anger"], batch_size=8, precision="float32")
    assert list(predictions.table["utterance"]) == list(dev.utterances[:10])
    assert list(predictions.labels["utterance"]) == list(dev.utterances[:10])
    assert predictions.embedding.shape == (10, 4)
    np.testing.assert_allclose(predictions.table[["p_calm", "p_anger"]].sum(axis=1), 1)
