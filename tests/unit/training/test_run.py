import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from emofactors.config.training import ComputeSettings
from emofactors.corpora.splits import Fold
from emofactors.errors import InputError
from emofactors.features.standardisation import Standardisation
from emofactors.inference.predict import predict
from emofactors.jobs.seeding import seed_everything
from emofactors.systems.base import Batch, Output
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.data_of_fold import load_splits, training_data
from emofactors.training.fit import fit
from emofactors.training.flops import forward_flops
from emofactors.training.metadata import run_metadata
from emofactors.training.weights import load_weights

CLASSES = ["calm", "anger"]


class FakeArchive:
    """Features by name, as a FeatureArchive gives them."""

    def __init__(self, features):
        self.features = features
        self.n_bins = 2

    def __getitem__(self, utterance):
        return self.features[utterance]

    def n_frames(self, utterance):
        return len(self.features[utterance])


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
def archive(fold):
    rng = np.random.default_rng(0)
    return FakeArchive({u: rng.normal(3, 2, (5, 2)).astype(np.float32) for u in fold.utterances["utterance"]})


def write_embeddings(path, names):
    np.savez(path, utterance=np.array(names), embedding=np.arange(3.0 * len(names)).reshape(-1, 3))
    return path


def test_features_are_standardised_only_if_the_run_says_so(fold, archive, run):
    cpu = torch.device("cpu")
    splits = load_splits(fold, archive, CLASSES, run, cpu)
    statistics = splits["train"].standardisation
    np.testing.assert_array_equal(statistics.apply(archive["a"]), splits["train"].frames[0])
    np.testing.assert_allclose(torch.cat(splits["train"].frames).mean(dim=0), 0, atol=1e-6)
    as_they_are = load_splits(fold, archive, CLASSES, run.model_copy(update={"standardise": False}), cpu)
    assert torch.equal(as_they_are["train"].frames[0], torch.from_numpy(archive["a"]))
    assert len(as_they_are["dev"]) == 0
    assert as_they_are["train"].standardisation is None


def test_each_utterance_meets_its_own_teacher_embedding(tmp_path, fold, archive, run):
    teacher = write_embeddings(tmp_path / "embeddings.npz", ["c", "b", "a~noise", "a"])
    splits = load_splits(fold, archive, CLASSES, run, torch.device("cpu"), teacher=teacher)
    assert splits["train"].teacher_embedding.tolist() == [[9, 10, 11], [6, 7, 8], [3, 4, 5]]
    batch = splits["train"].batch(np.array([2, 0]), min_frames=1)
    assert batch.teacher_embedding.tolist() == [[3, 4, 5], [9, 10, 11]]
    assert splits["test"].teacher_embedding.tolist() == [[0, 1, 2]]


def test_speakers_are_counted_among_those_of_training(fold, archive, run):
    splits = load_splits(fold, archive, CLASSES, run, torch.device("cpu"))
    assert splits["train"].speaker.tolist() == [0, 0, 1]
    assert splits["test"].speaker.tolist() == [-1], "nobody has heard the test speaker"
    assert splits["train"].batch(np.array([2, 0]), min_frames=1).speaker.tolist() == [1, 0]


def test_seen_utterances_are_loaded_with_their_speakers_and_do_not_count_as_training(fold, archive, run):
    rows = fold.utterances.assign(split=["train", "train", "train", "held_out"], speaker=["x", "x", "y", "y"])
    splits = load_splits(Fold(0, rows), archive, CLASSES, run, torch.device("cpu"))
    plain = load_splits(fold, archive, CLASSES, run, torch.device("cpu"))
    assert splits["held_out"].utterances == ("c",)
    assert splits["held_out"].speaker.tolist() == [1]
    assert splits["train"].digest() == plain["train"].digest(), "standardised by the training rows alone"
    assert torch.equal(splits["held_out"].frames[0], plain["test"].frames[0])
    assert len(plain["held_out"]) == 0


def test_a_teacher_of_another_fold_is_refused(tmp_path, fold, archive, run):
    teacher = write_embeddings(tmp_path / "embeddings.npz", ["b", "c"])
    with pytest.raises(InputError, match=r"embeddings.npz: has no embedding of 'a' and 1 more; expected one"):
        load_splits(fold, archive, CLASSES, run, torch.device("cpu"), teacher=teacher)


def test_a_run_starts_from_the_weights_another_ended_with(tmp_path, train, dev, run, fresh_system):
    checkpoint = Checkpoint(tmp_path / "unused.pt")
    trained = fit(fresh_system(), train, dev, run, seed=0, precision="float32", checkpoint=checkpoint)
    trained.save(tmp_path / "model.safetensors", tmp_path / "history.csv")
    system = fresh_system(1)
    load_weights(system, tmp_path / "model.safetensors")
    for name, tensor in trained.system.state_dict().items():
        assert torch.equal(tensor, system.state_dict()[name]), name


