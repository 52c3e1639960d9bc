from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from emofactors.config.labels import CONDITIONS, FACTORS
from emofactors.config.training import RunSettings
from emofactors.errors import InputError
from emofactors.nn.random_resampling import draw_segments, resampling_weights
from emofactors.systems import build_system
from emofactors.systems.base import Batch, TrainingData
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.dataset import SplitData
from emofactors.training.fit import fit

CONFIG = yaml.safe_load((Path(__file__).parents[3] / "config/systems/speechflow.yaml").read_text())
DATA = TrainingData(n_bins=7, class_counts=(4,), n_speakers=3)
SMALL = {
    "content_channels": 8,
    "content_layers": 3,
    "content_lstm_layers": 2,
    "content_units": 8,
    "pitch_channels": 8,
    "pitch_units": 32,
    "rhythm_channels": 8,
    "rhythm_units": 1,
    "conv_kernel_size": 5,
    "channels_per_group": 4,
    "decoder_units": 8,
    "decoder_layers": 2,
    "pitch_decoder_units": 8,
    "pitch_decoder_layers": 1,
    "speaker_dim": 32,
    "mean_speaker_share": 0.25,
    "downsample": 8,
    "reconstructed_frames": 48,
    "crop_frames": [16, 32],
    "resampled_frames": [19, 31],
    "resampling": [0.5, 1.5],
    "resample_cycle": True,
    "mel_weight": 0.2,
    "f0_weight": 1.0,
    "cycle_weight": 1.0,
}


def build(data=DATA, **changes):
    torch.manual_seed(0)
    return build_system("speechflow", SMALL | changes, data)


def make_speech(n, n_frames, seed=0):
    """Six bands in [0, 1] and a pitch that is partly unvoiced."""
    generator = torch.Generator().manual_seed(seed)
    speech = torch.rand(n, n_frames, 7, generator=generator)
    speech[..., 6] = torch.where(speech[..., 6] < 0.3, -1e10, speech[..., 6])
    return speech


def make_batch(*lengths):
    n_frames = torch.tensor(lengths)
    speech = make_speech(len(lengths), max(lengths))
    speech = speech * (torch.arange(max(lengths)) < n_frames[:, None])[:, :, None]
    return Batch(speech, n_frames, torch.zeros(len(lengths), dtype=torch.int64), speaker=n_frames % 3)


@pytest.mark.parametrize("variant", CONFIG["variants"])
def test_every_variant_is_built_with_the_published_bottlenecks(variant):
    settings = {key: value for part in ("published", "assumed") for key, (value, _) in CONFIG[part].items()}
    settings |= CONFIG["variants"][variant]
    run = RunSettings(**{key: value for key, value in settings.items() if key in RunSettings.model_fields})
    assert run.pitch is not None
    system = build_system(
        "speechflow",
        {key: value for key, value in settings.items() if key not in RunSettings.model_fields},
        TrainingData(n_bins=81, class_counts=(1,), n_speakers=20),
    )
    codes = system.encode(torch.rand(2, 192, 81))
    assert [getattr(codes, name).shape for name in FACTORS] == [(2, 24, 16), (2, 24, 2), (2, 24, 64)]


def test_crops_have_any_length_and_position_and_are_padded_with_silence():
    system, batch = build(), make_batch(70, 30, 12)
    number = torch.arange(1.0, 71).expand(3, 70)
    batch = replace(batch, features=number[:, :, None].expand(3, 70, 7))
    torch.manual_seed(0)
    crops = [set(), set(), set()]
    for _ in range(3000):
        speech, n_frames = system._cropped(batch)
        assert speech.shape == (3, 48, 7)
        for row, length in enumerate(n_frames.tolist()):
            first = int(speech[row, 0, 0])
            assert torch.equal(speech[row, :length, 0], torch.arange(float(first), first + length))
            assert (speech[row, length:] == 0).all()
            crops[row].add((first, length))
    assert {length for _, length in crops[0]} == set(range(16, 33))
    assert {first for first, length in crops[0] if length == 32} == set(range(1, 40))
    assert {first for first, length in crops[1] if length == 16} == set(range(1, 16))
    assert {length for _, length in crops[1]} == set(range(16, 31)), "a shorter utterance is not cropped"
    assert crops[2] == {(1, 12)}


