"""A study on a cluster, by profiles/slurm as it stands: what a user may rely on when jobs wait, move and die."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations

import pytest

STUDY = ("--configfile", "config/studies/smoke_cluster.yaml")
RUNS = [
    f"tones_again2_groups2/cnn_bigru/{variant}/fold{fold}/seed0"
    for variant in ("mel_center", "mel_softmax")
    for fold in (0, 1)
]
#: The training that is met while it is under way.
MET = RUNS[0]

#: Snakemake, but for its looks at the queue: they would become ten seconds rarer each time nothing has ended.
IMPATIENT = """
import asyncio
from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
assert hasattr(RemoteExecutor, "sleep")
RemoteExecutor.sleep = lambda executor: asyncio.sleep(1)
main()
"""

COMPARED = (
    "corpora/**/*.csv",
    "evaluation/**/*.csv",
    "report/tables/*",
    "training/**/history.csv",
    "training/**/model.safetensors",
    "training/**/predictions.csv",
    "training/**/embeddings.npz",
)


def results(project):
    """Content of the compared files, by path."""
    root = project.folder / "results"
    return {str(file.relative_to(root)): file.read_bytes() for part in COMPARED for file in root.glob(part)}


def assert_same_results(project, other):
    ours, theirs = results(project), results(other)
    # Manifest, its shards and folds; scores and confusions of two variants; a table in four forms; trainings.
    assert len(ours) == 4 + 2 * 3 + 4 + 4 * len(RUNS)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def edit_profile(project, changes):
    """Change values of the profile, each of which stands there once."""
    file = project.folder / "profiles" / "slurm" / "config.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old} stands {text.count(old)} times in the profile"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def of_this_site(project):
    """Enter the partitions of the tests' cluster, as docs/cluster.md tells a user to."""
    edit_profile(
        project,
        {"slurm_partition: cpu": "slurm_partition: short", "slurm_partition: gpu": "slurm_partition: accelerated"},
    )
    return project


