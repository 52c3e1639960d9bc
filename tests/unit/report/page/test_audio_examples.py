import json
from base64 import b64decode

import numpy as np
import pytest

from emofactors.errors import InputError
from emofactors.report.page.audio_examples import read_audio_examples, spectrograms_png

OF = {"content": "u1", "rhythm": "u2", "pitch": "u3"}


@pytest.fixture
def folder(tmp_path):
    """Audio examples of one utterance, as ``inference.audio_examples`` writes them."""
    folder = tmp_path / "a4" / "speechflow" / "cycle"
    folder.mkdir(parents=True)
    rows, mels = [], {}
    for i, kind in enumerate(("original", "reconstructed", "content", "mixed")):
        labels = {"utterance": "u1", "speaker": "b", "emotion": "fear", "split": "test"}
        rows.append(labels | {"kind": kind, "of": OF if kind == "mixed" else {}, "file": f"{i}.mp3"})
        mels[f"{i}"] = np.full((10 + i, 4), i, dtype=np.float32)
        (folder / f"{i}.mp3").write_bytes(b"example %d" % i)
    (folder / "index.json").write_text(json.dumps({"hop_s": 0.016, "examples": rows}), encoding="utf-8")
    np.savez(folder / "mels.npz", **mels)
    return folder


def test_the_examples_of_an_utterance_are_players_and_spectrograms(folder):
    (examples,) = read_audio_examples([folder])
    assert (examples.task, examples.system, examples.variant) == ("a4", "speechflow", "cycle")
    (utterance,) = examples.utterances
    assert utterance.heading == "u1: fear, speaker b, not in training"
    titles = [player.title for player in utterance.players]
    assert titles == ["original", "reconstructed", "content alone", "mixed"]
    _, _, alone, mixed = utterance.players
    assert b64decode(alone.uri.removeprefix("data:audio/mpeg;base64,")) == b"example 2"
    assert alone.description == "content is preserved, rhythm and pitch are encoded from silence"
    assert mixed.description == "content of u1, rhythm of u2, pitch of u3, with the mean speaker"
    assert mixed.label == f"Play u1, mixed: {mixed.description}"
    assert b64decode(utterance.spectrograms.removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")


def test_a_missing_file_is_an_error_of_one_line(folder):
    assert read_audio_examples([]) == []
    (folder / "2.mp3").unlink()
    with pytest.raises(InputError, match=r"2\.mp3: is missing"):
        read_audio_examples([folder])


def test_equal_spectrograms_are_equal_bytes():
    mels = {"a": np.random.default_rng(0).random((50, 8)), "b": np.zeros((20, 8))}
    assert spectrograms_png(mels, 0.016) == spectrograms_png(mels, 0.016)
    assert spectrograms_png(mels, 0.016) != spectrograms_png(mels | {"b": np.ones((20, 8))}, 0.016)
