import pytest

from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.readers import read_corpus
from emofactors.errors import InputError

LABELS = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-F1:\tNeutral;\t()
A-E3:\tval 3; act 2; dom  2;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M012\texc\t[2.5000, 2.5000, 2.5000]
C-E2:\tExcited;\t()
"""
SCRIPTED = "[5.0 - 7.0]\tSes05M_script01_1b_M003\txxx\t[2.5000, 2.5000, 2.5000]\n"

CODES = {
    "neu": "neutral",
    "hap": "happiness",
    "sad": "sadness",
    "ang": "anger",
    "exc": "excitement",
    "fru": "frustration",
    "sur": "surprise",
    "fea": "fear",
    "dis": "disgust",
    "oth": "other",
    "xxx": "no_agreement",
}


def write_labels(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def root(tmp_path):
    """Two dialogues with labels, and the extra files of the release."""
    write_labels(tmp_path, "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", LABELS)
    write_labels(tmp_path, "Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt", "\0\5\26\7")
    write_labels(
        tmp_path, "Session1/dialog/EmoEvaluation/Categorical/Ses01F_impro01_e2_cat.txt", "Ses01F :Anger; ()"
    )
    return write_labels(tmp_path, "Session5/dialog/EmoEvaluation/Ses05M_script01_1b.txt", SCRIPTED)


def test_the_speaker_is_the_last_letter_and_not_the_wearer_of_the_markers(root, load_corpus):
    rows = read_corpus(root, load_corpus("iemocap"))
    assert rows["utterance"].tolist() == ["Ses01F_impro01_F000", "Ses01F_impro01_M012", "Ses05M_script01_1b_M003"]
    assert rows["speaker"].tolist() == ["Ses01_F", "Ses01_M", "Ses05_M"]
    assert rows["gender"].tolist() == ["female", "male", "male"]
    assert rows["session"].tolist() == ["Ses01", "Ses01", "Ses05"]
    assert rows["style"].tolist() == ["improvised", "improvised", "scripted"]
    assert rows["text"].tolist() == ["impro01", "impro01", "script01_1b"]
    assert rows["emotion"].tolist() == ["neutral", "excitement", "no_agreement"]
    assert rows["path"].tolist() == [
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav",
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M012.wav",
        "Session5/sentences/wav/Ses05M_script01_1b/Ses05M_script01_1b_M003.wav",
    ]
    assert (
        rows["start_s"].isna().all()
    )  # the times of the labels refer to the dialogue, each file is one utterance


def test_codes_of_emotions(tmp_path, load_corpus):
    lines = [f"[1.0 - 2.0]\tSes01F_impro01_F{i:03d}\t{code}\t[2.5, 2.5, 2.5]" for i, code in enumerate(CODES)]
    root = write_labels(tmp_path, "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", "\n".join(lines))
    assert read_corpus(root, load_corpus("iemocap"))["emotion"].tolist() == list(CODES.values())


def test_missing_audio_of_a_label_is_an_error(root, write_wavs, load_corpus):
    rows = read_corpus(root, load_corpus("iemocap"))
    write_wavs(rows["path"][:2])
    with pytest.raises(InputError) as caught:
        build_manifest(rows, root, load_corpus("iemocap", size="any"))
    assert str(caught.value).splitlines()[0].endswith("Ses05M_script01_1b_M003.wav: is missing")


def test_the_expected_size_is_the_published_one(load_corpus):
    expected = load_corpus("iemocap").expected
    assert expected.utterances == sum(expected.emotions.values()) == 10039
    assert set(expected.emotions) == set(CODES.values())
    four = ("neutral", "anger", "sadness", "happiness", "excitement")
    assert [expected.emotions[emotion] for emotion in four] == [1708, 1103, 1084, 595, 1041]
    assert sum(expected.emotions[emotion] for emotion in four) == 5531


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        (LABELS.replace("\tneu\t", "\tjoy\t"), "line 3: is '[6.2901 - 8.2357]"),
        (LABELS.replace("Ses01F_impro01_F000", "Ses01F_chat01_F000"), "line 3: is"),
        (LABELS.replace("\tSes01F_impro01_F000", " Ses01F_impro01_F000"), "line 3: is"),
        ("% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]\n", "Ses01F_impro01.txt: has no labels"),
        ("", "Ses01F_impro01.txt: has no labels"),
    ],
)
def test_invalid_labels_are_an_error_of_one_line(root, load_corpus, labels, fault):
    write_labels(root, "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt", labels)
    with pytest.raises(InputError) as caught:
        read_corpus(root, load_corpus("iemocap"))
    (line,) = str(caught.value).splitlines()
    assert fault in line


def test_a_session_without_labels_is_an_error(root, load_corpus):
    (root / "Session2").mkdir()
    with pytest.raises(InputError, match="Session2/dialog/EmoEvaluation: has no label file"):
        read_corpus(root, load_corpus("iemocap"))
