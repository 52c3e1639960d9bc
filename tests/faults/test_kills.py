"""A study that is killed again and again, at random moments, ends with the bytes of one that was left alone.

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

#: What differs from run to run: words of jobs, times, and the files that hold times.
TIMED = {"logs", "benchmarks", "checkpoints"}
TIMED_FILES = {"run.json", "index.html", "costs.csv", "rule_costs.csv"}

#: Seconds until a run has surely come to where it is to be killed.
WAIT_S = 600


@dataclass
class Kills:
    """What was seen of a study that was killed.

    Attributes:
        ways: how each kill was done.
        resumed: kills after which the same command went on.
        trainings_resumed: trainings that went on from a checkpoint.
        lost: finished files that were made again.
        differing: files that are not as in a study left alone.
    """

    ways: list[str] = field(default_factory=list)
    resumed: int = 0
    trainings_resumed: int = 0
    lost: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        ways = ", ".join(f"{self.ways.count(way)} {way}" for way in dict.fromkeys(self.ways))
        return (
            f"{len(self.ways)} kills ({ways}): {self.resumed} resumed, {len(self.lost)} finished files lost, "
            f"{len(self.differing)} files differing; {self.trainings_resumed} trainings went on from a checkpoint"
        )


@pytest.fixture(scope="module")
def killed_study(request, fresh_project):
    """Makes the study that is to be killed; and its options."""
    if request.config.getoption("--killed-study") == "smoke":
        return request.getfixturevalue("fresh_smoke"), ("--configfile", "config/studies/smoke.yaml")
    return fresh_project, ()


@pytest.fixture(scope="module")
def left_alone(request, killed_study):
    """The study after a run that nobody disturbed."""
    if request.config.getoption("--killed-study") == "smoke":
        return request.getfixturevalue("finished")
    fresh, options = killed_study
    project = fresh()
    run = project.snakemake(*options)
    assert run.returncode == 0, run.stdout
    return project


def test_whenever_a_study_is_killed_it_goes_on_to_the_same_bytes(request, killed_study, left_alone, capsys):
    n_kills = request.config.getoption("--kills")
    rng = random.Random(request.config.getoption("--kill-seed"))
    fresh, options = killed_study
    project = fresh()
    # A state after every update, so that there is one to go on from in a training of seconds.
    checkpoint = project.folder / "src" / "emofactors" / "training" / "checkpoint.py"
    text = checkpoint.read_text(encoding="utf-8")
    assert text.count("INTERVAL_S = 30.0") == 1
    checkpoint.write_text(text.replace("INTERVAL_S = 30.0", "INTERVAL_S = 0.2"), encoding="utf-8")

    kills = Kills()
    finished: dict[Path, int] = {}
    n_jobs = sum(project.jobs(*options).values())
    # Moments are told by the work that is done, as machines differ; a tenth of it is left for the run after the last.
    for n_done in sorted(rng.randrange(int(0.9 * n_jobs)) for _ in range(n_kills)):
        start_and_kill(project, options, rng, n_jobs - n_done, kills)
        kills.lost += made_again(project, finished)
        finished = times_of_finished(project)
    last = project.snakemake(*options)
    assert last.returncode == 0, last.stdout
    kills.lost += made_again(project, finished)
    kills.differing = differing(project, left_alone)
    logs = project.folder.glob("results/logs/training/**/*.log")
    kills.trainings_resumed = sum("resuming at step" in log.read_text() for log in logs)
    with capsys.disabled():
        print(f"\n{kills}")
    assert len(kills.ways) == kills.resumed == n_kills
    assert (kills.lost, kills.differing) == ([], [])
    assert not list((project.folder / "results").rglob("*.unfinished")), "nothing half-written is left"


def start_and_kill(project, options, rng, n_left, kills):
    """Start the study, and kill it at a moment of a job, once no more jobs than these are left."""
    said = project.folder / "said.txt"
    with said.open("w") as output:
        run = project.start("--logger-emofactors-show", "snakemake", *options, output=output)
    wait_until(run, said, lambda text: re.search(r"^(local)?rule (?!all)\w+:", text, flags=re.MULTILINE))
    kills.resumed += 1
    n_jobs = int(re.search(r"^total +(\d+)$", said.read_text(), flags=re.MULTILINE)[1])
    wait_until(run, said, lambda text: n_jobs - text.count("Finished jobid:") <= n_left)
    time.sleep(rng.uniform(0, 3))
    way = rng.choice(["of all processes", "of snakemake alone", "of one job"])
    jobs = jobs_of(run.pid)
    if way == "of one job" and jobs:
        os.kill(rng.choice(jobs), signal.SIGKILL)
    elif way == "of snakemake alone":
        os.kill(run.pid, signal.SIGKILL)
    else:
        way = "of all processes"
        os.killpg(run.pid, signal.SIGKILL)
    kills.ways.append(way)
    assert run.wait(WAIT_S) != 0


def wait_until(run, said, happened):
    """Wait for something that a run says."""
    latest = time.monotonic() + WAIT_S
    while not happened(said.read_text()):
        assert run.poll() is None, f"ended before it was killed: {said.read_text()}"
        assert time.monotonic() < latest, said.read_text()
        time.sleep(0.05)


def jobs_of(pid):
    """Processes that were started by one."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in children for child in file.read_text().split()]


def unfinished(project):
    """Files that snakemake knows to be under way."""
    names = (file for file in (project.folder / ".snakemake" / "incomplete").rglob("*") if file.is_file())
    root = project.folder / ".snakemake" / "incomplete"
    return {base64.b64decode(str(name.relative_to(root)).replace("/", "")).decode() for name in names}


def results_of(project):
    """Files of a study that hold no times."""
    root = project.folder / "results"
    return [
        file
        for file in root.rglob("*")
        if file.is_file() and file.relative_to(root).parts[0] not in TIMED and file.name not in TIMED_FILES
    ]


def times_of_finished(project):
    """When each finished file was written."""
    under_way = [project.folder / name for name in unfinished(project)]
    return {
        file: file.stat().st_mtime_ns
        for file in results_of(project)
        if not any(file.is_relative_to(path) for path in under_way) and not is_hidden(file, project)
    }


def is_hidden(file, project):
    """Whether it lies in a folder, or under a name, that a job writes to before it is done."""
    return any(part.startswith(".") for part in file.relative_to(project.folder).parts)


def made_again(project, finished):
    """Finished files that are there and were written later."""
    return [
        str(file.relative_to(project.folder))
        for file, written in finished.items()
        if file.exists() and file.stat().st_mtime_ns != written
    ]


def differing(project, other):
    """Files that only one of two studies has, or that are not the same in both."""
    ours, theirs = (
        {str(file.relative_to(p.folder)): file.read_bytes() for file in results_of(p)} for p in (project, other)
    )
    return sorted(ours.keys() ^ theirs.keys()) + [n for n in ours if n in theirs and ours[n] != theirs[n]]
