from pathlib import Path

import pytest

from emofactors.files import write_text_atomically


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
