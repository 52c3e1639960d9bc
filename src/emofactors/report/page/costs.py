"""Cost of a study: its trainings by variant, and its jobs by rule as measured by Snakemake."""

import json
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from emofactors.config.page import PageSettings
from emofactors.io.csv import csv_text
from emofactors.plan.paths import ORIGINAL, Run, run_file

#: Method of a system -> the rule that trains it and records the device.
_RULE_OF_METHOD = {"network": "train", "decomposer": "train_decomposer", "svm": "fit_svm"}


@dataclass(frozen=True)
class VariantCost:
    """Cost of the runs of one variant on one task.

    Times are medians over the trainings that were not resumed, or None without any.

    Attributes:
        task: name of the task.
        system: name of the system.
        variant: name of the variant.
        n_runs: number of trainings, one per fold and seed.
        parameters: trained parameters, the median over the runs; None for a support vector machine, which keeps
            training rows instead.
        flops: FLOPs of one input of median length; likewise.
        flops_frames: frames of that input; likewise.
        utterances_per_s: training utterances per second.
        inference_utterances_per_s: predicted utterances per second; None also if inference was not timed.
        wall_s: seconds per training.
        steps: median number of updates; None for a support vector machine.
    """

    task: str
    system: str
    variant: str
    n_runs: int
    parameters: int | None
    flops: int | None
    flops_frames: int | None
    utterances_per_s: float | None
    inference_utterances_per_s: float | None
    wall_s: float | None
    steps: int | None


@dataclass(frozen=True)
class Job:
    """Snakemake's measurements of one job; None where there is none.

    Attributes:
        rule: name of its rule.
        wall_s: seconds it took, including those it waited for a GPU.
        cpu_s: CPU seconds of all its threads, up to the last sample.
        peak_memory_mib: largest resident memory of its processes in any sample.
        threads: number of threads it was given.
        gpus: number of GPU slots it was given.
    """

    rule: str
    wall_s: float | None = None
    cpu_s: float | None = None
    peak_memory_mib: float | None = None
    threads: int | None = None
    gpus: int | None = None


@dataclass(frozen=True)
class RuleCost:
    """Cost of the jobs of one rule; None where nothing was measured.

    Attributes:
        rule: its name.
        n_jobs: number of jobs of the study.
        n_measured: number of jobs with measurements; all further attributes are over these.
        wall_s: sum of the seconds of all jobs.
        longest_wall_s: seconds of the longest job.
        cpu_s: sum of the CPU seconds of all jobs.
        peak_memory_mib: maximum over the jobs.
        threads: numbers of threads of the jobs, as text.
        device: devices of the jobs, as text.
    """

    rule: str
    n_jobs: int
    n_measured: int
    wall_s: float | None
    longest_wall_s: float | None
    cpu_s: float | None
    peak_memory_mib: float | None
    threads: str | None
    device: str | None


# --- trainings -----------------------------------------------------------------------------------------------


