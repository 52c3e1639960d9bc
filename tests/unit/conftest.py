"""A task that a small network can learn: two classes that differ in one frequency bin."""

import signal

import numpy as np
import pandas as pd
import pytest
import torch

from emofactors.config.training import ComputeSettings, RunSettings
from emofactors.corpora.splits import Fold
from emofactors.systems import build_system
from emofactors.systems.base import TrainingData
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.dataset import SplitData
from emofactors.training.fit import fit
from emofactors.training.run import OpenRun

ARGUMENTS = {
    "conv_channels": [4, 4],
    "conv_kernel_sizes": [3, 3],
    "conv_strides": [2, 1],
    "conv_pools": [1, 2],
    "gru_units": 4,
    "embedding_dim": 16,
    "center_lambda": 0.3,
    "center_alpha": 0.5,
    "warm_up_steps": 3,
    "class_weight_offset": 0.5,
}

SPEECHFLOW_ARGUMENTS = {
    **{"content_channels": 8, "content_layers": 3, "content_lstm_layers": 1, "content_units": 2},
    **{"pitch_channels": 8, "pitch_units": 2, "rhythm_channels": 8, "rhythm_units": 1},
    **{"conv_kernel_size": 5, "channels_per_group": 4, "decoder_units": 8, "decoder_layers": 1},
    **{"pitch_decoder_units": 8, "pitch_decoder_layers": 1, "speaker_dim": 4, "mean_speaker_share": 0.25},
    **{"downsample": 8, "reconstructed_frames": 32, "crop_frames": [16, 20], "resampled_frames": [19, 31]},
    **{"resampling": [0.5, 1.5], "resample_cycle": True, "mel_weight": 0.2, "f0_weight": 1.0, "cycle_weight": 1.0},
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
    """Constructor arguments of the cnn_bigru of ``fresh_system``."""
    return dict(ARGUMENTS)


@pytest.fixture
def speechflow_arguments():
    """Constructor arguments of a small decomposer."""
    return dict(SPEECHFLOW_ARGUMENTS)


@pytest.fixture
def train():
    return make_split(50, seed=1)


@pytest.fixture
def dev():
    return make_split(20, seed=2)


@pytest.fixture
def settings():
    return RunSettings(features="f", batch_size=8, pool_batches=8, learning_rate=0.01, max_steps=40)


@pytest.fixture
def fresh_system():
    """Factory of a tiny cnn_bigru."""

    def build(seed: int = 0):
        torch.manual_seed(seed)
        return build_system("cnn_bigru", ARGUMENTS, TrainingData(n_bins=16, class_counts=(25, 25)))

    return build


@pytest.fixture
def run(train, dev, settings, fresh_system):
    """An open run of the tiny cnn_bigru; its fold is empty, as its splits are in memory."""
    return OpenRun(
        settings=settings,
        compute=ComputeSettings(device="cpu"),
        arguments=dict(ARGUMENTS),
        classes=("calm", "anger"),
        seed=0,
        device=torch.device("cpu"),
        fold=Fold(0, pd.DataFrame(columns=["utterance", "original", "speaker", "emotion", "split"])),
        archive=None,
        splits={"train": train, "dev": dev},
        system=fresh_system(),
    )


@pytest.fixture
def restored_process():
    """One thread of torch during the test; threads and signal handlers are restored after it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def trained(train, dev, settings, fresh_system, tmp_path, restored_process):
    """The tiny cnn_bigru after training."""
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt")
    return fit(fresh_system(), train, dev, settings, seed=0, precision="float32", checkpoint=checkpoint)
