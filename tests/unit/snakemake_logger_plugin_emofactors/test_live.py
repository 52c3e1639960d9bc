import io

import pytest
from rich.console import Console

from snakemake_logger_plugin_emofactors.live import render
from snakemake_logger_plugin_emofactors.run import Job, Run, TrainingProgress


def rendered(run, columns, lines):
    file = io.StringIO()
    console = Console(file=file, width=columns, height=lines, color_system=None, force_terminal=False)
    console.print(render(run, 100.0, columns, lines))
    return file.getvalue().splitlines()


def running(tmp_path, n_jobs):
    run = Run(total=120, done=57, started=0.0)
    for number in range(n_jobs):
        job = Job("train", f"train mel_center fold {number} seed 0 cnn_bigru emodb4", tmp_path / "x.log", 0.0)
        job.progress = TrainingProgress(3, 40, 400, 61.2, 52.0, 100.0)
        run.running[number] = job
    return run


def test_there_is_a_summary_line_and_one_line_per_running_job(tmp_path):
    first, *jobs = rendered(running(tmp_path, 2), 80, 24)
    assert first.startswith("57 of 120 jobs ")
    assert [line.split("  ")[1] for line in jobs] == [
        "train mel_center fold 0 seed 0 cnn…",
        "train mel_center fold 1 seed 0 cnn…",
    ]
    assert all(line.endswith("  epoch 3  40/400  dev UA 61.2 %  0:52 left") for line in jobs)


@pytest.mark.parametrize("columns", [10, 30, 60, 80, 200])
@pytest.mark.parametrize("lines", [3, 8, 24, 100])
def test_the_view_fits_the_terminal(tmp_path, columns, lines):
    run = running(tmp_path, 40)
    run.failed = {1, 2}
    view = rendered(run, columns, lines)
    assert max(len(line) for line in view) <= columns
    assert 2 <= len(view) <= max(lines - 2, 3)


def test_the_last_line_counts_the_jobs_not_shown(tmp_path):
    view = rendered(running(tmp_path, 40), 80, 12)
    assert len(view) == 1 + 7
    assert view[-1].strip() == "and 34 more"


def test_failed_jobs_are_counted(tmp_path):
    run = running(tmp_path, 1)
    run.failed = {3}
    assert rendered(run, 80, 24)[0].endswith("1 failed")
