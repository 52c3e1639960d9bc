"""State of a Snakemake run: counts, running jobs, remaining time. No function here reads the clock or prints."""

import os
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

#: Rules whose logs contain their progress.
TRAININGS = ("train", "train_decomposer")

#: Order of the wildcards in a job's label: the most distinctive first, because the end may be cut off.
_ORDER = ("table", "figure", "variant", "fold", "seed", "shard", "features", "test", "on_task", "system", "task")
_PREFIXES = {"fold": "fold ", "seed": "seed ", "shard": "shard ", "on_task": "on_"}

#: A line in the log of a training; see `_log_progress` in emofactors/training/fit.py.
_EVALUATION = re.compile(
    r"epoch (\d+)  step (\d+)/(\d+)  (?:.*?  )??(?:dev UA (\d+\.\d) %  )?\d+ utterances/s  (\d+):(\d\d) left$"
)

#: Number of finished jobs needed to estimate the remaining time.
_MIN_FINISHED = 3


@dataclass
class TrainingProgress:
    """Progress of a training.

    Attributes:
        epoch: number of the epoch, from 1.
        step: updates so far.
        steps: maximum number of updates.
        dev_ua: best dev UA so far, in %, or since a resumption; None if there is no dev UA.
        remaining_s: maximum remaining seconds at the time of ``logged``.
        logged: time of the log line, in seconds since 1970.
    """

    epoch: int
    step: int
    steps: int
    dev_ua: float | None
    remaining_s: float
    logged: float

    def remaining_at(self, now: float) -> float:
        """Return the maximum remaining seconds at a time."""
        return max(0.0, self.remaining_s - max(0.0, now - self.logged))


@dataclass
class Job:
    """A running job.

    Attributes:
        rule: name of the rule.
        label: short description of what it makes.
        log: its log; None for jobs without one, which only group others.
        started: start time, in seconds since 1970.
        progress: progress of a training; None before its first evaluation.
    """

    rule: str
    label: str
    log: Path | None
    started: float
    progress: TrainingProgress | None = None
    _n_read: int = 0
    _partial_line: str = ""

    @property
    def is_training(self) -> bool:
        """Whether its log contains progress."""
        return self.rule in TRAININGS

    def read_log(self) -> None:
        """Read new lines of a training's log; the log of an earlier process is ignored."""
        if not self.is_training or self.log is None:
            return
        try:
            with self.log.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_mtime < self.started - 1:
                    return
                if status.st_size < self._n_read:
                    self._n_read, self._partial_line, self.progress = 0, "", None
                file.seek(self._n_read)
                added = file.read()
        except OSError:  # it does not exist yet
            return
        self._n_read += len(added)
        *lines, self._partial_line = (self._partial_line + added.decode(errors="replace")).split("\n")
        for line in lines:
            self._read_line(line, status.st_mtime)

    def _read_line(self, line: str, logged: float) -> None:
        match = _EVALUATION.search(line)
        if match is None:
            return
        epoch, step, steps, dev_ua, minutes, seconds = match.groups()
        scores = [] if dev_ua is None else [float(dev_ua)]
        if self.progress is not None and self.progress.dev_ua is not None:
            scores.append(self.progress.dev_ua)
        self.progress = TrainingProgress(
            int(epoch),
            int(step),
            int(steps),
            max(scores, default=None),
            60.0 * int(minutes) + int(seconds),
            logged,
        )


