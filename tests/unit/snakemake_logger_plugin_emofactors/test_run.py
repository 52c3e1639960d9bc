import logging
import os

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from emofactors.config.training import RunSettings
from emofactors.training.fit import Progress, _log_progress
from snakemake_logger_plugin_emofactors.run import (
    Job,
    Run,
    TrainingProgress,
    closing_line,
    format_clock,
    format_duration,
    format_progress,
    format_result,
    job_label,
)

RUN_SETTINGS = RunSettings(features="f", batch_size=8, pool_batches=8, learning_rate=0.01, max_steps=40)

EVALUATIONS = """process 7 on node1
2026-11-21 19:26:47,601 epoch 3  step 5/40  cross_entropy 0.7071  center 0.0000  dev UA 62.5 %  158 utterances/s  1:05 left
2026-11-21 19:26:47,618 epoch 5  step 10/40  cross_entropy 0.6665  center 0.0043  dev UA 50.0 %  186 utterances/s  0:50 left
"""


def message(event, **content):
    record = logging.LogRecord("snakemake", logging.INFO, "", 0, "", (), None)
    record.__dict__.update(event=event, **content)
    return record


def planned(**jobs):
    run = Run()
    run.update(message(LogEvent.RUN_INFO, stats=jobs | {"total": sum(jobs.values())}), 0.0)
    return run


def start(run, number, rule, now, log="x.log", **wildcards):
    content = {"jobid": number, "rule_name": rule, "log": [log] if log else [], "wildcards": wildcards}
    run.update(message(LogEvent.JOB_INFO, **content), now)


def finish(run, number, now, done):
    job = run.update(message(LogEvent.JOB_FINISHED, job_id=number), now)
    run.update(message(LogEvent.PROGRESS, done=done, total=run.total), now)
    return job


def training(tmp_path, text=EVALUATIONS):
    log = tmp_path / "train.log"
    log.write_text(text)
    return Job("train", "train mel_center", log, started=log.stat().st_mtime)


def test_jobs_are_counted_from_plan_to_finish():
    run = planned(train=2, all=1)
    assert (run.total, run.done, run.started) == (3, 0, None)
    start(run, 5, "train", 10.0, variant="mel_center", fold="0", seed="1", system="cnn_bigru", task="emodb4")
    assert run.started == 10.0
    assert [job.label for job in run.running.values()] == ["train mel_center fold 0 seed 1 cnn_bigru emodb4"]
    assert finish(run, 5, 12.0, done=1).rule == "train"
    assert (run.done, run.running) == (1, {})


def test_a_failed_job_is_counted_until_it_is_restarted():
    run = planned(train=1)
    start(run, 5, "train", 0.0)
    run.update(message(LogEvent.JOB_ERROR, jobid=5), 1.0)
    assert (run.failed, run.running) == ({5}, {})
    start(run, 5, "train", 2.0)
    assert (run.failed, list(run.running)) == (set(), [5])


def test_a_checkpoint_adds_jobs():
    run = planned(split_manifest=1)
    run.update(message(LogEvent.PROGRESS, done=1, total=9), 0.0)
    assert (run.done, run.total) == (1, 9)


def test_the_remaining_time_is_estimated_from_finished_jobs_of_the_rule():
    run = planned(train=10, make_table=2)
    for number, end in enumerate((10.0, 20.0, 30.0)):
        assert run.remaining_s(end) is None, "too few finished jobs"
        start(run, number, "train", end - 10.0)
        finish(run, number, end, done=number + 1)
    # Seven trainings of 10 s and two tables of the mean duration, one after the other.
    assert run.remaining_s(30.0) == pytest.approx(7 * 10 + 2 * 10)
    start(run, 3, "train", 30.0)
    start(run, 4, "train", 30.0)
    assert run.remaining_s(34.0) == pytest.approx((5 * 10 + 2 * 10 + 2 * 6) / 2), "two jobs at a time"


def test_the_remaining_time_is_at_least_that_of_the_longest_training():
    run = planned(train=4)
    for number in range(3):
        start(run, number, "train", 0.0)
        finish(run, number, 1.0, done=number + 1)
    start(run, 3, "train", 1.0)
    run.running[3].progress = TrainingProgress(1, 1, 100, None, remaining_s=500.0, logged=1.0)
    assert run.remaining_s(11.0) == pytest.approx(490.0)


def test_progress_is_read_from_the_log_of_a_training(tmp_path):
    job = training(tmp_path)
    job.read_log()
    logged = job.log.stat().st_mtime
    assert job.progress == TrainingProgress(5, 10, 40, 62.5, 50.0, logged), "last epoch and best UA"
    assert job.progress.remaining_at(logged + 20) == 30.0
    with job.log.open("a") as log:
        log.write("2026-11-21 19:26:48,000 epoch 8  step 15/40  cross_entropy 0.4  dev UA 75.0 %  20 utter")
        log.flush()
        job.read_log()
        assert job.progress.step == 10, "an incomplete line is ignored"
        log.write("ances/s  0:40 left\n")
    job.read_log()
    assert (job.progress.step, job.progress.dev_ua) == (15, 75.0)


