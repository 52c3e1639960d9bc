"""A small decomposer with random weights, and six utterances of three speakers."""

import numpy as np
import pandas as pd
import pytest
import torch

from emofactors.corpora.splits import Fold
from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.features.speech_factors import FactorArchive
from emofactors.inference.decomposer import OpenDecomposer
from emofactors.systems import build_system
from emofactors.systems.base import TrainingData

FRAMES = {"a1": 20, "a2": 40, "b1": 32, "b2": 70, "c1": 30, "c2": 50}


@pytest.fixture
def fold():
    rows = pd.DataFrame({"utterance": list(FRAMES), "original": list(FRAMES)})
    rows["speaker"] = rows["utterance"].str[0]
    rows["emotion"] = ["anger", "sadness"] * 3
    rows["split"] = ["train", "train", "train", "train", "test", "test"]
    return Fold(number=0, utterances=rows)


@pytest.fixture
def sound(tmp_path):
    """Folder with the archives ``mel`` and ``f0`` of the utterances."""
    generator = np.random.default_rng(0)
    for name, n_bins in (("mel", 6), ("f0", 1)):
        with ArchiveWriter(tmp_path / name, n_bins) as writer:
            for utterance, n_frames in FRAMES.items():
                frames = generator.uniform(0.2, 0.8, (n_frames, n_bins)) * (1 if name == "mel" else 300)
                writer.add(utterance, frames.astype(np.float32))
    return tmp_path


@pytest.fixture
def archive(sound, fold):
    return FactorArchive.of_fold(FeatureArchive(sound / "mel"), FeatureArchive(sound / "f0"), fold)


@pytest.fixture
def system(speechflow_arguments):
    torch.manual_seed(0)
    data = TrainingData(n_bins=7, class_counts=(2, 2), n_speakers=2, n_updates=5)
    return build_system("speechflow", speechflow_arguments, data).eval()


@pytest.fixture
def decomposer(system, archive, fold):
    return OpenDecomposer(system, archive, fold, training_speakers=("a", "b"), precision="float32")
