import numpy as np
import pytest
import torch

from emofactors.config.training import RunSettings
from emofactors.corpora.splits import Fold
from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.features.speech_factors import FactorArchive
from emofactors.inference.codes import held_out_codes
from emofactors.inference.decomposer import OpenDecomposer
from emofactors.inference.reconstruction import reconstruct
from emofactors.nn.segments import segment_starts
from emofactors.systems import build_system
from emofactors.systems.base import TrainingData
from emofactors.training.checkpoint import Checkpoint
from emofactors.training.dataset import load_splits
from emofactors.training.fit import fit

FRAMES = {"a1": 20, "a2": 40, "b1": 32, "b2": 70, "c1": 30, "c2": 50}


def test_utterances_that_did_not_train_have_one_code_per_eight_frames(system, fold, archive, tmp_path):
    held_out = held_out_codes(system, fold, archive, "float32")
    assert held_out.labels["utterance"].tolist() == ["c1", "c2"]
    # c2 has 50 frames: 4 codes of frames 0 to 31, 2 of frames 34 to 49 of the segment that begins at frame 18
    assert np.bincount(held_out.utterance).tolist() == [30 // 8, 4 + 2]
    assert {name: codes.shape for name, codes in held_out.codes.items()} == {
        "spectrogram": (9, 6),
        "content": (9, 4),
        "rhythm": (9, 2),
        "pitch": (9, 4),
    }
    np.testing.assert_allclose(held_out.codes["spectrogram"][3], archive["c2"][:8, :6].mean(axis=0), rtol=1e-5)
    held_out.save(tmp_path / "codes.npz")
    saved = np.load(tmp_path / "codes.npz", allow_pickle=False)
    names = {
        "spectrogram",
        "content",
        "rhythm",
        "pitch",
        "utterance",
        "utterances",
        "speakers",
        "emotions",
        "splits",
    }
    assert set(saved) == names
    assert saved["speakers"].tolist() == ["c", "c"]
    assert saved["splits"].tolist() == ["test", "test"]


def test_the_reconstruction_error_is_compared_with_that_of_the_mean_training_frame(system, fold, archive):
    errors = held_out_codes(system, fold, archive, "float32").reconstruction
    train = np.concatenate([archive[u][:, :6] for u in ("a1", "a2", "b1", "b2")])
    test = np.concatenate([archive["c1"], archive["c2"][:32], archive["c2"][18:]])[:, :6]
    expected = np.square(test - train.mean(axis=0)).mean()
    assert errors["test"]["mean_spectrogram"] == pytest.approx(expected, rel=1e-4)
    assert errors.keys() == {"test"}


def test_codes_do_not_depend_on_other_utterances(system, fold, archive):
    alone = Fold(number=0, utterances=fold.utterances[fold.utterances["utterance"] != "c1"])
    codes = held_out_codes(system, fold, archive, "float32").codes["content"][3:]
    np.testing.assert_array_equal(held_out_codes(system, alone, archive, "float32").codes["content"], codes)


def test_codes_are_those_of_the_padded_segments(system, fold, archive):
    codes = held_out_codes(system, fold, archive, "float32").codes
    for first, n_codes, frames in ((0, 3, archive["c1"]), (3, 4, archive["c2"][:32]), (7, 2, archive["c2"][18:])):
        padded = np.zeros((1, 32, 7), np.float32)
        padded[0, : len(frames)] = frames
        with torch.no_grad():
            of_segment = system.encode(torch.from_numpy(padded))
        # Of the last segment of c2, two codes are repeated.
        last = len(frames) // 8
        for name in ("content", "rhythm", "pitch"):
            expected = getattr(of_segment, name)[0, last - n_codes : last]
            np.testing.assert_allclose(codes[name][first : first + n_codes], expected, atol=1e-6)


@pytest.fixture
def steady(fold, tmp_path):
    """Archive of the utterances of ``fold`` in which each has one level in all bands, so that a decomposer learns fast."""
    level = {"a1": 0.3, "a2": 0.7, "b1": 0.6, "b2": 0.2, "c1": 0.35, "c2": 0.65}
    generator = np.random.default_rng(1)
    for name in ("mel", "f0"):
        with ArchiveWriter(tmp_path / "steady" / name, 6 if name == "mel" else 1) as writer:
            for utterance, n_frames in FRAMES.items():
                frames = np.full((n_frames, 6), level[utterance]) + generator.normal(0, 0.05, (n_frames, 6))
                writer.add(utterance, (frames if name == "mel" else 300 * frames[:, :1]).astype(np.float32))
    mel, f0 = (FeatureArchive(tmp_path / "steady" / name) for name in ("mel", "f0"))
    return FactorArchive.of_fold(mel, f0, fold)


@pytest.fixture
def trained(speechflow_arguments, fold, steady, tmp_path):
    """A decomposer after a short training on ``steady``."""
    run = {"features": "mel", "pitch": "f0", "batch_size": 4, "pool_batches": 1, "learning_rate": 0.01}
    run = RunSettings(**run, max_steps=150, select="last", standardise=False)
    splits = load_splits(fold, steady, ["anger", "sadness"], run, torch.device("cpu"))
    checkpoint = Checkpoint(tmp_path / "state.pt", interval_s=1e9)
    torch.manual_seed(0)
    data = TrainingData(n_bins=7, class_counts=(2, 2), n_speakers=2, n_updates=150)
    system = build_system("speechflow", speechflow_arguments | {"cycle_weight": 0.0}, data)
    train, dev = splits["train"], splits["dev"]
    return fit(system, train, dev, run, seed=0, precision="float32", checkpoint=checkpoint).system


def test_the_reported_error_is_that_of_the_speech_that_classifiers_get(trained, fold, steady, tmp_path):
    errors = held_out_codes(trained, fold, steady, "float32").reconstruction["test"]
    assert errors["mel"] < 0.8 * errors["mean_spectrogram"]

    reconstruct(OpenDecomposer(trained, steady, fold, ("a", "b"), "float32"), tmp_path / "all", same_corpus=True)
    of_all = FeatureArchive(tmp_path / "all" / "all")
    of_classifiers, padded = [], []
    for utterance in ("c1", "c2"):
        frames = steady[utterance]
        starts = segment_starts(len(frames), 32)
        for segment, first in zip(of_all[utterance].reshape(-1, 32, 6), starts, strict=True):
            valid = frames[first : first + 32]
            of_classifiers.append(np.square(segment[: len(valid)] - valid[:, :6]))
            silence = np.zeros((1, 32, 7), np.float32)
            silence[0, : len(valid)] = valid
            with torch.no_grad():
                mel = trained.reconstruct(
                    torch.from_numpy(silence), ("content", "rhythm", "pitch"), torch.tensor([-1])
                )[0].numpy()
            padded.append(np.square(mel[: len(valid)] - valid[:, :6]))
    for measured in (of_classifiers, padded):
        assert np.concatenate(measured).mean() == pytest.approx(errors["mel"], rel=1e-4)
