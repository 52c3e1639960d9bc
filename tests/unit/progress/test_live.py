"""What is drawn fits the terminal, whatever its size."""

import io
import subprocess
import sys

import pytest
from rich.console import Console

from snakemake_logger_plugin_emofactors.live import draw
from snakemake_logger_plugin_emofactors.run import Job, Run, Standing


def drawn(run, columns, lines):
    file = io.StringIO()
    console = Console(file=file, width=columns, height=lines, color_system=None, force_terminal=False)
    console.print(draw(run, 100.0, columns, lines))
    return file.getvalue().splitlines()


def running(tmp_path, n_jobs):
    run = Run(total=120, done=57, began=0.0)
    for number in range(n_jobs):
        job = Job("train", f"train mel_center fold {number} seed 0 cnn_bigru emodb4", tmp_path / "x.log", 0.0)
        job.standing = Standing(3, 40, 400, 61.2, 52.0, 100.0)
        run.running[number] = job
    return run


def test_a_line_for_all_and_one_for_each_running_job(tmp_path):
    first, *jobs = drawn(running(tmp_path, 2), 80, 24)
    assert first.startswith("57 of 120 jobs ")
    assert [line.split("  ")[1] for line in jobs] == [
        "train mel_center fold 0 seed 0 cnn…",
        "train mel_center fold 1 seed 0 cnn…",
    ]
    assert all(line.endswith("  epoch 3  40/400  dev UA 61.2 %  0:52 left") for line in jobs)


@pytest.mark.parametrize("columns", [10, 30, 60, 80, 200])
@pytest.mark.parametrize("lines", [3, 8, 24, 100])
def test_no_line_is_longer_and_no_view_higher_than_the_terminal(tmp_path, columns, lines):
    run = running(tmp_path, 40)
    run.failed = {1, 2}
    made = drawn(run, columns, lines)
    assert max(len(line) for line in made) <= columns
    assert 2 <= len(made) <= max(lines - 2, 3)


def test_jobs_without_a_line_are_counted(tmp_path):
    made = drawn(running(tmp_path, 40), 80, 12)
    assert len(made) == 1 + 7
    assert made[-1].strip() == "and 34 more"


def test_failures_are_seen(tmp_path):
    run = running(tmp_path, 1)
    run.failed = {3}
    assert drawn(run, 80, 24)[0].endswith("1 failed")


def test_a_process_that_draws_nothing_loads_nothing_to_draw_with():
    """Every snakemake process imports all plugins."""
    code = (
        "import snakemake.cli, sys; before = set(sys.modules); import snakemake_logger_plugin_emofactors; "
        "print(*sorted(m for m in set(sys.modules) - before if '.' not in m))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "snakemake_logger_plugin_emofactors" in loaded
    assert not {"rich", "torch", "numpy", "pandas", "emofactors"} & set(loaded)
