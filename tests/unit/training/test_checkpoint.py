import errno
import os
import signal
from pathlib import Path

import pytest
import torch

from emofactors.training.checkpoint import Checkpoint

pytestmark = pytest.mark.usefixtures("restored_process")


def state():
    return {"step": 3, "weights": torch.arange(4.0)}


def test_a_written_state_is_loaded(tmp_path):
    path = tmp_path / "below" / "state.pt"
    assert Checkpoint(path).load() is None
    Checkpoint(path, interval_s=0.0).offer(state)
    loaded = Checkpoint(path).load()
    assert loaded["step"] == 3
    assert torch.equal(loaded["weights"], torch.arange(4.0))


def test_a_state_is_written_once_per_interval(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("emofactors.training.checkpoint.time.monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path / "state.pt", interval_s=30.0)
    computed = []
    for now[0] in (10.0, 29.0, 30.0, 45.0, 60.0):
        checkpoint.offer(lambda: computed.append(now[0]) or {})
    assert computed == [30.0, 60.0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_after_the_state_is_written(tmp_path, caplog, number):
    caplog.set_level("INFO")
    checkpoint = Checkpoint(tmp_path / "state.pt", interval_s=1e9)
    checkpoint.end_on_signals()
    checkpoint.offer(state)
    signal.raise_signal(number)
    with pytest.raises(SystemExit) as ended:
        checkpoint.offer(state)
    assert ended.value.code == 128 + number
    assert Checkpoint(checkpoint.path).load()["step"] == 3
    assert [record.getMessage() for record in caplog.records] == [
        f"stopped by a signal: state saved in {checkpoint.path}; run again to resume"
    ]


def test_a_damaged_file_is_removed(tmp_path, caplog):
    path = tmp_path / "state.pt"
    Checkpoint(path, interval_s=0.0).offer(state)
    path.write_bytes(path.read_bytes()[:100])
    assert Checkpoint(path).load() is None
    assert "cannot be read" in caplog.text
    assert list(tmp_path.iterdir()) == []


def failing_fsync(number):
    def fsync(file):
        raise OSError(number, os.strerror(number))

    return fsync


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_warning(tmp_path, monkeypatch, caplog, number):
    monkeypatch.setattr(os, "fsync", failing_fsync(number))
    Checkpoint(tmp_path / "state.pt", interval_s=0.0).offer(state)
    assert f"cannot be written ({os.strerror(number)}): continuing without" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_any_other_error_is_raised(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", failing_fsync(errno.EIO))
    with pytest.raises(OSError, match="Input/output error"):
        Checkpoint(tmp_path / "state.pt", interval_s=0.0).offer(state)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_a_killed_process_did_not_finish_is_removed_too(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    with monkeypatch.context() as killed:
        killed.setattr(Path, "replace", lambda self, target: None)
        killed.setattr(Path, "unlink", lambda self, missing_ok: None)
        Checkpoint(path, interval_s=0.0).offer(dict)
    assert not path.exists()
    assert len(list(tmp_path.iterdir())) == 1
    Checkpoint(path).remove()
    assert list(tmp_path.iterdir()) == []


def test_a_removed_checkpoint_leaves_no_file(tmp_path):
    checkpoint = Checkpoint(tmp_path / "state.pt", interval_s=0.0)
    checkpoint.offer(state)
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]
    checkpoint.remove()
    checkpoint.remove()
    assert list(tmp_path.iterdir()) == []
