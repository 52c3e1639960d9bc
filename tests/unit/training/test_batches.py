from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.features.standardisation import fit_standardisation
from emofactors.training.batches import load_role, shuffled_batches, sorted_batches


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
    batch = train.batch(np.array([4, 7]), least_frames=1)
    assert batch.features.shape[1] == train.n_frames[[4, 7]].max()
    for row, i in enumerate([4, 7]):
        n = train.n_frames[i]
        assert torch.equal(batch.features[row, :n], train.frames[train.offset[i] : train.offset[i] + n])
        assert batch.features[row, n:].abs().sum() == 0
    assert batch.emotion.tolist() == train.emotion[[4, 7]].tolist()


def test_a_short_utterance_is_continued_to_what_the_system_can_hear(train):
    batch = train.batch(np.array([0]), least_frames=500)
    assert batch.features.shape[1] == batch.n_frames[0] == 500


def archive_with(folder, lengths):
    generator = np.random.default_rng(5)
    with ArchiveWriter(folder, n_bins=3) as writer:
        for name, length in lengths.items():
            writer.add(name, generator.normal(size=(length, 3)).astype(np.float32))
    return FeatureArchive(folder)


def test_role_is_standardised_by_training_rows_and_long_utterances_keep_their_center(tmp_path):
    archive = archive_with(tmp_path / "a", {"u1": 10, "u2": 30, "u3": 21})
    standardisation = fit_standardisation(archive, ["u1", "u3"])
    rows = pd.DataFrame({"utterance": ["u2", "u3"], "speaker": ["x", "y"], "emotion": ["b", "a"]})
    settings = {"training_speakers": ["w", "y"], "max_frames": 20, "device": torch.device("cpu")}
    role = load_role(rows, ["a", "b"], archive, standardisation, **settings)
    assert role.emotion.tolist() == [1, 0]
    assert role.speaker.tolist() == [-1, 1]
    assert role.n_frames.tolist() == [20, 20]
    np.testing.assert_allclose(role.frames[:20], standardisation.apply(archive["u2"][5:25]))
    np.testing.assert_allclose(role.frames[20:], standardisation.apply(archive["u3"][0:20]))


def test_digest_follows_labels_and_features(train):
    assert train.digest() == replace(train, frames=train.frames.clone()).digest()
    assert train.digest() != replace(train, emotion=1 - train.emotion).digest()
    assert train.digest() != replace(train, frames=train.frames + 1e-6).digest()
