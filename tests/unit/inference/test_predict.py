from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from emofactors.corpora.splits import Fold
from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.features.standardisation import Standardisation
from emofactors.inference.predict import load_test_split, predict


def first_of(split, n):
    per_row = ("utterances", "speakers", "emotion", "frames", "n_frames")
    return replace(split, **{name: getattr(split, name)[:n] for name in per_row})


@pytest.fixture
def predicted(run):
    """Function that predicts train, dev and other splits."""
    return lambda **more: predict(run, {**run.splits, **more})


def test_every_utterance_that_did_not_train_is_predicted_once(predicted, train, dev):
    predictions = predicted()
    assert list(predictions.table["utterance"]) == list(dev.utterances)
    assert set(predictions.table["split"]) == {"dev"}
    assert list(predictions.labels["utterance"]) == [*train.utterances, *dev.utterances]
    assert predictions.embedding.shape == (70, 16)
    assert predictions.utterances_per_s > 0


def test_a_held_out_split_is_predicted_and_an_empty_one_changes_no_byte(tmp_path, dev, predicted):
    with_held_out = predicted(held_out=first_of(dev, 5))
    assert with_held_out.table["split"].tolist() == ["dev"] * 20 + ["held_out"] * 5
    assert with_held_out.labels["split"].tolist() == ["train"] * 50 + ["dev"] * 20 + ["held_out"] * 5
    for name, splits in (("without", {}), ("empty", {"held_out": first_of(dev, 0)})):
        predicted(**splits).save(tmp_path / f"{name}.csv", tmp_path / f"{name}.npz")
    for suffix in ("csv", "npz"):
        assert (tmp_path / f"without.{suffix}").read_bytes() == (tmp_path / f"empty.{suffix}").read_bytes()


@pytest.fixture
def corpus(tmp_path):
    """Folds of another task, and archives of its corpus with a condition of reconstructed speech below."""
    rows = pd.DataFrame({"utterance": ["x", "y", "z"], "original": ["x", "y", "z"], "speaker": ["s0", "p", "q"]})
    rows = rows.assign(emotion=["anger", "calm", "anger"], fold=0, split=["train", "train", "test"])
    rows.to_csv(tmp_path / "folds.csv", index=False)
    generator = np.random.default_rng(0)
    for folder in ("original", "reconstructed/rhythm"):
        with ArchiveWriter(tmp_path / folder, 16) as writer:
            for utterance in "xyz":
                writer.add(utterance, generator.normal(size=(25, 16)).astype(np.float32))
    return tmp_path


@pytest.mark.parametrize("stream", [False, True])
def test_all_utterances_of_another_task_are_a_test_standardised_by_the_training_rows(run, corpus, stream):
    statistics = Standardisation(np.full(16, 2, np.float32), np.full(16, 4, np.float32))
    run = replace(run, splits={"train": replace(run.splits["train"], standardisation=statistics)})
    options = {"condition": "", "same_task": False, "stream": stream}
    split = load_test_split(run, [corpus / "original"], corpus / "folds.csv", **options)
    assert split.utterances == ("x", "y", "z")
    assert split.emotion.tolist() == [1, 0, 1]
    assert split.speaker.tolist() == [-1, -1, -1], "a speaker of another corpus is not a training speaker"
    unchanged = FeatureArchive(corpus / "original")
    for frames, utterance in zip(split.frames, "xyz", strict=True):
        np.testing.assert_allclose(frames, (unchanged[utterance] - 2) / 4)


def test_another_task_is_standardised_by_its_own_speakers_if_the_run_is(run, corpus):
    run = replace(run, settings=run.settings.model_copy(update={"standardise_by_speaker": True}))
    options = {"condition": "", "same_task": False, "stream": False}
    split = load_test_split(run, [corpus / "original"], corpus / "folds.csv", **options)
    for frames in split.frames:  # one utterance a speaker
        np.testing.assert_allclose(frames.mean(dim=0), 0, atol=1e-6)
        np.testing.assert_allclose(frames.std(dim=0, correction=0), 1, rtol=1e-5)


def test_of_its_own_task_the_test_split_of_the_fold_is_loaded_under_a_condition(run, corpus):
    rows = pd.read_csv(corpus / "folds.csv").drop(columns="fold")
    run = replace(run, fold=Fold(3, rows))
    split = load_test_split(
        run, [corpus / "reconstructed"], "not_read.csv", condition="rhythm", same_task=True, stream=False
    )
    assert split.utterances == ("z",)
    expected = FeatureArchive(corpus / "reconstructed" / "rhythm")["z"]
    np.testing.assert_array_equal(split.frames[0], expected)
