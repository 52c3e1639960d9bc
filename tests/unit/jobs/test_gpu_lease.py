import itertools
import logging
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from emofactors.errors import InputError
from emofactors.jobs import gpu_lease
from emofactors.jobs.gpu_lease import lease_slot

#: Lease a slot, print the GPU and the time, hold the lease for a time, print the time, and end.
TRAINING = """
import sys, time
from pathlib import Path
from emofactors.jobs.gpu_lease import lease_slot
gpus, slots, folder, seconds = sys.argv[1].split(","), int(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
gpu = lease_slot(gpus, slots, folder)
print(gpus[gpu], time.monotonic(), flush=True)
time.sleep(seconds)
print(time.monotonic(), flush=True)
"""


@pytest.fixture
def start():
    """Function that starts a training in its own process: GPUs, slots, folder, seconds of its lease.

    Leases of the test process itself last until it ends, so every test has its own folder.
    """
    started = []

    def start(gpus, slots, folder, seconds):
        command = [sys.executable, "-c", TRAINING, ",".join(gpus), str(slots), str(folder), str(seconds)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def leases_of(processes):
    """Wait for processes; return GPU, start and end of the lease of each."""
    leases = []
    for process in processes:
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        (gpu, begin), (end,) = (line.split() for line in output.splitlines())
        leases.append((gpu, float(begin), float(end)))
    return leases


def max_simultaneous(leases, gpu):
    """Return the largest number of simultaneous leases of a GPU."""
    of_gpu = [(begin, end) for which, begin, end in leases if which == gpu]
    return max(sum(begin <= moment < end for begin, end in of_gpu) for moment, _ in of_gpu)


@pytest.mark.parametrize("slots", [1, 2])
def test_no_gpu_has_more_trainings_than_slots(tmp_path, start, slots):
    leases = leases_of([start(["a", "b"], slots, tmp_path / "locks", 0.5) for _ in range(6)])
    assert len(leases) == 6
    assert {gpu for gpu, _, _ in leases} == {"a", "b"}
    assert max(max_simultaneous(leases, gpu) for gpu in "ab") <= slots


def test_a_killed_training_frees_its_slot_at_once(tmp_path, start):
    killed = start(["a"], 1, tmp_path, 600)
    assert killed.stdout.readline().startswith("a ")
    waiting = start(["a"], 1, tmp_path, 0)
    time.sleep(1.5)
    assert waiting.poll() is None, "there is one slot"
    os.kill(killed.pid, signal.SIGKILL)
    freed = time.monotonic()
    ((gpu, begin, _),) = leases_of([waiting])
    assert gpu == "a"
    assert 0 <= begin - freed < 1


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
        waiting = start(["a"], slots, tmp_path, 0)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1.5)


def test_waiting_is_logged_at_once_and_at_intervals(tmp_path, start, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    holder = start(["a"], 1, tmp_path, 600)
    assert holder.stdout.readline().startswith("a ")
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
