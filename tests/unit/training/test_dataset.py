from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from emofactors.corpora.splits import Fold
from emofactors.errors import InputError
from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.features.standardisation import fit_standardisation
from emofactors.training.dataset import StreamedFrames, load_split, load_splits, training_data

CLASSES = ["calm", "anger"]
CPU = torch.device("cpu")
WHOLE = {"max_frames": None, "device": CPU}


def archive_with(folder, lengths):
    generator = np.random.default_rng(5)
    with ArchiveWriter(folder, n_bins=3) as writer:
        for name, length in lengths.items():
            writer.add(name, generator.normal(3, 2, size=(length, 3)).astype(np.float32))
    return FeatureArchive(folder)


def rows_of(*utterances):
    return pd.DataFrame({"utterance": utterances, "speaker": list("xyz")[: len(utterances)], "emotion": "a"})


# --- one split -----------------------------------------------------------------------------------------------


def test_a_batch_contains_the_utterances_padded_with_zeros(train):
    batch = train.batch(np.array([4, 7]), min_frames=1)
    assert batch.features.shape[1] == train.n_frames[[4, 7]].max()
    for row, i in enumerate([4, 7]):
        n = train.n_frames[i]
        assert torch.equal(batch.features[row, :n], train.frames[i])
        assert batch.features[row, n:].abs().sum() == 0
    assert batch.emotion.tolist() == train.emotion[[4, 7]].tolist()


def test_a_short_utterance_is_padded_to_the_shortest_input(train):
    batch = train.batch(np.array([0]), min_frames=500)
    assert batch.features.shape[1] == batch.n_frames[0] == 500


def test_a_split_is_standardised_by_given_statistics_and_long_utterances_keep_their_center(tmp_path):
    archive = archive_with(tmp_path / "a", {"u1": 10, "u2": 30, "u3": 21})
    standardisation = fit_standardisation(archive, ["u1", "u3"])
    rows = pd.DataFrame({"utterance": ["u2", "u3"], "speaker": ["x", "y"], "emotion": ["b", "a"]})
    split = load_split(
        rows, ["a", "b"], archive, standardisation, training_speakers=["w", "y"], max_frames=20, device=CPU
    )
    assert split.emotion.tolist() == [1, 0]
    assert split.speaker.tolist() == [-1, 1]
    assert split.n_frames.tolist() == [20, 20]
    np.testing.assert_allclose(split.frames[0], standardisation.apply(archive["u2"][5:25]))
    np.testing.assert_allclose(split.frames[1], standardisation.apply(archive["u3"][0:20]))


def test_segments_have_equal_length_and_repeat_the_labels_of_their_utterance(tmp_path):
    archive = archive_with(tmp_path / "a", {"u1": 10, "u2": 25, "u3": 4})
    standardisation = fit_standardisation(archive, ["u1", "u2"])
    teacher = {name: np.full(2, i, dtype=np.float32) for i, name in enumerate(("u1", "u2", "u3"))}
    rows = rows_of("u1", "u2", "u3")
    split = load_split(
        rows,
        ["b", "a"],
        archive,
        standardisation,
        training_speakers=["y", "z"],
        **WHOLE,
        teacher=teacher,
        segment_frames=10,
    )
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


def test_utterances_of_one_segment_equal_whole_utterances(tmp_path):
    archive = archive_with(tmp_path / "a", {"u1": 10, "u2": 10})
    whole, segments = (
        load_split(rows_of("u1", "u2"), ["a"], archive, None, training_speakers=["x"], **WHOLE, segment_frames=n)
        for n in (None, 10)
    )
    assert segments.digest() == whole.digest()


@pytest.mark.parametrize("options", [{}, {"segment_frames": 10}, {"stream": True}], ids=str)
def test_a_split_may_be_empty(tmp_path, options):
    archive = archive_with(tmp_path / "a", {"u1": 10})
    split = load_split(rows_of(), ["a"], archive, None, training_speakers=["x"], **WHOLE, **options)
    assert len(split) == len(split.frames) == 0


