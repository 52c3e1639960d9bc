import os
import time
from pathlib import Path

import pytest

from emofactors.errors import InputError
from emofactors.io.atomic import write_text_atomically
from emofactors.io.json import read_json, read_json_files
from emofactors.jobs.clock import clamp_future_mtimes


def test_text_arrives_as_it_is(tmp_path):
    write_text_atomically(tmp_path / "a.csv", "ä\nb\n")
    assert (tmp_path / "a.csv").read_bytes() == "ä\nb\n".encode()


def test_a_failed_write_leaves_the_earlier_file_and_nothing_else(tmp_path, monkeypatch):
    file = tmp_path / "a.csv"
    file.write_text("earlier")

    def killed(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(OSError, match="disk full"):
        write_text_atomically(file, "later")
    assert file.read_text() == "earlier"
    assert [left.name for left in tmp_path.iterdir()] == ["a.csv"]


def test_others_may_read_what_the_umask_lets_them(tmp_path):
    (tmp_path / "plain").write_text("")
    write_text_atomically(tmp_path / "atomic", "")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_a_killed_process_left_half_written_goes_with_the_next_write(tmp_path, monkeypatch):
    file = tmp_path / "a.csv"
    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", lambda self, target: None)
        killed.setattr(Path, "unlink", lambda self, missing_ok: None)
        write_text_atomically(file, "half")
    assert not file.exists()
    assert len(list(tmp_path.iterdir())) == 1

    write_text_atomically(file, "whole")
    assert [left.name for left in tmp_path.iterdir()] == ["a.csv"]


def test_json_arrives_as_it_is(tmp_path):
    (tmp_path / "a.json").write_text('{"speaker": "ä", "n": [1, null]}', encoding="utf-8")
    content = {"speaker": "ä", "n": [1, None]}
    assert read_json(tmp_path / "a.json", "notes", ["n"]) == content
    assert read_json_files([tmp_path / "a.json"], "notes") == {"a": content}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no JSON"),
        (b'{"a": 1', "is no JSON"),
        (b'{"a": "\xff"}', "is no UTF-8"),
        (b'{"a": "\\ud800"}', "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is no JSON"),
        (b"[1]", "is list, no keys and values; expected notes"),
        (b'{"b": 1}', "has no a; expected notes"),
    ],
)
def test_damaged_json_is_said_in_one_line(tmp_path, content, reason):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(InputError) as error:
        read_json(tmp_path / "a.json", "notes", ["a"])
    assert str(error.value).startswith(f"{tmp_path / 'a.json'}: {reason}")
    assert str(error.value).endswith("; delete it and run again to make it anew")
    assert "\n" not in str(error.value)


def test_missing_json_is_said_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"a\.json: is missing; expected notes; run again to make it$"):
        read_json(tmp_path / "a.json", "notes")


def test_only_times_to_come_are_set_to_now(tmp_path):
    past, future = tmp_path / "past.csv", tmp_path / "features" / "future.npy"
    future.parent.mkdir()
    for file, time_s in ((past, 1e9), (future, time.time() + 1e6)):
        file.write_text("as it was")
        os.utime(file, (time_s, time_s))
    os.utime(future.parent, (time.time() + 1e6,) * 2)
    assert clamp_future_mtimes(tmp_path) == 2
    assert past.stat().st_mtime == 1e9
    assert future.stat().st_mtime == future.parent.stat().st_mtime <= time.time()
    assert future.read_text() == "as it was"
    assert clamp_future_mtimes(tmp_path) == 0


def test_a_file_that_goes_while_times_are_set_is_no_fault(tmp_path, monkeypatch):
    gone = tmp_path / "gone.unfinished"
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: iter([gone]))
    assert clamp_future_mtimes(tmp_path) == 0
