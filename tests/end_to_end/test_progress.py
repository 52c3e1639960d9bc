"""What a run shows: one live view on a terminal, plain lines elsewhere, nothing of a job lost or torn."""

import os
import re

import pytest

STUDY = ("--configfile", "config/studies/smoke.yaml")
RUN = "results/training/tones2_groups2/cnn_bigru/mel_center/fold0/seed0"
FEATURES = "results/features/tones/original/log_mel_128"
A_TRAINING = (*STUDY, "--forcerun", "train", "--", f"{RUN}/run.json")


@pytest.fixture
def project(finished, copy_of):
    """The smoke study when one training of it is to be made again, a longer one."""
    project = copy_of(finished)
    checkpoint = project.folder / "src" / "emofactors" / "training" / "checkpoint.py"
    text = checkpoint.read_text(encoding="utf-8")
    slow = text.replace(
        "        if self._told_to_end is None and",
        "        time.sleep(0.1)\n        if self._told_to_end is None and",
    )
    assert slow != text
    checkpoint.write_text(slow, encoding="utf-8")
    return project


def test_a_terminal_shows_where_jobs_and_trainings_are_and_then_one_line(project):
    run = project.on_terminal(*A_TRAINING, columns=80)
    status = run.finish()
    assert status == 0, run.said
    assert "0 of 1 jobs" in run.said
    assert re.search(
        r"train mel_center fold 0 seed 0 .* epoch \d+  \d+/40  dev UA \d+\.\d %  \d:\d\d left", run.said
    )
    assert re.fullmatch(r"emofactors: 1 of 1 jobs done in \d+ \w+", run.said.splitlines()[-1])
    assert run.raw.count("\x1b[?25l") == run.raw.count("\x1b[?25h"), "the cursor is back"
    assert max(len(line) for line in run.said.splitlines()[4:]) <= 80
    for word in ("SNAKEMAKE", "jobid", "Traceback", "localrule"):
        assert word not in run.said


def test_what_a_job_says_on_a_terminal_is_whole(project):
    (shard,) = (project.folder / FEATURES).glob("*.npy")
    times = shard.stat()
    os.truncate(shard, 1000)
    os.utime(shard, ns=(times.st_atime_ns, times.st_mtime_ns))
    run = project.on_terminal(*A_TRAINING)
    assert run.finish() != 0
    (line,) = [line for line in run.said.splitlines() if line.startswith("emofactors: error: ")]
    assert line.startswith(f"emofactors: error: {FEATURES}: shard000.npy is truncated or damaged")
    assert line.endswith("delete it and run again to make it anew"), "a line longer than the terminal is wide"
    assert "Error in rule train:" in run.said
    last = "emofactors: 1 failed, see above; 0 of 1 jobs are done and kept; run the same command again to go on"
    assert run.said.splitlines()[-1] == last


def test_without_a_terminal_a_training_is_a_line(project):
    run = project.snakemake(*A_TRAINING)
    assert run.returncode == 0, run.stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", run.stdout)
    *_, training, last = run.stdout.splitlines()
    assert re.fullmatch(
        r"\[1 of 1\] train mel_center fold 0 seed 0 cnn_bigru tones2_groups2  dev UA \d+\.\d %  \d+ s", training
    )
    assert re.fullmatch(r"emofactors: 1 of 1 jobs done in \d+ \w+", last)
    assert len(run.stdout.splitlines()) < 8


def test_what_is_no_run_says_what_snakemake_says(finished):
    graph = finished.snakemake(*STUDY, "--rulegraph")
    assert re.search(r"^digraph snakemake_dag \{$", graph.stdout, flags=re.MULTILINE)
    assert graph.stdout.rstrip().endswith("}")
    dry_run = finished.snakemake(*STUDY, "-n", "--forcerun", "make_page")
    assert "rule make_page:" in dry_run.stdout
    assert "This was a dry-run" in dry_run.stdout
    assert "emofactors: " not in dry_run.stdout


def test_logs_hold_no_warning(finished):
    """None of a library, which no user could act on; one of ours would be a line of its own, without this word."""
    logs = list((finished.folder / "results" / "logs").rglob("*.log"))
    assert len(logs) > 100
    warned = {log.relative_to(finished.folder): log.read_text() for log in logs if "Warning" in log.read_text()}
    assert warned == {}