def test_the_digest_depends_on_labels_and_features(train):
    assert train.digest() == replace(train, frames=[frames.clone() for frames in train.frames]).digest()
    assert train.digest() != replace(train, emotion=1 - train.emotion).digest()
    assert train.digest() != replace(train, frames=[*train.frames[:-1], train.frames[-1] + 1e-6]).digest()


@pytest.fixture
def corpus(tmp_path):
    """Archive, rows and standardisation of utterances that are shorter and longer than a segment."""
    generator = np.random.default_rng(3)
    lengths = {f"u{i}": int(n) for i, n in enumerate(generator.integers(3, 40, size=12))}
    archive = archive_with(tmp_path / "corpus", lengths)
    rows = pd.DataFrame({"utterance": list(lengths), "speaker": ["x", "y"] * 6, "emotion": ["a", "b", "b"] * 4})
    return archive, rows, fit_standardisation(archive, list(lengths)[:7])


@pytest.mark.parametrize("standardised", [True, False])
@pytest.mark.parametrize("cut", [{}, {"max_frames": 9}, {"segment_frames": 10}], ids=str)
def test_streamed_frames_equal_frames_in_memory(corpus, cut, standardised):
    archive, rows, standardisation = corpus
    options = {"training_speakers": ["x"], **WHOLE} | cut
    teacher = {utterance: np.full(2, i, np.float32) for i, utterance in enumerate(rows["utterance"])}
    in_memory, streamed = (
        load_split(
            rows,
            ["a", "b"],
            archive,
            standardisation if standardised else None,
            **options,
            teacher=teacher,
            stream=stream,
        )
        for stream in (False, True)
    )
    assert isinstance(streamed.frames, StreamedFrames)
    assert len(streamed.frames) == len(streamed) == len(in_memory)
    assert streamed.utterances == in_memory.utterances
    assert streamed.digest() == in_memory.digest()
    for chosen in [np.array([4]), np.array([7, 0, 11]), np.arange(len(in_memory))]:
        actual, expected = (vars(split.batch(chosen, min_frames=12)) for split in (streamed, in_memory))
        assert actual.keys() == expected.keys()
        for name, tensor in expected.items():
            assert torch.equal(actual[name], tensor), name


def test_streamed_frames_are_copies_of_the_archive(corpus):
    archive, rows, _ = corpus
    split = load_split(rows, ["a", "b"], archive, None, training_speakers=[], **WHOLE, stream=True)
    split.frames[0].zero_()
    assert split.frames[0].abs().sum() > 0


# --- the splits of a fold ------------------------------------------------------------------------------------


@pytest.fixture
def fold():
    names = ["a", "a~noise", "b", "c"]
    return Fold(
        0,
        pd.DataFrame(
            {
                "utterance": names,
                "original": ["a", "a", "b", "c"],
                "speaker": ["x", "x", "y", "z"],
                "emotion": ["calm", "calm", "anger", "anger"],
                "split": ["train", "train", "train", "test"],
            }
        ),
    )


@pytest.fixture
def archive(tmp_path):
    return archive_with(tmp_path / "archive", dict.fromkeys(["a", "a~noise", "b", "c"], 5))


def write_embeddings(path, names):
    np.savez(path, utterance=np.array(names), embedding=np.arange(3.0 * len(names)).reshape(-1, 3))
    return path


def test_features_are_standardised_by_the_training_rows_if_the_run_is(fold, archive, settings):
    splits = load_splits(fold, archive, CLASSES, settings, CPU)
    statistics = splits["train"].standardisation
    np.testing.assert_array_equal(statistics.apply(archive["a"]), splits["train"].frames[0])
    np.testing.assert_allclose(torch.cat(splits["train"].frames).mean(dim=0), 0, atol=1e-6)
    unchanged = load_splits(fold, archive, CLASSES, settings.model_copy(update={"standardise": False}), CPU)
    assert torch.equal(unchanged["train"].frames[0], torch.from_numpy(archive["a"].copy()))
    assert len(unchanged["dev"]) == 0
    assert unchanged["train"].standardisation is None


