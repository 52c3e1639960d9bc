import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from emofactors.errors import InputError
from emofactors.systems import build_system
from emofactors.systems.base import Batch, Output, TrainingData

DATA = TrainingData(n_bins=6, class_counts=(40, 10, 20), n_speakers=4, n_updates=200)
SMALL = {
    **{"conv_channels": 5, "conv_kernel_size": 3, "conv_dilations": [1, 2], "lstm_units": 4, "embedding_dim": 7},
    **{
        "emotion_hidden": 5,
        "speaker_hidden": 6,
        "speaker_memory": 12,
        "speaker_rate_factor": 10.0,
        "grl_weight": 0.7,
        "entropy_weight": 0.4,
    },
}
VARIANTS = {
    "none": SMALL | {"grl_weight": 0.0, "entropy_weight": 0.0},
    "grl": SMALL | {"entropy_weight": 0.0},
    "entropy": SMALL | {"grl_weight": 0.0},
    "both": SMALL,
}
STEP = 30  # of 200: p = 0.15
RAMP = 2 / (1 + math.exp(-10 * 0.15)) - 1
#: The ramp is float32.
CLOSE = {"rtol": 1e-5, "atol": 1e-9}


def build(variant, data=DATA):
    torch.manual_seed(0)
    return build_system("speaker_adversarial", VARIANTS[variant], data)


def make_batch(*n_frames):
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(len(n_frames), max(n_frames), 6, generator=generator)
    for row, length in enumerate(n_frames):
        features[row, length:] = 0
    index = torch.arange(len(n_frames))
    return Batch(features, torch.tensor(n_frames), emotion=index % 3, speaker=index % 4)


@pytest.fixture
def batch():
    return make_batch(9, 20, 14, 20, 1)


def system_with_memory(variant, batch):
    """Return a system in double precision after 30 updates, and an output whose embedding is a leaf.

    Its memory of 12 holds a batch of five and one of three utterances; four places are empty.
    """
    system = build(variant).double()
    generator = torch.Generator().manual_seed(4)

    def random(n):
        return torch.randn(n, 7, dtype=torch.float64, generator=generator)

    for n in (5, 3):
        system.after_step(Output(embedding=2 * random(n) + 1, logits=None), make_batch(*[4] * n))
    system.step.fill_(STEP)
    embedding = random(len(batch.emotion)).requires_grad_()
    return system, Output(embedding=embedding, logits=system.emotion_head(embedding))


def gradients(loss, embedding, head):
    """Return the gradients of a loss for the embedding and for the parameters of a head; zeros without gradient."""
    inputs = [embedding, *head.parameters()]
    of_embedding, *of_head = torch.autograd.grad(loss, inputs, retain_graph=True, materialize_grads=True)
    return of_embedding, of_head


def head_inputs(system, output, batch):
    """Return the training data of the head: embeddings of the memory and of the batch, and their speakers."""
    known = system.memory_speaker >= 0
    embedding = torch.cat([output.embedding.detach(), system.memory[known]])
    return embedding, batch.speaker.tolist() + system.memory_speaker[known].tolist()


def reference_posterior(system, embedding, reference):
    """Posterior of the speaker head, whose input is standardised by reference embeddings."""
    mean = reference.mean(dim=0)
    std = ((reference - mean).square().mean(dim=0) + 1e-5).sqrt()
    first, _, second = system.speaker_head
    hidden = ((embedding - mean) / std @ first.weight.T + first.bias).clamp(min=0)
    return (hidden @ second.weight.T + second.bias).softmax(dim=1)


def reference_speaker_loss(posterior, speaker):
    return -sum(posterior[i, s].log() for i, s in enumerate(speaker)) / len(speaker)


def reference_entropy(posterior):
    return -sum((p * p.log()).sum() for p in posterior) / len(posterior) / math.log(4)


def reference_terms(system, output, batch):
    """The head's loss; cross-entropy of the speakers and entropy of the batch by the frozen head."""
    reference, speaker = head_inputs(system, output, batch)
    of_batch = reference_posterior(system, output.embedding, reference)
    return {
        "speaker": reference_speaker_loss(reference_posterior(system, reference, reference), speaker),
        "reversal": reference_speaker_loss(of_batch, batch.speaker.tolist()),
        "entropy": reference_entropy(of_batch),
    }


