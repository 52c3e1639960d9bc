from pathlib import Path

import pytest

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


def test_the_published_names_are_the_whole_corpus_in_both_layouts(write_wavs, load_corpus, tmp_path):
    assert len(FILES) == 480
    config = load_corpus("savee")
    write_wavs(f"published/AudioData/{speaker}/{name}" for speaker, name in FILES)
    write_wavs(f"copy/{speaker}_{name}" for speaker, name in FILES)

    published = read_corpus(tmp_path / "published", config)
    copy = read_corpus(tmp_path / "copy", config)

    assert build_manifest(published, tmp_path / "published", config).whole is True
    assert copy.drop(columns="path").equals(published.drop(columns="path"))


def test_file_names_hold_emotion_and_sentence(write_wavs, load_corpus):
    emotions = {
        "a01": "anger",
        "d01": "disgust",
        "f01": "fear",
        "h01": "happiness",
        "n30": "neutral",
        "sa07": "sadness",
        "su07": "surprise",
    }
    rows = read_corpus(write_wavs(f"AudioData/KL/{name}.wav" for name in emotions), load_corpus("savee"))
    assert rows["utterance"].tolist() == [f"KL_{name}" for name in emotions]
    assert rows["path"].tolist() == [f"AudioData/KL/{name}.wav" for name in emotions]
    assert rows["text"].tolist() == list(emotions)
    assert rows["emotion"].tolist() == list(emotions.values())
    assert set(zip(rows["speaker"], rows["gender"], strict=True)) == {("KL", "male")}


def test_all_invalid_names_are_listed(write_wavs, load_corpus):
    root = write_wavs(["DC_a01.wav", "a01.wav", "XX_a01.wav", "DC_s01.wav"])
    with pytest.raises(InputError) as caught:
        read_corpus(root, load_corpus("savee"))
    lines = str(caught.value).splitlines()
    assert [Path(line.split(": ")[0]).name for line in lines] == ["DC_s01.wav", "XX_a01.wav", "a01.wav"]