@pytest.mark.parametrize("scores", [{}, {"dev_ua": 0.625, "dev_wa": 0.5}, {"dev_mel": 0.1, "dev_ua": 1.0}])
def test_log_lines_of_trainings_are_parsed(tmp_path, caplog, scores):
    caplog.set_level(logging.INFO)
    state = Progress(step=10, history=[{"epoch": 5, "step": 10, "cross_entropy": 0.5} | scores])
    _log_progress(state, RUN_SETTINGS, 40, utterances_per_s=2.0)
    job = training(tmp_path, f"process 7 on node1\n2026-11-21 19:26:47,601 {caplog.messages[0]}\n")
    job.read_log()
    progress = job.progress
    assert (progress.epoch, progress.step, progress.steps, progress.remaining_s) == (5, 10, 40, 120.0)
    assert progress.dev_ua == (100 * scores["dev_ua"] if scores else None)


def test_the_log_of_an_earlier_process_is_ignored(tmp_path):
    job = training(tmp_path)
    os.utime(job.log, (job.started - 60, job.started - 60))
    job.read_log()
    assert job.progress is None
    job.log.write_text("process 8 on node1\n")
    job.read_log()
    assert job.progress is None
    job.log.write_text(EVALUATIONS)
    job.read_log()
    assert job.progress.step == 10
    job.log.write_text("process 9 on node1\n")  # started again
    job.read_log()
    assert job.progress is None


def test_decomposers_have_no_ua_and_other_jobs_no_progress(tmp_path):
    line = "2026 epoch 2  step 4/4  mel 0.0455  dev_mel 0.0377  dev_f0 0.0397  128 utterances/s  0:00 left\n"
    job = training(tmp_path, line)
    job.read_log()
    assert (job.progress.epoch, job.progress.dev_ua) == (2, None)
    other = training(tmp_path)
    other.rule = "make_table"
    other.read_log()
    assert other.progress is None
    missing = Job("train", "", tmp_path / "none.log", 0.0)
    missing.read_log()
    assert missing.progress is None


def test_a_label_starts_with_the_most_distinctive_wildcards():
    wildcards = {"task": "emodb4", "system": "cnn_bigru", "variant": "mel_center", "fold": "0", "seed": "1"}
    assert job_label("train", wildcards) == "train mel_center fold 0 seed 1 cnn_bigru emodb4"
    assert job_label("make_page", {}) == "make page"
    assert job_label("reconstruct_speech", {"task": "a4", "on_task": "b4"}) == "reconstruct speech on_b4 a4"


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (120, "epoch 5  update 10 of 40  dev UA 62.5 %  0:45 left"),
        (80, "epoch 5  10/40  dev UA 62.5 %  0:45 left"),
        (40, "10/40  62.5 %  0:45"),
    ],
)
def test_progress_is_abbreviated_for_narrow_terminals(tmp_path, width, text):
    job = training(tmp_path)
    job.read_log()
    assert format_progress(job, job.progress.logged + 5, width) == text


def test_jobs_without_progress_show_their_duration(tmp_path):
    assert format_progress(Job("fit_svm", "", None, 100.0), 165.0, 80) == "1:05"
    job = training(tmp_path)
    job.read_log()
    assert format_result(job, job.started + 40) == "train mel_center  dev UA 62.5 %  40 s"


def test_the_closing_line_states_the_result_and_how_to_continue():
    resume = "run the same command again to continue"
    assert closing_line(None, 0.0, is_stopped=False) is None
    assert closing_line(None, 0.0, is_stopped=True) == f"emofactors: stopped before any job started; {resume}"
    run = planned(train=2)
    assert closing_line(run, 0.0, is_stopped=False) is None, "nothing to do"
    start(run, 1, "train", 0.0)
    finish(run, 1, 60.0, done=1)
    stopped = closing_line(run, 60.0, is_stopped=True)
    assert stopped == f"emofactors: stopped; 1 of 2 jobs done, trainings saved their state; {resume}"
    assert closing_line(run, 60.0, is_stopped=False) == f"emofactors: 1 of 2 jobs done; {resume}"
    run.update(message(LogEvent.JOB_ERROR, jobid=2), 61.0)
    failed = closing_line(run, 61.0, is_stopped=False)
    assert failed == f"emofactors: 1 failed, see above; 1 of 2 jobs done; {resume}"
    run.failed.clear()
    run.done = 2
    assert closing_line(run, 300.0, is_stopped=False) == "emofactors: 2 of 2 jobs done in 5 min"


def test_durations_are_formatted():
    assert [format_duration(s) for s in (0.2, 89, 95, 3599, 7500)] == [
        "0 s",
        "89 s",
        "2 min",
        "1 h 00 min",
        "2 h 05 min",
    ]
    assert [format_clock(s) for s in (-1, 65, 3665)] == ["0:00", "1:05", "1:01:05"]
