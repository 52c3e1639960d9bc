import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from emofactors.config.labels import CONDITIONS
from emofactors.errors import InputError
from emofactors.systems import build_system
from emofactors.systems.base import Batch, Output, TrainingData

DATA = TrainingData(n_bins=128, class_counts=(40, 10, 20, 30))


@pytest.fixture
def arguments(study_of_all_variants):
    return study_of_all_variants("cnn_bigru").systems["cnn_bigru"].arguments("mel_center")


@pytest.fixture
def system(arguments):
    torch.manual_seed(0)
    return build_system("cnn_bigru", arguments, DATA)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    n_frames = torch.tensor([60, 100, 80, 100])
    features = torch.randn(4, 100, 128, generator=generator)
    for row, length in enumerate(n_frames):
        features[row, length:] = 0
    return Batch(features=features, n_frames=n_frames, emotion=torch.tensor([0, 1, 1, 3]))


def test_every_variant_of_the_file_is_built(study_of_all_variants):
    study = study_of_all_variants("cnn_bigru")
    system = study.systems["cnn_bigru"]
    classifiers = [variant for variant in system.variants if variant.startswith("classifier_")]
    assert len(system.variants) == 11 + len(classifiers)
    assert len(classifiers) == 2 + 2 * len(CONDITIONS)
    for variant in system.variants:
        n_bins = study.features[system.run(variant).features].n_bins
        build_system("cnn_bigru", system.arguments(variant), TrainingData(n_bins, (3, 4, 5)))


@pytest.mark.parametrize(("n_bins", "millions"), [(128, 0.630), (513, 2.473)])
def test_number_of_parameters_equals_the_published_one(arguments, n_bins, millions):
    """0.630 M and 2.473 M follow from the public code with separate cells for the two directions."""
    system = build_system("cnn_bigru", arguments, TrainingData(n_bins, (1, 1, 1, 1)))
    assert sum(p.numel() for p in system.parameters()) / 1e6 == pytest.approx(millions, abs=0.001)


def _tf1_embedding(rng, x, channels, kernel_sizes, strides, pools, units, dim):
    """The public code's network with TensorFlow 1's initial weights and GRUCell, in numpy: x (T, F) -> (D,)."""

    def kernel(*shape, fan_in, fan_out):
        limit = np.sqrt(6 / (fan_in + fan_out))
        return rng.uniform(-limit, limit, shape)

    x = x[..., None]  # (T, F, C)
    for n_out, size, stride, pool in zip(channels, kernel_sizes, strides, pools, strict=True):
        n_in = x.shape[-1]
        weight = kernel(n_in, size, size, n_out, fan_in=size**2 * n_in, fan_out=size**2 * n_out)
        windows = sliding_window_view(x, (size, size), axis=(0, 1))[::stride, ::stride]
        x = np.maximum(np.tensordot(windows, weight, 3), 0)
        n_frames, n_bins = x.shape[0] // pool, x.shape[1] // pool
        x = x[: n_frames * pool, : n_bins * pool].reshape(n_frames, pool, n_bins, pool, n_out).max(axis=(1, 3))
    frames = x.reshape(len(x), -1)
    n_in = frames.shape[1] + units
    states = []
    for direction in (frames, frames[::-1]):
        to_gates = kernel(n_in, 2 * units, fan_in=n_in, fan_out=2 * units)
        to_candidate = kernel(n_in, units, fan_in=n_in, fan_out=units)
        state = np.zeros(units)
        for frame in direction:
            gates = 1 / (1 + np.exp(-(np.concatenate([frame, state]) @ to_gates + 1)))
            reset, update = gates[:units], gates[units:]
            candidate = np.tanh(np.concatenate([frame, reset * state]) @ to_candidate)
            state = update * state + (1 - update) * candidate
        states.append(state)
    return np.maximum(np.concatenate(states) @ kernel(2 * units, dim, fan_in=2 * units, fan_out=dim), 0)


