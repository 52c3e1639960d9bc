from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.features.standardisation import fit_standardisation
from emofactors.training.dataset import StreamedFrames, load_split, shuffled_batches, sorted_batches


def test_an_epoch_holds_every_utterance_once():
    n_frames = np.random.default_rng(0).integers(10, 100, size=101)
    batches = shuffled_batches(n_frames, 8, pool_batches=8, seed=0, epoch=0)
    assert sorted(np.concatenate(batches)) == list(range(101))
    assert sorted(np.concatenate(list(sorted_batches(n_frames, 8)))) == list(range(101))


def test_epochs_and_seeds_differ_and_repeat():
    n_frames = np.random.default_rng(0).integers(10, 100, size=64)

    def order(seed, epoch):
        return np.concatenate(shuffled_batches(n_frames, 8, pool_batches=8, seed=seed, epoch=epoch)).tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_batches_by_length_pad_less_than_a_tenth():
    n_frames = np.random.default_rng(0).integers(100, 900, size=500)
    padded = sum(
        n_frames[b].max() * len(b) for b in shuffled_batches(n_frames, 16, pool_batches=8, seed=0, epoch=0)
    )
    assert padded / n_frames.sum() < 1.1


def test_batch_is_the_utterances_and_zeros_behind(train):
    batch = train.batch(np.array([4, 7]), min_frames=1)
    assert batch.features.shape[1] == train.n_frames[[4, 7]].max()
    for row, i in enumerate([4, 7]):
        n = train.n_frames[i]
        assert torch.equal(batch.features[row, :n], train.frames[i])
        assert batch.features[row, n:].abs().sum() == 0
    assert batch.emotion.tolist() == train.emotion[[4, 7]].tolist()


def test_a_short_utterance_is_continued_to_what_the_system_can_hear(train):
    batch = train.batch(np.array([0]), min_frames=500)
    assert batch.features.shape[1] == batch.n_frames[0] == 500


def archive_with(folder, lengths):
    generator = np.random.default_rng(5)
    with ArchiveWriter(folder, n_bins=3) as writer:
        for name, length in lengths.items():
            writer.add(name, generator.normal(size=(length, 3)).astype(np.float32))
    return FeatureArchive(folder)


def test_split_is_standardised_by_training_rows_and_long_utterances_keep_their_center(tmp_path):
    archive = archive_with(tmp_path / "a", {"u1": 10, "u2": 30, "u3": 21})
    standardisation = fit_standardisation(archive, ["u1", "u3"])
    rows = pd.DataFrame({"utterance": ["u2", "u3"], "speaker": ["x", "y"], "emotion": ["b", "a"]})
    settings = {"training_speakers": ["w", "y"], "max_frames": 20, "device": torch.device("cpu")}
    split = load_split(rows, ["a", "b"], archive, standardisation, **settings)
    assert split.emotion.tolist() == [1, 0]
    assert split.speaker.tolist() == [-1, 1]
    assert split.n_frames.tolist() == [20, 20]
    np.testing.assert_allclose(split.frames[0], standardisation.apply(archive["u2"][5:25]))
    np.testing.assert_allclose(split.frames[1], standardisation.apply(archive["u3"][0:20]))


def rows_of(*utterances):
    return pd.DataFrame({"utterance": utterances, "speaker": list("xyz")[: len(utterances)], "emotion": "a"})


def test_utterances_become_segments_of_equal_length_and_what_belongs_to_them_is_repeated(tmp_path):
    archive = archive_with(tmp_path / "a", {"u1": 10, "u2": 25, "u3": 4})
    standardisation = fit_standardisation(archive, ["u1", "u2"])
    settings = {"training_speakers": ["y", "z"], "max_frames": None, "device": torch.device("cpu")}
    teacher = {name: np.full(2, i, dtype=np.float32) for i, name in enumerate(("u1", "u2", "u3"))}
    rows = rows_of("u1", "u2", "u3")
    split = load_split(rows, ["b", "a"], archive, standardisation, **settings, teacher=teacher, segment_frames=10)
    assert split.utterances == ("u1", "u2", "u2", "u2", "u3")
    assert split.speakers == ("x", "y", "y", "y", "z")
    assert split.speaker.tolist() == [-1, 0, 0, 0, 1]
    assert split.emotion.tolist() == [1] * 5
    assert split.teacher_embedding[:, 0].tolist() == [0, 1, 1, 1, 2]
    assert split.n_frames.tolist() == [10] * 5
    batch = split.batch(np.arange(5), min_frames=1)
    for row, first in zip((1, 2, 3), (0, 7, 15), strict=True):
        np.testing.assert_allclose(batch.features[row], standardisation.apply(archive["u2"][first : first + 10]))
    np.testing.assert_allclose(batch.features[4, :4], standardisation.apply(archive["u3"]))
    silence = standardisation.apply(np.zeros((6, 3), dtype=np.float32))
    np.testing.assert_allclose(batch.features[4, 4:], silence)  # zeros of the features, not of the mean
    assert np.abs(silence).min() > 0


