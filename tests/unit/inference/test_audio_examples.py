import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from torch import Tensor, nn

from emofactors.config.features import FeatureSettings
from emofactors.corpora.splits import Fold
from emofactors.errors import InputError
from emofactors.inference.audio_examples import choose_utterances, render_audio_examples, write_audio_examples
from emofactors.inference.decomposer import OpenDecomposer

SETTINGS = FeatureSettings(
    kind="log_mel",
    sample_rate_hz=16_000,
    window="hann",
    win_ms=64,
    hop_ms=16,
    n_fft=1024,
    n_mels=3,
    f_min_hz=90,
    f_max_hz=7_600,
    pad_mode="reflect",
    scale_db=(-84, 16),
)
KINDS = ["original", "reconstructed", "content", "rhythm", "pitch", "mixed"]


@dataclass(frozen=True)
class Codes:
    content: Tensor
    rhythm: Tensor
    pitch: Tensor


class BandDecomposer(nn.Module):
    """A decomposer whose factors are the bands of a frame: content is the first, and so on."""

    downsample = 8
    reconstructed_frames = 32

    def __init__(self):
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(1))

    def encode(self, speech, factors=("content", "rhythm", "pitch")):
        assert speech.shape[1] == 32
        codes = speech[:, ::8]
        names = ("content", "rhythm", "pitch")
        return Codes(*(codes[:, :, i : i + 1] * (name in factors) for i, name in enumerate(names)))

    def speaker_embedding(self, index):
        assert (index == -1).all()
        return torch.zeros(len(index), 1)

    def decode(self, codes, speaker):
        assert len(speaker) == len(codes.content)
        return torch.cat([codes.content, codes.rhythm, codes.pitch], dim=2).repeat_interleave(8, dim=1)

    def reconstruct(self, speech, factors, speaker):
        return self.decode(self.encode(speech, factors), self.speaker_embedding(speaker))


class Archive:
    """Utterance u<i> has 40 + i frames with bands i / 10, 2 i / 10 and 3 i / 10."""

    n_bins = 4

    def __init__(self, n):
        self.frames = {
            f"u{i}": np.repeat(np.array([[i, 2 * i, 3 * i, 5]], dtype=np.float32) / 10, 40 + i, axis=0)
            for i in range(n)
        }
        self.utterances = tuple(self.frames)

    def __getitem__(self, utterance):
        return self.frames[utterance]

    def n_frames(self, utterance):
        return len(self.frames[utterance])


def fold_of(rows):
    table = pd.DataFrame(rows, columns=["utterance", "speaker", "emotion", "split"])
    return Fold(0, table.assign(original=[u.split("~")[0] for u in table["utterance"]]))


FOLD = fold_of(
    [
        ("u0", "a", "anger", "train"),
        ("u1", "b", "anger", "test"),
        ("u1~noise", "b", "fear", "test"),
        ("u2", "b", "anger", "test"),
        ("u3", "b", "fear", "test"),
        ("u4", "c", "anger", "test"),
        ("u5", "c", "fear", "test"),
    ]
)


def names(fold, n, long_enough=("u0", "u1", "u1~noise", "u2", "u3", "u4", "u5")):
    return choose_utterances(fold, long_enough, n)["utterance"].tolist()


def rendered(archive, n_utterances=3):
    decomposer = OpenDecomposer(BandDecomposer().eval(), archive, FOLD, ("a",), "float32")
    return render_audio_examples(decomposer, n_utterances)


def test_chosen_utterances_differ_in_speaker_and_emotion_as_far_as_possible():
    assert names(FOLD, 1) == ["u1"]
    assert names(FOLD, 2) == ["u1", "u5"]
    assert names(FOLD, 3) == ["u1", "u5", "u2"]  # every speaker and emotion is used: the first of the others
    assert names(FOLD, 9) == ["u1", "u5", "u2", "u3", "u4"]
    assert names(FOLD, 2, long_enough=("u3", "u4")) == ["u3", "u4"]


def test_utterances_are_chosen_from_training_if_the_fold_has_no_other():
    assert names(fold_of([("u0", "a", "anger", "train"), ("u1", "a", "fear", "train")]), 1) == ["u0"]
    with pytest.raises(InputError, match="fold 0: has no utterance for audio examples"):
        names(FOLD, 3, long_enough=())


def test_each_utterance_is_reconstructed_from_all_factors_from_each_and_mixed():
    examples = rendered(Archive(6))
    assert [example.kind for example in examples] == 3 * KINDS
    assert [example.utterance for example in examples[::6]] == ["u1", "u5", "u2"]
    original, reconstructed, content, rhythm, pitch, mixed = examples[:6]
    np.testing.assert_array_equal(original.mel, Archive(6)["u1"][:, :3])
    np.testing.assert_array_equal(reconstructed.mel, original.mel)
    for band, example in enumerate((content, rhythm, pitch)):
        np.testing.assert_array_equal(example.mel, original.mel * (np.arange(3) == band))
        assert example.of == {example.kind: "u1"}
    # content of u1, rhythm of u5, pitch of u2; as long as the longest
    assert mixed.of == {"content": "u1", "rhythm": "u5", "pitch": "u2"}
    np.testing.assert_array_equal(mixed.mel, np.repeat(np.float32([[0.1, 1.0, 0.6]]), 45, axis=0))


def test_a_single_utterance_is_not_mixed():
    assert [example.kind for example in rendered(Archive(6), 1)] == KINDS[:-1]


def test_shorter_utterances_of_a_mixture_are_padded_with_silence():
    archive = Archive(6)
    archive.frames["u5"] = np.repeat(archive.frames["u5"][:1], 64, axis=0)
    mixtures = [example for example in rendered(archive) if example.kind == "mixed"]
    assert [mixture.mel.shape for mixture in mixtures] == 3 * [(64, 3)]
    assert (mixtures[0].mel[:48, 0] == np.float32(0.1)).all()  # the content, of u1, has 41 frames: 6 codes
    assert (mixtures[0].mel[48:, 0] == 0).all()
    assert (mixtures[0].mel[40:, 1] == 1).all()  # the rhythm, of u5, has not


def test_written_examples_can_be_played_and_equal_examples_give_equal_bytes(tmp_path):
    examples = rendered(Archive(6))[:6]
    for folder in ("one", "two"):
        write_audio_examples(examples, SETTINGS, tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 6 + 2
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    index = json.loads((tmp_path / "one" / "index.json").read_text(encoding="utf-8"))
    assert index["hop_s"] == 0.016
    assert [row["kind"] for row in index["examples"]] == KINDS
    assert index["examples"][1] == {
        "utterance": "u1",
        "speaker": "b",
        "emotion": "anger",
        "split": "test",
        "kind": "reconstructed",
        "of": {"content": "u1", "rhythm": "u1", "pitch": "u1"},
        "file": "01_reconstructed.mp3",
    }
    mels = np.load(tmp_path / "one" / "mels.npz")
    for row, example in zip(index["examples"], examples, strict=True):
        samples, sample_rate_hz = soundfile.read(tmp_path / "one" / row["file"])
        assert sample_rate_hz == 16_000
        assert len(samples) == pytest.approx(39 * 256, abs=2_000)  # an MP3 ends with a whole block
        np.testing.assert_array_equal(mels[row["file"].removesuffix(".mp3")], example.mel)
