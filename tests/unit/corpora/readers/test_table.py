import numpy as np
import pytest

from emofactors.config.corpora import TableCorpus
from emofactors.corpora.build_manifest import build_manifest
from emofactors.corpora.readers import read_corpus
from emofactors.errors import InputError


def own_corpus(**settings):
    return TableCorpus(reader="table", folder="own", title="Own", file="own.csv", **settings)


def write_table(root, *lines, encoding="utf-8", end="\n"):
    (root / "own.csv").write_bytes(end.join(lines).encode(encoding))
    return root


def fault_of(root, **settings):
    with pytest.raises(InputError) as caught:
        read_corpus(root, own_corpus(**settings))
    return str(caught.value)


def test_three_columns_are_required(write_wavs):
    root = write_table(
        write_wavs(["day1/anna.wav", "bob.wav"]), "path,speaker,emotion", "day1/anna.wav,a,anger", "bob.wav,b,Fear"
    )
    rows = read_corpus(root, own_corpus(language="de"))
    assert rows["utterance"].tolist() == ["bob", "day1_anna"]
    assert rows["path"].tolist() == ["bob.wav", "day1/anna.wav"]
    assert rows["speaker"].tolist() == ["b", "a"]
    assert rows["emotion"].tolist() == ["fear", "anger"]
    assert set(rows["language"]) == {"de"}
    assert rows["start_s"].isna().all()
    assert build_manifest(rows, root, own_corpus()).whole is None


def test_every_column_is_read(tmp_path):
    root = write_table(
        tmp_path,
        "utterance,path,start_s,end_s,speaker,gender,session,partition,style,language,text,emotion,note",
        'u1,a.wav,0.5,1.25,s,female,m1,valid,acted,pl,"well, ""yes""",calm,not ours',
    )
    (row,) = read_corpus(root, own_corpus(language="de")).to_dict("records")
    assert row == {
        "utterance": "u1",
        "path": "a.wav",
        "start_s": 0.5,
        "end_s": 1.25,
        "speaker": "s",
        "gender": "female",
        "session": "m1",
        "partition": "valid",
        "style": "acted",
        "language": "pl",
        "text": 'well, "yes"',
        "emotion": "calm",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_cells_are_text_in_any_encoding_and_line_end(tmp_path, encoding, end):
    lines = ("path,speaker,emotion,session", "żółw.wav,03,anger,NA", "b.wav,nan,anger,1.0", ",,,", "")
    rows = read_corpus(write_table(tmp_path, *lines, encoding=encoding, end=end), own_corpus())
    assert rows["speaker"].tolist() == ["nan", "03"]
    assert rows["session"].tolist() == ["1.0", "NA"]
    assert rows["path"].tolist() == ["b.wav", "żółw.wav"]


def test_segments_are_named_by_path_and_start(tmp_path):
    root = write_table(
        tmp_path,
        "path,speaker,emotion,start_s,end_s",
        "day1/anna.wav,a,anger,2.5,3",
        "day1/anna.wav,a,fear,12.3456,",
        "day1/anna.wav,a,calm,,2",
        "bob.wav,b,calm,,",
    )
    rows = read_corpus(root, own_corpus())
    assert rows["utterance"].tolist() == ["bob", "day1_anna_0000000", "day1_anna_0002500", "day1_anna_0012346"]
    np.testing.assert_array_equal(rows["start_s"], [np.nan, np.nan, 2.5, 12.3456])
    np.testing.assert_array_equal(rows["end_s"], [np.nan, 2.0, 3.0, np.nan])


def test_columns_may_have_other_names(tmp_path):
    root = write_table(tmp_path, "file,who,label,speaker", "a.wav,anna,other,ignored")
    columns = {"path": "file", "speaker": "who", "emotion": "label"}
    (row,) = read_corpus(root, own_corpus(columns=columns)).to_dict("records")
    assert (row["path"], row["speaker"], row["emotion"]) == ("a.wav", "anna", "other")


def test_a_missing_column_is_reported_with_the_existing_ones(tmp_path):
    root = write_table(tmp_path, "file,speaker,emotion", "a.wav,s,anger")
    assert fault_of(root) == f"{root}/own.csv: has no column path; its columns are file, speaker, emotion"
    assert "has no column transcript" in fault_of(root, columns={"path": "file", "text": "transcript"})
    assert "'columns' maps speeker; expected some of path" in fault_of(root, columns={"speeker": "speaker"})


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("a.wav,s,angry,0,1", "emotion is 'angry', expected one of anger, happiness"),
        ("a.wav,s,anger+fear,0,1", "emotion is 'anger+fear'"),
        ("a.wav,s,anger,2,1", "start_s is 2, end_s 1; expected start_s < end_s"),
        ("a.wav,s,anger,1,1.0", "start_s is 1, end_s 1.0; expected start_s < end_s"),
        ("a.wav,s,anger,soon,1", "start_s is 'soon', expected seconds"),
        ("a.wav,s,anger,-1,1", "start_s is '-1', expected seconds"),
        ("a.wav,s,anger,0,nan", "end_s is 'nan', expected seconds"),
        ("a.wav,s,anger,0,inf", "end_s is 'inf', expected seconds"),
        (",s,anger,0,1", "path is empty"),
        ("a.wav,,anger,0,1", "speaker is empty"),
        ("a.wav, ,anger,0,1", "speaker is empty"),
        ("a.wav,s,,0,1", "emotion is empty"),
        ("/etc/a.wav,s,anger,0,1", "path is '/etc/a.wav', expected a path within"),
        ("C:\\a.wav,s,anger,0,1", "expected a path within"),
        ("day/../../a.wav,s,anger,0,1", "path is 'day/../../a.wav', expected a path within"),
        (".,s,anger,0,1", "path is '.', expected an audio file"),
        ("a.wav,s,anger,0", "has 4 cells, expected 5"),
        ("a.wav,s,anger,0,1,2", "has 6 cells, expected 5"),
    ],
)
def test_an_invalid_row_is_one_line_with_its_number(tmp_path, row, fault):
    root = write_table(tmp_path, "path,speaker,emotion,start_s,end_s", "good.wav,s,anger,0,1", row)
    (line,) = fault_of(root).splitlines()
    assert line.startswith(f"{root}/own.csv: line 3: ")
    assert fault in line


def test_all_faults_are_listed(tmp_path):
    root = write_table(tmp_path, "path,speaker,emotion", "a.wav,s,angry", "b.wav,,anger", "c.wav,,sad")
    assert [line.split(": ")[1] for line in fault_of(root).splitlines()] == [
        "line 2",
        "line 3",
        "line 4",
        "line 4",
    ]


def test_one_name_for_two_rows_is_an_error(write_wavs):
    root = write_table(write_wavs(["a/b.wav"]), "path,speaker,emotion", "a/b.wav,s,anger", "a_b.wav,s,fear")
    with pytest.raises(InputError, match=r"utterance 'a_b': is the name of a/b\.wav, a_b\.wav; expected one"):
        build_manifest(read_corpus(root, own_corpus()), root, own_corpus())
