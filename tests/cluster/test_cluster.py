"""A study on a SLURM cluster with profiles/slurm: promises for jobs that wait, are requeued or are cancelled."""

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
#: The training that the tests requeue or cancel while it runs.
INTERRUPTED = RUNS[0]

#: Snakemake with a fixed interval between queries of the queue, which otherwise grows by ten seconds each time.
FAST_POLLING = """
import asyncio
from snakemake.cli import main
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
assert hasattr(RemoteExecutor, "sleep")
RemoteExecutor.sleep = lambda executor: asyncio.sleep(1)
main()
"""

REPRODUCIBLE = (
    "corpora/**/*.csv",
    "evaluation/**/*.csv",
    "report/smoke_cluster/tables/*",
    "training/**/history.csv",
    "training/**/model.safetensors",
    "training/**/predictions.csv",
    "training/**/embeddings.npz",
)


def reproducible_files(project):
    """Return path -> content of the reproducible files."""
    root = project.folder / "results"
    return {str(file.relative_to(root)): file.read_bytes() for part in REPRODUCIBLE for file in root.glob(part)}


def assert_same_results(project, other):
    ours, theirs = reproducible_files(project), reproducible_files(other)
    # Manifest, two shards and folds; scores and confusions of two variants; a table in five forms; trainings.
    assert len(ours) == 4 + 2 * 3 + 5 + 4 * len(RUNS)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name]] == []


def edit_profile(project, changes):
    """Replace texts of the profile, each of which occurs once."""
    file = project.folder / "profiles" / "slurm" / "config.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old}: {text.count(old)} times in the profile"
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


def set_partitions(project):
    """Set the partitions of the tests' cluster, as docs/cluster.md describes."""
    edit_profile(
        project,
        {"slurm_partition: cpu": "slurm_partition: short", "slurm_partition: gpu": "slurm_partition: accelerated"},
    )
    return project


@contextmanager
def run_on_cluster(project, *arguments) -> Iterator[subprocess.Popen]:
    """Start the main process of a study, with its output in a file; wait for its end."""
    command = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-c", FAST_POLLING]  # it ends with the tests
    command += ["--workflow-profile", "profiles/slurm", *arguments, *STUDY]
    environment = project.environment
    with (project.folder / "output.txt").open("w") as output:
        process = subprocess.Popen(command, cwd=project.folder, env=environment, stdout=output, stderr=output)
        try:
            yield process
            process.wait(600)
        finally:
            process.kill()


def output_of(project):
    return (project.folder / "output.txt").read_text()


def wait_for_interrupted(cluster, project, process):
    """Wait until the training that will be interrupted has logged its progress; return the number of its job."""
    log = project.folder / "results" / "logs" / "training" / INTERRUPTED / "train.log"
    deadline = time.monotonic() + 300
    while not (log.exists() and "step 20/400" in log.read_text()):
        assert process.poll() is None, output_of(project)
        assert time.monotonic() < deadline, output_of(project)
        time.sleep(0.05)
    (job,) = [job for job in trainings(cluster.jobs(project.folder), INTERRUPTED) if job["JobState"] == "RUNNING"]
    return job["JobId"]


def trainings(jobs, run=""):
    """Return the jobs of trainings, or of one run: the plugin writes rule and wildcards into the comment."""
    name = run.replace("/", "_").replace("fold", "").replace("seed", "")
    return [job for job in jobs if job["Comment"].startswith("rule_train_") and job["Comment"].endswith(name)]


def resumed_at_step(project, run):
    metadata = json.loads((project.folder / "results" / "training" / run / "run.json").read_text())
    return metadata["resumed_at_step"]


@pytest.fixture(scope="module")
def on_one_machine(fresh_smoke):
    project = fresh_smoke()
    run = project.snakemake(*STUDY)
    assert run.returncode == 0, run.stdout
    return project


@pytest.fixture(scope="module")
def requeued(cluster, fresh_smoke):
    """The study after its run on the cluster, during which one training was requeued."""
    project = set_partitions(fresh_smoke())
    with run_on_cluster(project) as process:
        cluster.requeue(wait_for_interrupted(cluster, project, process))
    assert process.returncode == 0, output_of(project)
    return project


def test_a_cluster_gives_the_same_bytes_as_one_machine(requeued, on_one_machine):
    assert_same_results(requeued, on_one_machine)
    assert not list(requeued.folder.glob("results/checkpoints/*"))


def test_every_training_is_a_job_with_a_gpu_of_its_own(cluster, requeued):
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
        if devices[job["JobId"]][-1] == devices[other["JobId"]][-1]:  # SLURM keeps the times of the last start
            assert job["EndTime"] <= other["StartTime"] or other["EndTime"] <= job["StartTime"]


def test_other_jobs_run_on_processors_and_have_no_gpu(cluster, requeued):
    all_jobs = cluster.jobs(requeued.folder)
    jobs = [job for job in all_jobs if job not in trainings(all_jobs)]
    # Manifest, shards, features of two shards, their archive, folds, audit; two of scores; table, claims, corpus, page.
    assert len(jobs) == 13
    devices = cluster.devices()
    for job in jobs:
        assert job["JobState"] == "COMPLETED"
        assert job["Partition"] == "short"
        assert "TresPerJob" not in job
        assert set(devices[job["JobId"]]) == {"none"}
        assert job["NumCPUs"] == ("2" if job["Comment"].startswith("rule_extract_features") else "1")


def test_a_requeued_training_resumes_from_its_checkpoint(cluster, requeued):
    (job,) = trainings(cluster.jobs(requeued.folder), INTERRUPTED)
    assert job["Restarts"] == "1"
    resumed = [resumed_at_step(requeued, run) for run in RUNS]
    assert resumed[0] >= 20
    assert resumed[1:] == [0, 0, 0]


def test_a_cancelled_training_is_named_and_the_same_command_resumes_it(cluster, requeued, on_one_machine, copy_of):
    project = copy_of(requeued)
    for folder in (f"training/{INTERRUPTED}", "evaluation", "report"):
        shutil.rmtree(project.folder / "results" / folder)
    with run_on_cluster(project, "--retries", "0") as process:
        number = wait_for_interrupted(cluster, project, process)
        cluster.ask("scancel", number)
    assert process.returncode == 1
    assert f"SLURM-job '{number}' failed, SLURM status is: 'CANCELLED'" in output_of(project)
    assert len(list(project.folder.glob("results/checkpoints/*.pt"))) == 1

    with run_on_cluster(project, "--retries", "0") as process:
        pass
    assert process.returncode == 0, output_of(project)
    assert resumed_at_step(project, INTERRUPTED) >= 20
    assert_same_results(project, on_one_machine)


def test_a_job_without_enough_memory_is_retried_with_more(cluster, fresh_smoke):
    project = set_partitions(fresh_smoke())
    edit_profile(project, {"mem_mb: 4000 * attempt": "mem_mb: 100 * attempt ** 2"})
    with run_on_cluster(project, "results/corpora/manifests/tones_again.csv") as process:
        pass
    assert process.returncode == 0, output_of(project)
    jobs = cluster.jobs(project.folder)
    assert [(job["MinMemoryNode"], job["JobState"]) for job in jobs] == [("100M", "FAILED"), ("400M", "COMPLETED")]