def test_losses_are_the_weighted_errors_of_the_reconstruction():
    system = build(mel_weight=0.3, f0_weight=2.0, cycle_weight=0.5)
    batch = make_batch(40, 32)
    output = system(batch)
    losses = system.losses(output, batch)
    one_hot = np.eye(257)[output.target_bins.numpy()]
    mel, pitch = output.mel.detach().numpy(), output.pitch.detach().numpy()
    assert losses["mel"].item() == pytest.approx(0.3 * np.mean((mel - output.target_mel.numpy()) ** 2), rel=1e-5)
    assert losses["f0"].item() == pytest.approx(2.0 * np.mean((pitch - one_hot) ** 2), rel=1e-5)
    torch.testing.assert_close(losses["cycle"], 0.5 * output.cycle)
    assert output.cycle > 0
    sum(losses.values()).backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in system.parameters())


def test_cycle_is_not_computed_without_its_weight(monkeypatch):
    batch = make_batch(40, 32)
    for weight, rows in ((0.0, 2), (1.0, 4)):
        system, decoded = build(cycle_weight=weight), []
        system.decoder.register_forward_hook(lambda module, inputs, out, decoded=decoded: decoded.append(len(out)))
        assert ("cycle" in system.losses(system(batch), batch)) == (weight > 0)
        assert decoded == [rows]


@pytest.mark.parametrize("resample_cycle", [True, False])
def test_training_pass_equals_the_paper(resample_cycle):
    system, speech, speaker = build(resample_cycle=resample_cycle), make_speech(4, 48), torch.tensor([0, 1, 2, 0])
    n_frames = torch.tensor([32, 20, 16, 27])
    speech = speech * (torch.arange(48) < n_frames[:, None])[:, :, None]
    torch.manual_seed(5)
    output = system.forward_speech(speech, speaker, n_frames)

    torch.manual_seed(5)

    whole = torch.full((4,), 48)

    def weights(n_frames):
        drawn = draw_segments(4, 32, segment_frames=(19, 31), scale=(0.5, 1.5))
        return resampling_weights(drawn, n_frames, padded_frames=48)

    def encode(content, pitch, rhythm, resampling):
        codes = system.encoder(content, pitch, rhythm, resampling)
        return [codes.content, codes.rhythm, codes.pitch]

    def decode(codes):
        speakers = system.speaker_embedding(speaker)[:, None].expand(-1, 6, -1)
        joint = torch.cat([*codes, speakers], dim=2)
        return joint, system.decoder(joint), system.pitch_decoder(torch.cat(codes[1:], dim=2))

    at_input, *layers = [weights(length) for length in (n_frames, whole, whole, whole)]
    resampled = at_input @ speech
    pitch = resampled[..., 6]
    bins = torch.where(pitch > 0, (pitch * 255).round().long() + 1, 0)
    codes = encode(resampled[..., :6], torch.eye(257)[bins], speech[..., :6], layers)
    _, mel, f0 = decode(codes)
    torch.testing.assert_close(output.mel, mel)
    torch.testing.assert_close(output.pitch, f0)
    pitch = speech[..., 6]
    assert torch.equal(output.target_bins, torch.where(pitch > 0, (pitch * 255).round().long() + 1, 0))

    factor, order = int(torch.randint(3, ())), torch.randperm(4)
    codes[factor] = codes[factor][order]
    joint, mel, f0 = decode(codes)
    encoded = encode(mel, f0, mel, [weights(whole) for _ in range(3)] if resample_cycle else None)
    torch.testing.assert_close(output.cycle, (joint - decode(encoded)[0]).square().mean())


def test_training_is_random_and_evaluation_is_not():
    system, batch = build(), make_batch(40, 35)
    torch.manual_seed(1)
    first = system(batch)
    assert not any(torch.equal(first.mel, system(batch).mel) for _ in range(2))
    torch.manual_seed(1)
    assert torch.equal(first.mel, system(batch).mel)
    system.eval()
    state = torch.get_rng_state()
    output = system(batch)
    assert torch.equal(output.mel, system(batch).mel)
    assert torch.equal(state, torch.get_rng_state())
    assert output.mel.shape == (2, 48, 6)
    assert output.cycle is None
    assert torch.equal(output.target_mel[:, :40], batch.features[..., :6])


