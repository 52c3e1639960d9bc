import pytest

from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.readers import read_corpus
from emofactors.errors import InputError

ACTORS = (
    "ActorID,Age,Sex,Race,Ethnicity\n1001,51,Male,Caucasian,Not Hispanic\n1002,21,Female,Caucasian,Not Hispanic\n"
)


def test_file_names_hold_actor_sentence_and_emotion(write_wavs, load_corpus):
    root = write_wavs(["AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1002_IEO_HAP_HI.wav"])
    (root / "VideoDemographics.csv").write_text(ACTORS)
    rows = read_corpus(root, load_corpus("crema_d"))
    assert rows["utterance"].tolist() == ["1001_DFA_ANG_XX", "1002_IEO_HAP_HI"]
    assert rows["path"].tolist() == ["AudioWAV/1001_DFA_ANG_XX.wav", "AudioWAV/1002_IEO_HAP_HI.wav"]
    assert rows["speaker"].tolist() == ["1001", "1002"]
    assert rows["gender"].tolist() == ["male", "female"]
    assert rows["text"].tolist() == ["DFA", "IEO"]
    assert rows["emotion"].tolist() == ["anger", "happiness"]


def test_codes_of_emotions_and_empty_gender_without_a_table_of_actors(write_wavs, load_corpus):
    codes = {
        "ANG": "anger",
        "DIS": "disgust",
        "FEA": "fear",
        "HAP": "happiness",
        "NEU": "neutral",
        "SAD": "sadness",
    }
    rows = read_corpus(write_wavs(f"AudioWAV/1001_TIE_{code}_XX.wav" for code in codes), load_corpus("crema_d"))
    assert rows["emotion"].tolist() == list(codes.values())
    assert set(rows["gender"]) == {""}


def test_the_former_name_of_one_file_gives_the_current_utterance(write_wavs, load_corpus):
    root = write_wavs(["AudioWAV/1040_ITH_SAD_X.wav"])
    (row,) = read_corpus(root, load_corpus("crema_d")).to_dict("records")
    assert row["utterance"] == "1040_ITH_SAD_XX"
    assert row["path"] == "AudioWAV/1040_ITH_SAD_X.wav"


def test_the_silent_file_is_dropped(write_wavs, load_corpus):
    root = write_wavs(["AudioWAV/1076_MTI_SAD_XX.wav", "AudioWAV/1076_MTI_ANG_XX.wav"])
    config = load_corpus("crema_d", size="any")
    manifest = build_manifest(read_corpus(root, config), root, config)
    assert manifest.utterances["utterance"].tolist() == ["1076_MTI_ANG_XX"]
    assert manifest.dropped == (("AudioWAV/1076_MTI_SAD_XX.wav", "is known to be bad"),)


def test_the_expected_size_is_the_published_one_without_the_silent_file(load_corpus):
    expected = load_corpus("crema_d").expected
    assert expected.utterances == 7442 - 1
    assert expected.speakers == 48 + 43
    assert expected.emotions == dict.fromkeys(("anger", "disgust", "fear", "happiness"), 1271) | {
        "neutral": 1087,
        "sadness": 1271 - 1,
    }


@pytest.mark.parametrize("name", ["1001_DFA_ANX_XX", "1001_XXX_ANG_XX", "1001_DFA_ANG", "2001_DFA_ANG_XX"])
def test_an_invalid_name_is_an_error(write_wavs, load_corpus, name):
    root = write_wavs([f"AudioWAV/{name}.wav"])
    with pytest.raises(InputError, match=rf"{name}\.wav: expected a name like 1001_DFA_ANG_XX\.wav"):
        read_corpus(root, load_corpus("crema_d"))


@pytest.mark.parametrize(
    ("actors", "fault"),
    [
        (ACTORS.replace("Male", "M", 1), "line 2: Sex is 'M', expected one of Male, Female"),
        (ACTORS.replace("1001", "1003"), "actor 1001 is not in"),
        (ACTORS.replace("Sex", "Gender"), "has no column Sex"),
    ],
)
def test_an_invalid_table_of_actors_is_an_error(write_wavs, load_corpus, actors, fault):
    root = write_wavs(["AudioWAV/1001_DFA_ANG_XX.wav"])
    (root / "VideoDemographics.csv").write_text(actors)
    with pytest.raises(InputError, match=fault):
        read_corpus(root, load_corpus("crema_d"))