def test_every_variant_of_the_file_is_built(study_of_all_variants):
    study = study_of_all_variants("speaker_adversarial")
    system = study.systems["speaker_adversarial"]
    assert len(system.variants) == 6
    for variant in system.variants:
        n_bins = study.features[system.run(variant).features].n_bins
        data = TrainingData(n_bins, (3, 4, 5), n_speakers=8, n_updates=100)
        built = build_system("speaker_adversarial", system.arguments(variant), data)
        assert (n_bins, built.embed.out_features) == (40, 128)


def test_variants_of_the_file_differ_in_the_two_weights_only(study_of_all_variants):
    system = study_of_all_variants("speaker_adversarial").systems["speaker_adversarial"]
    weights = {}
    for variant in system.variants:
        settings = system.variant(variant)
        weights[variant] = (settings.pop("grl_weight") > 0, settings.pop("entropy_weight") > 0)
        assert settings == {k: v for k, v in system.variant("both").items() if not k.endswith("_weight")}
    expected = {"none": (False, False), "grl": (True, False), "entropy": (False, True), "both": (True, True)}
    assert weights == expected | dict.fromkeys(("both_0.03", "both_0.3"), (True, True))


def test_all_variants_start_from_the_same_encoder():
    none = build("none").state_dict()
    assert len(none) > 20
    for variant in ("grl", "entropy", "both"):
        state = build(variant).state_dict()
        head = {f"speaker_head.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")}
        assert {name for name in state if name not in none} == head | {"memory", "memory_speaker"}
        assert all(torch.equal(state[name], tensor) for name, tensor in none.items())


@pytest.mark.parametrize("variant", VARIANTS)
def test_utterance_does_not_depend_on_its_batch(variant, batch):
    system = build(variant)
    system.train()(make_batch(12, 30, 25))  # set the running statistics
    system.eval()
    together = system(batch)
    for row, length in enumerate(batch.n_frames):
        alone = system(Batch(batch.features[row : row + 1, :length], length[None], batch.emotion[row : row + 1]))
        torch.testing.assert_close(alone.embedding[0], together.embedding[row])
        torch.testing.assert_close(alone.logits[0], together.logits[row])


def test_embedding_does_not_depend_on_the_padding_in_training(batch):
    system = build("both")
    more = replace(batch, features=torch.nn.functional.pad(batch.features, (0, 0, 0, 11), value=5.0))
    torch.testing.assert_close(system(more).embedding, system(batch).embedding)


def test_embedding_is_a_projection_of_mean_and_std_of_the_lstm_output(batch):
    system = build("both").eval()
    output = system(batch)
    valid = torch.arange(20) < batch.n_frames[:, None]
    x = system.time_delay(batch.features, valid)[:1, :9]
    frames = system.bilstm(x, torch.tensor([9]))[0]
    pooled = torch.cat([frames.mean(dim=0), frames.std(dim=0, correction=0)])
    torch.testing.assert_close(output.embedding[0], system.embed(pooled))
    torch.testing.assert_close(output.logits[0], system.emotion_head(system.embed(pooled)))


def test_cross_entropy_is_weighted_by_the_inverse_frequency_of_the_class(batch):
    system, output = system_with_memory("none", batch)
    weights = np.array([1 / 40, 1 / 10, 1 / 20])[batch.emotion.numpy()]
    log_posterior = output.logits.log_softmax(dim=1).detach().numpy()
    terms = -log_posterior[np.arange(5), batch.emotion.numpy()]
    expected = (weights * terms).sum() / weights.sum()
    assert system.losses(output, batch)["cross_entropy"].item() == pytest.approx(expected, rel=1e-6)


def test_weights_are_finite_with_an_empty_class(batch):
    system = build("none", replace(DATA, class_counts=(40, 0, 20, 0)))
    without = replace(batch, emotion=torch.tensor([0, 2, 2, 0, 0]))
    assert torch.isfinite(system.class_weights).all()
    assert torch.isfinite(system.losses(system(without), without)["cross_entropy"])


@pytest.mark.parametrize(
    ("variant", "names"),
    [
        ("none", {"cross_entropy"}),
        ("grl", {"cross_entropy", "speaker", "reversal"}),
        ("entropy", {"cross_entropy", "speaker", "entropy"}),
        ("both", {"cross_entropy", "speaker", "reversal", "entropy"}),
    ],
)
def test_losses_of_a_variant_are_those_of_its_weights(variant, names, batch):
    system = build(variant)
    assert set(system.losses(system(batch), batch)) == names


def test_there_is_no_speaker_head_without_weights(batch):
    system = build("none", replace(DATA, n_speakers=0, n_updates=0))
    assert system.speaker_head is None
    batch = replace(batch, speaker=None)
    sum(system.losses(system(batch), batch).values()).backward()
    assert all(parameter.grad is not None for parameter in system.parameters())


