import time

import pytest

from emofactors.errors import InputError
from emofactors.io.yaml import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_VALUES,
    MAX_WHOLE,
    brief,
    check_plain,
    read_scalars,
    read_yaml,
)

LAUGHS = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
MERGED = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12)
)


def yaml_of(tmp_path, content):
    file = tmp_path / "a.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def test_plain_values_aliases_and_merges_are_read(tmp_path):
    text = "a: &a {x: 1, y: [0.5, null, true, 'no']}\nb: {<<: *a, x: 2}\nc: {<<: *a, z: 3}\nd: &w >-\n  two\n  words\ne: *w\n"
    assert read_yaml(yaml_of(tmp_path, text)) == {
        "a": {"x": 1, "y": [0.5, None, True, "no"]},
        "b": {"x": 2, "y": [0.5, None, True, "no"]},
        "c": {"x": 1, "y": [0.5, None, True, "no"], "z": 3},
        "d": "two words",
        "e": "two words",
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (LAUGHS, f"is more than {MAX_VALUES:,} values"),
        (MERGED, f"is more than {MAX_VALUES:,} values"),
        ("a: &a [*a]", "has an alias of what it is part of"),
        ("a: " + "[" * 5000, f"nested deeper than {MAX_DEPTH}"),
        ("a: " + "[" * 20 + "]" * 20, f"nested deeper than {MAX_DEPTH}"),
        ("- " * 5000 + "a", f"nested deeper than {MAX_DEPTH}"),
        ("a: " + "x" * MAX_BYTES, "expected at most 262,144"),
        (b"a: \xff", "is no YAML"),
        (b"a: b\0c", "is no YAML"),
        ('a: "\\0"', r"a: is '\x00', expected printable text"),
        ('a: "\\e[31m"', "expected printable text"),
        ('a: "\\u202E"', "expected printable text"),
        ('"a\\n\\e": 1', "has the key"),
        ("a: 1\na: 2", "has the key 'a' twice"),
        ("a: {b: 1, b: 1}", "has the key 'b' twice"),
        ("1: a", "has the key 1, expected printable text"),
        ("null: a", "has the key None"),
        ("? [a]\n: b", "is no YAML"),
        ("a: 2001-02-03", "is no YAML"),
        ("a: !!python/object/apply:os.system [ls]", "is no YAML"),
        ("a: !!timestamp b", "is no YAML"),
        ("a: !!int b", "is no YAML"),
        ("a: !!bool b", "is no YAML"),
        ("a: !!set {b}", "is no YAML"),
        ("a: .nan", "a: is nan, expected a finite number"),
        ("a: [.inf]", "a: is inf, expected a finite number"),
        (f"a: {MAX_WHOLE + 1}", "a: is beyond"),
        ("a: 1" + "0" * 5000, "is no YAML"),
        ("[1]", "is list, expected keys and values"),
        ("", "is NoneType, expected keys and values"),
        ("a: *b", "is no YAML"),
        ("a: [", "is no YAML"),
        ("a: b\n---\nc: d", "is no YAML"),
    ],
)
def test_what_is_not_plain_is_said_in_one_line_and_at_once(tmp_path, content, reason):
    file = yaml_of(tmp_path, content)
    began = time.perf_counter()
    with pytest.raises(InputError) as error:
        read_yaml(file)
    assert time.perf_counter() - began < 2
    assert str(error.value).startswith(f"{file}: ")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


def test_a_folder_is_no_yaml(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_yaml(tmp_path)


class Odd:
    pass


@pytest.mark.parametrize("value", [Odd(), b"a", {1}, 1j, float("nan"), 2**63, "\ud800", "a\x07", {"b": {3: 4}}])
def test_a_command_line_may_say_plain_values_only(value):
    with pytest.raises(InputError, match=r"^study: a[^\n]*expected"):
        check_plain({"a": value}, "study")


def test_a_list_that_holds_itself_ends():
    endless = []
    endless.append(endless)
    with pytest.raises(InputError, match="levels deep"):
        check_plain({"a": endless}, "study")


def test_a_value_in_an_error_is_short():
    assert brief("a") == "'a'"
    assert brief("a" * 1000) == "'" + "a" * 179 + " ... (1,002 characters)"
    assert brief(10**5000) == "some int"


def test_texts_of_a_command_line_are_read_as_yaml_reads_them():
    told = {
        "cnn_bigru": {"center_lambda": "0.1", "conv_channels": ["24", "32"], "variants": {"a": {"bias": "false"}}}
    }
    assert read_scalars(told) == {
        "cnn_bigru": {"center_lambda": 0.1, "conv_channels": [24, 32], "variants": {"a": {"bias": False}}}
    }
    same = ["log_mel_40", "{a: 1}", "[1", "&a b", "2026-01-01", "", " ", "9" * 41, 5, 0.5, None]
    assert read_scalars(same) == same
    assert read_scalars("null") is None
