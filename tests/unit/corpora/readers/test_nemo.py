import os
from pathlib import Path

import pytest

from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.readers import read_corpus
from emofactors.errors import InputError

# As published: with normalized_text, and spaces before the speaker.
HEADER = "file_id\temotion\traw_text\tnormalized_text\tspeaker_id\tgender\tage\n"
SURPRISED = 'WR0_surprised_38.wav\tsurprised\t„Ród” "smoka".\tród smoka\t        WR0\tmale\t23\n'
ANGRY = "EB0_anger_1.wav\tanger\tLubię czytać.\tlubię czytać\t        EB0\tfemale\t27\n"


def write_table(root, text):
    (root / "data.tsv").write_text(text, encoding="utf-8")
    return root


def test_the_published_layout_is_read(write_wavs, load_corpus):
    root = write_table(
        write_wavs(["samples/WR0_surprised_38.wav", "samples/EB0_anger_1.wav"]), HEADER + SURPRISED + ANGRY
    )
    rows = read_corpus(root, load_corpus("nemo"))
    assert rows["utterance"].tolist() == ["EB0_anger_1", "WR0_surprised_38"]
    assert rows["path"].tolist() == ["samples/EB0_anger_1.wav", "samples/WR0_surprised_38.wav"]
    assert rows["speaker"].tolist() == ["EB0", "WR0"]
    assert rows["gender"].tolist() == ["female", "male"]
    assert rows["text"].tolist() == ["Lubię czytać.", '„Ród” "smoka".']
    assert rows["emotion"].tolist() == ["anger", "surprise"]
    assert build_manifest(rows, root, load_corpus("nemo", size="any")).whole is False


def test_missing_audio_of_the_table_is_an_error(write_wavs, load_corpus):
    root = write_table(write_wavs(["samples/EB0_anger_1.wav"]), HEADER + SURPRISED + ANGRY)
    with pytest.raises(InputError, match=r"samples/WR0_surprised_38\.wav: is missing"):
        build_manifest(read_corpus(root, load_corpus("nemo")), root, load_corpus("nemo", size="any"))


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (HEADER + ANGRY.replace("\tanger", "\tangry"), "line 2: emotion is 'angry', expected one of anger, fear"),
        (HEADER + ANGRY.replace("EB0_anger_1.wav", "../EB0.wav"), "line 2: file_id is '../EB0.wav'"),
        (HEADER + ANGRY.replace("EB0_anger_1.wav", "EB0_anger_1"), "line 2: file_id is 'EB0_anger_1'"),
        (HEADER.replace("speaker_id", "speaker") + ANGRY, "has no column speaker_id; its columns are file_id"),
        (HEADER, "has no row below its header"),
        ("", "has no column file_id"),
    ],
)
def test_an_invalid_table_is_an_error_of_one_line(tmp_path, load_corpus, table, fault):
    with pytest.raises(InputError) as caught:
        read_corpus(write_table(tmp_path, table), load_corpus("nemo"))
    (line,) = str(caught.value).splitlines()
    assert fault in line


@pytest.mark.skipif("EMOFACTORS_CORPORA" not in os.environ, reason="EMOFACTORS_CORPORA names no folder of corpora")
def test_the_real_corpus_or_a_subset_is_read(load_corpus):
    root = Path(os.environ["EMOFACTORS_CORPORA"]) / "nemo"
    manifest = build_manifest(read_corpus(root, load_corpus("nemo")), root, load_corpus("nemo", size="any"))
    utterances = manifest.utterances
    assert manifest.dropped == ()
    assert manifest.whole is (len(utterances) == 4481)
    assert utterances["speaker"].nunique() == 9
    assert {"anger", "happiness", "neutral", "sadness"} <= set(utterances["emotion"])
    # Each text is one sentence, identified independently by the number in the file name.
    number = utterances["utterance"].str.split("_").str[2]
    assert utterances["text"].nunique() == number.nunique()