def test_evaluation_reconstructs_segments_padded_with_silence():
    system, batch = build().eval(), make_batch(35, 70)
    output = system(batch)
    assert output.mel.shape == (3, 48, 6)
    assert torch.equal(output.target_mel[0, :35], batch.features[0, :35, :6])
    assert (output.target_mel[0, 35:] == 0).all()
    assert (output.target_bins[0, 35:] == 0).all()
    assert torch.equal(output.target_mel[1], batch.features[1, :48, :6])
    assert torch.equal(output.target_mel[2], batch.features[1, 22:, :6])
    for row, utterance in enumerate((0, 1, 1)):
        mel, bins = output.target_mel[row], output.target_bins[row]
        speech = torch.cat([mel, torch.where(bins > 0, (bins - 1) / 255, 0.0)[:, None]], dim=1)[None]
        speech[..., 6] = torch.where(bins == 1, 1e-4, speech[..., 6])  # 0 would be unvoiced
        expected = system.reconstruct(speech, (*FACTORS, "speaker"), batch.speaker[[utterance]])
        torch.testing.assert_close(output.mel[row : row + 1], expected)


def test_the_same_utterance_has_the_same_codes_whatever_its_batch():
    system = build().eval()
    alone, among_longer = system(make_batch(35)), make_batch(35, 70)
    among_longer.features[0, :35] = make_batch(35).features[0]
    torch.testing.assert_close(system(among_longer).mel[:1], alone.mel)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_removed_factors_have_no_effect(condition):
    system, factors = build().eval(), CONDITIONS[condition]
    encoded = [name for name in factors if name != "speaker"]
    speech, other = make_speech(2, 48), make_speech(2, 48, seed=1)
    codes, others = system.encode(speech, encoded), system.encode(other, encoded)
    for name in FACTORS:
        assert torch.equal(getattr(codes, name), getattr(others, name)) == (name not in factors)
    speaker = torch.tensor([0, 1])
    reconstructed = system.reconstruct(speech, factors, speaker)
    assert reconstructed.shape == (2, 48, 6)
    assert torch.equal(reconstructed, system.reconstruct(other, factors, speaker)) == (not encoded)
    by_others = system.reconstruct(speech, factors, torch.tensor([2, -1]))
    assert torch.equal(reconstructed, by_others) == ("speaker" not in factors)


def test_reconstruction_uses_the_speaker_or_the_mean_speaker():
    system, speech, speaker = build().eval(), make_speech(2, 48), torch.tensor([0, 2])
    codes = system.encode(speech)
    for factors, index in (((*FACTORS, "speaker"), speaker), (FACTORS, torch.tensor([-1, -1]))):
        expected = system.decode(codes, system.speaker_embedding(index))
        torch.testing.assert_close(system.reconstruct(speech, factors, speaker), expected)
    assert system.decode_pitch(codes).shape == (2, 48, 257)


def test_pitch_is_quantised_and_unvoiced_at_0_and_below():
    system, speech = build().eval(), make_speech(2, 48)
    codes = system.encode(speech)
    moved = speech.clone()
    moved[..., 6] = torch.where(speech[..., 6] < 0, 0.0, (255 * speech[..., 6]).round() / 255)
    moved[..., 6] = torch.where(speech[..., 6] < 0, 0.0, moved[..., 6].clamp(min=1e-4))
    torch.testing.assert_close(system.encode(moved).pitch, codes.pitch)


@pytest.mark.parametrize(
    ("n_frames", "factors", "message"),
    [
        (40, FACTORS, "speech has 40 frames, expected segments of 48"),
        (56, FACTORS, "speech has 56 frames, expected segments of 48"),
        (
            48,
            ("content", "timbre"),
            r"factors is \['content', 'timbre'\], expected some of content, rhythm, pitch",
        ),
    ],
)
def test_invalid_input_is_refused(n_frames, factors, message):
    with pytest.raises(ValueError, match=message):
        build().encode(make_speech(1, n_frames), factors)


