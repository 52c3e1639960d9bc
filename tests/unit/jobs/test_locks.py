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

#: Timeout of waiting for other processes.
TIMEOUT_S = 300

HOLDS_FOLDER = """
import sys, time
from pathlib import Path
from emofactors.jobs.locks import hold_folder
hold_folder(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""
HOLDS_LOG = """
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
    """Start a process and wait until it prints that it holds its lock; kill all processes after the test."""
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


def test_a_second_run_in_a_folder_is_refused(started, tmp_path):
    lock = tmp_path / ".snakemake" / "emofactors.lock"
    first = started(HOLDS_FOLDER, lock)
    with pytest.raises(InputError) as refused:
        hold_folder(lock)
    assert str(refused.value).startswith(
        f"{tmp_path}: another run is active here (process {first.pid} on {socket.gethostname()}, since "
    )
    second = started(HOLDS_FOLDER, tmp_path / "elsewhere" / "lock")
    assert second.poll() is None


@pytest.mark.parametrize("ended_by", [signal.SIGKILL, signal.SIGTERM])
def test_the_lock_of_a_killed_run_is_released(started, tmp_path, ended_by):
    lock = tmp_path / ".snakemake" / "emofactors.lock"
    first = started(HOLDS_FOLDER, lock)
    first.send_signal(ended_by)
    first.wait()
    os.close(hold_folder(lock))


def test_a_job_ends_the_process_of_an_earlier_run(started, tmp_path):
    log = tmp_path / "train.log"
    earlier = started(HOLDS_LOG, log, 600)
    assert log.read_text() == f"process {earlier.pid} on {socket.gethostname()}\n"
    later = started(HOLDS_LOG, log, 0)
    assert earlier.wait(TIMEOUT_S) == -signal.SIGTERM
    _, stderr = later.communicate()
    assert stderr == (
        f"emofactors: {log}: process {earlier.pid} on {socket.gethostname()} of an earlier run still works on "
        "this job: waiting until it ends\n"
    )
    assert log.read_text() == f"process {later.pid} on {socket.gethostname()}\n"


HOLDS_LOG_ON_INPUT = """
import sys
from emofactors.jobs.log import log_to
sys.stdin.readline()
log_to(sys.argv[1])
"""


def test_a_process_of_an_earlier_run_ends_if_a_later_one_holds_the_job(started, tmp_path):
    log = tmp_path / "train.log"
    earlier = subprocess.Popen(
        [sys.executable, "-c", HOLDS_LOG_ON_INPUT, log], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    later = started(HOLDS_LOG, log, 600)
    _, stderr = earlier.communicate("now\n", timeout=TIMEOUT_S)
    assert earlier.returncode == 1
    assert stderr == (
        f"emofactors: {log}: process {later.pid} on {socket.gethostname()} started this job later; this process "
        "ends\n"
    )
    assert later.poll() is None
    assert log.read_text() == f"process {later.pid} on {socket.gethostname()}\n"


@pytest.mark.parametrize("named", ["process {pid} on another-machine", "process {pid} on {here}", "nobody"])
def test_only_a_process_of_this_machine_with_that_log_is_ended(started, tmp_path, named):
    log = tmp_path / "train.log"
    bystander = started(HOLDS_LOG, tmp_path / "other.log", 600)
    log.write_text(named.format(pid=bystander.pid, here=socket.gethostname()) + "\n")
    with log.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        later = started(HOLDS_LOG, log, 0, wait=False)
        time.sleep(0.5)
        assert later.poll() is None, "expected to wait"
    assert later.wait(TIMEOUT_S) == 0
    assert bystander.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals that a parent died")
def test_a_job_ends_when_its_run_is_killed(tmp_path):
    log = tmp_path / "job.log"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLDS_LOG!r}, {str(log)!r}, '600'])"
    run = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert run.stdout.readline() == "held\n"
    pid = int(log.read_text().split()[1])
    run.kill()
    run.wait()
    latest = time.monotonic() + TIMEOUT_S
    while is_alive(pid):
        assert time.monotonic() < latest
        time.sleep(0.01)


def is_alive(pid):
    """Whether a process runs and is not a zombie."""
    try:
        with Path(f"/proc/{pid}/stat").open() as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
