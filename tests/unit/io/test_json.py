import pytest

from emofactors.errors import InputError
from emofactors.io.json import read_json, read_json_files


def test_json_is_read_unchanged(tmp_path):
    (tmp_path / "a.json").write_text('{"speaker": "ä", "n": [1, null]}', encoding="utf-8")
    content = {"speaker": "ä", "n": [1, None]}
    assert read_json(tmp_path / "a.json", "metadata", ["n"]) == content
    assert read_json_files([tmp_path / "a.json"], "metadata") == {"a": content}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b'{"a": 1', "is not JSON"),
        (b'{"a": "\xff"}', "is not UTF-8"),
        (b'{"a": "\\ud800"}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b"[1]", "is list, not keys and values; expected metadata"),
        (b'{"b": 1}', "lacks a; expected metadata"),
    ],
)
def test_damaged_json_is_reported_in_one_line(tmp_path, content, reason):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_json(tmp_path / "a.json", "metadata", ["a"])
    assert str(error.value).startswith(f"{tmp_path / 'a.json'}: {reason}")
    assert str(error.value).endswith("; delete it and run again")
    assert "\n" not in str(error.value)


def test_missing_json_is_reported(tmp_path):
    with pytest.raises(InputError, match=r"a\.json: is missing; expected metadata; run again to make it$"):
        read_json(tmp_path / "a.json", "metadata")
