import pytest

from emofactors.corpora.readers.delimited import Fault, read_rows, read_table, read_text
from emofactors.errors import InputError


@pytest.fixture
def write(tmp_path):
    def write(*lines, encoding="utf-8"):
        (tmp_path / "a.csv").write_bytes("\n".join(lines).encode(encoding))
        return tmp_path / "a.csv"

    return write


def test_rows_have_their_line_and_stripped_text_cells(write):
    file = write("speaker,name", "03, NA ", "", ",", '04,"a, ""b"""')
    assert read_table(file, ["speaker"]) == (
        [(2, {"speaker": "03", "name": "NA"}), (5, {"speaker": "04", "name": 'a, "b"'})],
        [],
    )


def test_quotes_of_a_tsv_are_text(write):
    rows, _ = read_table(write("speaker\ttext", '03\ta "b'), ["text"], delimiter="\t")
    assert rows == [(2, {"speaker": "03", "text": 'a "b'})]


@pytest.mark.parametrize(
    ("lines", "faults"),
    [
        (["a;b", "1;2"], [Fault(None, "has no column b; its columns are a;b")]),
        (["b", "1,2"], [Fault(2, "has 2 cells, expected 1")]),
        (["a,b", "1"], [Fault(2, "has 1 cells, expected 2")]),
        (["b,b", "1,2"], [Fault(None, "its columns are b, b; expected each once")]),
        (["b"], [Fault(None, "has no row below its header, expected one for each utterance")]),
    ],
)
def test_faults_have_their_line(write, lines, faults):
    file = write(*lines)
    assert read_table(file, ["b"])[1] == faults
    with pytest.raises(InputError) as caught:
        read_rows(file, ["b"])
    assert str(caught.value) == "\n".join(fault.in_file(file) for fault in faults)


@pytest.mark.parametrize(("line", "encoding"), [("ä", "latin-1"), ('"a', "utf-8")])
def test_a_file_that_is_not_a_table_in_utf8_is_an_error(write, line, encoding):
    with pytest.raises(InputError, match=r"a\.csv: is not a table in UTF-8"):
        read_table(write("b", line, encoding=encoding), ["b"])


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"a\.csv: cannot be read, expected a table with columns b"):
        read_table(tmp_path / "a.csv", ["b"])
    with pytest.raises(InputError, match=r"a\.txt: cannot be read \(No such file or directory\), expected labels"):
        read_text(tmp_path / "a.txt", "labels")


def test_invalid_utf8_in_a_text_is_replaced(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\xffb")
    assert read_text(tmp_path / "a.txt", "labels") == "a\ufffdb"
