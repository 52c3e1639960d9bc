"""Published sizes and losses of the three decomposers, against plain code written from their description."""

from pathlib import Path

import pytest
import torch
import yaml
from torch import nn
from torch.nn import functional as F

from emofactors.config.training import RunSettings
from emofactors.systems import build_system
from emofactors.systems.base import Batch, TrainingData

CONFIG = yaml.safe_load((Path(__file__).parents[3] / "config/systems/speechflow.yaml").read_text())
N_SPEAKERS = 5
#: Parameters of the public code of CycleFlow, whose speaker embeddings are those of another network.
OF_CYCLEFLOW = 21_605_353


def build(variant, **changes):
    settings = {key: value for part in ("published", "assumed") for key, (value, _) in CONFIG[part].items()}
    settings |= CONFIG["variants"][variant] | changes
    arguments = {key: value for key, value in settings.items() if key not in RunSettings.model_fields}
    torch.manual_seed(0)
    return build_system("speechflow", arguments, TrainingData(81, class_counts=(1,), n_speakers=N_SPEAKERS))


class Plain(nn.Module):
    """The network of SpeechSplit, with CycleFlow's decoder of pitch."""

    def __init__(self):
        super().__init__()
        self.content = nn.ModuleList(nn.Conv1d(n, 512, 5, padding=2) for n in (80, 512, 512))
        self.content_norms = nn.ModuleList(nn.GroupNorm(32, 512) for _ in range(3))
        self.pitch = nn.ModuleList(nn.Conv1d(n, 256, 5, padding=2) for n in (257, 256, 256))
        self.pitch_norms = nn.ModuleList(nn.GroupNorm(16, 256) for _ in range(3))
        self.rhythm, self.rhythm_norm = nn.Conv1d(80, 128, 5, padding=2), nn.GroupNorm(8, 128)
        both = {"batch_first": True, "bidirectional": True}
        self.content_lstm, self.rhythm_lstm = nn.LSTM(512, 8, 2, **both), nn.LSTM(128, 1, 1, **both)
        self.pitch_lstm = nn.LSTM(256, 32, 1, **both)
        self.mel_lstm, self.mel_linear = nn.LSTM(16 + 2 + 64 + 32, 512, 3, **both), nn.Linear(1024, 80)
        self.f0_lstm, self.f0_linear = nn.LSTM(2 + 64, 256, 2, **both), nn.Linear(512, 257)

    def copy(self, system):
        """Take the weights of our system, in the order in which both register them."""
        pairs = [(self.content_lstm, system.encoder.content_lstm.lstm), (self.mel_linear, system.decoder.linear)]
        pairs += [(self.rhythm_lstm, system.encoder.rhythm_lstm.lstm), (self.mel_lstm, system.decoder.lstm)]
        pairs += [(self.pitch_lstm, system.encoder.pitch_lstm.lstm)]
        for mine, norms, ours in (
            (self.content, self.content_norms, system.encoder.content_convolutions),
            (self.pitch, self.pitch_norms, system.encoder.pitch_convolutions),
            ([self.rhythm], [self.rhythm_norm], system.encoder.rhythm_convolutions),
        ):
            for convolution, norm, layer in zip(mine, norms, ours, strict=True):
                pairs += [(convolution, layer.convolution), (norm, layer.norm)]
        if system.pitch_decoder is not None:
            pairs += [(self.f0_lstm, system.pitch_decoder.lstm), (self.f0_linear, system.pitch_decoder.linear)]
        for mine, ours in pairs:
            mine.load_state_dict(ours.state_dict())

    def encode(self, mel, f0, rhythm, resample):
        x, p, r = mel.transpose(1, 2), f0.transpose(1, 2), rhythm.transpose(1, 2)
        for layer in range(3):
            x = F.relu(self.content_norms[layer](self.content[layer](x)))
            p = F.relu(self.pitch_norms[layer](self.pitch[layer](p)))
            x, p = resample(torch.cat([x, p], dim=1).transpose(1, 2), 192).transpose(1, 2).split([512, 256], dim=1)
        r = F.relu(self.rhythm_norm(self.rhythm(r)))
        codes = []
        for lstm, features in ((self.content_lstm, x), (self.rhythm_lstm, r), (self.pitch_lstm, p)):
            out = lstm(features.transpose(1, 2))[0]
            forward, backward = out.chunk(2, dim=2)
            blocks = [torch.cat([forward[:, t + 7], backward[:, t]], dim=1) for t in range(0, 192, 8)]
            codes.append(torch.stack(blocks, dim=1).repeat_interleave(8, dim=1))
        return codes

    def decode(self, codes, speaker):
        joint = torch.cat([*codes, speaker[:, None].expand(-1, 192, -1)], dim=2)
        return (
            joint,
            self.mel_linear(self.mel_lstm(joint)[0]),
            self.f0_linear(self.f0_lstm(torch.cat(codes[1:], 2))[0]),
        )


