from itertools import product

import pytest

from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.readers import read_corpus
from emofactors.errors import InputError

#: All names of the speech corpus; neutral has normal intensity only.
NAMES = [
    f"03-01-{emotion:02d}-{intensity:02d}-{statement:02d}-{repetition:02d}-{actor:02d}.wav"
    for actor, emotion, intensity, statement, repetition in product(range(1, 25), range(1, 9), *[(1, 2)] * 3)
    if (emotion, intensity) != (1, 2)
]


def in_actor_folder(name):
    return f"Actor_{name[-6:-4]}/{name}"


@pytest.mark.parametrize("top", ["", "Audio_Speech_Actors_01-24/"])
def test_a_file_name_holds_actor_statement_and_emotion(write_wavs, load_corpus, top):
    path = f"{top}Actor_12/03-01-06-01-02-01-12.wav"
    (row,) = read_corpus(write_wavs([path]), load_corpus("ravdess")).to_dict("records")
    assert row["utterance"] == "03-01-06-01-02-01-12"
    assert row["path"] == path
    assert (row["speaker"], row["gender"], row["session"]) == ("12", "female", "")
    assert (row["text"], row["emotion"], row["style"]) == ("02", "fear", "acted")


def test_codes_of_emotions(write_wavs, load_corpus):
    root = write_wavs(f"03-01-{code:02d}-01-01-01-01.wav" for code in range(1, 9))
    rows = read_corpus(root, load_corpus("ravdess"))
    published = ["neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"]
    assert rows["emotion"].tolist() == published
    assert set(rows["gender"]) == {"male"}


def test_the_published_names_are_the_whole_corpus(write_wavs, load_corpus):
    assert len(NAMES) == 1440
    root = write_wavs(in_actor_folder(name) for name in NAMES)
    rows = read_corpus(root, load_corpus("ravdess"))
    assert build_manifest(rows, root, load_corpus("ravdess")).whole is True


def test_a_corpus_unpacked_twice_is_an_error(write_wavs, load_corpus):
    root = write_wavs([in_actor_folder(NAMES[0]), NAMES[0]])
    rows = read_corpus(root, load_corpus("ravdess"))
    with pytest.raises(
        InputError, match=r"'03-01-01-01-01-01-01': is the name of 03-\S+, Actor_01/03-\S+; expected"
    ):
        build_manifest(rows, root, load_corpus("ravdess"))


@pytest.mark.parametrize(
    "name", ["03-02-06-01-02-01-12.wav", "03-01-09-01-02-01-12.wav", "03-01-06-01-02-01-25.wav", "noise.wav"]
)
def test_a_song_or_an_invalid_name_is_an_error(write_wavs, load_corpus, name):
    root = write_wavs([in_actor_folder(NAMES[0]), f"Actor_12/{name}"])
    with pytest.raises(InputError, match=f"Actor_12/{name}: expected the name of an audio-only speech file"):
        read_corpus(root, load_corpus("ravdess"))
