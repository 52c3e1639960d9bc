"""Faults of long runs: each ends with a clear message, and running again gives the same table."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

TABLE = ("--configfile", "config/studies/smoke.yaml", "--", "results/report/smoke/tables/smoke_lambda.csv")
#: Timeout of waiting for a run.
TIMEOUT_S = 300
RUNS = "results/training/tones2_groups2/cnn_bigru"
FEATURES = "results/features/tones/original/log_mel_128"


def assert_same_table(project, other):
    for kind in ("csv", "md", "tex", "html"):
        table = Path("results", "report", "smoke", "tables", f"smoke_lambda.{kind}")
        assert (project.folder / table).read_bytes() == (other.folder / table).read_bytes()


def user_errors(output):
    """Errors of a run that its user can fix."""
    start = "emofactors: error: "
    return [line.removeprefix(start) for line in output.splitlines() if line.startswith(start)]


@pytest.fixture(scope="module")
def undisturbed(fresh_smoke):
    """A project with the table, made by an undisturbed run; tests must not change it."""
    project = fresh_smoke()
    run = project.snakemake(*TABLE)
    assert run.returncode == 0, run.stdout
    return project


@pytest.fixture
def in_training(fresh_smoke):
    """Start a run that makes one table, as leader of its process group, and wait until a training has a checkpoint."""
    runs = []

    def start(project):
        checkpoint = project.folder / "src" / "emofactors" / "training" / "checkpoint.py"
        text = checkpoint.read_text(encoding="utf-8")
        checkpoint.write_text(text.replace("INTERVAL_S = 30.0", "INTERVAL_S = 0.0"), encoding="utf-8")
        in_each_update(project, "time.sleep(0.05)")  # so that the training still runs when it is found
        run = project.start(*TABLE)
        runs.append(run)
        deadline = time.monotonic() + TIMEOUT_S
        while not list(project.folder.glob("results/checkpoints/*.pt")):
            assert run.poll() is None, run.communicate()[0]
            assert time.monotonic() < deadline, "no training started"
            time.sleep(0.01)
        return run

    yield start
    for run in runs:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        run.stdout.close()


def training_processes(run):
    """Return the ids of the processes of a run's trainings, which hold their logs."""
    pids = []
    for process in psutil.Process(run.pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(file.path.endswith("/train.log") for file in process.open_files()):
                pids.append(process.pid)
    return pids


def resumed(project):
    logs = project.folder.glob("results/logs/training/**/train.log")
    return [log for log in logs if "resuming at step" in log.read_text()]


def test_a_second_run_in_the_same_folder_is_refused(undisturbed, fresh_smoke, in_training):
    project = fresh_smoke()
    first = in_training(project)
    second = project.snakemake(*TABLE)
    assert second.returncode != 0
    (line,) = user_errors(second.stdout)
    assert line.startswith(f"{project.folder}: another run is active here (process {first.pid} on ")
    assert "Traceback" not in second.stdout
    assert project.snakemake("-n", *TABLE).returncode == 0, "a dry run changes nothing"
    output, _ = first.communicate()
    assert first.returncode == 0, output
    assert_same_table(project, undisturbed)


def test_a_run_stopped_by_sigterm_finishes_its_running_jobs_and_can_continue(
    undisturbed, fresh_smoke, in_training
):
    project = fresh_smoke()
    run = in_training(project)
    os.kill(run.pid, signal.SIGTERM)
    output, _ = run.communicate()
    assert run.returncode != 0
    assert output.count("Will exit after finishing currently running jobs") == 1
    done = set(project.folder.glob(f"{RUNS}/**/run.json"))
    assert done
    mtimes = {file: file.stat().st_mtime_ns for file in done}

    again = project.snakemake(*TABLE)
    assert again.returncode == 0, again.stdout
    assert {file: file.stat().st_mtime_ns for file in done} == mtimes, "no training is repeated"
    assert_same_table(project, undisturbed)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_trainings_stopped_by_a_signal_save_their_state(undisturbed, fresh_smoke, in_training, by):
    project = fresh_smoke()
    run = in_training(project)
    for pid in training_processes(run):
        os.kill(pid, by)
    output, _ = run.communicate()
    assert run.returncode != 0
    assert "stopped by a signal: state saved in results/checkpoints/" in output, "the log of a failed job is shown"

    again = project.snakemake(*TABLE)
    assert again.returncode == 0, again.stdout
    assert resumed(project)
    assert_same_table(project, undisturbed)


#: When Ctrl-C is pressed -> text printed by then. Jobs need some seconds for imports.
MOMENTS = {
    "while the workflow is parsed": "Assuming unrestricted shared filesystem usage.",
    "while a job imports": "build manifest ",
    "while features are extracted": "extract features ",
    "in a training": "  dev UA ",
    "in the table": "make table ",
}


def test_a_run_stopped_by_ctrl_c_at_any_time_can_continue(undisturbed, fresh_smoke):
    project = fresh_smoke()
    in_each_update(project, "time.sleep(0.1)")  # so that a training is running on Ctrl-C
    for rule in (
        "build_manifest",
        "extract_features",
        "make_table",
    ):  # so that the view, drawn now and then, shows it
        with (project.folder / "workflow" / "scripts" / f"{rule}.py").open("a", encoding="utf-8") as script:
            script.write("\nimport time\n\ntime.sleep(2)\n")
    for moment, text in MOMENTS.items():
        run = project.on_terminal(*TABLE)
        run.wait_until(lambda run=run, text=text: text in run.text)
        run.press_ctrl_c()
        assert run.finish() != 0, moment
        last = run.text.splitlines()[-1]
        assert last.startswith("emofactors: stopped"), f"{moment}: {run.text}"
        assert last.endswith("; run the same command again to continue"), moment
        assert "Traceback" not in run.text, f"{moment}: {run.text}"
        assert "Error in rule" not in run.text, f"{moment}: {run.text}"
        assert not remaining_processes(project), moment
        if moment == "in a training":
            assert list(project.folder.glob("results/checkpoints/*.pt"))
    again = project.snakemake(*TABLE)
    assert again.returncode == 0, again.stdout
    assert not list(project.folder.glob("results/**/*.unfinished"))
    assert_same_table(project, undisturbed)


def test_a_second_ctrl_c_kills_jobs(undisturbed, copy_of):
    project = copy_of(undisturbed)
    in_each_update(project, "open('started', 'w').close(); time.sleep(600)")
    run = project.on_terminal(*TABLE)
    run.wait_until((project.folder / "started").exists)
    run.press_ctrl_c()
    run.wait_until(lambda: "emofactors: stopping" in run.text)
    assert run.process.poll() is None
    run.press_ctrl_c()
    assert run.finish() == 130
    assert run.text.splitlines()[-1] == "emofactors: killed; run the same command again to continue"
    assert run.raw.count("\x1b[?25l") <= run.raw.count("\x1b[?25h"), "the cursor is visible"
    assert "Traceback" not in run.text
    assert not remaining_processes(project)


def in_each_update(project, code):
    """Add a statement to each update of a project's trainings."""
    checkpoint = project.folder / "src" / "emofactors" / "training" / "checkpoint.py"
    text = checkpoint.read_text(encoding="utf-8")
    place = "        if self._signal is None and"
    assert text.count(place) == 1
    checkpoint.write_text(text.replace(place, f"        {code}\n{place}"), encoding="utf-8")


def remaining_processes(project):
    """Return the processes of a project, jobs or their server, that do not end."""
    processes = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(project.folder):
                processes.append(process)
    return psutil.wait_procs(processes, timeout=TIMEOUT_S)[1]


def test_a_training_with_a_truncated_checkpoint_starts_from_scratch(undisturbed, fresh_smoke, in_training):
    project = fresh_smoke()
    run = in_training(project)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    checkpoints = list(project.folder.glob("results/checkpoints/*.pt"))
    assert checkpoints
    for checkpoint in checkpoints:
        checkpoint.write_bytes(checkpoint.read_bytes()[:2000])

    again = project.snakemake(*TABLE)
    assert again.returncode == 0, again.stdout
    logs = [log.read_text() for log in project.folder.glob("results/logs/training/**/train.log")]
    assert sum("cannot be read" in log and "starting from scratch" in log for log in logs) == len(checkpoints)
    assert_same_table(project, undisturbed)


def test_a_truncated_archive_is_reported_and_remade_after_its_deletion(undisturbed, copy_of):
    project = copy_of(undisturbed)
    for folder in (RUNS, "results/evaluation", "results/report"):
        shutil.rmtree(project.folder / folder)
    (shard,) = (project.folder / FEATURES).glob("*.npy")
    os.truncate(shard, 1000)

    run = project.snakemake(*TABLE)
    assert run.returncode != 0
    lines = user_errors(run.stdout)
    assert lines
    assert all(line.startswith(f"{FEATURES}: shard000.npy is truncated or damaged") for line in lines), lines
    assert all(line.endswith("delete it and run again") for line in lines)
    assert "Traceback" not in run.stdout

    shutil.rmtree(project.folder / FEATURES)
    again = project.snakemake(*TABLE)
    assert again.returncode == 0, again.stdout
    assert_same_table(project, undisturbed)


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_change_does_not_change_tables(undisturbed, copy_of, days):
    """Half of the results have modification times of another year."""
    project = copy_of(undisturbed)
    shutil.rmtree(project.folder / RUNS / "mel_center")
    shutil.rmtree(project.folder / "results" / "report" / "smoke" / "tables")
    files = [
        file
        for part in ("corpora", "features", "training")
        for file in (project.folder / "results" / part).rglob("*")
    ]
    assert len(files) > 20
    for file in [*files[::2], project.folder / FEATURES]:
        mtime = file.stat().st_mtime + days * 24 * 3600
        os.utime(file, (mtime, mtime))

    run = project.snakemake(*TABLE)
    assert run.returncode == 0, run.stdout
    assert ("had timestamps in the future (clock skew)" in run.stdout) == (days > 0)
    assert_same_table(project, undisturbed)
    assert "Nothing to be done" in project.snakemake(*TABLE).stdout


def test_a_full_disk_is_reported_and_the_run_can_continue(undisturbed, fresh_smoke):
    """A disk that grows a little each time it is full, so that several jobs fail in turn."""
    if subprocess.run(["unshare", "-Urm", "true"], check=False).returncode != 0:
        pytest.skip("this machine does not allow mounting a small disk (unshare -Urm)")
    project = fresh_smoke()
    (project.folder / "results").mkdir()
    again = " ".join(project.command(*TABLE))
    script = f"""
        mount -t tmpfs -o size=200k none results
        for room in 600 1000 1400 1800 2200 2600 100000; do
            if {again}; then break; fi
            echo "ended with room $room"
            mount -o remount,size=${{room}}k results
        done
        mkdir kept && cp -r results/. kept
    """
    run = subprocess.run(
        ["unshare", "-Urm", "bash", "-c", script],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    parts = run.stdout.split("ended with room")
    assert len(parts) > 3, run.stdout
    for part in parts[:-1]:
        assert "the disk is full or the quota is exceeded (No space left on device)" in part, part
    (project.folder / "results").rmdir()
    (project.folder / "kept").rename(project.folder / "results")
    assert_same_table(project, undisturbed)
