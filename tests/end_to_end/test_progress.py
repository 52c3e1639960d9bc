import os
import re

import pytest

STUDY = ("--configfile", "config/studies/smoke.yaml")
RUN = "results/training/tones2_groups2/cnn_bigru/mel_center/fold0/seed0"
FEATURES = "results/features/tones/original/log_mel_128"
A_TRAINING = (*STUDY, "--forcerun", "train", "--", f"{RUN}/run.json")


@pytest.fixture
def project(finished, copy_of):
    """The smoke study with a slower training, which is run again."""
    project = copy_of(finished)
    checkpoint = project.folder / "src" / "emofactors" / "training" / "checkpoint.py"
    text = checkpoint.read_text(encoding="utf-8")
    slow = text.replace(
        "        if self._signal is None and", "        time.sleep(0.1)\n        if self._signal is None and"
    )
    assert slow != text
    checkpoint.write_text(slow, encoding="utf-8")
    return project


def test_a_terminal_shows_the_progress_and_then_a_closing_line(project):
    run = project.on_terminal(*A_TRAINING, columns=80)
    status = run.finish()
    assert status == 0, run.text
    assert "0 of 1 jobs" in run.text
    assert re.search(
        r"train mel_center fold 0 seed 0 .* epoch \d+  \d+/40  dev UA \d+\.\d %  \d:\d\d left", run.text
    )
    assert re.fullmatch(r"emofactors: 1 of 1 jobs done in \d+ \w+", run.text.splitlines()[-1])
    assert run.raw.count("\x1b[?25l") == run.raw.count("\x1b[?25h"), "the cursor is visible"
    assert max(len(line) for line in run.text.splitlines()[4:]) <= 80
    for word in ("SNAKEMAKE", "jobid", "Traceback", "localrule"):
        assert word not in run.text


def test_an_error_of_a_job_is_printed_completely_on_a_terminal(project):
    # A view that starts late: errors of jobs that started earlier would be printed in the middle of its lines.
    view = project.folder / "src" / "snakemake_logger_plugin_emofactors" / "live.py"
    text = view.read_text(encoding="utf-8")
    view.write_text(text.replace("import time\n", "import time\n\ntime.sleep(1)\n", 1), encoding="utf-8")
    (shard,) = (project.folder / FEATURES).glob("*.npy")
    times = shard.stat()
    os.truncate(shard, 1000)
    os.utime(shard, ns=(times.st_atime_ns, times.st_mtime_ns))
    run = project.on_terminal(*A_TRAINING)
    assert run.finish() != 0
    (line,) = [line for line in run.text.splitlines() if line.startswith("emofactors: error: ")]
    assert line.startswith(f"emofactors: error: {FEATURES}: shard000.npy is truncated or damaged")
    assert line.endswith("delete it and run again"), "a line that is wider than the terminal"
    assert "Error in rule train:" in run.text
    last = "emofactors: 1 failed, see above; 0 of 1 jobs done; run the same command again to continue"
    assert run.text.splitlines()[-1] == last


def test_a_run_without_terminal_prints_one_line_per_training(project):
    run = project.snakemake(*A_TRAINING)
    assert run.returncode == 0, run.stdout
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", run.stdout)
    *_, training, last = run.stdout.splitlines()
    assert re.fullmatch(
        r"\[1 of 1\] train mel_center fold 0 seed 0 cnn_bigru tones2_groups2  dev UA \d+\.\d %  \d+ s", training
    )
    assert re.fullmatch(r"emofactors: 1 of 1 jobs done in \d+ \w+", last)
    assert len(run.stdout.splitlines()) < 8


def test_commands_that_run_nothing_print_the_output_of_snakemake(finished):
    graph = finished.snakemake(*STUDY, "--rulegraph")
    assert re.search(r"^digraph snakemake_dag \{$", graph.stdout, flags=re.MULTILINE)
    assert graph.stdout.rstrip().endswith("}")
    dry_run = finished.snakemake(*STUDY, "-n", "--forcerun", "make_page")
    assert "rule make_page:" in dry_run.stdout
    assert "This was a dry-run" in dry_run.stdout
    assert "emofactors: " not in dry_run.stdout


def test_logs_contain_no_warnings(finished):
    """Warnings of libraries contain this word; messages of this package do not."""
    logs = list((finished.folder / "results" / "logs").rglob("*.log"))
    assert len(logs) > 100
    with_warnings = {log.relative_to(finished.folder) for log in logs if "Warning" in log.read_text()}
    assert with_warnings == set()
