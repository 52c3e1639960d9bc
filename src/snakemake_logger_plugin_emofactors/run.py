"""What is known of a run under way: counts, running jobs, time left. Nothing here reads a clock or prints."""

import os
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

#: Rules whose logs say how far they are.
TRAININGS = ("train", "train_decomposer")

#: In which order wildcards are said: what tells jobs apart first, since the end may be cut off.
_ORDER = ("table", "figure", "variant", "fold", "seed", "shard", "features", "test", "on_task", "system", "task")
_SAID = {"fold": "fold ", "seed": "seed ", "shard": "shard ", "on_task": "on_"}

#: A line of a training's log; see `_log_progress` in emofactors/training/fit.py.
_EVALUATION = re.compile(
    r"epoch (\d+)  step (\d+)/(\d+)  (?:.*?  )??(?:dev UA (\d+\.\d) %  )?\d+ utterances/s  (\d+):(\d\d) left$"
)

#: Jobs that have ended before the time of the others is told from theirs.
_ENOUGH = 3


@dataclass
class Standing:
    """Where a training stands.

    Attributes:
        epoch: number of the epoch, from 1.
        step: updates so far.
        steps: updates at most.
        dev_ua: the best so far, in %; None if dev is not scored. Of a resumed training the best since.
        left_s: seconds left at most when this was written.
        written: when that was, in seconds since 1970.
    """

    epoch: int
    step: int
    steps: int
    dev_ua: float | None
    left_s: float
    written: float

    def left_at(self, now: float) -> float:
        """Seconds left at most."""
        return max(0.0, self.left_s - max(0.0, now - self.written))


@dataclass
class Job:
    """A job under way.

    Attributes:
        rule: its rule.
        words: what it makes, in short.
        log: its log; None of jobs that do nothing.
        started: when it began, in seconds since 1970.
        standing: of a training, once it has evaluated.
    """

    rule: str
    words: str
    log: Path | None
    started: float
    standing: Standing | None = None
    _read: int = 0
    _rest: str = ""

    @property
    def is_training(self) -> bool:
        """Whether it has epochs."""
        return self.rule in TRAININGS

    def look(self) -> None:
        """Read what a training has added to its log. A log of an earlier process says nothing of this one."""
        if not self.is_training or self.log is None:
            return
        try:
            with self.log.open("rb") as file:
                status = os.fstat(file.fileno())
                if status.st_mtime < self.started - 1:
                    return
                if status.st_size < self._read:
                    self._read, self._rest, self.standing = 0, "", None
                file.seek(self._read)
                added = file.read()
        except OSError:  # not there yet
            return
        self._read += len(added)
        *lines, self._rest = (self._rest + added.decode(errors="replace")).split("\n")
        for line in lines:
            self._take(line, status.st_mtime)

    def _take(self, line: str, written: float) -> None:
        found = _EVALUATION.search(line)
        if found is None:
            return
        epoch, step, steps, dev_ua, minutes, seconds = found.groups()
        scores = [] if dev_ua is None else [float(dev_ua)]
        if self.standing is not None and self.standing.dev_ua is not None:
            scores.append(self.standing.dev_ua)
        self.standing = Standing(
            int(epoch),
            int(step),
            int(steps),
            max(scores, default=None),
            60.0 * int(minutes) + int(seconds),
            written,
        )


