from dataclasses import replace

import numpy as np
import pytest
import torch

from emofactors.config.labels import CONDITIONS
from emofactors.config.tables.factor_ablation import ORIGINAL_SPEECH
from emofactors.errors import InputError
from emofactors.systems import build_system
from emofactors.systems.base import Batch, TrainingData

DATA = TrainingData(n_bins=8, class_counts=(40, 10, 20), n_frames=12)
SMALL = {
    **{"delta_window": 2, "conv_channels": [4, 6, 6], "conv_kernel_size": [5, 3], "pool_size": [2, 4]},
    **{"leaky_slope": 0.01, "linear_units": 7, "lstm_units": 4, "attention_units": 2, "embedding_dim": 5},
    "class_weighted": True,
}


def build(data=DATA, **changes):
    torch.manual_seed(0)
    return build_system("factor_classifier", SMALL | changes, data)


def make_batch(n, seed=3):
    features = torch.randn(n, 12, 8, generator=torch.Generator().manual_seed(seed))
    return Batch(features, torch.full((n,), 12), emotion=torch.arange(n) % 3)


def test_every_variant_of_the_file_is_built(study_of_all_variants):
    study = study_of_all_variants("factor_classifier")
    system = study.systems["factor_classifier"]
    assert len(system.variants) == 2 + 6 * len(CONDITIONS)
    arguments = {repr(system.arguments(variant)) for variant in system.variants}
    assert len(arguments) == 1  # one network for all conditions
    run = system.run("raw")
    data = TrainingData(study.features[run.features].n_bins, (3, 4, 5, 6), n_frames=run.segment_frames)
    built = build_system("factor_classifier", system.arguments("raw"), data)
    assert [layer.out_channels for layer in built.convolutions.convolutions] == [128, *[256] * 5]
    assert sum(p.numel() for p in built.parameters()) == 9_301_830


def test_names_of_variants_are_decomposer_and_condition(study_of_all_variants):
    system = study_of_all_variants("factor_classifier").systems["factor_classifier"]
    for original in ORIGINAL_SPEECH:
        assert system.run(original).reconstructed is None
        assert system.run(original).standardise_by_speaker == (original != "raw")
    for decomposer in ("speechsplit", "original", "cycle", "speechsplit_small", "original_small", "cycle_small"):
        for condition in CONDITIONS:
            variant = f"{decomposer}_{condition}"
            assert system.run(variant).reconstructed == condition
            assert system.needs[variant].decomposer == f"speechflow/{decomposer}"


def test_segment_does_not_depend_on_its_batch():
    system = build()
    system(make_batch(9))  # set the running statistics
    system.eval()
    batch = make_batch(6, seed=4)
    together = system(batch)
    for row in range(6):
        alone = system(Batch(batch.features[row : row + 1], batch.n_frames[:1], batch.emotion[:1]))
        torch.testing.assert_close(alone.logits[0], together.logits[row])
        torch.testing.assert_close(alone.embedding[0], together.embedding[row])


def test_deltas_are_scaled_like_the_features():
    """In training each channel has mean 0 and std 1."""
    system, inputs = build(), []
    system.convolutions.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
    batch = make_batch(5)
    system(batch)
    (x,) = inputs
    assert x.shape == (5, 3, 12, 8)
    torch.testing.assert_close(x.mean(dim=(0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(x.std(dim=(0, 2, 3), correction=0), torch.ones(3), rtol=1e-3, atol=0)
    delta = torch.stack([2 * (f[4] - f[0]) + f[3] - f[1] for f in batch.features]) / 10  # of frame 2
    together = torch.stack([delta.flatten(), x[:, 1, 2].flatten()])
    torch.testing.assert_close(torch.corrcoef(together)[0, 1], torch.tensor(1.0))


def test_cross_entropy_is_weighted_by_the_inverse_frequency_of_the_class():
    system, batch = build(), make_batch(5)
    output = system(batch)
    weights = np.array([1 / 40, 1 / 10, 1 / 20])[batch.emotion.numpy()]
    terms = -output.logits.log_softmax(dim=1).detach().numpy()[np.arange(5), batch.emotion.numpy()]
    loss = system.losses(output, batch)["cross_entropy"].item()
    assert loss == pytest.approx((weights * terms).sum() / weights.sum(), rel=1e-5)
    unweighted = build(class_weighted=False)
    assert unweighted.losses(output, batch)["cross_entropy"].item() == pytest.approx(terms.mean(), rel=1e-5)


def test_weights_are_finite_with_an_empty_class():
    assert torch.isfinite(build(replace(DATA, class_counts=(40, 0, 20))).class_weights).all()


def test_every_parameter_has_a_gradient_in_both_precisions():
    for enabled in (False, True):
        system, batch = build(), make_batch(6)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            output = system(batch)
        assert output.logits.dtype == torch.float32
        sum(system.losses(output, batch).values()).backward()
        for name, parameter in system.named_parameters():
            assert torch.isfinite(parameter.grad).all(), name
            assert parameter.grad.abs().max() > 0, name


def test_utterances_of_different_lengths_are_refused():
    with pytest.raises(InputError, match=r"differ in length, expected segments \(segment_frames\)"):
        build(replace(DATA, n_frames=None))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("delta_window", 0, "at least 1"),
        ("conv_channels", [], "at least 1 each"),
        ("conv_channels", [4, 0], "at least 1 each"),
        ("conv_kernel_size", [5, 2], "frames and bins, both odd"),
        ("conv_kernel_size", [5], "frames and bins, both odd"),
        ("pool_size", [2, 0], "frames and bins, at least 1 each"),
        ("pool_size", [2, 9], "at most the 12 frames and 8 bins of a segment"),
        ("pool_size", [13, 4], "at most the 12 frames and 8 bins of a segment"),
        ("leaky_slope", -0.1, "at least 0"),
        ("linear_units", 0, "at least 1"),
        ("lstm_units", 0, "at least 1"),
        ("attention_units", 0, "at least 1"),
        ("embedding_dim", 0, "at least 1"),
    ],
)
def test_impossible_setting_is_refused(key, value, expected):
    with pytest.raises(InputError) as error:
        build(**{key: value})
    assert str(error.value) == f"factor_classifier: {key} is {value}, expected {expected}"
