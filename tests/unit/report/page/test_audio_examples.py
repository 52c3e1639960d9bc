import json
from base64 import b64decode

import numpy as np
import pytest

from emofactors.errors import InputError
from emofactors.report.page.audio_examples import read_audio_examples, spectrograms_picture

OF = {"content": "u1", "rhythm": "u2", "pitch": "u3"}


@pytest.fixture
def folder(tmp_path):
    """AudioExamples of one utterance, as a training leaves them."""
    folder = tmp_path / "a4" / "speechflow" / "cycle"
    folder.mkdir(parents=True)
    rows, mels = [], {}
    for i, what in enumerate(("original", "reconstructed", "content", "mixed")):
        about = {"utterance": "u1", "speaker": "b", "emotion": "fear", "split": "test"}
        rows.append(about | {"what": what, "of": OF if what == "mixed" else {}, "file": f"{i}.mp3"})
        mels[f"{i}"] = np.full((10 + i, 4), i, dtype=np.float32)
        (folder / f"{i}.mp3").write_bytes(b"sound %d" % i)
    (folder / "index.json").write_text(json.dumps({"hop_s": 0.016, "audio_examples": rows}), encoding="utf-8")
    np.savez(folder / "mels.npz", **mels)
    return folder


def test_sounds_of_an_utterance_are_players_and_a_picture(folder):
    (sounds,) = read_audio_examples([folder])
    assert (sounds.task, sounds.system, sounds.variant) == ("a4", "speechflow", "cycle")
    (listened,) = sounds.utterances
    assert listened.heading == "u1: fear, speaker b, not heard in training"
    assert [player.title for player in listened.players] == ["original", "reconstructed", "content alone", "mixed"]
    assert b64decode(listened.players[2].uri.removeprefix("data:audio/mpeg;base64,")) == b"sound 2"
    assert listened.players[2].words == "content is kept, rhythm and pitch were silent when they were encoded"
    assert listened.players[3].words == "content of u1, rhythm of u2, pitch of u3, spoken by the mean speaker"
    assert listened.players[3].label == f"Play u1, mixed: {listened.players[3].words}"
    assert b64decode(listened.picture.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")


def test_no_folder_is_nothing_to_hear_and_a_missing_file_is_said(folder):
    assert read_audio_examples([]) == []
    (folder / "2.mp3").unlink()
    with pytest.raises(InputError, match=r"2\.mp3: is missing"):
        read_audio_examples([folder])


def test_the_same_spectrograms_are_the_same_picture():
    mels = {"a": np.random.default_rng(0).random((50, 8)), "b": np.zeros((20, 8))}
    assert spectrograms_picture(mels, 0.016) == spectrograms_picture(mels, 0.016)
    assert spectrograms_picture(mels, 0.016) != spectrograms_picture(mels | {"b": np.ones((20, 8))}, 0.016)
