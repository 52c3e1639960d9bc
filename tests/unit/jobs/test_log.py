import subprocess
import sys

SCRIPT = """
import logging, os, sys, warnings
from emofactors.errors import InputError
from emofactors.jobs.log import log_to
log_to(sys.argv[1])
print("printed")
logging.getLogger("x").info("progress")
warnings.warn("careful")
os.write(2, b"from a C library\\n")
"""


def run(tmp_path, ending):
    log = tmp_path / "job.log"
    job = subprocess.run(
        [sys.executable, "-c", SCRIPT + ending, str(log)], capture_output=True, text=True, check=False
    )
    return job, log.read_text()


def test_all_output_goes_to_the_log_only(tmp_path):
    job, log = run(tmp_path, "")
    assert job.returncode == 0
    assert (job.stdout, job.stderr) == ("", "")
    for text in ("printed", "progress", "careful", "from a C library"):
        assert text in log


def test_bad_input_is_reported_on_the_terminal_without_a_traceback(tmp_path):
    job, log = run(tmp_path, 'raise InputError("a.csv: is empty\\nb.csv: is empty")')
    assert job.returncode == 1
    assert job.stderr.splitlines() == ["emofactors: error: a.csv: is empty", "emofactors: error: b.csv: is empty"]
    assert "Traceback" not in log
    assert "error: a.csv: is empty" in log


def test_the_traceback_of_a_bug_is_in_the_log(tmp_path):
    job, log = run(tmp_path, "1 / 0")
    assert job.returncode == 1
    assert "Traceback" in log
    assert "ZeroDivisionError" in log


def test_a_full_disk_is_reported_without_a_traceback(tmp_path):
    job, log = run(tmp_path, 'raise OSError(28, "No space left on device", "results/a.csv")')
    assert job.returncode == 1
    assert job.stderr == (
        "emofactors: error: results/a.csv: the disk is full or the quota is exceeded (No space left on "
        "device); free some space and run the same command again: finished results are kept\n"
    )
    assert "Traceback" not in log
