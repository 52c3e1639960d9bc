"""What is known of a run: messages of Snakemake's in, counts, time left and words out."""

import logging
import os

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from emofactors.config.training import RunSettings
from emofactors.training.fit import Progress, _log_progress
from snakemake_logger_plugin_emofactors.run import (
    Job,
    Run,
    Standing,
    clock,
    duration,
    ending,
    result_words,
    standing_words,
    words_of,
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
    run.take(message(LogEvent.RUN_INFO, stats=jobs | {"total": sum(jobs.values())}), 0.0)
    return run


def start(run, number, rule, now, log="x.log", **wildcards):
    said = {"jobid": number, "rule_name": rule, "log": [log] if log else [], "wildcards": wildcards}
    run.take(message(LogEvent.JOB_INFO, **said), now)


def finish(run, number, now, done):
    job = run.take(message(LogEvent.JOB_FINISHED, job_id=number), now)
    run.take(message(LogEvent.PROGRESS, done=done, total=run.total), now)
    return job


def training(tmp_path, text=EVALUATIONS):
    log = tmp_path / "train.log"
    log.write_text(text)
    return Job("train", "train mel_center", log, started=log.stat().st_mtime)


def test_jobs_are_counted_from_plan_to_end():
    run = planned(train=2, all=1)
    assert (run.total, run.done, run.began) == (3, 0, None)
    start(run, 5, "train", 10.0, variant="mel_center", fold="0", seed="1", system="cnn_bigru", task="emodb4")
    assert run.began == 10.0
    assert [job.words for job in run.running.values()] == ["train mel_center fold 0 seed 1 cnn_bigru emodb4"]
    assert finish(run, 5, 12.0, done=1).rule == "train"
    assert (run.done, run.running) == (1, {})


def test_a_job_that_failed_is_counted_until_it_is_started_again():
    run = planned(train=1)
    start(run, 5, "train", 0.0)
    run.take(message(LogEvent.JOB_ERROR, jobid=5), 1.0)
    assert (run.failed, run.running) == ({5}, {})
    start(run, 5, "train", 2.0)
    assert (run.failed, list(run.running)) == (set(), [5])


def test_a_checkpoint_adds_jobs():
    run = planned(split_manifest=1)
    run.take(message(LogEvent.PROGRESS, done=1, total=9), 0.0)
    assert (run.done, run.total) == (1, 9)


def test_time_left_follows_from_what_jobs_of_the_rule_took():
    run = planned(train=10, make_table=2)
    for number, ends in enumerate((10.0, 20.0, 30.0)):
        assert run.left_s(ends) is None, "not from so few"
        start(run, number, "train", ends - 10.0)
        finish(run, number, ends, done=number + 1)
    # Seven trainings of 10 s and two tables of a mean job's, one after the other.
    assert run.left_s(30.0) == pytest.approx(7 * 10 + 2 * 10)
    start(run, 3, "train", 30.0)
    start(run, 4, "train", 30.0)
    assert run.left_s(34.0) == pytest.approx((5 * 10 + 2 * 10 + 2 * 6) / 2), "two at a time"


def test_no_run_ends_before_its_longest_training():
    run = planned(train=4)
    for number in range(3):
        start(run, number, "train", 0.0)
        finish(run, number, 1.0, done=number + 1)
    start(run, 3, "train", 1.0)
    run.running[3].standing = Standing(1, 1, 100, None, left_s=500.0, written=1.0)
    assert run.left_s(11.0) == pytest.approx(490.0)


def test_a_training_is_followed_through_its_log(tmp_path):
    job = training(tmp_path)
    job.look()
    written = job.log.stat().st_mtime
    assert job.standing == Standing(5, 10, 40, 62.5, 50.0, written), "the last epoch, the best UA"
    assert job.standing.left_at(written + 20) == 30.0
    with job.log.open("a") as log:
        log.write("2026-11-21 19:26:48,000 epoch 8  step 15/40  cross_entropy 0.4  dev UA 75.0 %  20 utter")
        log.flush()
        job.look()
        assert job.standing.step == 10, "half a line says nothing"
        log.write("ances/s  0:40 left\n")
    job.look()
    assert (job.standing.step, job.standing.dev_ua) == (15, 75.0)


@pytest.mark.parametrize("scores", [{}, {"dev_ua": 0.625, "dev_wa": 0.5}, {"dev_mel": 0.1, "dev_ua": 1.0}])
def test_a_log_is_read_as_trainings_write_it(tmp_path, caplog, scores):
    caplog.set_level(logging.INFO)
    progress = Progress(step=10, history=[{"epoch": 5, "step": 10, "cross_entropy": 0.5} | scores])
    _log_progress(progress, RUN_SETTINGS, 40, utterances_per_s=2.0)
    job = training(tmp_path, f"process 7 on node1\n2026-11-21 19:26:47,601 {caplog.messages[0]}\n")
    job.look()
    standing = job.standing
    assert (standing.epoch, standing.step, standing.steps, standing.left_s) == (5, 10, 40, 120.0)
    assert standing.dev_ua == (100 * scores["dev_ua"] if scores else None)


def test_the_log_of_a_job_that_was_killed_misleads_nobody(tmp_path):
    job = training(tmp_path)
    os.utime(job.log, (job.started - 60, job.started - 60))
    job.look()
    assert job.standing is None
    job.log.write_text("process 8 on node1\n")
    job.look()
    assert job.standing is None
    job.log.write_text(EVALUATIONS)
    job.look()
    assert job.standing.step == 10
    job.log.write_text("process 9 on node1\n")  # started again
    job.look()
    assert job.standing is None


def test_a_decomposer_has_no_ua_and_other_jobs_no_epochs(tmp_path):
    line = "2026 epoch 2  step 4/4  mel 0.0455  dev_mel 0.0377  dev_f0 0.0397  128 utterances/s  0:00 left\n"
    job = training(tmp_path, line)
    job.look()
    assert (job.standing.epoch, job.standing.dev_ua) == (2, None)
    other = training(tmp_path)
    other.rule = "make_table"
    other.look()
    assert other.standing is None
    missing = Job("train", "", tmp_path / "none.log", 0.0)
    missing.look()
    assert missing.standing is None


def test_words_of_a_job_begin_with_what_tells_it_from_others():
    wildcards = {"task": "emodb4", "system": "cnn_bigru", "variant": "mel_center", "fold": "0", "seed": "1"}
    assert words_of("train", wildcards) == "train mel_center fold 0 seed 1 cnn_bigru emodb4"
    assert words_of("make_page", {}) == "make page"
    assert words_of("reconstruct_speech", {"task": "a4", "on_task": "b4"}) == "reconstruct speech on_b4 a4"


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (120, "epoch 5  update 10 of 40  dev UA 62.5 %  0:45 left"),
        (80, "epoch 5  10/40  dev UA 62.5 %  0:45 left"),
        (40, "10/40  62.5 %  0:45"),
    ],
)
def test_a_narrow_terminal_gets_fewer_words(tmp_path, width, words):
    job = training(tmp_path)
    job.look()
    assert standing_words(job, job.standing.written + 5, width) == words


