import itertools
import logging
import os
import select
import signal
import stat
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from emofactors.errors import InputError
from emofactors.jobs import gpu_lease
from emofactors.jobs.gpu_lease import lease_slot

#: Lease a slot, print the GPU, hold the lease until there is a line of input, and end.
TRAINING = """
import sys
from pathlib import Path
from emofactors.jobs.gpu_lease import lease_slot
gpus, slots, folder = sys.argv[1].split(","), int(sys.argv[2]), Path(sys.argv[3])
print(gpus[lease_slot(gpus, slots, folder)], flush=True)
sys.stdin.readline()
"""
#: Seconds that a training which has to wait is watched.
WATCHED_S = 1.5
#: Timeout of waiting for a lease.
TIMEOUT_S = 300


@pytest.fixture
def start():
    """Function that starts a training in its own process: GPUs, slots, folder.

    Leases of the test process itself last until it ends, so every test has its own folder.
    """
    started = []

    def start(gpus, slots, folder):
        command = [sys.executable, "-c", TRAINING, ",".join(gpus), str(slots), str(folder)]
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def leased(trainings, timeout_s):
    """Return a training that has leased a slot meanwhile, and its GPU; None if none has."""
    of_output = {training.stdout: training for training in trainings}
    ready, _, _ = select.select(list(of_output), [], [], timeout_s)
    return (of_output[ready[0]], ready[0].readline().strip()) if ready else None


@pytest.mark.parametrize("slots", [1, 2])
def test_no_gpu_has_more_trainings_than_slots(tmp_path, start, slots):
    waiting = [start(["a", "b"], slots, tmp_path / "locks") for _ in range(6)]
    running = []
    while waiting:
        if len(running) == 2 * slots:
            assert Counter(gpu for _, gpu in running) == {"a": slots, "b": slots}
            assert leased(waiting, WATCHED_S) is None
            training, _ = running.pop(0)
            training.communicate("end\n")
            assert training.returncode == 0
        running.append(leased(waiting, TIMEOUT_S))
        waiting.remove(running[-1][0])


def test_a_killed_training_frees_its_slot(tmp_path, start):
    killed = start(["a"], 1, tmp_path)
    assert leased([killed], TIMEOUT_S) == (killed, "a")
    waiting = start(["a"], 1, tmp_path)
    assert leased([waiting], WATCHED_S) is None, "there is one slot"
    os.kill(killed.pid, signal.SIGKILL)
    assert leased([waiting], TIMEOUT_S) == (waiting, "a")


def test_the_gpu_with_the_fewest_trainings_is_leased(tmp_path):
    gpus = ["a", "b", "c"]
    assert [gpus[lease_slot(gpus, 2, tmp_path)] for _ in range(6)] == ["a", "b", "c", "a", "b", "c"]


def test_processes_with_different_visible_gpus_share_leases(tmp_path):
    assert lease_slot(["b"], 1, tmp_path) == 0
    assert lease_slot(["a", "b"], 1, tmp_path) == 0
    assert lease_slot(["b", "a", "c"], 1, tmp_path) == 2


def test_the_largest_number_of_slots_is_the_limit_if_studies_differ(tmp_path, start):
    assert lease_slot(["a"], 1, tmp_path) == 0
    assert lease_slot(["a"], 2, tmp_path) == 0
    for slots in (1, 2):
        assert leased([start(["a"], slots, tmp_path)], WATCHED_S) is None


def test_waiting_is_logged_at_once_and_at_intervals(tmp_path, start, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    holder = start(["a"], 1, tmp_path)
    assert leased([holder], TIMEOUT_S) == (holder, "a")
    clock = itertools.count(0, 100)  # seconds, one step per attempt
    attempts = itertools.count(1)

    def sleep(_):
        if next(attempts) == 8:
            holder.kill()
            holder.wait()

    monkeypatch.setattr(gpu_lease, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=sleep))
    lease_slot(["a"], 1, tmp_path)
    waiting = f"waiting for a GPU: all slots are leased, 1 of each of a (locks in {tmp_path})"
    messages = [record.getMessage() for record in caplog.records]
    assert messages == [waiting] * messages.count(waiting) + ["leased slot 1 of 1 of GPU a"]
    assert messages.count(waiting) == 3, "at 0, 300 and 600 seconds"


def test_every_user_can_use_the_lock_files_with_any_umask(tmp_path):
    umask = os.umask(0o077)
    try:
        lease_slot(["a"], 1, tmp_path / "locks")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "locks").stat().st_mode) == 0o1777
    assert stat.S_IMODE((tmp_path / "locks" / "a.slot0.lock").stat().st_mode) == 0o644


def test_a_remaining_file_has_no_effect_and_is_not_changed(tmp_path):
    remaining = tmp_path / "a.slot0.lock"
    remaining.write_text("taken by process 1")
    remaining.chmod(0o444)
    assert lease_slot(["a"], 1, tmp_path) == 0
    assert remaining.read_text() == "taken by process 1"


def make_link(path):
    path.with_name("elsewhere").write_text("untouched")
    path.symlink_to(path.with_name("elsewhere"))


def make_dangling_link(path):
    path.symlink_to(path.with_name("target"))


@pytest.mark.parametrize("make", [make_link, make_dangling_link, Path.mkdir, os.mkfifo])
def test_anything_but_a_regular_file_is_refused_and_links_are_not_followed(tmp_path, make):
    lock = tmp_path / "a.slot0.lock"
    make(lock)
    with pytest.raises(
        InputError, match=r"a\.slot0\.lock: cannot be locked \(.+\), expected regular files"
    ) as error:
        lease_slot(["a"], 1, tmp_path)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("folder", ["file", "file/below", "link", "/proc/emofactors"])
def test_an_unusable_folder_is_refused(tmp_path, folder):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(
        InputError, match=f"{folder}: cannot be locked .+; set EMOFACTORS_GPU_LOCKS to another folder"
    ):
        lease_slot(["a"], 1, tmp_path / folder)


def test_the_environment_may_name_another_folder(monkeypatch):
    monkeypatch.delenv("EMOFACTORS_GPU_LOCKS", raising=False)
    assert gpu_lease.locks_folder() == Path("/tmp/emofactors-gpus")
    monkeypatch.setenv("EMOFACTORS_GPU_LOCKS", "/shared/locks")
    assert gpu_lease.locks_folder() == Path("/shared/locks")
