import numpy as np
import pandas as pd
import pytest
import torch

from emofactors.config.labels import CONDITIONS
from emofactors.config.training import RunSettings
from emofactors.corpora.splits import Fold
from emofactors.features.archive import ArchiveWriter, FeatureArchive
from emofactors.features.speech_factors import FactorArchive
from emofactors.inference.reconstruction import held_out_codes, reconstruct
from emofactors.systems import build_system
from emofactors.training.decomposition import decomposer_data, training_speakers

RUN = RunSettings(features="mel", pitch="f0", batch_size=4, pool_batches=1, learning_rate=1e-3, max_steps=5)
SIZES = {
    **{"content_channels": 8, "content_layers": 3, "content_lstm_layers": 1, "content_units": 2},
    **{"pitch_channels": 8, "pitch_units": 2, "rhythm_channels": 8, "rhythm_units": 1},
    **{"conv_kernel_size": 5, "channels_per_group": 4, "decoder_units": 8, "decoder_layers": 1},
    **{"pitch_decoder_units": 8, "pitch_decoder_layers": 1, "speaker_dim": 4, "mean_speaker_share": 0.25},
    **{"downsample": 8, "reconstructed_frames": 32, "crop_frames": [16, 32], "resampled_frames": [19, 31]},
    **{"resampling": [0.5, 1.5], "resample_cycle": True, "mel_weight": 0.2, "f0_weight": 1.0, "cycle_weight": 1.0},
}
FRAMES = {"a1": 20, "a2": 40, "b1": 32, "b2": 70, "c1": 30, "c2": 50}


@pytest.fixture
def fold():
    rows = pd.DataFrame({"utterance": list(FRAMES), "original": list(FRAMES)})
    rows["speaker"] = rows["utterance"].str[0]
    rows["emotion"] = ["anger", "sadness"] * 3
    rows["split"] = ["train", "train", "train", "train", "test", "test"]
    return Fold(number=0, utterances=rows)


@pytest.fixture
def archive(tmp_path, fold):
    rng = np.random.default_rng(0)
    for name, n_bins in (("mel", 6), ("f0", 1)):
        with ArchiveWriter(tmp_path / name, n_bins) as writer:
            for utterance, n_frames in FRAMES.items():
                frames = rng.uniform(0.2, 0.8, (n_frames, n_bins)) * (1 if name == "mel" else 300)
                writer.add(utterance, frames.astype(np.float32))
    return FactorArchive.of_fold(FeatureArchive(tmp_path / "mel"), FeatureArchive(tmp_path / "f0"), fold)


@pytest.fixture
def system(fold, archive):
    torch.manual_seed(0)
    return build_system("speechflow", SIZES, decomposer_data(fold, ["anger", "sadness"], archive.n_bins, RUN))


def reconstructed(system, archive, fold, folder, speakers=("a", "b")):
    reconstruct(system, archive, fold.utterances, speakers, folder, "float32")
    return {condition: FeatureArchive(folder / condition) for condition in CONDITIONS}


def test_a_decomposer_has_a_place_for_every_training_speaker(fold, system):
    assert training_speakers(fold) == ("a", "b")
    assert decomposer_data(fold, ["anger", "sadness"], 7, RUN).class_counts == (2, 2)
    assert {len(table) for table in system.speakers.parameters()} == {2}


def test_codes_are_of_utterances_that_did_not_train_a_code_for_eight_frames(system, fold, archive, tmp_path):
    held_out = held_out_codes(system, fold, archive, "float32")
    assert held_out.about["utterance"].tolist() == ["c1", "c2"]
    assert np.bincount(held_out.utterance).tolist() == [30 // 8, 50 // 8]
    assert {name: of.shape for name, of in held_out.codes.items()} == {
        "spectrogram": (9, 6),
        "content": (9, 4),
        "rhythm": (9, 2),
        "pitch": (9, 4),
    }
    np.testing.assert_allclose(held_out.codes["spectrogram"][3], archive["c2"][:8, :6].mean(axis=0), rtol=1e-5)
    held_out.save(tmp_path / "codes.npz")
    written = np.load(tmp_path / "codes.npz", allow_pickle=False)
    assert written["speakers"].tolist() == ["c", "c"]
    assert written["splits"].tolist() == ["test", "test"]


def test_what_is_lost_is_held_against_the_mean_of_the_training_frames(system, fold, archive):
    lost = held_out_codes(system, fold, archive, "float32").reconstruction
    train = np.concatenate([archive[u][:, :6] for u in ("a1", "a2", "b1", "b2")])
    test = np.concatenate([archive["c1"][:24, :6], archive["c2"][:48, :6]])
    assert lost["test"]["mean_spectrogram"] == pytest.approx(np.square(test - train.mean(axis=0)).mean(), rel=1e-4)
    assert lost.keys() == {"test"}


def test_codes_do_not_depend_on_what_else_is_heard(system, fold, archive):
    alone = Fold(number=0, utterances=fold.utterances[fold.utterances["utterance"] != "c1"])
    codes = held_out_codes(system, fold, archive, "float32").codes["content"][3:]
    np.testing.assert_array_equal(held_out_codes(system, alone, archive, "float32").codes["content"], codes)


def test_every_condition_has_every_utterance_in_whole_segments(system, fold, archive, tmp_path):
    for made in reconstructed(system, archive, fold, tmp_path / "reconstructed").values():
        assert made.utterances == tuple(FRAMES)
        assert made.n_bins == 6
        assert {u: made.n_frames(u) for u in FRAMES} == {
            "a1": 32,
            "a2": 64,
            "b1": 32,
            "b2": 96,
            "c1": 32,
            "c2": 64,
        }


def test_nothing_kept_is_the_same_for_all_to_the_last_bit_and_the_speaker_alone_tells_speakers(
    system, fold, archive, tmp_path
):
    made = reconstructed(system, archive, fold, tmp_path / "reconstructed")
    segments = [
        made["none"][u][first : first + 32] for u in FRAMES for first in range(0, made["none"].n_frames(u), 32)
    ]
    assert all((segment == segments[0]).all() for segment in segments)
    speaker = made["speaker"]
    assert (speaker["a1"] == speaker["a2"][:32]).all()
    assert (speaker["a1"] != speaker["b1"]).any()
    assert (speaker["c1"] == made["none"]["c1"]).all(), "an unseen speaker is the mean"


def test_a_condition_is_what_the_system_rebuilds_of_it(system, fold, archive, tmp_path):
    made = reconstructed(system, archive, fold, tmp_path / "reconstructed")
    heard = torch.from_numpy(archive["b1"])[None]
    for condition in ("all", "content", "rhythm", "pitch", "content_rhythm", "content_pitch", "rhythm_pitch"):
        expected = system.reconstruct_from(heard, CONDITIONS[condition], torch.tensor([-1]))[0].detach().numpy()
        np.testing.assert_allclose(made[condition]["b1"], expected, atol=1e-5)
    assert np.abs(made["content"]["b1"] - made["rhythm"]["b1"]).max() > 1e-4


def test_speakers_of_another_corpus_are_the_mean_whatever_their_names(system, fold, archive, tmp_path):
    made = reconstructed(system, archive, fold, tmp_path / "reconstructed", speakers=())
    assert (made["speaker"]["a1"] == made["none"]["a1"]).all()
