from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from emofactors.training.predict import predict


@pytest.fixture
def predictions(train, dev, fresh_system):
    roles = {"train": train, "dev": dev}
    return predict(fresh_system(), roles, ["calm", "anger"], batch_size=8, precision="float32")


def test_every_dev_and_test_utterance_is_predicted_once_and_no_training_one(predictions, dev):
    assert list(predictions.table["utterance"]) == list(dev.utterances)
    assert set(predictions.table["role"]) == {"dev"}


def test_embeddings_of_all_roles_stand_with_their_labels(predictions, train, dev):
    assert predictions.embedding.shape == (70, 4)
    assert list(predictions.labels["utterance"]) == [*train.utterances, *dev.utterances]
    assert list(predictions.labels["emotion"][:2]) == ["calm", "anger"]


def first_of(role, n):
    of_each = ("utterances", "speakers", "emotion", "offset", "n_frames")
    return replace(role, **{name: getattr(role, name)[:n] for name in of_each})


def test_seen_utterances_are_predicted_and_a_role_without_any_changes_no_byte(tmp_path, train, dev, fresh_system):
    def predicted(**more):
        roles = {"train": train, "dev": dev} | more
        return predict(fresh_system(), roles, ["calm", "anger"], batch_size=8, precision="float32")

    with_seen = predicted(seen=first_of(dev, 5))
    assert with_seen.table["role"].tolist() == ["dev"] * 20 + ["seen"] * 5
    assert with_seen.labels["role"].tolist() == ["train"] * 50 + ["dev"] * 20 + ["seen"] * 5
    for name, roles in (("without", {}), ("empty", {"seen": first_of(dev, 0)})):
        predicted(**roles).save(tmp_path / f"{name}.csv", tmp_path / f"{name}.npz")
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
    assert list(table.columns) == ["utterance", "speaker", "role", "truth", "prediction", "p_calm", "p_anger"]
    with np.load(tmp_path / "e.npz") as arrays:
        assert set(arrays) == {"embedding", "utterance", "role", "emotion", "speaker"}
        assert arrays["embedding"].dtype == np.float32
        assert arrays["role"].dtype.kind == "U"