@contextmanager
def study_on(project, *arguments) -> Iterator[subprocess.Popen]:
    """The main process of a study on the cluster, its words in `said`; it is waited for."""
    ends_with_us = ["setpriv", "--pdeathsig", "KILL"]
    command = [*ends_with_us, sys.executable, "-c", IMPATIENT, "--workflow-profile", "profiles/slurm", *arguments]
    with (project.folder / "said").open("w") as said:
        process = subprocess.Popen(
            [*command, *STUDY], cwd=project.folder, env=project.environment, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            yield process
            process.wait(600)
        finally:
            process.kill()


def said_by(project):
    return (project.folder / "said").read_text()


def number_of_job_under_way(cluster, project, process):
    """Wait until the training that is met has said how far it is: its job's number."""
    log = project.folder / "results" / "logs" / "training" / MET / "train.log"
    latest = time.monotonic() + 300
    while not (log.exists() and "step 20/400" in log.read_text()):
        assert process.poll() is None, said_by(project)
        assert time.monotonic() < latest, said_by(project)
        time.sleep(0.05)
    (job,) = [job for job in trainings(cluster.jobs(project.folder), MET) if job["JobState"] == "RUNNING"]
    return job["JobId"]


def trainings(jobs, run=""):
    """Those of the jobs that train, or that train one run: the plugin names rule and wildcards in the comment."""
    name = run.replace("/", "_").replace("fold", "").replace("seed", "")
    return [job for job in jobs if job["Comment"].startswith("rule_train_") and job["Comment"].endswith(name)]


def of_run(project, run):
    return json.loads((project.folder / "results" / "training" / run / "run.json").read_text())


@pytest.fixture(scope="module")
def on_one_machine(fresh_smoke):
    project = fresh_smoke()
    run = project.snakemake(*STUDY)
    assert run.returncode == 0, run.stdout
    return project


@pytest.fixture(scope="module")
def requeued(cluster, fresh_smoke):
    """The study after its run on the cluster, one training of which lost its node."""
    project = of_this_site(fresh_smoke())
    with study_on(project) as process:
        cluster.requeue(number_of_job_under_way(cluster, project, process))
    assert process.returncode == 0, said_by(project)
    return project


def test_a_cluster_gives_the_bytes_of_one_machine(requeued, on_one_machine):
    assert_same_results(requeued, on_one_machine)
    assert not list(requeued.folder.glob("results/checkpoints/*"))


def test_every_training_is_a_job_that_has_a_gpu_to_itself(cluster, requeued):
    jobs = trainings(cluster.jobs(requeued.folder))
    assert len(jobs) == len(RUNS)
    devices = cluster.devices()
    for job in jobs:
        assert job["JobState"] == "COMPLETED"
        assert job["Partition"] == "accelerated"
        assert job["TresPerJob"] == "gres:gpu:1"
        assert (job["NumCPUs"], job["MinMemoryNode"], job["TimeLimit"]) == ("1", "16000M", "12:00:00")
    assert set().union(*(devices[job["JobId"]] for job in jobs)) == {"0", "1"}
    for job, other in combinations(jobs, 2):
        if devices[job["JobId"]][-1] == devices[other["JobId"]][-1]:  # times are those of the last start
            assert job["EndTime"] <= other["StartTime"] or other["EndTime"] <= job["StartTime"]


def test_other_jobs_wait_for_processors_and_see_no_gpu(cluster, requeued):
    all_jobs = cluster.jobs(requeued.folder)
    jobs = [job for job in all_jobs if job not in trainings(all_jobs)]
    # Manifest, its division, features of two shards, their archive, folds, audit; two of scores; table, corpus, page.
    assert len(jobs) == 12
    devices = cluster.devices()
    for job in jobs:
        assert job["JobState"] == "COMPLETED"
        assert job["Partition"] == "short"
        assert "TresPerJob" not in job
        assert set(devices[job["JobId"]]) == {"none"}
        assert job["NumCPUs"] == ("2" if job["Comment"].startswith("rule_extract_features") else "1")


def test_a_training_whose_node_is_lost_goes_on_from_its_checkpoint(cluster, requeued):
    (job,) = trainings(cluster.jobs(requeued.folder), MET)
    assert job["Restarts"] == "1"
    resumed = [of_run(requeued, run)["resumed_at_step"] for run in RUNS]
    assert resumed[0] >= 20
    assert resumed[1:] == [0, 0, 0]


def test_a_cancelled_training_is_named_and_the_same_command_goes_on(cluster, requeued, on_one_machine, copy_of):
    project = copy_of(requeued)
    for made in (f"training/{MET}", "evaluation", "report"):
        shutil.rmtree(project.folder / "results" / made)
    with study_on(project, "--retries", "0") as process:
        number = number_of_job_under_way(cluster, project, process)
        cluster.ask("scancel", number)
    assert process.returncode == 1
    assert f"SLURM-job '{number}' failed, SLURM status is: 'CANCELLED'" in said_by(project)
    assert len(list(project.folder.glob("results/checkpoints/*.pt"))) == 1

    with study_on(project, "--retries", "0") as process:
        pass
    assert process.returncode == 0, said_by(project)
    assert of_run(project, MET)["resumed_at_step"] >= 20
    assert_same_results(project, on_one_machine)


def test_a_job_that_lacked_memory_gets_more(cluster, fresh_smoke):
    project = of_this_site(fresh_smoke())
    edit_profile(project, {"mem_mb: 4000 * attempt": "mem_mb: 100 * attempt ** 2"})
    with study_on(project, "results/corpora/manifests/tones_again.csv") as process:
        pass
    assert process.returncode == 0, said_by(project)
    jobs = cluster.jobs(project.folder)
    assert [(job["MinMemoryNode"], job["JobState"]) for job in jobs] == [("100M", "FAILED"), ("400M", "COMPLETED")]