@pytest.mark.parametrize("variant", ["grl", "entropy", "both"])
def test_speaker_loss_trains_the_head_on_memory_and_batch_and_not_the_encoder(variant, batch):
    system, output = system_with_memory(variant, batch)
    assert len(head_inputs(system, output, batch)[0]) == 13
    reference = reference_terms(system, output, batch)["speaker"]
    loss = system.losses(output, batch)["speaker"]
    torch.testing.assert_close(loss, reference)
    of_embedding, of_head = gradients(loss, output.embedding, system.speaker_head)
    assert (of_embedding == 0).all()
    for gradient, other in zip(
        of_head, gradients(reference, output.embedding, system.speaker_head)[1], strict=True
    ):
        torch.testing.assert_close(gradient, other)
        assert other.abs().max() > 0


@pytest.mark.parametrize(
    ("variant", "name", "weight"),
    [
        ("grl", "reversal", -0.7),
        ("both", "reversal", -0.7),
        ("entropy", "entropy", -0.4),
        ("both", "entropy", -0.4),
    ],
)
def test_adversarial_losses_train_the_encoder_by_their_weight_and_not_the_head(variant, name, weight, batch):
    system, output = system_with_memory(variant, batch)
    reference = reference_terms(system, output, batch)[name]
    loss = system.losses(output, batch)[name]
    # The reversal changes the gradient only; the entropy loss itself has the sign and the weight.
    torch.testing.assert_close(loss, reference if name == "reversal" else weight * RAMP * reference, **CLOSE)
    of_embedding, of_head = gradients(loss, output.embedding, system.speaker_head)
    expected, unfrozen = gradients(reference, output.embedding, system.speaker_head)
    torch.testing.assert_close(of_embedding, weight * RAMP * expected, **CLOSE)
    assert all(gradient.abs().max() > 0 for gradient in (expected, *unfrozen))
    assert all((gradient == 0).all() for gradient in of_head)


def test_total_loss_trains_the_head_by_one_term_and_the_encoder_by_all_others(batch):
    system, output = system_with_memory("both", batch)
    total = sum(system.losses(output, batch).values())
    emotion = torch.nn.functional.cross_entropy(output.logits, batch.emotion, weight=system.class_weights)
    reference = reference_terms(system, output, batch)
    result = gradients(total, output.embedding, system.speaker_head)
    of_encoder = emotion - 0.7 * RAMP * reference["reversal"] - 0.4 * RAMP * reference["entropy"]
    torch.testing.assert_close(result[0], gradients(of_encoder, output.embedding, system.speaker_head)[0], **CLOSE)
    torch.testing.assert_close(
        result[1], gradients(reference["speaker"], output.embedding, system.speaker_head)[1]
    )


def test_adversarial_gradients_reach_the_encoder(batch):
    system = build("both")
    system.step += STEP
    output = system(batch)
    losses = system.losses(output, batch)
    encoder = [*system.time_delay.parameters(), *system.bilstm.parameters(), *system.embed.parameters()]
    reference = reference_terms(system, output, batch)
    for name, weight in (("reversal", -0.7), ("entropy", -0.4)):
        result = torch.autograd.grad(losses[name], encoder, retain_graph=True)
        expected = torch.autograd.grad(weight * RAMP * reference[name], encoder, retain_graph=True)
        for gradient, other in zip(result, expected, strict=True):
            torch.testing.assert_close(gradient, other, rtol=1e-3, atol=1e-6)
            assert other.abs().max() > 0


def test_memory_holds_the_latest_embeddings():
    system = build("grl")
    batches = [make_batch(*[4] * n) for n in (5, 5, 4, 1)]
    outputs = [system(batch) for batch in batches]
    for output, batch in zip(outputs, batches, strict=True):
        system.after_step(output, batch)
    latest = torch.cat([output.embedding for output in reversed(outputs)])[:12]
    torch.testing.assert_close(system.memory, latest)
    assert not system.memory.requires_grad
    assert system.memory_speaker.tolist() == [0, *range(4), *(0, 1, 2, 3, 0), *(0, 1)]
    assert system.step == 4


def test_head_without_memory_is_trained_on_the_batch_only(batch):
    torch.manual_seed(0)
    system = build_system("speaker_adversarial", SMALL | {"speaker_memory": 0}, DATA)
    system.after_step(system(batch), batch)
    output = system(batch)
    assert len(head_inputs(system, output, batch)[0]) == 5
    torch.testing.assert_close(
        system.losses(output, batch)["speaker"], reference_terms(system, output, batch)["speaker"]
    )


