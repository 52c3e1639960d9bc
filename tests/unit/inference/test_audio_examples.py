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
WHAT = ["original", "reconstructed", "content", "rhythm", "pitch", "mixed"]


@dataclass(frozen=True)
class Codes:
    content: Tensor
    rhythm: Tensor
    pitch: Tensor


class Told(nn.Module):
    """A decomposer that takes factors from the bands of a frame: content from the first, and so on."""

    downsample = 8

    def __init__(self):
        super().__init__()
        self.embedding = nn.Parameter(torch.zeros(1))

    def encode(self, speech, kept=("content", "rhythm", "pitch")):
        assert speech.shape[1] % 8 == 0
        codes = speech[:, ::8]
        return Codes(
            *(codes[:, :, i : i + 1] * (factor in kept) for i, factor in enumerate(("content", "rhythm", "pitch")))
        )

    def speaker_embedding(self, index):
        assert (index == -1).all()
        return torch.zeros(len(index), 1)

    def decode(self, codes, speaker):
        assert len(speaker) == len(codes.content)
        return torch.cat([codes.content, codes.rhythm, codes.pitch], dim=2).repeat_interleave(8, dim=1)

    def reconstruct(self, speech, kept, speaker):
        return self.decode(self.encode(speech, kept), self.speaker_embedding(speaker))


class Archive:
    """Utterance u<i> of 40 + i frames, whose bands are i / 10 in the first, 2 i / 10 in the second, 3 i / 10."""

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
    about = pd.DataFrame(rows, columns=["utterance", "speaker", "emotion", "split"])
    return Fold(0, about.assign(original=[u.split("~")[0] for u in about["utterance"]]))


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


def names(fold, n, known=("u0", "u1", "u1~noise", "u2", "u3", "u4", "u5")):
    return choose_utterances(fold, known, n)["utterance"].tolist()


def test_utterances_differ_in_speaker_and_emotion_as_far_as_they_can():
    assert names(FOLD, 1) == ["u1"]
    assert names(FOLD, 2) == ["u1", "u5"]
    assert names(FOLD, 3) == ["u1", "u5", "u2"]  # all speakers and emotions are heard: the first of the rest
    assert names(FOLD, 9) == ["u1", "u5", "u2", "u3", "u4"]
    assert names(FOLD, 2, known=("u3", "u4")) == ["u3", "u4"]


def test_a_fold_that_tests_nobody_is_listened_to_where_it_trains():
    assert names(fold_of([("u0", "a", "anger", "train"), ("u1", "a", "fear", "train")]), 1) == ["u0"]
    with pytest.raises(InputError, match="fold 0: has no utterance to listen to"):
        names(FOLD, 3, known=())


def test_each_utterance_is_heard_whole_rebuilt_by_factor_and_mixed():
    sounds = render_audio_examples(Told().eval(), Archive(6), FOLD)
    assert [sound.what for sound in sounds] == 3 * WHAT
    assert [sound.utterance for sound in sounds[::6]] == ["u1", "u5", "u2"]
    original, reconstructed, content, rhythm, pitch, mixed = sounds[:6]
    np.testing.assert_array_equal(original.mel, Archive(6)["u1"][:40, :3])
    np.testing.assert_array_equal(reconstructed.mel, original.mel)
    for band, alone in enumerate((content, rhythm, pitch)):
        np.testing.assert_array_equal(alone.mel, original.mel * (np.arange(3) == band))
        assert alone.of == {alone.what: "u1"}
    # content of u1, rhythm of u5, pitch of u2
    assert mixed.of == {"content": "u1", "rhythm": "u5", "pitch": "u2"}
    np.testing.assert_array_equal(mixed.mel, np.repeat(np.float32([[0.1, 1.0, 0.6]]), 40, axis=0))


def test_one_utterance_is_mixed_with_none():
    assert [sound.what for sound in render_audio_examples(Told(), Archive(6), FOLD, 1)] == WHAT[:-1]


def test_shorter_speech_is_followed_by_silence_when_it_is_mixed():
    archive = Archive(6)
    archive.frames["u5"] = np.repeat(archive.frames["u5"][:1], 64, axis=0)
    sounds = [sound for sound in render_audio_examples(Told(), archive, FOLD) if sound.what == "mixed"]
    assert [sound.mel.shape for sound in sounds] == 3 * [(64, 3)]
    assert (sounds[0].mel[40:, 0] == 0).all()  # content of u1 has ended
    assert (sounds[0].mel[40:, 1] == 1).all()  # rhythm of u5 has not


def test_what_is_written_plays_and_is_the_same_bytes(tmp_path):
    sounds = render_audio_examples(Told(), Archive(6), FOLD)[:6]
    for folder in ("one", "two"):
        write_audio_examples(sounds, SETTINGS, tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 6 + 2
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    index = json.loads((tmp_path / "one" / "index.json").read_text(encoding="utf-8"))
    assert index["hop_s"] == 0.016
    assert [row["what"] for row in index["sounds"]] == WHAT
    assert index["sounds"][1] == {
        "utterance": "u1",
        "speaker": "b",
        "emotion": "anger",
        "split": "test",
        "what": "reconstructed",
        "of": {"content": "u1", "rhythm": "u1", "pitch": "u1"},
        "file": "01_rebuilt.mp3",
    }
    mels = np.load(tmp_path / "one" / "mels.npz")
    for row, sound in zip(index["sounds"], sounds, strict=True):
        samples, sample_rate_hz = soundfile.read(tmp_path / "one" / row["file"])
        assert sample_rate_hz == 16_000
        assert len(samples) == pytest.approx(39 * 256, abs=2_000)  # an MP3 ends with its block
        np.testing.assert_array_equal(mels[row["file"].removesuffix(".mp3")], sound.mel)