def test_statistics_of_standardisation_lie_beside_the_weights(tmp_path, train, dev, run, fresh_system):
    checkpoint = Checkpoint(tmp_path / "unused.pt")
    trained = fit(fresh_system(), train, dev, run, seed=0, precision="float32", checkpoint=checkpoint)
    statistics = Standardisation(np.arange(16, dtype=np.float32) / 3, np.arange(1, 17, dtype=np.float32) / 7)
    trained.save(tmp_path / "with.safetensors", tmp_path / "history.csv", statistics)
    trained.save(tmp_path / "without.safetensors", tmp_path / "history.csv")
    system = fresh_system(1)
    read = load_weights(system, tmp_path / "with.safetensors")
    np.testing.assert_array_equal(read.mean, statistics.mean)
    np.testing.assert_array_equal(read.std, statistics.std)
    for name, tensor in trained.system.state_dict().items():
        assert torch.equal(tensor, system.state_dict()[name]), name
    assert load_weights(system, tmp_path / "without.safetensors") is None


def test_half_of_the_statistics_is_refused(tmp_path, fresh_system):
    system = fresh_system()
    weights = {name: tensor.contiguous() for name, tensor in system.state_dict().items()}
    save_file(weights | {"standardisation.mean": torch.zeros(16)}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match="std are no two rows of as many float32"):
        load_weights(system, tmp_path / "model.safetensors")


def test_weights_of_another_network_are_refused(tmp_path, train, dev, run, fresh_system):
    checkpoint = Checkpoint(tmp_path / "unused.pt")
    trained = fit(fresh_system(), train, dev, run, seed=0, precision="float32", checkpoint=checkpoint)
    trained.save(tmp_path / "model.safetensors", tmp_path / "history.csv")
    with pytest.raises(
        InputError, match=r"model.safetensors: does not fit the system .* expected the same network"
    ):
        load_weights(nn.Linear(2, 3), tmp_path / "model.safetensors")


def test_without_a_run_before_it_the_weights_stay(fresh_system):
    system = fresh_system()
    load_weights(system, None)
    assert all(torch.equal(t, fresh_system().state_dict()[n]) for n, t in system.state_dict().items())


@pytest.mark.parametrize(("lengths", "expected"), [([7, 7, 7], 7), ([7, 8, 7], None)])
def test_a_system_learns_the_common_number_of_frames(train, lengths, expected, run):
    split = replace(train, utterances=train.utterances[:3], emotion=train.emotion[:3], n_frames=np.array(lengths))
    data = training_data(split, CLASSES, run)
    assert data.n_updates == run.max_steps
    assert data.n_speakers == len(set(split.speakers))
    assert data.n_frames == expected
    assert sum(data.class_counts) == 3


class Layer(nn.Module):
    """One layer whose products can be counted by hand."""

    min_frames = 1

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.convolution = nn.Conv2d(1, 5, 3, padding=1)
        self.gru = nn.GRU(16, 8, batch_first=True, bidirectional=True)
        self.lstm = nn.LSTM(16, 8, batch_first=True)

    def forward(self, batch):
        x = batch.features  # (B, T, F)
        match self.kind:
            case "convolution":
                x = self.convolution(x[:, None])
            case "recurrence":
                x, _ = self.gru(x)
            case "long recurrence":
                x, _ = self.lstm(x)
            case "attention":
                x = F.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None])
        return Output(embedding=x, logits=x)


@pytest.mark.parametrize(
    ("kind", "by_hand"),
    [
        # 9 products a channel and place, each with its sum.
        ("convolution", 2 * 9 * 5 * (20 * 16)),
        # Three gates of 8 units over 16 inputs and 8 states, in two directions.
        ("recurrence", 2 * 20 * 2 * 3 * 8 * (16 + 8)),
        # Four gates, in one direction.
        ("long recurrence", 2 * 20 * 4 * 8 * (16 + 8)),
        # Every frame by every frame, once for the weights and once for the mean.
        ("attention", 2 * 2 * 20 * 20 * 16),
    ],
)
def test_flops_of_one_layer_are_those_counted_by_hand(kind, by_hand):
    batch = Batch(torch.randn(1, 20, 16), torch.tensor([20]), torch.tensor([0]))
    assert forward_flops(Layer(kind), batch) == by_hand


def test_a_run_says_what_it_is_and_what_it_cost(tmp_path, train, dev, run, fresh_system):
    seed_everything(0, 1)
    checkpoint = Checkpoint(tmp_path / "unused.pt")
    trained = fit(fresh_system(), train, dev, run, seed=0, precision="float32", checkpoint=checkpoint)
    predictions = predict(trained.system, {"dev": dev}, CLASSES, batch_size=8, precision="float32")
    assert predictions.utterances_per_s > 0
    about = json.loads(
        run_metadata(
            trained,
            train,
            run=run,
            arguments={"gru_units": 4},
            compute=ComputeSettings(),
            code="c0de",
            inference_utterances_per_s=12.34,
        )
    )
    assert about["steps"] == run.max_steps
    assert about["parameters"] == sum(p.numel() for p in trained.system.parameters())
    assert about["inference_utterances_per_s"] == 12.3
    assert about["flops"] > 0
    assert about["flops_frames"] == int(np.sort(train.n_frames)[len(train) // 2])