def test_initial_embedding_has_the_length_of_the_public_codes_framework(arguments):
    """lambda weighs squared distances of embeddings: with torch's defaults they are several times smaller."""
    channels, units, dim, n_bins, seeds = [8, 12], 24, 32, 32, range(60)
    sizes = {"conv_kernel_sizes": [7, 3], "conv_strides": [2, 1], "conv_pools": [1, 2]}
    small = {"conv_channels": channels, "gru_units": units, "embedding_dim": dim, **sizes}
    x = np.random.default_rng(0).standard_normal((60, n_bins))
    batch = Batch(torch.from_numpy(x).float()[None], torch.tensor([60]), torch.tensor([0]))
    ours, expected = [], []
    for seed in seeds:
        torch.manual_seed(seed)
        system = build_system("cnn_bigru", arguments | small, TrainingData(n_bins, (1, 1)))
        ours.append(system(batch).embedding.square().sum().item())
        rng = np.random.default_rng(seed)
        expected.append(np.square(_tf1_embedding(rng, x, channels, *sizes.values(), units, dim)).sum())
    standard_error = np.sqrt((np.var(ours, ddof=1) + np.var(expected, ddof=1)) / len(seeds))
    assert standard_error < 0.15 * np.mean(expected)
    assert abs(np.mean(ours) - np.mean(expected)) < 3 * standard_error


def test_embedding_does_not_depend_on_the_batch(system, batch):
    system.eval()
    together = system(batch).embedding[0]
    alone = Batch(batch.features[:1, :60], batch.n_frames[:1], batch.emotion[:1])
    torch.testing.assert_close(system(alone).embedding[0], together, rtol=1e-4, atol=1e-5)


def test_cross_entropy_is_weighted_as_published(system, batch):
    output = system(batch)
    weights = np.array([40 / 40.5, 40 / 10.5, 40 / 20.5, 40 / 30.5])  # max(n) / (n + 0.5)
    log_posterior = torch.log_softmax(output.logits, dim=1).detach().numpy()
    terms = [-weights[y] * log_posterior[i, y] for i, y in enumerate(batch.emotion.numpy())]
    expected = sum(terms) / weights[batch.emotion.numpy()].sum()
    assert system.losses(output, batch)["cross_entropy"].item() == pytest.approx(expected, rel=1e-5)


def test_warm_up_has_no_center_loss_and_full_update(system, batch):
    output = system(batch)
    assert system.losses(output, batch)["center"].item() == 0
    system.after_step(output, batch)
    members = output.embedding[1:3].detach()  # class 1 has two utterances: with rate 1 the center moves by 2/3
    torch.testing.assert_close(system.center_loss.centers[1], members.sum(dim=0) / 3)


def test_lambda_and_alpha_apply_after_the_warm_up(system, batch):
    output = system(batch)
    for _ in range(20):
        system.after_step(output, batch)
    before = system.center_loss.centers.clone()
    weights = system.class_weights[batch.emotion]
    expected = 0.3 * system.center_loss(output.embedding, batch.emotion, weights)
    torch.testing.assert_close(system.losses(output, batch)["center"], expected)
    system.after_step(output, batch)
    z = output.embedding[0].detach()  # the only utterance of class 0
    torch.testing.assert_close(system.center_loss.centers[0], before[0] - 0.5 * (before[0] - z) / 2)


def test_lambda_0_trains_by_cross_entropy_only(arguments, batch):
    torch.manual_seed(0)
    system = build_system("cnn_bigru", arguments | {"center_lambda": 0.0, "warm_up_steps": 0}, DATA)
    output = system(batch)
    losses = system.losses(output, batch)
    assert isinstance(output, Output)
    assert losses["center"].item() == 0
    gradients = torch.autograd.grad(sum(losses.values()), list(system.parameters()), retain_graph=True)
    alone = torch.autograd.grad(losses["cross_entropy"], list(system.parameters()))
    for gradient, expected in zip(gradients, alone, strict=True):
        torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [("center_lambda", -0.1, "at least 0"), ("center_alpha", 1.5, "0 to 1")],
)
def test_impossible_setting_is_refused(arguments, key, value, expected):
    with pytest.raises(InputError, match=f"{key} is {value}, expected {expected}"):
        build_system("cnn_bigru", arguments | {key: value}, DATA)


def test_too_few_bins_are_refused(arguments):
    with pytest.raises(InputError, match="a frame has 40 bins"):
        build_system("cnn_bigru", arguments, TrainingData(40, (1, 1)))