def test_an_utterance_of_one_segment_has_the_same_frames_as_without_segments(tmp_path):
    archive = archive_with(tmp_path / "a", {"u1": 10, "u2": 10})
    settings = {"training_speakers": ["x"], "max_frames": None, "device": torch.device("cpu")}
    whole = load_split(rows_of("u1", "u2"), ["a"], archive, None, **settings)
    assert (
        load_split(rows_of("u1", "u2"), ["a"], archive, None, **settings, segment_frames=10).digest()
        == whole.digest()
    )


def test_a_split_without_utterances_has_no_segments(tmp_path):
    archive = archive_with(tmp_path / "a", {"u1": 10})
    settings = {"training_speakers": ["x"], "max_frames": None, "device": torch.device("cpu")}
    assert len(load_split(rows_of(), ["a"], archive, None, **settings, segment_frames=10)) == 0


def test_digest_follows_labels_and_features(train):
    assert train.digest() == replace(train, frames=[frames.clone() for frames in train.frames]).digest()
    assert train.digest() != replace(train, emotion=1 - train.emotion).digest()
    assert train.digest() != replace(train, frames=[*train.frames[:-1], train.frames[-1] + 1e-6]).digest()


@pytest.fixture
def spoken(tmp_path):
    """Archive, rows and standardisation of utterances that are shorter and longer than a segment."""
    generator = np.random.default_rng(3)
    lengths = {f"u{i}": int(n) for i, n in enumerate(generator.integers(3, 40, size=12))}
    archive = archive_with(tmp_path / "spoken", lengths)
    rows = pd.DataFrame({"utterance": list(lengths), "speaker": ["x", "y"] * 6, "emotion": ["a", "b", "b"] * 4})
    return archive, rows, fit_standardisation(archive, list(lengths)[:7])


@pytest.mark.parametrize("standardised", [True, False])
@pytest.mark.parametrize("cut", [{}, {"max_frames": 9}, {"segment_frames": 10}], ids=str)
def test_streamed_frames_are_those_in_memory_bit_by_bit(spoken, cut, standardised):
    archive, rows, standardisation = spoken
    settings = {"training_speakers": ["x"], "max_frames": None, "device": torch.device("cpu")} | cut
    teacher = {utterance: np.full(2, i, np.float32) for i, utterance in enumerate(rows["utterance"])}
    held, streamed = (
        load_split(
            rows,
            ["a", "b"],
            archive,
            standardisation if standardised else None,
            **settings,
            teacher=teacher,
            stream=stream,
        )
        for stream in (False, True)
    )
    assert isinstance(streamed.frames, StreamedFrames)
    assert len(streamed.frames) == len(streamed) == len(held)
    assert streamed.utterances == held.utterances
    assert streamed.digest() == held.digest()
    for chosen in [np.array([4]), np.array([7, 0, 11]), np.arange(len(held))]:
        ours, theirs = (vars(split.batch(chosen, min_frames=12)) for split in (streamed, held))
        assert ours.keys() == theirs.keys()
        for name, expected in theirs.items():
            assert torch.equal(ours[name], expected), name


def test_what_was_streamed_can_be_written_to_and_the_archive_stays(spoken):
    archive, rows, _ = spoken
    settings = {"training_speakers": [], "max_frames": None, "device": torch.device("cpu"), "stream": True}
    split = load_split(rows, ["a", "b"], archive, None, **settings)
    split.frames[0].zero_()
    assert split.frames[0].abs().sum() > 0


def test_a_split_without_utterances_can_be_streamed(spoken):
    archive, rows, _ = spoken
    settings = {"training_speakers": [], "max_frames": None, "device": torch.device("cpu")}
    held, streamed = (load_split(rows[:0], ["a"], archive, None, **settings, stream=s) for s in (False, True))
    assert len(held) == len(streamed) == 0
    assert held.digest() == streamed.digest()
