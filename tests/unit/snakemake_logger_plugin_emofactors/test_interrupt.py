import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

#: A run with a stand-in for Snakemake's scheduler, which ends when its job does; the job takes SIGTERM or ignores it.
RUN = """
import signal, subprocess, sys
from snakemake_logger_plugin_emofactors.interrupt import Interrupt
# Not inherited: the tests themselves may run in the background of a shell, which ignores Ctrl-C.
signal.signal(signal.SIGINT, signal.SIG_IGN if sys.argv[1] == "background" else signal.default_int_handler)
interrupt = Interrupt(lambda line: print(line, flush=True))
if sys.argv[1] == "parsing":
    print("started", flush=True)
    signal.pause()
interrupt.set_jobs_local()
signal.signal(signal.SIGTERM, lambda number, frame: print("stop scheduling", flush=True))
ignores = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " if sys.argv[1] == "ignores" else ""
job = subprocess.Popen(
    [sys.executable, "-c", ignores + "import time; print('started', flush=True); time.sleep(600)"],
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
)
print("job ended with", job.wait(), flush=True)
if ignores:
    signal.pause()  # the run is killed, too
interrupt.close()
"""
#: Timeout of waiting for a run.
TIMEOUT_S = 300
STOPPING = "emofactors: stopping: trainings save their state (press Ctrl-C again to kill all jobs)\n"


@pytest.fixture
def start():
    """Start a run and wait until its job has started; kill it after the test."""
    processes = []

    def start(mode):
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, mode],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        processes.append(process)
        assert process.stdout.readline() == "started\n", process.communicate()[1]
        return process

    yield start
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_ctrl_c_stops_scheduling_and_ends_jobs(start):
    run = start("ends")
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=TIMEOUT_S) == (f"{STOPPING}stop scheduling\njob ended with -15\n", "")
    assert run.returncode == 0


def test_a_second_ctrl_c_kills_jobs(start):
    run = start("ignores")
    run.send_signal(signal.SIGINT)
    assert run.stdout.readline() == STOPPING
    assert run.stdout.readline() == "stop scheduling\n"
    time.sleep(0.5)  # Python may delay a signal that arrives just before a blocking call
    run.send_signal(signal.SIGINT)
    output, errors = run.communicate(timeout=TIMEOUT_S)
    assert run.returncode == 130
    assert errors == "emofactors: killed; run the same command again to continue\n"
    assert "job ended with -9\n".startswith(output)  # the run may be killed while it prints


def test_ctrl_c_before_any_job_ends_without_a_traceback(start):
    run = start("parsing")
    run.send_signal(signal.SIGINT)
    assert run.communicate(timeout=TIMEOUT_S) == ("", "")
    assert run.returncode == 130


def test_ctrl_c_stays_ignored_in_the_background(start):
    run = start("background")
    run.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        run.wait(0.5)
