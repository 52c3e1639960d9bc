"""What a study cost: its trainings by variant, and its jobs by rule as Snakemake measured them."""

import json
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from emofactors.config.study import Study
from emofactors.plan.paths import ORIGINAL
from emofactors.io.csv import csv_text

#: How a system is trained -> the rule that does it, and writes on which device it did.
_RULE_OF_METHOD = {"network": "train", "decomposer": "train_decomposer", "svm": "fit_svm"}


@dataclass(frozen=True)
class Cost:
    """What the runs of one variant on one task cost.

    Attributes:
        task: name of the task.
        system: name of the system.
        variant: name of the variant.
        n_runs: trainings, one a fold and seed.
        parameters: trained parameters; the median, should a task's folds differ. None for a support vector
            machine, which keeps training rows instead.
        flops: of one input of median length; likewise.
        flops_frames: frames of that input; likewise.
        utterances_per_s: median of the training utterances a second; None if every training was resumed,
            and none was timed as a whole.
        inference_utterances_per_s: median of the utterances a second that are recognised; likewise, or if
            none was timed.
        wall_s: median seconds of a training; likewise.
        steps: median number of updates; None where there are none.
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
    """What Snakemake measured of one job; None where it did not.

    Attributes:
        rule: name of its rule.
        wall_s: seconds it took, with those it waited for a GPU.
        cpu_s: seconds of processors, of all its threads, up to the last sample.
        peak_memory_mib: largest resident memory of its processes in any sample.
        threads: it was given.
        gpus: slots of GPUs it was given.
    """

    rule: str
    wall_s: float | None = None
    cpu_s: float | None = None
    peak_memory_mib: float | None = None
    threads: int | None = None
    gpus: int | None = None


@dataclass(frozen=True)
class RuleCost:
    """What the jobs of one rule cost; None where nothing was measured.

    Attributes:
        rule: its name.
        n_jobs: jobs of the study.
        n_measured: those of them that were measured; all that follows is over these.
        wall_s: seconds of all jobs, one after the other.
        longest_wall_s: seconds of the longest job.
        cpu_s: seconds of processors, of all jobs.
        peak_memory_mib: of the job with most.
        threads: that a job was given, in words.
        device: where the jobs ran, in words.
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


def costs(runs: Sequence[Mapping[str, Any]]) -> list[Cost]:
    """What the trainings of each variant cost, by task.

    Args:
        runs: what every run says of itself, see :func:`emofactors.report.page.page.read_run`.

    Returns:
        One cost a task, system and variant, in the order of the runs.
    """
    groups: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for run in runs:
        groups.setdefault((run["task"], run["system"], run["variant"]), []).append(run)
    return [_cost(*of, group) for of, group in groups.items()]


def costs_csv(costs: Sequence[Cost]) -> str:
    """Costs as CSV text, a row a cost and a column an attribute; empty where there is no such number."""
    return _csv(costs, Cost)


def _count_or_none(values: Sequence[int | None]) -> int | None:
    """The median of counts, itself one of them."""
    known = [value for value in values if value is not None]
    return statistics.median_low(known) if known else None