def resample(x, n_frames):
    """Resample the first frames of (B, 192, C): at most 128 // 19 + 1 segments of 19 to 31 frames, as published."""
    lengths, scales = torch.randint(19, 32, (len(x), 7)), 0.5 + torch.rand(len(x), 7)
    n_frames = torch.as_tensor(n_frames).expand(len(x))
    out = torch.zeros_like(x)
    for row in range(len(x)):
        parts, first = [], 0
        for length, scale in zip(lengths[row], scales[row], strict=True):
            position = torch.arange(64) / scale
            before = position.floor().long()
            used = (before < length - 1) & (before + first < n_frames[row] - 1)
            rest = (position - before)[used, None]
            before = before[used] + first
            parts.append((1 - rest) * x[row, before] + rest * x[row, before + 1])
            first += int(length)
        resampled = torch.cat(parts)[:192]
        out[row, : len(resampled)] = resampled
    return out


def one_hot(f0):
    return F.one_hot(torch.where(f0 > 0, torch.round(f0 * 255) + 1, 0).long(), 257).float()


def plain_losses(variant, network, speech, n_frames, speaker):
    """The losses of a variant with the draws of our system: resampling, the factor and its order, resampling."""
    mel, f0 = speech[..., :80], speech[..., 80]
    resampled = resample(speech, n_frames)
    codes = network.encode(resampled[..., :80], one_hot(resampled[..., 80]), mel, resample)
    _, mel_hat, f0_hat = network.decode(codes, speaker)
    if variant == "speechsplit":
        return {"mel": ((mel_hat - mel) ** 2).mean()}
    losses = {"mel": 0.2 * ((mel_hat - mel) ** 2).mean(), "f0": ((f0_hat - one_hot(f0)) ** 2).mean()}
    if variant == "cycle":
        factor, order = int(torch.randint(3, ())), torch.randperm(len(speech))
        codes[factor] = codes[factor][order]
        substituted, mel_s, f0_s = network.decode(codes, speaker)
        again = [*network.encode(mel_s, f0_s, mel_s, resample), speaker[:, None].expand(-1, 192, -1)]
        losses["cycle"] = ((substituted - torch.cat(again, dim=2)) ** 2).mean()
    return losses


@pytest.mark.parametrize("variant", ["speechsplit", "original", "cycle"])
def test_size_and_losses_are_those_of_plain_code(variant):
    system, network = build(variant, mean_speaker_share=0.0), Plain()
    n_parameters = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    assert sum(n_parameters.values()) == OF_CYCLEFLOW
    without = n_parameters["f0_lstm"] + n_parameters["f0_linear"] if variant == "speechsplit" else 0
    expected = OF_CYCLEFLOW - without + N_SPEAKERS * 32
    assert sum(p.numel() for p in system.parameters()) == expected
    assert sum(tensor.numel() for tensor in system.state_dict().values()) == expected, "nothing else is saved"

    network.copy(system)
    generator = torch.Generator().manual_seed(1)
    speech = torch.rand(3, 192, 81, generator=generator)
    speech[..., 80] = torch.where(speech[..., 80] < 0.3, -1e10, speech[..., 80])
    n_frames, speaker = torch.tensor([64, 128, 101]), torch.tensor([0, 4, 2])
    speech = speech * (torch.arange(192) < n_frames[:, None])[:, :, None]
    embedding = 32**0.5 * F.normalize(system.speakers.rows, dim=1)[speaker]
    torch.manual_seed(7)
    losses = system.losses(output := system.forward_speech(speech, speaker, n_frames), None)
    torch.manual_seed(7)
    expected = plain_losses(variant, network, speech, n_frames, embedding)
    assert losses.keys() == expected.keys()
    for name, loss in expected.items():
        torch.testing.assert_close(losses[name], loss, rtol=1e-4, atol=1e-6)
    assert (output.pitch is None) == (variant == "speechsplit")


def test_every_parameter_of_speechsplit_is_trained():
    system = build("speechsplit_small", decoder_units=8, content_channels=16, pitch_channels=16)
    speech = torch.rand(2, 200, 81)
    batch = Batch(
        speech, torch.tensor([200, 150]), torch.zeros(2, dtype=torch.int64), speaker=torch.tensor([0, 1])
    )
    output = system(batch)
    assert system.dev_losses(batch).keys() == system.losses(output, batch).keys() == {"mel"}
    sum(system.losses(output, batch).values()).backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in system.parameters())
    with pytest.raises(ValueError, match="there is no decoder of pitch"):
        system.decode_pitch(system.eval().encode(speech[:, :192]))