@dataclass
class Run:
    """State of a run, updated by Snakemake's log messages.

    Attributes:
        total: number of jobs; 0 before it is known.
        done: number of finished jobs.
        failed: ids of the jobs that failed and were not restarted.
        running: running jobs by id.
        started: start time of the first job, in seconds since 1970; None before.
    """

    total: int = 0
    done: int = 0
    failed: set[int] = field(default_factory=set)
    running: dict[int, Job] = field(default_factory=dict)
    started: float | None = None
    _waiting: Counter[str] = field(default_factory=Counter)  # jobs of each rule that have not started
    _planned: int = 0
    _durations_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _max_parallel: int = 1

    def update(self, record: Any, now: float) -> Job | None:
        """Update the state from a log message.

        Args:
            record: Snakemake's ``logging.LogRecord``, which has additional attributes.
            now: seconds since 1970.

        Returns:
            The job that has finished, if the message reports one.
        """
        match getattr(record, "event", None):
            case LogEvent.RUN_INFO:
                self._waiting = Counter({rule: n for rule, n in record.stats.items() if rule != "total"})
                self.total = self._planned = self._waiting.total()
            case LogEvent.JOB_INFO:
                self._start(record, now)
            case LogEvent.JOB_FINISHED:
                return self._finish(record.job_id, now)
            case LogEvent.JOB_ERROR:
                self.running.pop(record.jobid, None)
                self.failed.add(record.jobid)
            case LogEvent.PROGRESS:
                self.done, self.total = record.done, record.total
        return None

    def _start(self, record: Any, now: float) -> None:
        if record.jobid in self.failed:
            self.failed.remove(record.jobid)
        else:
            self._waiting[record.rule_name] -= 1
        log = Path(record.log[0]) if record.log else None
        label = job_label(record.rule_name, record.wildcards or {})
        self.running[record.jobid] = Job(record.rule_name, label, log, now)
        self._max_parallel = max(self._max_parallel, len(self.running))
        self.started = now if self.started is None else self.started

    def _finish(self, job_id: int, now: float) -> Job | None:
        job = self.running.pop(job_id, None)
        if job is not None and job.log is not None:
            self._durations_s[job.rule].append(now - job.started)
            job.read_log()
        self.done += 1  # until Snakemake reports its own count
        return job

    def read_logs(self) -> None:
        """Read the progress of all running trainings."""
        for job in self.running.values():
            job.read_log()

    def remaining_s(self, now: float) -> float | None:
        """Estimate the remaining seconds from the durations of finished jobs; None before enough have finished."""
        durations_s = [s for of_rule in self._durations_s.values() for s in of_rule]
        if len(durations_s) < _MIN_FINISHED:
            return None
        mean_s = sum(durations_s) / len(durations_s)
        means_s = {rule: sum(of_rule) / len(of_rule) for rule, of_rule in self._durations_s.items()}
        waiting_s = sum(max(n, 0) * means_s.get(rule, mean_s) for rule, n in self._waiting.items())
        waiting_s += max(0, self.total - self._planned) * mean_s
        running_s = [
            max(0.0, means_s.get(job.rule, mean_s) - (now - job.started))
            if job.progress is None
            else job.progress.remaining_at(now)
            for job in self.running.values()
            if job.log is not None
        ]
        return max([(waiting_s + sum(running_s)) / self._max_parallel, *running_s])


def job_label(rule: str, wildcards: dict[str, str]) -> str:
    """Return a short description of a job: ``train mel_center fold 0 seed 1 cnn_bigru``."""
    ordered = sorted(wildcards, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    values = (f"{_PREFIXES.get(name, '')}{wildcards[name]}" for name in ordered)
    return " ".join([rule.replace("_", " "), *values])


def format_progress(job: Job, now: float, width: int) -> str:
    """Return the progress of a job, abbreviated for a terminal of ``width`` columns."""
    progress = job.progress
    if progress is None:
        return format_clock(now - job.started)
    remaining = format_clock(progress.remaining_at(now))
    if width < 60:
        ua = "" if progress.dev_ua is None else f"  {progress.dev_ua:.1f} %"
        return f"{progress.step}/{progress.steps}{ua}  {remaining}"
    ua = "" if progress.dev_ua is None else f"  dev UA {progress.dev_ua:.1f} %"
    update = f"update {progress.step} of {progress.steps}" if width >= 100 else f"{progress.step}/{progress.steps}"
    return f"epoch {progress.epoch}  {update}{ua}  {remaining} left"


def format_result(job: Job, now: float) -> str:
    """Return the label, dev UA and duration of a finished job."""
    ua = "" if job.progress is None or job.progress.dev_ua is None else f"  dev UA {job.progress.dev_ua:.1f} %"
    return f"{job.label}{ua}  {format_duration(now - job.started)}"


def closing_line(run: Run | None, now: float, *, is_stopped: bool) -> str | None:
    """Return the last line of a run; None if there was nothing to do."""
    resume = "run the same command again to continue"
    if run is None or run.started is None:
        return f"emofactors: stopped before any job started; {resume}" if is_stopped else None
    jobs = f"{run.done} of {run.total} jobs done"
    if is_stopped:
        return f"emofactors: stopped; {jobs}, trainings saved their state; {resume}"
    if run.failed:
        return f"emofactors: {len(run.failed)} failed, see above; {jobs}; {resume}"
    if run.done < run.total:
        return f"emofactors: {jobs}; {resume}"
    return f"emofactors: {jobs} in {format_duration(now - run.started)}"


def format_duration(seconds: float) -> str:
    """Return an approximate duration: ``45 s``, ``12 min``, ``3 h 05 min``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{round(seconds)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def format_clock(seconds: float) -> str:
    """Return a duration in the format of a clock: ``1:05``, ``3:01:05``."""
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{seconds:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