def _median_or_none(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


# --- jobs ----------------------------------------------------------------------------------------------------


def read_jobs(study: Study, logs: Path, benchmarks: Path) -> list[Job]:
    """The jobs of a study: those that left a log, with what Snakemake measured of them.

    Logs and benchmarks of other studies may lie beside them. The page's own
    job is left out: it has not ended.

    Args:
        study: what was asked for.
        logs: folder of the logs, ``{chapter}/…/{rule}.log``.
        benchmarks: folder of the benchmarks, ``{chapter}/…/{rule}.jsonl`` with a line for each time the job ended,
            in Snakemake's short form or in its extended one. A file that is missing or damaged is a job that was
            not measured.

    Returns:
        The jobs, sorted by path.
    """
    names = {file.relative_to(logs).with_suffix("") for file in logs.rglob("*.log")}
    names |= {file.relative_to(benchmarks).with_suffix("") for file in benchmarks.rglob("*.jsonl")}
    trainings = {(training.task, training.system, training.variant) for training in study.trainings}
    return [
        _read_job(name.name, benchmarks / name.with_suffix(".jsonl"))
        for name in sorted(names)
        if _is_of_study(study, trainings, name.parts)
    ]


def _cost(task: str, system: str, variant: str, runs: Sequence[Mapping[str, Any]]) -> Cost:
    """What the runs of one variant cost."""
    counts: dict[str, Any] = {
        key: _count_or_none([run[key] for run in runs]) for key in ("parameters", "flops", "flops_frames", "steps")
    }
    times: dict[str, Any] = {
        # A resumed training knows the time of its last process only.
        key: _median_or_none([run[key] for run in runs if not run["resumed_at_step"]])
        for key in ("utterances_per_s", "inference_utterances_per_s", "wall_s")
    }
    return Cost(task=task, system=system, variant=variant, n_runs=len(runs), **counts, **times)


def _is_of_study(study: Study, trainings: set[tuple[str, str, str]], parts: tuple[str, ...]) -> bool:
    """Whether a log or benchmark, by the parts of its path, is that of a job of the study."""
    match parts:
        case ("corpora", name, _):
            found = name in study.corpora or name in study.tasks
        case ("features", "shards", corpus, augmentation, features, shard, _):
            found = _is_archive_of_study(study, corpus, augmentation, features) and shard in {
                str(number) for number in range(study.corpora[corpus].shards)
            }
        case ("features", corpus, augmentation, features, _):
            found = _is_archive_of_study(study, corpus, augmentation, features)
        case ("training", task, system, variant, fold, seed, *test, _):
            found = (
                (task, system, variant) in trainings
                and fold in {f"fold{number}" for number in range(study.tasks[task].n_folds)}
                and seed in {f"seed{number}" for number in study.seeds_of(system)}
                and _is_test_of_study(study, test)
            )
        case ("evaluation", task, system, variant, *test, _):
            found = (task, system, variant) in trainings and _is_test_of_study(study, test)
        case ("report", "corpora", corpus, _):
            found = corpus in study.corpora
        case ("report", "sounds", task, system, variant, _):
            found = f"{system}/{variant}" in study.audio_examples.get(task, ())
        case ("report", name, rule):
            found = name in (study.tables if rule == "make_table" else study.figures)
        case _:
            found = False
    return found


def _is_archive_of_study(study: Study, corpus: str, augmentation: str, features: str) -> bool:
    """Whether the study has the corpus, the copies and the features of an archive."""
    return (
        corpus in study.corpora and augmentation in (ORIGINAL, *study.augmentations) and features in study.features
    )


def _is_test_of_study(study: Study, parts: Sequence[str]) -> bool:
    """Whether all folders below a run, or none, name what the study tests or reconstructs."""
    known = {"reconstructed"} | {f"on_{task}" for task in study.tasks}
    known |= {f"reconstructed_{variant}" for variant in study.reconstructed_variants}
    return set(parts) <= known


def _read_job(rule: str, benchmark: Path) -> Job:
    measured = _last_record(benchmark)
    # The extended form alone knows resources; a rule that asks for no GPU has none.
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
    """What was measured when a job last ended: of one that was repeated that time counts, as its result does."""
    try:
        record = json.loads(benchmark.read_text(encoding="utf-8").splitlines()[-1])
    except (FileNotFoundError, IndexError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _number_or_none(value: Any) -> float | None:
    """A figure as Snakemake writes it; "NA" and "-" stand for one it does not have."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def rule_costs(
    study: Study, jobs: Sequence[Job], runs: Sequence[Mapping[str, Any]], rules: Sequence[str]
) -> list[RuleCost]:
    """What the jobs of each rule cost.

    Args:
        study: what was asked for.
        jobs: its jobs, see :func:`read_jobs`.
        runs: what every run says of itself, for the devices trainings ran on.
        rules: all rules, in the order of the rows.

    Returns:
        One cost a rule that has jobs.
    """
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.rule, []).append(job)
    devices: dict[str, list[str]] = {}
    for run in runs:
        devices.setdefault(_RULE_OF_METHOD[study.systems[run["system"]].method], []).append(run["device"])
    return [
        _rule_cost(rule, groups[rule], devices.get(rule) or [_device_words(job) for job in groups[rule]])
        for rule in rules
        if rule in groups
    ]


def total_cost(costs: Sequence[RuleCost]) -> RuleCost:
    """What all rules cost together; threads and devices have no sum."""
    return RuleCost(
        rule="total",
        n_jobs=sum(cost.n_jobs for cost in costs),
        n_measured=sum(cost.n_measured for cost in costs),
        wall_s=_of_known(sum, [cost.wall_s for cost in costs]),
        longest_wall_s=_of_known(max, [cost.longest_wall_s for cost in costs]),
        cpu_s=_of_known(sum, [cost.cpu_s for cost in costs]),
        peak_memory_mib=_of_known(max, [cost.peak_memory_mib for cost in costs]),
        threads=None,
        device=None,
    )


def rule_costs_csv(costs: Sequence[RuleCost]) -> str:
    """Costs of rules as CSV text, as :func:`costs_csv` writes those of variants."""
    return _csv(costs, RuleCost)


def _rule_cost(rule: str, jobs: Sequence[Job], devices: Sequence[str | None]) -> RuleCost:
    return RuleCost(
        rule=rule,
        n_jobs=len(jobs),
        n_measured=sum(job.wall_s is not None for job in jobs),
        wall_s=_of_known(sum, [job.wall_s for job in jobs]),
        longest_wall_s=_of_known(max, [job.wall_s for job in jobs]),
        cpu_s=_of_known(sum, [job.cpu_s for job in jobs]),
        peak_memory_mib=_of_known(max, [job.peak_memory_mib for job in jobs]),
        threads=", ".join(map(str, sorted({job.threads for job in jobs if job.threads is not None}))) or None,
        device="; ".join(sorted({device for device in devices if device is not None})) or None,
    )


def _device_words(job: Job) -> str | None:
    """Where a job ran that does not say so itself."""
    return None if job.gpus is None else "GPU" if job.gpus else "processor"


def _of_known(combine: Callable[[Iterable[float]], float], values: Sequence[float | None]) -> float | None:
    """Sum or largest of the known values, to a hundredth; None if none is known."""
    known = [value for value in values if value is not None]
    return round(combine(known), 2) if known else None


def _csv(rows: Sequence[Any], kind: type) -> str:
    """Rows of one dataclass as CSV text; empty where a value is None."""
    columns = [field.name for field in fields(kind)]
    # As objects a count stays whole beside one that is missing.
    table = pd.DataFrame([asdict(row) for row in rows], columns=columns, dtype=object)
    return csv_text(table)
