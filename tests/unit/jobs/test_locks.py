import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emofactors.errors import InputError
from emofactors.jobs.locks import hold_folder

HOLDS_FOLDER = """
import sys, time
from pathlib import Path
from emofactors.jobs.locks import hold_folder
hold_folder(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""
HAS_JOB = """
import sys, time
from emofactors.jobs.log import log_to
import os
terminal = os.dup(1)
log_to(sys.argv[1])
os.write(terminal, b"held\\n")
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def started():
    """Starts a process that says a word once it holds its lock; all are ended after the test."""
    processes = []

    def start(script, *arguments, wait=True):
        process = subprocess.Popen(
            [sys.executable, "-c", script, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        if wait:
            assert process.stdout.readline() == "held\n", process.communicate()[1]
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_a_second_run_in_a_folder_is_told_of_the_first(started, tmp_path):
    lock = tmp_path / ".snakemake" / "emofactors.lock"
    first = started(HOLDS_FOLDER, lock)
    with pytest.raises(InputError) as refused:
        hold_folder(lock)
    assert str(refused.value).startswith(
        f"{tmp_path}: another run is at work here (process {first.pid} on {socket.gethostname()}, since "
    )
    second = started(HOLDS_FOLDER, tmp_path / "elsewhere" / "lock")
    assert second.poll() is None


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_killed_run_is_free_at_once(started, tmp_path, ended_by):
    lock = tmp_path / ".snakemake" / "emofactors.lock"
    first = started(HOLDS_FOLDER, lock)
    first.send_signal(ended_by)
    first.wait()
    os.close(hold_folder(lock))


def test_a_job_ends_the_process_that_a_killed_run_left_at_it(started, tmp_path):
    log = tmp_path / "train.log"
    left = started(HAS_JOB, log, 60)
    assert log.read_text() == f"process {left.pid} on {socket.gethostname()}\n"
    again = started(HAS_JOB, log, 0)
    assert left.wait(10) == -signal.SIGTERM
    _, said = again.communicate()
    assert said == (
        f"emofactors: {log}: process {left.pid} on {socket.gethostname()} is still at this job, "
        "from a run that is gone: waiting for it to end\n"
    )
    assert log.read_text() == f"process {again.pid} on {socket.gethostname()}\n"


LATE = """
import sys
from emofactors.jobs.log import log_to
sys.stdin.readline()
log_to(sys.argv[1])
"""


def test_a_process_that_was_left_behind_leaves_the_job_to_the_later_one(started, tmp_path):
    log = tmp_path / "train.log"
    left = subprocess.Popen(
        [sys.executable, "-c", LATE, log], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    later = started(HAS_JOB, log, 60)
    _, said = left.communicate("now\n", timeout=30)
    assert left.returncode == 1
    assert said == (
        f"emofactors: {log}: process {later.pid} on {socket.gethostname()} was started later for this job, "
        "which is left to it\n"
    )
    assert later.poll() is None
    assert log.read_text() == f"process {later.pid} on {socket.gethostname()}\n"


@pytest.mark.parametrize("named", ["process {pid} on another-machine", "process {pid} on {here}", "nobody"])
def test_only_a_process_of_this_machine_with_that_log_is_told_to_end(started, tmp_path, named):
    log = tmp_path / "train.log"
    bystander = started(HAS_JOB, tmp_path / "other.log", 60)
    log.write_text(named.format(pid=bystander.pid, here=socket.gethostname()) + "\n")
    with log.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        again = started(HAS_JOB, log, 0, wait=False)
        time.sleep(0.5)
        assert again.poll() is None, "it waits"
    assert again.wait(10) == 0
    assert bystander.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_job_ends_when_the_run_that_started_it_is_killed(tmp_path):
    log = tmp_path / "job.log"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HAS_JOB!r}, {str(log)!r}, '60'])"
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "held\n"
    pid = int(log.read_text().split()[1])
    run.kill()
    run.wait()
    latest = time.monotonic() + 10
    while is_alive(pid):
        assert time.monotonic() < latest
        time.sleep(0.01)


def is_alive(pid):
    """Whether a process runs, and is not only waiting to be buried."""
    try:
        with Path(f"/proc/{pid}/stat").open() as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
