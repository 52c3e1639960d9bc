import os
import time
from pathlib import Path

from emofactors.jobs.clock import clamp_future_mtimes


def test_only_future_times_are_reset(tmp_path):
    past, future = tmp_path / "past.csv", tmp_path / "features" / "future.npy"
    future.parent.mkdir()
    for file, time_s in ((past, 1e9), (future, time.time() + 1e6)):
        file.write_text("content")
        os.utime(file, (time_s, time_s))
    os.utime(future.parent, (time.time() + 1e6,) * 2)
    assert clamp_future_mtimes(tmp_path) == 2
    assert past.stat().st_mtime == 1e9
    assert future.stat().st_mtime == future.parent.stat().st_mtime <= time.time()
    assert future.read_text() == "content"
    assert clamp_future_mtimes(tmp_path) == 0


def test_a_file_that_disappears_meanwhile_is_ignored(tmp_path, monkeypatch):
    gone = tmp_path / "gone.unfinished"
    monkeypatch.setattr(Path, "rglob", lambda self, pattern: iter([gone]))
    assert clamp_future_mtimes(tmp_path) == 0
