"""A small task that can be learned: two classes that differ in one frequency bin."""

import numpy as np
import pytest
import torch

from emofactors.config.training import RunSettings
from emofactors.systems import build_system
from emofactors.systems.base import TrainingData
from emofactors.training.dataset import SplitData

ARGUMENTS = {
    "conv_channels": [4, 4],
    "conv_kernel_sizes": [3, 3],
    "conv_strides": [2, 1],
    "conv_pools": [1, 2],
    "gru_units": 4,
    "embedding_dim": 4,
    "center_lambda": 0.3,
    "center_alpha": 0.5,
    "warm_up_steps": 3,
    "class_weight_offset": 0.5,
}


def make_split(n: int, seed: int, *, n_bins: int = 16) -> SplitData:
    generator = np.random.default_rng(seed)
    n_frames = generator.integers(20, 60, size=n)
    emotion = np.arange(n, dtype=np.int64) % 2
    frames = generator.normal(size=(n_frames.sum(), n_bins)).astype(np.float32)
    offset = np.concatenate([[0], np.cumsum(n_frames)[:-1]])
    for first, length, label in zip(offset, n_frames, emotion, strict=True):
        frames[first : first + length, 3] += 4 * label
    return SplitData(
        utterances=tuple(f"u{seed}_{i:03d}" for i in range(n)),
        speakers=tuple(f"s{i % 3}" for i in range(n)),
        emotion=emotion,
        frames=torch.from_numpy(frames).split(n_frames.tolist()),
        n_frames=n_frames.astype(np.int64),
        device=torch.device("cpu"),
    )


@pytest.fixture
def tiny_arguments():
    """Arguments of the tiny cnn_bigru of ``fresh_system``."""
    return dict(ARGUMENTS)


@pytest.fixture
def train():
    return make_split(50, seed=1)


@pytest.fixture
def dev():
    return make_split(20, seed=2)


@pytest.fixture
def run():
    return RunSettings(features="f", batch_size=8, pool_batches=8, learning_rate=0.01, max_steps=40)


@pytest.fixture
def fresh_system():
    def build(seed: int = 0):
        torch.manual_seed(seed)
        return build_system("cnn_bigru", ARGUMENTS, TrainingData(n_bins=16, class_counts=(25, 25)))

    return build