@dataclass
class Run:
    """A run: told of each message of Snakemake's, it knows where it stands.

    Attributes:
        total: jobs in all; 0 before this is known.
        done: jobs that have ended well.
        failed: numbers of the jobs that have failed, and were not started again.
        running: jobs under way, by their number.
        began: when the first was started, in seconds since 1970; None before.
    """

    total: int = 0
    done: int = 0
    failed: set[int] = field(default_factory=set)
    running: dict[int, Job] = field(default_factory=dict)
    began: float | None = None
    _waiting: Counter[str] = field(default_factory=Counter)  # jobs of each rule that were not started
    _planned: int = 0
    _took_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    _abreast: int = 1  # most jobs at a time

    def take(self, record: Any, now: float) -> Job | None:
        """Count what a message says.

        Args:
            record: a ``logging.LogRecord`` of Snakemake's, which has more attributes than others.
            now: seconds since 1970.

        Returns:
            The job that has ended well, if the message is about one.
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
        words = words_of(record.rule_name, record.wildcards or {})
        self.running[record.jobid] = Job(record.rule_name, words, log, now)
        self._abreast = max(self._abreast, len(self.running))
        self.began = now if self.began is None else self.began

    def _finish(self, number: int, now: float) -> Job | None:
        job = self.running.pop(number, None)
        if job is not None and job.log is not None:
            self._took_s[job.rule].append(now - job.started)
            job.look()
        self.done += 1  # Snakemake's own count follows
        return job

    def look(self) -> None:
        """Read how far trainings are."""
        for job in self.running.values():
            job.look()

    def left_s(self, now: float) -> float | None:
        """Seconds left, by what jobs of each rule took so far; None before enough have ended."""
        took_s = [s for of_rule in self._took_s.values() for s in of_rule]
        if len(took_s) < _ENOUGH:
            return None
        mean_s = sum(took_s) / len(took_s)
        mean_of = {rule: sum(of_rule) / len(of_rule) for rule, of_rule in self._took_s.items()}
        waiting_s = sum(max(n, 0) * mean_of.get(rule, mean_s) for rule, n in self._waiting.items())
        waiting_s += max(0, self.total - self._planned) * mean_s
        running_s = [
            max(0.0, mean_of.get(job.rule, mean_s) - (now - job.started))
            if job.standing is None
            else job.standing.left_at(now)
            for job in self.running.values()
            if job.log is not None
        ]
        return max([(waiting_s + sum(running_s)) / self._abreast, *running_s])


def words_of(rule: str, wildcards: dict[str, str]) -> str:
    """A job in short words, what tells it from others first: ``train mel_center fold 0 seed 1 cnn_bigru``."""
    ordered = sorted(wildcards, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))
    said = (f"{_SAID.get(name, '')}{wildcards[name]}" for name in ordered)
    return " ".join([rule.replace("_", " "), *said])


def standing_words(job: Job, now: float, width: int) -> str:
    """How far a job is, in as many words as a line of ``width`` columns has room for."""
    standing = job.standing
    if standing is None:
        return clock(now - job.started)
    left = clock(standing.left_at(now))
    if width < 60:
        ua = "" if standing.dev_ua is None else f"  {standing.dev_ua:.1f} %"
        return f"{standing.step}/{standing.steps}{ua}  {left}"
    ua = "" if standing.dev_ua is None else f"  dev UA {standing.dev_ua:.1f} %"
    update = f"update {standing.step} of {standing.steps}" if width >= 100 else f"{standing.step}/{standing.steps}"
    return f"epoch {standing.epoch}  {update}{ua}  {left} left"


def result_words(job: Job, now: float) -> str:
    """What a job that has ended did."""
    ua = "" if job.standing is None or job.standing.dev_ua is None else f"  dev UA {job.standing.dev_ua:.1f} %"
    return f"{job.words}{ua}  {duration(now - job.started)}"


def ending(run: Run | None, now: float, *, is_stopped: bool) -> str | None:
    """The last line of a run; None where nothing was to be done."""
    again = "run the same command again to go on"
    if run is None or run.began is None:
        return f"emofactors: stopped before any job began; {again}" if is_stopped else None
    jobs = f"{run.done} of {run.total} jobs"
    if is_stopped:
        return f"emofactors: stopped; {jobs} are done and kept, trainings keep their state; {again}"
    if run.failed:
        return f"emofactors: {len(run.failed)} failed, see above; {jobs} are done and kept; {again}"
    if run.done < run.total:
        return f"emofactors: {jobs} are done and kept; {again}"
    return f"emofactors: {jobs} done in {duration(now - run.began)}"


def duration(seconds: float) -> str:
    """About how long: ``45 s``, ``12 min``, ``3 h 05 min``."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{round(seconds)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def clock(seconds: float) -> str:
    """A time that runs: ``1:05``, ``3:01:05``."""
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{seconds:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