def test_batch_without_speakers_is_refused():
    with pytest.raises(InputError, match="speechflow: batch has no speakers"):
        build()(replace(make_batch(40), speaker=None))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("content_units", 0, "at least 1"),
        ("reconstructed_frames", 20, "a multiple of downsample (8)"),
        ("pitch_channels", 10, "a multiple of channels_per_group (4)"),
        ("conv_kernel_size", 4, "odd and at least 1"),
        ("crop_frames", [32, 16], "[min, max] with min at least 1"),
        ("crop_frames", [0, 16], "[min, max] with min at least 1"),
        ("crop_frames", [16, 49], "at most reconstructed_frames (48)"),
        ("resampled_frames", [1, 31], "[min, max] with min at least 2"),
        ("resampling", [0.0, 1.5], "[min, max] with min at least 0.01"),
        ("mel_weight", -1, "at least 0"),
        ("cycle_weight", -0.1, "at least 0"),
    ],
)
def test_impossible_setting_is_refused(key, value, expected):
    with pytest.raises(InputError) as error:
        build(**{key: value})
    assert str(error.value) == f"speechflow: {key} is {value}, expected {expected}"


@pytest.mark.parametrize(
    ("change", "message"),
    [({"n_bins": 1}, "a frame has 1 bins"), ({"n_speakers": 0}, "training_speakers is 0, expected at least 1")],
)
def test_unusable_training_data_are_refused(change, message):
    with pytest.raises(InputError, match=f"speechflow: {message}"):
        build(replace(DATA, **change))


@pytest.fixture
def split():
    """Utterances of three speakers with oscillating bands, each with its own period and level."""
    generator = np.random.default_rng(0)
    n_frames = generator.integers(24, 48, 24)
    speaker = np.arange(24) % 3
    parts = []
    for length, who in zip(n_frames, speaker, strict=True):
        phase = 2 * np.pi * (generator.uniform() + np.arange(length) / generator.uniform(16, 40))
        bands = 0.5 + 0.2 * np.sin(phase[:, None] + np.arange(6)) + 0.1 * (who - 1)
        pitch = np.where(bands[:, :1] > 0.4, bands[:, :1], -1e10)
        parts.append(np.concatenate([bands, pitch], axis=1))
    names = tuple(str(i) for i in range(24))
    frames = [torch.from_numpy(part).float() for part in parts]
    emotion = np.zeros(24, dtype=np.int64)
    return SplitData(names, names, emotion, frames, n_frames, torch.device("cpu"), speaker=speaker)


def test_trained_reconstruction_is_better_than_the_mean_spectrogram(split, tmp_path):
    empty = replace(split, utterances=(), n_frames=split.n_frames[:0])
    run = RunSettings(
        features="f", batch_size=12, pool_batches=1, learning_rate=0.01, max_steps=250, select="last"
    )
    checkpoint = Checkpoint(tmp_path / "state.pt", interval_s=1e9)
    system = build(decoder_units=32, decoder_layers=1, cycle_weight=0.01)
    system = fit(system, split, empty, run, seed=0, precision="float32", checkpoint=checkpoint).system
    bands = torch.cat(split.frames)[:, :6]
    error_of_mean = (bands - bands.mean(dim=0)).square().mean()
    errors = []
    for frames, who in zip(split.frames, split.speaker, strict=True):
        speech = torch.cat([frames, torch.zeros(48 - len(frames), 7)])[None]
        with torch.inference_mode():
            reconstructed = system.reconstruct(speech, (*FACTORS, "speaker"), torch.tensor([who]))
        errors.append((reconstructed[0, : len(frames)] - frames[:, :6]).square().mean())
    assert torch.stack(errors).mean() < 0.6 * error_of_mean


def test_bfloat16_changes_the_losses_by_rounding_only():
    batch, losses = make_batch(40, 32), []
    for enabled in (False, True):
        system = build()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            output = system(batch)
        losses.append(system.losses(output, batch))
        sum(losses[-1].values()).backward()
        assert all(torch.isfinite(parameter.grad).all() for parameter in system.parameters())
    for name, loss in losses[0].items():
        torch.testing.assert_close(losses[1][name], loss, rtol=0.02, atol=0)
