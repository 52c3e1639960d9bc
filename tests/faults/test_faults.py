"""What may befall a run for days, one at a time: each ends in a clear message, and then in the same table."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

TABLE = ("--configfile", "config/studies/smoke.yaml", "--", "results/report/tables/smoke_lambda.csv")
RUNS = "results/training/tones2_groups2/cnn_bigru"
FEATURES = "results/features/tones/original/log_mel_128"


def assert_same_table(project, other):
    for kind in ("csv", "md", "tex", "html"):
        table = Path("results", "report", "tables", f"smoke_lambda.{kind}")
        assert (project.folder / table).read_bytes() == (other.folder / table).read_bytes()


def complaints(output):
    """What a run says that its user can act on."""
    start = "emofactors: error: "
    return [line.removeprefix(start) for line in output.splitlines() if line.startswith(start)]


@pytest.fixture(scope="module")
def left_alone(fresh_smoke):
    """A project with the table, made by a run that nobody disturbed; tests read it and change nothing."""
    project = fresh_smoke()
    run = project.snakemake(*TABLE)
    assert run.returncode == 0, run.stdout
    return project


@pytest.fixture
def in_training(fresh_smoke):
    """Starts a run that makes one table, as leader of its processes, and waits until a training has a checkpoint."""
    runs = []

    def start(project):
        checkpoint = project.folder / "src" / "emofactors" / "training" / "checkpoint.py"
        text = checkpoint.read_text(encoding="utf-8")
        checkpoint.write_text(text.replace("INTERVAL_S = 30.0", "INTERVAL_S = 0.0"), encoding="utf-8")
        run = project.start(*TABLE)
        runs.append(run)
        latest = time.monotonic() + 300
        while not list(project.folder.glob("results/checkpoints/*.pt")):
            assert run.poll() is None, run.communicate()[0]
            assert time.monotonic() < latest, "no training began"
            time.sleep(0.01)
        return run

    yield start
    for run in runs:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        run.stdout.close()


def training_processes(run):
    """Processes a run has started for its trainings."""
    children = Path(f"/proc/{run.pid}/task").glob("*/children")
    pids = [int(pid) for file in children for pid in file.read_text().split()]
    return [pid for pid in pids if "train.py" in Path(f"/proc/{pid}/cmdline").read_text()]


def resumed(project):
    logs = project.folder.glob("results/logs/training/**/train.log")
    return [log for log in logs if "resuming at step" in log.read_text()]


def test_of_two_runs_in_one_folder_the_second_is_told_of_the_first(left_alone, fresh_smoke, in_training):
    project = fresh_smoke()
    first = in_training(project)
    second = project.snakemake(*TABLE)
    assert second.returncode != 0
    (line,) = complaints(second.stdout)
    assert line.startswith(f"{project.folder}: another run is at work here (process {first.pid} on ")
    assert "Traceback" not in second.stdout
    assert project.snakemake("-n", *TABLE).returncode == 0, "a dry run touches nothing"
    output, _ = first.communicate()
    assert first.returncode == 0, output
    assert_same_table(project, left_alone)


def test_told_to_end_a_run_ends_what_is_under_way_and_goes_on_later(left_alone, fresh_smoke, in_training):
    project = fresh_smoke()
    run = in_training(project)
    os.kill(run.pid, signal.SIGTERM)
    output, _ = run.communicate()
    assert run.returncode != 0
    assert "Will exit after finishing currently running jobs" in output
    done = set(project.folder.glob(f"{RUNS}/**/run.json"))
    assert done
    written = {file: file.stat().st_mtime_ns for file in done}

    again = project.snakemake(*TABLE)
    assert again.returncode == 0, again.stdout
    assert {file: file.stat().st_mtime_ns for file in done} == written, "nothing is trained twice"
    assert_same_table(project, left_alone)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_trainings_told_to_end_keep_their_state(left_alone, fresh_smoke, in_training, by):
    project = fresh_smoke()
    run = in_training(project)
    for pid in training_processes(run):
        os.kill(pid, by)
    output, _ = run.communicate()
    assert run.returncode != 0
    assert "stopped by a signal: state saved in results/checkpoints/" in output, "a failed job's log is shown"

    again = project.snakemake(*TABLE)
    assert again.returncode == 0, again.stdout
    assert resumed(project)
    assert_same_table(project, left_alone)


#: When Ctrl-C is pressed: what is said by then. Jobs import for some seconds first.
MOMENTS = {
    "while the workflow is read": "Assuming unrestricted shared filesystem usage.",
    "while a job imports": "make manifest ",
    "while features are extracted": "extract features ",
    "in a training": "  dev UA ",
    "in the table": "make table ",
}


def test_whenever_ctrl_c_is_pressed_a_run_ends_in_a_line_and_goes_on(left_alone, fresh_smoke):
    project = fresh_smoke()
    in_each_update(project, "time.sleep(0.1)")  # so that Ctrl-C meets a training
    for moment, text in MOMENTS.items():
        run = project.on_terminal(*TABLE)
        run.wait_until(lambda run=run, text=text: text in run.said)
        run.press_ctrl_c()
        assert run.finish() != 0, moment
        last = run.said.splitlines()[-1]
        assert last.startswith("emofactors: stopped"), f"{moment}: {run.said}"
        assert last.endswith("; run the same command again to go on"), moment
        assert "Traceback" not in run.said, f"{moment}: {run.said}"
        assert "Error in rule" not in run.said, f"{moment}: {run.said}"
        assert not scripts_at_work(project), moment
        if moment == "in a training":
            assert list(project.folder.glob("results/checkpoints/*.pt"))
    again = project.snakemake(*TABLE)
    assert again.returncode == 0, again.stdout
    assert not list(project.folder.glob("results/**/*.unfinished"))
    assert_same_table(project, left_alone)


def test_a_second_ctrl_c_ends_at_once_what_does_not_end(left_alone, copy_of):
    project = copy_of(left_alone)
    in_each_update(project, "open('here', 'w').close(); time.sleep(600)")
    run = project.on_terminal(*TABLE)
    run.wait_until((project.folder / "here").exists)
    run.press_ctrl_c()
    run.wait_until(lambda: "emofactors: stopping" in run.said)
    assert run.process.poll() is None
    run.press_ctrl_c()
    assert run.finish() == 130
    assert run.said.splitlines()[-1] == "emofactors: ended at once; run the same command again to go on"
    assert run.raw.count("\x1b[?25l") <= run.raw.count("\x1b[?25h"), "the cursor is back"
    assert "Traceback" not in run.said
    assert not scripts_at_work(project)


def in_each_update(project, code):
    """Let trainings of a project do something more in each update."""
    checkpoint = project.folder / "src" / "emofactors" / "training" / "checkpoint.py"
    text = checkpoint.read_text(encoding="utf-8")
    place = "        if self._told_to_end is None and"
    assert text.count(place) == 1
    checkpoint.write_text(text.replace(place, f"        {code}\n{place}"), encoding="utf-8")


def scripts_at_work(project):
    """Jobs of a project that are processes still."""
    commands = {}
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            commands[file.parent.name] = file.read_text(errors="replace")
    scripts = f"{project.folder}/.snakemake/scripts/"
    return [command for command in commands.values() if scripts in command]


def test_a_truncated_checkpoint_starts_its_training_anew(left_alone, fresh_smoke, in_training):
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
    assert_same_table(project, left_alone)


def test_a_truncated_archive_is_named_and_made_anew_once_it_is_gone(left_alone, copy_of):
    project = copy_of(left_alone)
    for made in (RUNS, "results/evaluation", "results/report"):
        shutil.rmtree(project.folder / made)
    (shard,) = (project.folder / FEATURES).glob("*.npy")
    os.truncate(shard, 1000)

    run = project.snakemake(*TABLE)
    assert run.returncode != 0
    lines = complaints(run.stdout)
    assert lines
    assert all(line.startswith(f"{FEATURES}: shard000.npy is truncated or damaged") for line in lines), lines
    assert all(line.endswith("delete it and run again to make it anew") for line in lines)
    assert "Traceback" not in run.stdout

    shutil.rmtree(project.folder / FEATURES)
    again = project.snakemake(*TABLE)
    assert again.returncode == 0, again.stdout
    assert_same_table(project, left_alone)


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_jumped_changes_no_table(left_alone, copy_of, days):
    """Half of the results have times of another year, as if the clock had been set right in between."""
    project = copy_of(left_alone)
    shutil.rmtree(project.folder / RUNS / "mel_center")
    shutil.rmtree(project.folder / "results" / "report" / "tables")
    jumped = [
        file
        for part in ("corpora", "features", "training")
        for file in (project.folder / "results" / part).rglob("*")
    ]
    assert len(jumped) > 20
    for file in [*jumped[::2], project.folder / FEATURES]:
        then = file.stat().st_mtime + days * 24 * 3600
        os.utime(file, (then, then))

    run = project.snakemake(*TABLE)
    assert run.returncode == 0, run.stdout
    assert ("of a clock that was ahead: set to now" in run.stdout) == (days > 0)
    assert_same_table(project, left_alone)
    assert "Nothing to be done" in project.snakemake(*TABLE).stdout


def test_a_disk_that_is_full_is_named_and_the_same_command_goes_on(left_alone, fresh_smoke):
    """A disk that grows a little whenever it is full, so that it is full at one job after another."""
    if subprocess.run(["unshare", "-Urm", "true"], check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk (unshare -Urm)")
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
        assert "the disk is full or the quota used up (No space left on device)" in part, part
    (project.folder / "results").rmdir()
    (project.folder / "kept").rename(project.folder / "results")
    assert_same_table(project, left_alone)