def variant_costs(runs: Sequence[Mapping[str, Any]]) -> list[VariantCost]:
    """Return the cost of the trainings of each variant on each task.

    Args:
        runs: metadata of every run, see :func:`emofactors.report.page.page.read_run`.

    Returns:
        One cost per task, system and variant, in the order of the runs.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["task"], run["system"], run["variant"]), []).append(run)
    return [_variant_cost(*of, group) for of, group in groups.items()]


def variant_costs_csv(costs: Sequence[VariantCost]) -> str:
    """Return costs as CSV text: one row per cost, one column per attribute, empty cells for None."""
    return _csv(costs, VariantCost)


def _variant_cost(task: str, system: str, variant: str, runs: Sequence[Mapping[str, Any]]) -> VariantCost:
    # A resumed training knows only the time of its last process.
    timed = [run for run in runs if not run["resumed_at_step"]]
    counts: dict[str, Any] = {
        key: _of_known(statistics.median_low, [run[key] for run in runs])
        for key in ("parameters", "flops", "flops_frames", "steps")
    }
    times: dict[str, Any] = {
        key: _of_known(statistics.median, [run[key] for run in timed])
        for key in ("utterances_per_s", "inference_utterances_per_s", "wall_s")
    }
    return VariantCost(task=task, system=system, variant=variant, n_runs=len(runs), **counts, **times)


# --- jobs ----------------------------------------------------------------------------------------------------


def read_jobs(settings: PageSettings, logs: Path, benchmarks: Path) -> list[Job]:
    """Return the jobs of a study that left a log, with Snakemake's measurements.

    Logs and benchmarks of other studies are left out, and so is the job of the
    page, which has not ended.

    Args:
        settings: settings of the page.
        logs: folder of the logs, ``{chapter}/…/{rule}.log``.
        benchmarks: folder of the benchmarks, ``{chapter}/…/{rule}.jsonl`` with one line for each time the job
            ended, in Snakemake's short or extended form. Without a valid file a job has no measurements.

    Returns:
        The jobs, sorted by path.
    """
    names = {file.relative_to(logs).with_suffix("") for file in logs.rglob("*.log")}
    names |= {file.relative_to(benchmarks).with_suffix("") for file in benchmarks.rglob("*.jsonl")}
    study_jobs = _StudyJobs(settings)
    return [
        _read_job(name.name, benchmarks / name.with_suffix(".jsonl"))
        for name in sorted(names)
        if study_jobs.contain(name.parts)
    ]


class _StudyJobs:
    """The jobs of a study, by the parts of the paths of their logs.

    Args:
        settings: settings of the page.
    """

    def __init__(self, settings: PageSettings) -> None:
        self._settings = settings
        self._run_folders = {
            Path(run_file(Run(*training, fold, seed), "log")).parts[1:-1]
            for training in settings.trainings
            for fold in range(settings.tasks[training[0]].n_folds)
            for seed in settings.seeds_of[training[1]]
        }
        self._test_folders = {"reconstructed", *(f"on_{task}" for task in settings.tasks)}
        self._test_folders |= {f"reconstructed_{variant}" for variant in settings.reconstructed_variants}

    def contain(self, parts: tuple[str, ...]) -> bool:
        """Return whether a log or benchmark belongs to a job of the study."""
        settings = self._settings
        match parts:
            case ("corpora", name, _):
                found = name in settings.corpora or name in settings.tasks
            case ("features", "shards", corpus, augmentation, features, shard, _):
                found = self._has_archive(corpus, augmentation, features) and shard in {
                    str(number) for number in range(settings.corpora[corpus].shards)
                }
            case ("features", corpus, augmentation, features, _):
                found = self._has_archive(corpus, augmentation, features)
            case ("training", _, _, _, _, _, *test, _):
                found = parts[:6] in self._run_folders and self._test_folders.issuperset(test)
            case ("evaluation", task, system, variant, *test, _):
                found = (task, system, variant) in settings.trainings and self._test_folders.issuperset(test)
            case ("report", study, "corpora", corpus, _):
                found = study == settings.study and corpus in settings.corpora
            case ("report", study, "audio_examples", task, system, variant, _):
                found = study == settings.study and f"{system}/{variant}" in settings.audio_examples.get(task, ())
            case ("report", study, name, rule):
                names = settings.tables if rule == "make_table" else settings.figures
                found = study == settings.study and name in names
            case ("report", study, "make_claims"):
                found = study == settings.study
            case _:
                found = False
        return found

    def _has_archive(self, corpus: str, augmentation: str, features: str) -> bool:
        return (
            corpus in self._settings.corpora
            and augmentation in (ORIGINAL, *self._settings.augmentations)
            and features in self._settings.features
        )


def _read_job(rule: str, benchmark: Path) -> Job:
    measured = _last_record(benchmark)
    # Only the extended form has resources; a rule without a GPU has none there.
    resources = measured.get("resources")
    return Job(
        rule=rule,
        wall_s=_number_or_none(measured.get("s")),
        cpu_s=_number_or_none(measured.get("cpu_time")),
        peak_memory_mib=_number_or_none(measured.get("max_rss")),
        threads=measured.get("threads"),
        gpus=None if resources is None else resources.get("gpu", 0),
    )


def _last_record(benchmark: Path) -> dict[str, Any]:
    """Return the measurements of the last time a job ended, which made its result."""
    try:
        record = json.loads(benchmark.read_text(encoding="utf-8").splitlines()[-1])
    except (FileNotFoundError, IndexError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _number_or_none(value: Any) -> float | None:
    """Return a number of Snakemake, which writes "NA" or "-" for a missing one."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def rule_costs(
    settings: PageSettings, jobs: Sequence[Job], runs: Sequence[Mapping[str, Any]], rules: Sequence[str]
) -> list[RuleCost]:
    """Return the cost of the jobs of each rule.

    Args:
        settings: settings of the page.
        jobs: jobs of the study, see :func:`read_jobs`.
        runs: metadata of every run, for the devices of trainings.
        rules: all rules, in the order of the result.

    Returns:
        One cost per rule that has jobs.
    """
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.rule, []).append(job)
    devices: dict[str, list[str]] = {}
    for run in runs:
        devices.setdefault(_RULE_OF_METHOD[settings.systems[run["system"]].method], []).append(run["device"])
    return [
        _rule_cost(rule, groups[rule], devices.get(rule) or [_device_type(job) for job in groups[rule]])
        for rule in rules
        if rule in groups
    ]


