"""A study that is killed repeatedly at random times gives the same files as an undisturbed one.

`make faults` kills the default study thirty times; the tests kill the smoke study a few times.
"""

import base64
import os
import random
import re
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

#: Folders and files that differ between runs, because they contain times.
TIMED = {"logs", "benchmarks", "checkpoints"}
TIMED_FILES = {"run.json", "index.html", "costs.csv", "rule_costs.csv"}

#: Timeout of waiting until a run is killed.
TIMEOUT_S = 600


@dataclass
class Kills:
    """Record of the kills of a study.

    Attributes:
        kinds: kind of each kill.
        resumed: number of kills after which the same command continued.
        trainings_resumed: number of trainings resumed from a checkpoint.
        lost: finished files that were made again.
        differing: files that differ from those of an undisturbed study.
    """

    kinds: list[str] = field(default_factory=list)
    resumed: int = 0
    trainings_resumed: int = 0
    lost: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kinds = ", ".join(f"{self.kinds.count(kind)} {kind}" for kind in dict.fromkeys(self.kinds))
        return (
            f"{len(self.kinds)} kills ({kinds}): {self.resumed} resumed, {len(self.lost)} finished files lost, "
            f"{len(self.differing)} files differing; {self.trainings_resumed} trainings resumed from a checkpoint"
        )


@pytest.fixture(scope="module")
def killed_study(request, fresh_project):
    """Function that makes the study to kill; and its options."""
    if request.config.getoption("--killed-study") == "smoke":
        return request.getfixturevalue("fresh_smoke"), ("--configfile", "config/studies/smoke.yaml")
    return fresh_project, ()


@pytest.fixture(scope="module")
def undisturbed(request, killed_study):
    """The study after an undisturbed run."""
    if request.config.getoption("--killed-study") == "smoke":
        return request.getfixturevalue("finished")
    fresh, options = killed_study
    project = fresh()
    run = project.snakemake(*options)
    assert run.returncode == 0, run.stdout
    return project


def test_a_study_killed_at_any_time_continues_to_the_same_files(request, killed_study, undisturbed, capsys):
    n_kills = request.config.getoption("--kills")
    rng = random.Random(request.config.getoption("--kill-seed"))
    fresh, options = killed_study
    project = fresh()
    # Frequent checkpoints, so that trainings of a few seconds can be resumed.
    checkpoint = project.folder / "src" / "emofactors" / "training" / "checkpoint.py"
    text = checkpoint.read_text(encoding="utf-8")
    assert text.count("INTERVAL_S = 30.0") == 1
    checkpoint.write_text(text.replace("INTERVAL_S = 30.0", "INTERVAL_S = 0.2"), encoding="utf-8")

    kills = Kills()
    finished: dict[Path, int] = {}
    n_jobs = sum(project.jobs(*options).values())
    # Kills are timed by the number of finished jobs, as machines differ; the last tenth is left for the final run.
    for n_done in sorted(rng.randrange(int(0.9 * n_jobs)) for _ in range(n_kills)):
        start_and_kill(project, options, rng, n_jobs - n_done, kills)
        kills.lost += modified(project, finished)
        finished = mtimes_of_finished(project)
    last = project.snakemake(*options)
    assert last.returncode == 0, last.stdout
    kills.lost += modified(project, finished)
    kills.differing = differing(project, undisturbed)
    logs = project.folder.glob("results/logs/training/**/*.log")
    kills.trainings_resumed = sum("resuming at step" in log.read_text() for log in logs)
    with capsys.disabled():
        print(f"\n{kills}")
    assert len(kills.kinds) == kills.resumed == n_kills
    assert (kills.lost, kills.differing) == ([], [])
    assert not list((project.folder / "results").rglob("*.unfinished")), "no temporary file remains"


def start_and_kill(project, options, rng, n_left, kills):
    """Start the study and kill it during a job when at most ``n_left`` jobs remain."""
    log = project.folder / "output.txt"
    with log.open("w") as output:
        run = project.start("--logger-emofactors-show", "snakemake", *options, output=output)
    wait_until(run, log, lambda text: re.search(r"^(local)?rule (?!all)\w+:", text, flags=re.MULTILINE))
    kills.resumed += 1
    n_jobs = int(re.search(r"^total +(\d+)$", log.read_text(), flags=re.MULTILINE)[1])
    wait_until(run, log, lambda text: n_jobs - text.count("Finished jobid:") <= n_left)
    time.sleep(rng.uniform(0, 3))
    kind = rng.choice(["of all processes", "of snakemake only", "of the fork server", "of one job"])
    servers = children_of(run.pid)
    jobs = [job for server in servers for job in children_of(server)]
    job = rng.choice(jobs) if jobs else None
    # A job that has just ended cannot be killed, so it is stopped first.
    if kind == "of one job" and job is not None and is_stopped(job):
        os.kill(job, signal.SIGKILL)
    elif kind == "of the fork server" and job is not None and is_stopped(job):
        os.kill(servers[0], signal.SIGKILL)
        os.kill(job, signal.SIGCONT)
    elif kind == "of snakemake only":
        os.kill(run.pid, signal.SIGKILL)
    else:
        kind = "of all processes"
        os.killpg(run.pid, signal.SIGKILL)
    kills.kinds.append(kind)
    assert run.wait(TIMEOUT_S) != 0


def wait_until(run, log, condition):
    """Wait until the output of a run meets a condition."""
    deadline = time.monotonic() + TIMEOUT_S
    while not condition(log.read_text()):
        assert run.poll() is None, f"ended before it was killed: {log.read_text()}"
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def is_stopped(pid):
    """Stop a process; return False if it has ended."""
    try:
        os.kill(pid, signal.SIGSTOP)
        while (state := Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]) not in "TZX":
            time.sleep(0.01)
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state == "T"


def children_of(pid):
    """Return the ids of the child processes."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in children for child in file.read_text().split()]


def unfinished(project):
    """Return the files that snakemake marks as incomplete."""
    names = (file for file in (project.folder / ".snakemake" / "incomplete").rglob("*") if file.is_file())
    root = project.folder / ".snakemake" / "incomplete"
    return {base64.b64decode(str(name.relative_to(root)).replace("/", "")).decode() for name in names}


def results_of(project):
    """Return the files of a study that contain no times."""
    root = project.folder / "results"
    return [
        file
        for file in root.rglob("*")
        if file.is_file() and file.relative_to(root).parts[0] not in TIMED and file.name not in TIMED_FILES
    ]


def mtimes_of_finished(project):
    """Return the modification time of each finished file."""
    incomplete = [project.folder / name for name in unfinished(project)]
    return {
        file: file.stat().st_mtime_ns
        for file in results_of(project)
        if not any(file.is_relative_to(path) for path in incomplete) and not is_hidden(file, project)
    }


def is_hidden(file, project):
    """Whether a file is a temporary file of a job, or in a temporary folder."""
    return any(part.startswith(".") for part in file.relative_to(project.folder).parts)


def modified(project, finished):
    """Return the finished files that were modified."""
    return [
        str(file.relative_to(project.folder))
        for file, mtime in finished.items()
        if file.exists() and file.stat().st_mtime_ns != mtime
    ]


def differing(project, other):
    """Return the files that only one of two studies has, or that differ."""
    ours, theirs = (
        {str(file.relative_to(p.folder)): file.read_bytes() for file in results_of(p)} for p in (project, other)
    )
    return sorted(ours.keys() ^ theirs.keys()) + [n for n in ours if n in theirs and ours[n] != theirs[n]]
