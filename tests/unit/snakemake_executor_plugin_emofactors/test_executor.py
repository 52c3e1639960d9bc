import json
import subprocess
import sys

import pytest

SNAKEFILE = """
rule all:
    input:
        [f"done/{n}" for n in range(3)],

rule job:
    output:
        "done/{n}",
    benchmark:
        "benchmarks/{n}.jsonl"
    threads: 2
    resources:
        tmpdir="temporary",
    script:
        "job.py"

rule failing:
    output:
        "done/never",
    script:
        "failing.py"
"""

JOB = """
import json, os, sys, tempfile, time
report = {
    "parent": os.getppid(),
    "command": open(f"/proc/{os.getppid()}/cmdline").read(),
    "wildcard": snakemake.wildcards.n,
    "threads": os.environ["OMP_NUM_THREADS"],
    "temporary": [os.environ["TMPDIR"], tempfile.gettempdir()],
    "folder": os.getcwd(),
}
time.sleep(1)  # benchmarks take a sample each half second
open(snakemake.output[0], "w").write(json.dumps(report))
"""


@pytest.fixture
def run(tmp_path):
    """Run a small workflow with an executor; return the finished process."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    (tmp_path / "job.py").write_text(JOB, encoding="utf-8")
    (tmp_path / "failing.py").write_text("raise ValueError('a message')\n", encoding="utf-8")
    (tmp_path / "temporary").mkdir()

    def run_workflow(executor, *arguments):
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--cores",
            "6",
            "--benchmark-extended",
            "--executor",
            executor,
        ]
        return subprocess.run(
            [*command, *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    return run_workflow


@pytest.mark.parametrize("executor", ["emofactors", "local"])
def test_jobs_have_their_wildcards_threads_folders_and_benchmarks(run, tmp_path, executor):
    process = run(executor)
    assert process.returncode == 0, process.stdout
    reports = [json.loads((tmp_path / "done" / str(n)).read_text()) for n in range(3)]
    for n, report in enumerate(reports):
        assert report["wildcard"] == str(n)
        assert report["threads"] == "2"
        assert report["temporary"] == ["temporary", str(tmp_path / "temporary")]
        assert report["folder"] == str(tmp_path)
        assert ("emofactors.jobs.fork_server" in report["command"]) == (executor == "emofactors")
        benchmark = json.loads((tmp_path / "benchmarks" / f"{n}.jsonl").read_text())
        assert benchmark["max_rss"] > 0
        assert benchmark["threads"] == 2
    if executor == "emofactors":
        assert len({report["parent"] for report in reports}) == 1


@pytest.mark.parametrize("executor", ["emofactors", "local"])
def test_a_job_that_fails_fails_the_run(run, tmp_path, executor):
    process = run(executor, "--", "done/never")
    assert process.returncode == 1
    assert "ValueError: a message" in process.stdout
    assert "Error in rule failing" in process.stdout