def total_cost(costs: Sequence[RuleCost]) -> RuleCost:
    """Return the cost of all rules; threads and devices have no sum."""
    return RuleCost(
        rule="total",
        n_jobs=sum(cost.n_jobs for cost in costs),
        n_measured=sum(cost.n_measured for cost in costs),
        wall_s=_rounded(sum, [cost.wall_s for cost in costs]),
        longest_wall_s=_rounded(max, [cost.longest_wall_s for cost in costs]),
        cpu_s=_rounded(sum, [cost.cpu_s for cost in costs]),
        peak_memory_mib=_rounded(max, [cost.peak_memory_mib for cost in costs]),
        threads=None,
        device=None,
    )


def rule_costs_csv(costs: Sequence[RuleCost]) -> str:
    """Return costs of rules as CSV text, as :func:`variant_costs_csv` does for variants."""
    return _csv(costs, RuleCost)


def _rule_cost(rule: str, jobs: Sequence[Job], devices: Sequence[str | None]) -> RuleCost:
    return RuleCost(
        rule=rule,
        n_jobs=len(jobs),
        n_measured=sum(job.wall_s is not None for job in jobs),
        wall_s=_rounded(sum, [job.wall_s for job in jobs]),
        longest_wall_s=_rounded(max, [job.wall_s for job in jobs]),
        cpu_s=_rounded(sum, [job.cpu_s for job in jobs]),
        peak_memory_mib=_rounded(max, [job.peak_memory_mib for job in jobs]),
        threads=", ".join(map(str, sorted({job.threads for job in jobs if job.threads is not None}))) or None,
        device="; ".join(sorted({device for device in devices if device is not None})) or None,
    )


def _device_type(job: Job) -> str | None:
    """Return the type of device of a job that does not record its device."""
    return None if job.gpus is None else "GPU" if job.gpus else "processor"


def _of_known(combine: Callable[[Iterable[float]], float], values: Sequence[float | None]) -> float | None:
    """Return a statistic of the known values; None if no value is known."""
    known = [value for value in values if value is not None]
    return combine(known) if known else None


def _rounded(combine: Callable[[Iterable[float]], float], values: Sequence[float | None]) -> float | None:
    """Return a statistic of the known values, rounded to hundredths; None if no value is known."""
    value = _of_known(combine, values)
    return None if value is None else round(value, 2)


def _csv(rows: Sequence[Any], kind: type) -> str:
    """Return rows of one dataclass as CSV text, with empty cells for None."""
    columns = [field.name for field in fields(kind)]
    # As objects, counts stay integers next to a missing one.
    table = pd.DataFrame([asdict(row) for row in rows], columns=columns, dtype=object)
    return csv_text(table)
