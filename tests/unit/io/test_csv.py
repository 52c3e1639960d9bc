import csv
from io import StringIO
from math import isnan

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emofactors.errors import InputError
from emofactors.io.csv import csv_text, read_csv, write_csv

COLUMNS = {"name": str, "n": int, "value": float}
#: Any UTF-8 text without NUL; often one that resembles a formula.
TEXTS = st.text(
    st.one_of(st.sampled_from("'=+-@\t\r\n;,\" ＝＠a1"), st.characters(exclude_categories=["Cs"]))
).filter(lambda text: "\0" not in text)


def table_of(names, numbers=None, values=None):
    n = len(names)
    return pd.DataFrame(
        {"name": names, "n": numbers or list(range(n)), "value": values or [-0.5] * n}, columns=list(COLUMNS)
    )


@given(
    st.lists(
        st.tuples(TEXTS, st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=True, allow_infinity=True)),
        min_size=1,
        max_size=5,
    )
)
def test_tables_are_restored_exactly(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    names, numbers, values = map(list, zip(*rows, strict=True))
    write_csv(path, table_of(names, numbers, values))
    read = read_csv(path, "a table", COLUMNS)
    assert read["name"].tolist() == names
    assert read["n"].tolist() == numbers
    for found, value in zip(read["value"], values, strict=True):
        assert isnan(found) if isnan(value) else repr(found) == repr(value)


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_no_cell_starts_a_formula_for_any_delimiter(names):
    text = csv_text(table_of(names, values=[0.5] * len(names)))
    for cells in csv.reader(StringIO(text, newline="")):
        for cell in cells:
            for part in (cell, *cell.split(";"), *cell.split("\t")):
                assert not part.startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("'=1+1", "''=1+1"),
        ("-", "'-"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t'=1"),
        ("a;=1", "a;'=1"),
        ("'tis", "'tis"),
        ("anna-maria", "anna-maria"),
        ("03", "03"),
        ("NA", "NA"),
    ],
)
def test_only_formulas_are_escaped(tmp_path, text, cell):
    assert csv_text(table_of([text])) == f"name,n,value\n{cell},0,-0.5\n"
    write_csv(tmp_path / "a.csv", table_of([text]))
    assert read_csv(tmp_path / "a.csv", "a table", COLUMNS)["name"].tolist() == [text]


def test_numbers_in_object_columns_are_not_escaped():
    table = pd.DataFrame({"count": [-3, None], "word": ["-3", None]}, dtype=object)
    assert csv_text(table) == "count,word\n-3,'-3\n,\n"


def test_columns_order_and_digits_can_be_chosen(tmp_path):
    table = pd.DataFrame({"b": [1 / 3], "a": ["x"], "c": [1]})
    assert csv_text(table, columns=("a", "b"), float_format="%.3f") == "a,b\nx,0.333\n"
    write_csv(tmp_path / "a.csv", table)
    assert list(read_csv(tmp_path / "a.csv", "a table", {"a": str})) == ["a"]
    assert list(read_csv(tmp_path / "a.csv", "a table", {"a": str}, others=float)) == ["b", "a", "c"]


def test_a_table_without_rows_is_restored(tmp_path):
    write_csv(tmp_path / "a.csv", table_of([]))
    read = read_csv(tmp_path / "a.csv", "a table", COLUMNS)
    assert read.empty
    assert [read[name].dtype.kind for name in ("n", "value")] == ["i", "f"]


def test_an_empty_number_is_nan(tmp_path):
    (tmp_path / "a.csv").write_text("name,n,value\na,1,\n")
    assert np.isnan(read_csv(tmp_path / "a.csv", "a table", COLUMNS)["value"].iloc[0])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is truncated"),
        (b"name,n,value\na,1,0.5", "is truncated"),
        (b"\n\n", "is not CSV"),
        (b"name,n,value\na,1\n", "has lines with too few cells"),
        (b"name,n,value\na,1,2,3\n", "has lines with too many cells"),
        (b"name,n,value\na,1,2\na,1,2,3\n", "is not CSV"),
        (b'name,n,value\n"a,1,2\n', "is not CSV"),
        (b"name,n,value\n\xff,1,2\n", "is not CSV"),
        (b"name,n,value\na\0,1,2\n", "has a NUL character"),
        (b"name,n\na,1\n", "has no column value; expected a table with columns name, n, value"),
        (b"name,n,value\na,x,2\n", "n: a cell is not an integer"),
        (b"name,n,value\na,1.0,2\n", "n: a cell is not an integer"),
        (b"name,n,value\na,99999999999999999999,2\n", "n: a cell is not an integer"),
        (b"name,n,value\na,1,two\n", "value: a cell is not a number"),
    ],
)
def test_a_damaged_table_is_reported_in_one_line(tmp_path, content, reason):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_csv(tmp_path / "a.csv", "a table", COLUMNS)
    assert str(error.value).startswith(f"{tmp_path / 'a.csv'}: {reason}")
    assert str(error.value).endswith("; delete it and run again")
    assert "\n" not in str(error.value)


def test_a_missing_table_is_reported(tmp_path):
    with pytest.raises(InputError, match=r"a\.csv: is missing; expected a table; run again to make it$"):
        read_csv(tmp_path / "a.csv", "a table", COLUMNS)


def test_text_with_nul_is_refused(tmp_path):
    with pytest.raises(ValueError, match="NUL"):
        write_csv(tmp_path / "a.csv", table_of(["a\0"]))
    assert not list(tmp_path.iterdir())