@pytest.mark.parametrize(("updates", "progress"), [(0, 0.0), (1, 0.005), (200, 1.0), (300, 1.0)])
def test_ramp_follows_the_updates(updates, progress, batch):
    system = build("both")
    output = system(batch)
    for _ in range(updates):
        system.after_step(output, batch)
    ramp = 2 / (1 + math.exp(-10 * progress)) - 1
    expected = -0.4 * ramp * reference_terms(system, output, batch)["entropy"]
    torch.testing.assert_close(system.losses(output, batch)["entropy"], expected)


def test_updates_and_memory_are_saved_in_the_state():
    system = build("both")
    batch = make_batch(4, 5)
    system.after_step(system(batch), batch)
    other = build("both")
    other.load_state_dict(system.state_dict())
    assert other.step == 1
    assert torch.equal(other.memory, system.memory)
    assert other.memory_speaker.tolist() == [0, 1, *[-1] * 10]


def test_unknown_speakers_are_excluded_from_the_speaker_losses(batch):
    system, output = system_with_memory("grl", batch)
    losses = system.losses(output, replace(batch, speaker=torch.tensor([-1, 1, 2, -1, 0])))
    known = [1, 2, 4]
    shorter = replace(output, embedding=output.embedding[known])
    reference = reference_terms(system, shorter, replace(batch, speaker=torch.tensor([1, 2, 0])))
    for name in ("speaker", "reversal"):
        torch.testing.assert_close(losses[name], reference[name])


def test_batch_without_speakers_is_refused_with_a_speaker_head(batch):
    system = build("grl")
    with pytest.raises(InputError, match="batch has no speakers, expected one per utterance"):
        system.losses(system(batch), replace(batch, speaker=None))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_speakers": 1}, "training_speakers is 1, expected at least 2"),
        ({"n_speakers": 0}, "training_speakers is 0, expected at least 2"),
        ({"n_updates": 0}, "updates is 0, expected at least 1"),
    ],
)
@pytest.mark.parametrize("variant", ["grl", "entropy", "both"])
def test_adversary_needs_two_speakers_and_updates(variant, change, message):
    with pytest.raises(InputError, match=f"speaker_adversarial: {message}"):
        build(variant, replace(DATA, **change))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("speaker_memory", -1, "at least 0"),
        ("speaker_rate_factor", 0.0, "above 0"),
        ("grl_weight", -0.1, "at least 0"),
        ("entropy_weight", -1, "at least 0"),
        ("conv_channels", 0, "at least 1"),
        ("lstm_units", 0, "at least 1"),
        ("embedding_dim", 0, "at least 1"),
        ("emotion_hidden", 0, "at least 1"),
        ("speaker_hidden", 0, "at least 1"),
        ("conv_kernel_size", 4, "odd and at least 1"),
        ("conv_kernel_size", -1, "odd and at least 1"),
        ("conv_dilations", [1, 0], "at least 1 each"),
        ("conv_dilations", [], "at least 1 each"),
    ],
)
def test_impossible_setting_is_refused(key, value, expected):
    with pytest.raises(InputError) as error:
        build_system("speaker_adversarial", SMALL | {key: value}, DATA)
    assert str(error.value) == f"speaker_adversarial: {key} is {value}, expected {expected}"


def test_scale_and_shift_of_the_embedding_do_not_affect_the_head(batch):
    system, output = system_with_memory("both", batch)
    moved = replace(output, embedding=1e-2 * output.embedding + 5)
    other, _ = system_with_memory("both", batch)
    other.memory = 1e-2 * other.memory + 5
    losses, moved_losses = system.losses(output, batch), other.losses(moved, batch)
    for name in ("speaker", "reversal", "entropy"):
        torch.testing.assert_close(losses[name], moved_losses[name], rtol=0.05, atol=1e-3)


def test_losses_of_one_utterance_are_finite():
    system = build("both")
    system.step += STEP
    alone = make_batch(12)
    losses = system.losses(system.eval()(alone), alone)
    assert all(torch.isfinite(term) for term in losses.values())


def test_only_the_speaker_head_has_its_own_learning_rate():
    system = build("both")
    ((prefix, factor),) = system.learning_rate_factors.items()
    assert factor == 10.0
    names = [name for name, _ in system.named_parameters() if name.startswith(prefix)]
    assert names == [f"speaker_head.{layer}.{kind}" for layer in (0, 2) for kind in ("weight", "bias")]
