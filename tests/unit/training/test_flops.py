import pytest
import torch
from torch import nn
from torch.nn import functional as F

from emofactors.systems.base import Batch, Output
from emofactors.training.flops import forward_flops


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
