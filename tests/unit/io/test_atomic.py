from pathlib import Path

import pytest

from emofactors.errors import InputError
from emofactors.io.atomic import damaged, read_result, read_text, write_text_atomically


def test_text_is_written_unchanged(tmp_path):
    write_text_atomically(tmp_path / "a.csv", "ä\nb\n")
    assert (tmp_path / "a.csv").read_bytes() == "ä\nb\n".encode()
    assert read_text(tmp_path / "a.csv", "a table") == "ä\nb\n"


def test_a_failed_write_keeps_the_existing_file(tmp_path, monkeypatch):
    file = tmp_path / "a.csv"
    file.write_text("existing")

    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_text_atomically(file, "new")
    assert file.read_text() == "existing"
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_permissions_follow_the_umask(tmp_path):
    (tmp_path / "reference").write_text("")
    write_text_atomically(tmp_path / "atomic", "")
    assert (tmp_path / "atomic").stat().st_mode == (tmp_path / "reference").stat().st_mode


def test_the_next_write_removes_the_temporary_file_of_a_killed_process(tmp_path, monkeypatch):
    file = tmp_path / "a.csv"
    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", lambda self, target: None)
        killed.setattr(Path, "unlink", lambda self, missing_ok: None)
        write_text_atomically(file, "half")
    assert not file.exists()
    assert len(list(tmp_path.iterdir())) == 1

    write_text_atomically(file, "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


def test_missing_and_unreadable_results_are_reported_in_one_line(tmp_path):
    with pytest.raises(InputError, match=r"a\.csv: is missing; expected a table; run again to make it$"):
        read_result(tmp_path / "a.csv", "a table")
    with pytest.raises(InputError, match=r"cannot be read \(Is a directory\); expected a table$"):
        read_result(tmp_path, "a table")
    (tmp_path / "a.txt").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"a\.txt: is not UTF-8; expected a table; delete it and run again$"):
        read_text(tmp_path / "a.txt", "a table")
    assert (
        str(damaged("a.csv", "is\nbad", "a table")) == "a.csv: is bad; expected a table; delete it and run again"
    )
