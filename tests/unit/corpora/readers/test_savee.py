from collections.abc import Callable
from pathlib import Path

import pytest

from emofactors.config.corpora import CorpusConfig
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.readers import read_corpus
from emofactors.errors import InputError


SENTENCES = {"a": 15, "d": 15, "f": 15, "h": 15, "n": 30, "sa": 15, "su": 15}
FILES = [
    (speaker, f"{emotion}{number:02d}.wav")
    for speaker in ("DC", "JE", "JK", "KL")
    for emotion, count in SENTENCES.items()
    for number in range(1, count + 1)
]


def test_the_published_names_are_the_whole_corpus_in_both_layouts(
    write_wavs, load_corpus, tmp_path
):
    assert len(FILES) == 480
    config = load_corpus("savee")
    write_wavs(f"published/AudioData/{speaker}/{name}" for speaker, name in FILES)
    write_wavs(f"copy/{speaker}_{name}" for speaker, name in FILES)

    published = read_corpus(tmp_path / "published", config)
    copy = read_corpus(tmp_path / "copy", config)

    assert build_manifest(published, tmp_path / "published", config).whole is True
    assert copy.drop(columns="path").equals(published.drop(columns="path"))


@pytest.mark.parametrize(
    ("name", "emotion"),
    [
        ("a01", "anger"),
        ("d01", "disgust"),
        ("f01", "fear"),
        ("h01", "happiness"),
        ("n30", "neutral"),
        ("sa07", "sadness"),
        ("su07", "surprise"),
    ],
)
def test_a_name_says_emotion_and_sentence(
    write_wavs, load_corpus, name: str, emotion: str
):
    (row,) = read_corpus(write_wavs([f"AudioData/KL/{name}.wav"]), load_corpus("savee")).to_dict("records")
    assert row["utterance"] == f"KL_{name}"
    assert row["path"] == f"AudioData/KL/{name}.wav"
    assert (row["speaker"], row["gender"]) == ("KL", "male")
    assert (row["text"], row["emotion"]) == (name, emotion)


def test_names_that_do_not_fit_are_named_at_once(write_wavs, load_corpus):
    root = write_wavs(["DC_a01.wav", "a01.wav", "XX_a01.wav", "DC_s01.wav"])
    with pytest.raises(InputError) as caught:
        read_corpus(root, load_corpus("savee"))
    lines = str(caught.value).splitlines()
    assert [Path(line.split(": ")[0]).name for line in lines] == ["DC_s01.wav", "XX_a01.wav", "a01.wav"]


def test_a_missing_folder_is_said(tmp_path, load_corpus):
    with pytest.raises(
        InputError, match=r"has no wav file, expected AudioData/DC/a01\.wav or DC_a01\.wav of SAVEE"
    ):
        read_corpus(tmp_path, load_corpus("savee"))
