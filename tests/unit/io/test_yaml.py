import sys
from contextlib import contextmanager

import pytest

from emofactors.errors import InputError
from emofactors.io.yaml import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_INTEGER,
    MAX_VALUES,
    check_plain,
    parse_scalars,
    read_yaml,
    short_repr,
)

NESTED_ALIASES = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
)
NESTED_MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12)
)


def yaml_of(tmp_path, content):
    file = tmp_path / "a.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@contextmanager
def at_most_calls(n):
    """Fail at the first call of a Python function beyond a number."""
    left = n

    def count(_frame, event, _arg):
        nonlocal left
        left -= event == "call"
        if left < 0:
            sys.setprofile(None)
            pytest.fail(f"more than {n:,} calls")

    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(None)


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
        (NESTED_ALIASES, f"has more than {MAX_VALUES:,} values"),
        (NESTED_MERGES, f"has more than {MAX_VALUES:,} values"),
        ("a: &a [*a]", "has an alias of a node that contains it"),
        ("a: " + "[" * 5000, f"nested deeper than {MAX_DEPTH}"),
        ("a: " + "[" * 20 + "]" * 20, f"nested deeper than {MAX_DEPTH}"),
        ("- " * 5000 + "a", f"nested deeper than {MAX_DEPTH}"),
        ("a: " + "x" * MAX_BYTES, "expected at most 262,144"),
        (b"a: \xff", "is not YAML"),
        (b"a: b\0c", "is not YAML"),
        ('a: "\\0"', r"a: is '\x00', expected printable text"),
        ('a: "\\e[31m"', "expected printable text"),
        ('a: "\\u202E"', "expected printable text"),
        ('"a\\n\\e": 1', "has the key"),
        ("a: 1\na: 2", "has the key 'a' twice"),
        ("a: {b: 1, b: 1}", "has the key 'b' twice"),
        ("1: a", "has the key 1, expected printable text"),
        ("null: a", "has the key None"),
        ("? [a]\n: b", "is not YAML"),
        ("a: 2001-02-03", "is not YAML"),
        ("a: !!python/object/apply:os.system [ls]", "is not YAML"),
        ("a: !!timestamp b", "is not YAML"),
        ("a: !!int b", "is not YAML"),
        ("a: !!bool b", "is not YAML"),
        ("a: !!set {b}", "is not YAML"),
        ("a: .nan", "a: is nan, expected a finite number"),
        ("a: [.inf]", "a: is inf, expected a finite number"),
        (f"a: {MAX_INTEGER + 1}", "a: is beyond"),
        ("a: 1" + "0" * 5000, "is not YAML"),
        ("[1]", "is list, expected keys and values"),
        ("", "is NoneType, expected keys and values"),
        ("a: *b", "is not YAML"),
        ("a: [", "is not YAML"),
        ("a: b\n---\nc: d", "is not YAML"),
    ],
)
def test_values_that_are_not_plain_are_refused_at_once_in_one_line(tmp_path, content, reason):
    file = yaml_of(tmp_path, content)
    with pytest.raises(InputError) as error, at_most_calls(100_000):
        read_yaml(file)
    assert str(error.value).startswith(f"{file}: ")
    assert reason in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_yaml(tmp_path)


class Odd:
    pass


@pytest.mark.parametrize("value", [Odd(), b"a", {1}, 1j, float("nan"), 2**63, "\ud800", "a\x07", {"b": {3: 4}}])
def test_values_of_a_command_line_are_checked(value):
    with pytest.raises(InputError, match=r"^study: a[^\n]*expected"):
        check_plain({"a": value}, "study")


def test_a_list_that_contains_itself_is_refused():
    recursive = []
    recursive.append(recursive)
    with pytest.raises(InputError, match="levels deep"):
        check_plain({"a": recursive}, "study")


def test_representations_in_errors_are_short():
    assert short_repr("a") == "'a'"
    assert short_repr("a" * 1000) == "'" + "a" * 179 + " ... (1,002 characters)"
    assert short_repr(10**5000) == "some int"


def test_scalars_of_a_command_line_are_parsed_as_yaml():
    overrides = {
        "cnn_bigru": {"center_lambda": "0.1", "conv_channels": ["24", "32"], "variants": {"a": {"bias": "false"}}}
    }
    assert parse_scalars(overrides) == {
        "cnn_bigru": {"center_lambda": 0.1, "conv_channels": [24, 32], "variants": {"a": {"bias": False}}}
    }
    unchanged = ["log_mel_40", "{a: 1}", "[1", "&a b", "2026-01-01", "", " ", "9" * 41, 5, 0.5, None]
    assert parse_scalars(unchanged) == unchanged
    assert parse_scalars("null") is None
