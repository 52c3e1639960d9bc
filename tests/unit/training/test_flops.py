import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from emofactors.systems import build_system
from emofactors.systems.base import Batch, Output, TrainingData
from emofactors.training.flops import forward_flops


class Layer(nn.Module):
    """One layer whose products can be counted by hand."""

    min_frames = 1

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.convolution = nn.Conv2d(1, 5, 3, padding=1)
        self.grouped = nn.Conv1d(16, 32, 5, stride=2, groups=4)
        self.transposed = nn.ConvTranspose1d(16, 6, 5, stride=2, groups=2)
        self.linear = nn.Linear(16, 7)
        self.gru = nn.GRU(16, 8, batch_first=True, bidirectional=True)
        self.lstm = nn.LSTM(16, 8, batch_first=True)

    def forward(self, batch):
        x = batch.features  # (B, T, F)
        match self.kind:
            case "convolution":
                x = self.convolution(x[:, None])
            case "grouped" | "transposed":
                x = getattr(self, self.kind)(x.transpose(1, 2))
            case "linear":
                x = self.linear(x) @ torch.ones(7, 3)
            case "added":
                x = torch.baddbmm(torch.ones(1), x, x.transpose(1, 2))
            case "gru":
                x, _ = self.gru(x)
            case "lstm":
                x, _ = self.lstm(x)
            case "attention":
                x = F.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None])
        return Output(embedding=x, logits=x)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # 9 products per channel and position, each with a sum.
        ("convolution", 2 * 9 * 5 * (20 * 16)),
        # The input channels of a group.
        ("grouped", 2 * 5 * 32 * (16 // 4) * 8),
        # At each position of the input.
        ("transposed", 2 * 5 * 16 * (6 // 2) * 20),
        ("linear", 2 * 20 * (16 * 7 + 7 * 3)),
        ("added", 2 * 20 * 16 * 20),
        # Three gates of 8 units over 16 inputs and 8 states, in two directions.
        ("gru", 2 * 20 * 2 * 3 * 8 * (16 + 8)),
        # Four gates, in one direction.
        ("lstm", 2 * 20 * 4 * 8 * (16 + 8)),
        # Every frame with every frame, once for the weights and once for the mean.
        ("attention", 2 * 2 * 20 * 20 * 16),
    ],
)
def test_flops_of_one_layer_equal_a_count_by_hand(kind, expected):
    batch = Batch(torch.randn(1, 20, 16), torch.tensor([20]), torch.tensor([0]))
    assert forward_flops(Layer(kind), batch) == expected


@pytest.mark.filterwarnings("ignore:TF32")
def test_flops_of_systems_equal_torchs_count(fresh_system, speechflow_arguments):
    generator = torch.Generator().manual_seed(0)
    decomposer = build_system("speechflow", speechflow_arguments, TrainingData(17, (4,), n_speakers=3))
    for system, n_bins in ((fresh_system(), 16), (decomposer, 17)):
        frames = torch.rand(1, 40, n_bins, generator=generator)
        batch = Batch(frames, torch.tensor([40]), torch.tensor([0]), speaker=torch.tensor([0]))
        # torch has no formula for the recurrent layers of oneDNN, and counts their matrix products without it.
        with (
            torch.inference_mode(),
            torch.backends.mkldnn.flags(enabled=False),
            sdpa_kernel(SDPBackend.MATH),
            FlopCounterMode(display=False) as counter,
        ):
            system.eval()(batch)  # a decomposer in training draws random crops
        assert forward_flops(system, batch) == counter.get_total_flops() > 0