@pytest.mark.parametrize("stream", [False, True])
def test_features_are_standardised_by_speaker_if_the_run_is(fold, archive, settings, stream):
    settings = settings.model_copy(update={"standardise_by_speaker": True, "segment_frames": 6})
    splits = load_splits(fold, archive, CLASSES, settings, CPU, stream=stream)
    of_x, of_z = fit_standardisation(archive, ["a", "a~noise"]), fit_standardisation(archive, ["c"])
    np.testing.assert_allclose(splits["train"].frames[0][:5], of_x.apply(archive["a"]), rtol=1e-6)
    (unseen,) = splits["test"].frames
    np.testing.assert_allclose(unseen[:5], of_z.apply(archive["c"]), rtol=1e-6)
    silence = of_z.apply(np.zeros((1, 3), dtype=np.float32))
    np.testing.assert_allclose(
        unseen[5:], silence, rtol=1e-6
    )  # padding is silence, as without statistics by speaker
    assert splits["train"].standardisation is None


def test_each_utterance_gets_its_own_teacher_embedding(tmp_path, fold, archive, settings):
    teacher = write_embeddings(tmp_path / "embeddings.npz", ["c", "b", "a~noise", "a"])
    splits = load_splits(fold, archive, CLASSES, settings, CPU, teacher=teacher)
    assert splits["train"].teacher_embedding.tolist() == [[9, 10, 11], [6, 7, 8], [3, 4, 5]]
    batch = splits["train"].batch(np.array([2, 0]), min_frames=1)
    assert batch.teacher_embedding.tolist() == [[3, 4, 5], [9, 10, 11]]
    assert splits["test"].teacher_embedding.tolist() == [[0, 1, 2]]


def test_a_teacher_of_another_fold_is_refused(tmp_path, fold, archive, settings):
    teacher = write_embeddings(tmp_path / "embeddings.npz", ["b", "c"])
    with pytest.raises(InputError, match=r"embeddings.npz: has no embedding of 'a' and 1 more; expected one"):
        load_splits(fold, archive, CLASSES, settings, CPU, teacher=teacher)


def test_speakers_are_indices_of_training_speakers(fold, archive, settings):
    splits = load_splits(fold, archive, CLASSES, settings, CPU)
    assert splits["train"].speaker.tolist() == [0, 0, 1]
    assert splits["test"].speaker.tolist() == [-1]
    assert splits["train"].batch(np.array([2, 0]), min_frames=1).speaker.tolist() == [1, 0]


def test_held_out_utterances_have_training_speakers_but_do_not_train(fold, archive, settings):
    rows = fold.utterances.assign(split=["train", "train", "train", "held_out"], speaker=["x", "x", "y", "y"])
    with_held_out = load_splits(Fold(0, rows), archive, CLASSES, settings, CPU)
    without = load_splits(fold, archive, CLASSES, settings, CPU)
    assert with_held_out["held_out"].utterances == ("c",)
    assert with_held_out["held_out"].speaker.tolist() == [1]
    assert with_held_out["train"].digest() == without["train"].digest()
    assert torch.equal(with_held_out["held_out"].frames[0], without["test"].frames[0])
    assert len(without["held_out"]) == 0


@pytest.mark.parametrize(("lengths", "expected"), [([7, 7, 7], 7), ([7, 8, 7], None)])
def test_training_data_are_the_sizes_of_the_training_rows(train, lengths, expected, settings):
    split = replace(train, utterances=train.utterances[:3], emotion=train.emotion[:3], n_frames=np.array(lengths))
    data = training_data(split, CLASSES, settings)
    assert data.n_updates == settings.max_steps
    assert data.n_speakers == len(set(split.speakers))
    assert data.n_frames == expected
    assert data.n_bins == 16
    assert data.class_counts == (2, 1)
