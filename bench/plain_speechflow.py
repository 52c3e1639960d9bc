"""SpeechFlow with the random cycle loss in plain PyTorch: a direct implementation of the description."""

import torch
from torch import nn
from torch.nn import functional as F


class PlainResampling(nn.Module):
    """Segments of 19 to 31 frames, each 0.5 to 1.5 times as long, utterance by utterance, padded again."""

    def forward(self, x, n_frames):
        if not self.training:
            return x
        shape = (len(x), 128 // 19 + 1)
        lengths, scales = torch.randint(19, 32, shape), torch.rand(shape) + 0.5
        rows = zip(x, n_frames.tolist(), lengths, scales, strict=True)
        return torch.stack([self.resample(*row) for row in rows])

    def resample(self, x, n_frames, lengths, scales):
        parts, first = [], 0
        for length, scale in zip(lengths, scales, strict=True):
            position = torch.arange(64) / scale
            position = position[position < min(int(length), n_frames - first) - 1]
            before = position.floor().long()
            rest = (position - before)[:, None]
            parts.append((1 - rest) * x[first + before] + rest * x[first + before + 1])
            first = min(first + int(length), n_frames - 1)
        out = torch.cat(parts)[: len(x)]
        return F.pad(out, (0, 0, 0, len(x) - len(out)))


def convolutions(n_in, n_out, n):
    layers = []
    for size in [n_in, *[n_out] * (n - 1)]:
        layers.append(nn.Sequential(nn.Conv1d(size, n_out, 5, padding=2), nn.GroupNorm(n_out // 16, n_out)))
    return nn.ModuleList(layers)


def one_hot_pitch(pitch):
    return F.one_hot(torch.where(pitch > 0, (pitch * 255).round() + 1, 0).long(), 257).float()


class PlainSpeechFlow(nn.Module):
    """Map crops padded to 192 frames (B, 192, 81), their lengths and speakers to the loss of a training step."""

    def __init__(self, n_speakers):
        super().__init__()
        self.content_conv, self.content_lstm = convolutions(80, 512, 3), self.lstm(512, 8, 2)
        self.pitch_conv, self.pitch_lstm = convolutions(257, 256, 3), self.lstm(256, 32, 1)
        self.rhythm_conv, self.rhythm_lstm = convolutions(80, 128, 1), self.lstm(128, 1, 1)
        self.mel_lstm, self.mel_linear = self.lstm(114, 512, 3), nn.Linear(1024, 80)
        self.f0_lstm, self.f0_linear = self.lstm(66, 256, 2), nn.Linear(512, 257)
        self.speakers = nn.Embedding(n_speakers, 32)
        self.resampling = PlainResampling()

    def lstm(self, n_in, units, layers):
        return nn.LSTM(n_in, units, layers, batch_first=True, bidirectional=True)

    def encode(self, mel, pitch, rhythm):
        x, f0 = mel.transpose(1, 2), pitch.transpose(1, 2)
        whole = torch.full((len(x),), x.shape[2])
        for conv_x, conv_f0 in zip(self.content_conv, self.pitch_conv, strict=True):
            both = torch.cat([F.relu(conv_x(x)), F.relu(conv_f0(f0))], dim=1)
            x, f0 = self.resampling(both.transpose(1, 2), whole).transpose(1, 2).split([512, 256], dim=1)
        r = F.relu(self.rhythm_conv[0](rhythm.transpose(1, 2)))
        codes = []
        for lstm, features in ((self.content_lstm, x), (self.rhythm_lstm, r), (self.pitch_lstm, f0)):
            out = lstm(features.transpose(1, 2))[0]
            units = out.shape[2] // 2
            code = torch.cat([out[:, 7::8, :units], out[:, ::8, units:]], dim=2)
            codes.append(code.repeat_interleave(8, dim=1))
        return codes

    def decode(self, codes, speaker):
        speaker = speaker[:, None].expand(-1, codes[0].shape[1], -1)
        joint = torch.cat([*codes, speaker], dim=2)
        mel = self.mel_linear(self.mel_lstm(joint)[0])
        f0 = self.f0_linear(self.f0_lstm(torch.cat(codes[1:], dim=2))[0])
        return joint, mel, f0

    def forward(self, speech, n_frames, speaker):
        resampled = self.resampling(speech, n_frames)
        mel = speech[..., :80]
        codes = self.encode(resampled[..., :80], one_hot_pitch(resampled[..., 80]), mel)
        embedding = 32**0.5 * F.normalize(self.speakers(speaker), dim=1)
        _, reconstructed, f0 = self.decode(codes, embedding)
        loss = 0.2 * F.mse_loss(reconstructed, mel) + F.mse_loss(f0, one_hot_pitch(speech[..., 80]))

        factor = int(torch.randint(3, ()))
        codes[factor] = codes[factor][torch.randperm(len(speech))]
        joint, reconstructed, f0 = self.decode(codes, embedding)
        encoded = torch.cat([*self.encode(reconstructed, f0, reconstructed), joint[..., -32:]], dim=2)
        return loss + F.mse_loss(encoded, joint)


def copy_weights(system, network):
    """Copy the weights of our system to the plain network."""
    names = {
        "encoder.content_convolutions": "content_conv",
        "encoder.pitch_convolutions": "pitch_conv",
        "encoder.rhythm_convolutions": "rhythm_conv",
        "encoder.content_lstm.lstm": "content_lstm",
        "encoder.pitch_lstm.lstm": "pitch_lstm",
        "encoder.rhythm_lstm.lstm": "rhythm_lstm",
        "decoder.lstm": "mel_lstm",
        "decoder.linear": "mel_linear",
        "pitch_decoder.lstm": "f0_lstm",
        "pitch_decoder.linear": "f0_linear",
        "speakers.rows": "speakers.weight",
    }
    state = {}
    for name, tensor in system.state_dict().items():
        ours = next(part for part in names if name.startswith(part))
        theirs = names[ours] + name.removeprefix(ours)
        state[theirs.replace("convolution.", "0.").replace("norm.", "1.")] = tensor.clone()
    network.load_state_dict(state)