def test_what_has_no_epochs_says_how_long_it_runs(tmp_path):
    assert standing_words(Job("fit_svm", "", None, 100.0), 165.0, 80) == "1:05"
    job = training(tmp_path)
    job.look()
    assert result_words(job, job.started + 40) == "train mel_center  dev UA 62.5 %  40 s"


def test_the_last_line_says_what_is_kept_and_how_to_go_on():
    again = "run the same command again to go on"
    assert ending(None, 0.0, is_stopped=True) == f"emofactors: stopped before any job began; {again}"
    run = planned(train=2)
    assert ending(run, 0.0, is_stopped=False) is None, "nothing was to be done"
    start(run, 1, "train", 0.0)
    finish(run, 1, 60.0, done=1)
    stopped = ending(run, 60.0, is_stopped=True)
    assert stopped == f"emofactors: stopped; 1 of 2 jobs are done and kept, trainings keep their state; {again}"
    assert ending(run, 60.0, is_stopped=False) == f"emofactors: 1 of 2 jobs are done and kept; {again}"
    run.take(message(LogEvent.JOB_ERROR, jobid=2), 61.0)
    assert ending(run, 61.0, is_stopped=False).startswith("emofactors: 1 failed, see above; 1 of 2 jobs")
    run.failed.clear()
    run.done = 2
    assert ending(run, 300.0, is_stopped=False) == "emofactors: 2 of 2 jobs done in 5 min"


def test_times_are_said_as_people_say_them():
    assert [duration(s) for s in (0.2, 89, 95, 3599, 7500)] == ["0 s", "89 s", "2 min", "1 h 00 min", "2 h 05 min"]
    assert [clock(s) for s in (-1, 65, 3665)] == ["0:00", "1:05", "1:01:05"]
