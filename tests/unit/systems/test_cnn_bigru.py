from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from emofactors.config.labels import CONDITIONS
from emofactors.config.load import load_study
from emofactors.errors import InputError
from emofactors.systems import build_system
from emofactors.systems.base import Batch, Output, TrainingData

CONFIG = Path(__file__).parents[3] / "config"
DATA = TrainingData(n_bins=128, class_counts=(40, 10, 20, 30))


def study_of_all_variants(tmp_path):
    """A study that wants every variant of the system, at the published settings."""
    variants = yaml.safe_load((CONFIG / "systems" / "cnn_bigru.yaml").read_text())["variants"]
    for kind in ("corpora", "tasks", "features", "systems", "tables", "figures"):
        (tmp_path / kind).symlink_to(CONFIG / kind) if kind != "figures" else (tmp_path / kind).mkdir()
    figure = {"kind": "confusion", "title": "t", "caption": "c", "system": "cnn_bigru"}
    (tmp_path / "figures" / "all.yaml").write_text(yaml.safe_dump(figure | {"variants": {v: v for v in variants}}))
    request = {"study": "s", "title": "t", "tasks": ["emodb7_speakers"], "seeds": [0], "tables": []}
    return load_study(request | {"figures": ["all"]}, tmp_path)


@pytest.fixture
def arguments(tmp_path):
    return study_of_all_variants(tmp_path).systems["cnn_bigru"].arguments("mel_center")


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


def test_every_variant_of_the_file_is_built(tmp_path):
    study = study_of_all_variants(tmp_path)
    system = study.systems["cnn_bigru"]
    classifiers = [variant for variant in system.variants if variant.startswith("judge_")]
    assert len(system.variants) == 11 + len(classifiers)
    assert len(classifiers) == 1 + 2 * len(CONDITIONS)
    for variant in system.variants:
        n_bins = study.features[system.run(variant).features].n_bins
        build_system("cnn_bigru", system.arguments(variant), TrainingData(n_bins, (3, 4, 5)))


@pytest.mark.parametrize(("n_bins", "millions"), [(128, 0.630), (513, 2.473)])
def test_parameters_are_the_published_number(arguments, n_bins, millions):
    """0.630 M and 2.473 M follow from the public code with separate cells for the two directions."""
    system = build_system("cnn_bigru", arguments, TrainingData(n_bins, (1, 1, 1, 1)))
    assert sum(p.numel() for p in system.parameters()) / 1e6 == pytest.approx(millions, abs=0.001)


def test_embedding_does_not_depend_on_the_company(system, batch):
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
    members = output.embedding[1:3].detach()  # class 1, twice: all the way is 2/3 by the published rule
    torch.testing.assert_close(system.center_loss.centers[1], members.sum(dim=0) / 3)


def test_after_the_warm_up_lambda_and_alpha_count(system, batch):
    output = system(batch)
    for _ in range(20):
        system.after_step(output, batch)
    before = system.center_loss.centers.clone()
    weights = system.class_weights[batch.emotion]
    expected = 0.3 * system.center_loss(output.embedding, batch.emotion, weights)
    torch.testing.assert_close(system.losses(output, batch)["center"], expected)
    system.after_step(output, batch)
    z = output.embedding[0].detach()  # class 0, once
    torch.testing.assert_close(system.center_loss.centers[0], before[0] - 0.5 * (before[0] - z) / 2)


def test_lambda_zero_trains_by_cross_entropy_alone(arguments, batch):
    torch.manual_seed(0)
    plain = build_system("cnn_bigru", arguments | {"center_lambda": 0.0, "warm_up_steps": 0}, DATA)
    output = plain(batch)
    losses = plain.losses(output, batch)
    assert isinstance(output, Output)
    assert losses["center"].item() == 0
    gradients = torch.autograd.grad(sum(losses.values()), list(plain.parameters()), retain_graph=True)
    alone = torch.autograd.grad(losses["cross_entropy"], list(plain.parameters()))
    for g, a in zip(gradients, alone, strict=True):
        torch.testing.assert_close(g, a)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [("center_lambda", -0.1, "at least 0"), ("center_alpha", 1.5, "0 to 1")],
)
def test_an_impossible_setting_is_refused(arguments, key, value, expected):
    with pytest.raises(InputError, match=f"{key} is {value}, expected {expected}"):
        build_system("cnn_bigru", arguments | {key: value}, DATA)


def test_too_few_bins_are_refused(arguments):
    with pytest.raises(InputError, match="40 bins"):
        build_system("cnn_bigru", arguments, TrainingData(40, (1, 1)))
