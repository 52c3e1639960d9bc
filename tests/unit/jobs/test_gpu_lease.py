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
from emofactors.jobs import gpu_lease as lease
from emofactors.jobs.gpu_lease import take_slot

#: Takes a slot, says which GPU and when, keeps it for a time, says when, and ends.
TRAINING = """
import sys, time
from pathlib import Path
from emofactors.jobs.gpu_lease import take_slot
gpus, slots, folder, seconds = sys.argv[1].split(","), int(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
gpu = take_slot(gpus, slots, folder)
print(gpus[gpu], time.monotonic(), flush=True)
time.sleep(seconds)
print(time.monotonic(), flush=True)
"""


@pytest.fixture
def start():
    """Starts a training in a process of its own: GPUs, slots, folder, seconds it keeps its lease.

    What a test itself leases it keeps until all tests have ended: each has a folder of its own.
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
    """GPU, start and end of the lease of each process, once it has ended."""
    found = []
    for process in processes:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        (gpu, begin), (end,) = (line.split() for line in said.splitlines())
        found.append((gpu, float(begin), float(end)))
    return found


def most_at_once(leases, gpu):
    """The largest number of leases of a GPU at one time."""
    of_gpu = [(begin, end) for which, begin, end in leases if which == gpu]
    return max(sum(begin <= moment < end for begin, end in of_gpu) for moment, _ in of_gpu)


@pytest.mark.parametrize("slots", [1, 2])
def test_no_gpu_has_more_trainings_than_slots(tmp_path, start, slots):
    leases = leases_of([start(["a", "b"], slots, tmp_path / "locks", 0.5) for _ in range(6)])
    assert len(leases) == 6
    assert {gpu for gpu, _, _ in leases} == {"a", "b"}
    assert max(most_at_once(leases, gpu) for gpu in "ab") <= slots


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


def test_the_gpu_with_the_fewest_trainings_is_taken(tmp_path):
    gpus = ["a", "b", "c"]
    assert [gpus[take_slot(gpus, 2, tmp_path)] for _ in range(6)] == ["a", "b", "c", "a", "b", "c"]


def test_processes_that_see_other_gpus_do_not_mix_them_up(tmp_path):
    assert take_slot(["b"], 1, tmp_path) == 0
    assert take_slot(["a", "b"], 1, tmp_path) == 0
    assert take_slot(["b", "a", "c"], 1, tmp_path) == 2


def test_where_studies_disagree_the_larger_number_of_slots_is_the_limit(tmp_path, start):
    assert take_slot(["a"], 1, tmp_path) == 0
    assert take_slot(["a"], 2, tmp_path) == 0
    for slots in (1, 2):
        waiting = start(["a"], slots, tmp_path, 0)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1.5)


def test_what_is_waited_for_is_said_at_once_and_again(tmp_path, start, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    holder = start(["a"], 1, tmp_path, 600)
    assert holder.stdout.readline().startswith("a ")
    clock = itertools.count(0, 100)  # seconds, a look each
    looks = itertools.count(1)

    def sleep(_):
        if next(looks) == 8:
            holder.kill()
            holder.wait()

    monkeypatch.setattr(lease, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=sleep))
    take_slot(["a"], 1, tmp_path)
    waiting = f"waiting for a GPU: all slots are taken, 1 of each of a (locks in {tmp_path})"
    said = [record.getMessage() for record in caplog.records]
    assert said == [waiting] * said.count(waiting) + ["leased slot 1 of 1 of GPU a"]
    assert said.count(waiting) == 3, "at 0, 300 and 600 seconds"


def test_every_user_can_use_the_lock_files_whatever_the_umask(tmp_path):
    umask = os.umask(0o077)
    try:
        take_slot(["a"], 1, tmp_path / "locks")
    finally:
        os.umask(umask)
    assert stat.S_IMODE((tmp_path / "locks").stat().st_mode) == 0o1777
    assert stat.S_IMODE((tmp_path / "locks" / "a.slot0.lock").stat().st_mode) == 0o644


def test_a_file_that_was_left_behind_says_nothing_and_is_not_touched(tmp_path):
    left = tmp_path / "a.slot0.lock"
    left.write_text("taken by process 1")
    left.chmod(0o444)
    assert take_slot(["a"], 1, tmp_path) == 0
    assert left.read_text() == "taken by process 1"


def make_link(path):
    path.with_name("elsewhere").write_text("untouched")
    path.symlink_to(path.with_name("elsewhere"))


def make_loose_link(path):
    path.symlink_to(path.with_name("made_for_another"))


@pytest.mark.parametrize("make", [make_link, make_loose_link, Path.mkdir, os.mkfifo])
def test_what_is_no_lock_file_is_refused_and_not_followed(tmp_path, make):
    lock = tmp_path / "a.slot0.lock"
    make(lock)
    with pytest.raises(
        InputError, match=r"a\.slot0\.lock: cannot be locked \(.+\), expected plain files"
    ) as error:
        take_slot(["a"], 1, tmp_path)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "made_for_another").exists()


@pytest.mark.parametrize("folder", ["file", "file/below", "link", "/proc/emofactors"])
def test_a_folder_that_cannot_be_used_is_said_in_one_line(tmp_path, folder):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match=f"{folder}: cannot be locked .+; EMOFACTORS_GPU_LOCKS names another"):
        take_slot(["a"], 1, tmp_path / folder)


def test_another_folder_is_taken_from_the_environment(monkeypatch):
    monkeypatch.delenv("EMOFACTORS_GPU_LOCKS", raising=False)
    assert lease.locks_folder() == Path("/tmp/emofactors-gpus")
    monkeypatch.setenv("EMOFACTORS_GPU_LOCKS", "/shared/locks")
    assert lease.locks_folder() == Path("/shared/locks")
