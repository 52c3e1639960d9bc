"""The differences of tables that test a claim on a task."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan

import pandas as pd

from emofactors.config.claims import FLOPS, Claim, Contrast
from emofactors.config.tables.base import Difference
from emofactors.io.json import read_json
from emofactors.plan.paths import parse_run
from emofactors.report.claims.verdict import Effect


@dataclass(frozen=True)
class Comparison:
    """A difference of two rows in one metric.

    Attributes:
        variant: row of the table.
        minus: row that is subtracted.
        metric: the metric.
        effect: the difference with its errors; FLOPs are in percent of those of ``minus``, without errors.
        ci_low: lower end of its 95 % interval.
        ci_high: upper end of its 95 % interval.
        no_p: why it has no p-value; empty if it has one.
        corpus: corpus of the test utterances.
    """

    variant: str
    minus: str
    metric: str
    effect: Effect
    ci_low: float = nan
    ci_high: float = nan
    no_p: str = ""
    corpus: str = ""


@dataclass(frozen=True)
class Evidence:
    """What a study has for a claim on one task.

    Attributes:
        table: the table.
        task: the task.
        contrast: what the claim compares in the table.
        comparisons: the differences that were found.
        missing: differences that the table lacks, as text.
    """

    table: str
    task: str
    contrast: Contrast
    comparisons: tuple[Comparison, ...]
    missing: tuple[str, ...]

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows that are compared, without duplicates."""
        return tuple(dict.fromkeys(row for pair in self.contrast.pairs for row in (pair.variant, pair.minus)))


def read_flops(paths: Iterable[str]) -> dict[tuple[str, str, str], int]:
    """Return task, system and variant -> FLOPs of one input.

    Args:
        paths: metadata ``run.json`` of trainings of networks.

    Raises:
        InputError: if a file is missing or damaged.
    """
    found = {}
    for path in paths:
        run = parse_run(path)
        found[run.task, run.system, run.variant] = read_json(path, "the metadata of a run", ["flops"])["flops"]
    return found


def evidence_of(
    claim: Claim,
    tasks: Mapping[str, Sequence[str]],
    tables: Mapping[str, pd.DataFrame],
    flops: Mapping[tuple[str, str, str], int],
) -> list[Evidence]:
    """Return the evidence for a claim, one entry per task: of the first table of the claim that has the task.

    Args:
        claim: the claim.
        tasks: table of the study -> its tasks.
        tables: table -> its numbers, see ``tables.tidy``.
        flops: table, task and row -> FLOPs of one input, as far as a claim compares them.
    """
    found: dict[str, Evidence] = {}
    for table, contrast in claim.contrasts.items():
        for task in tasks.get(table, ()):
            if task not in found:
                found[task] = _on_task(table, task, contrast, tables[table], flops)
    return list(found.values())


def _on_task(
    table: str,
    task: str,
    contrast: Contrast,
    tidy: pd.DataFrame,
    flops: Mapping[tuple[str, str, str], int],
) -> Evidence:
    comparisons, missing = [], []
    for pair in contrast.pairs:
        for metric in contrast.metrics:
            if metric == FLOPS:
                one, other = (flops[table, task, row] for row in (pair.variant, pair.minus))
                effect = Effect(100 * (one / other - 1), nan, nan, nan, nan, nan, nan)
                comparisons.append(
                    Comparison(pair.variant, pair.minus, metric, effect, corpus=_corpus(tidy, task))
                )
            elif (comparison := _difference(tidy, task, pair, metric)) is not None:
                comparisons.append(comparison)
            else:
                missing.append(f"{metric} of {pair.variant} minus {pair.minus}")
    return Evidence(table, task, contrast, tuple(comparisons), tuple(missing))


def _corpus(tidy: pd.DataFrame, task: str) -> str:
    return str(tidy.loc[tidy["column"] == task, "corpus"].iloc[0])


def _difference(tidy: pd.DataFrame, task: str, pair: Difference, metric: str) -> Comparison | None:
    """Return a difference in the direction of the pair, whichever the table has; None if it has none."""
    of_metric = tidy[(tidy["column"] == task) & (tidy["metric"] == f"{metric}_difference")]
    for sign, variant, minus in ((1, pair.variant, pair.minus), (-1, pair.minus, pair.variant)):
        rows = of_metric[(of_metric["variant"] == variant) & (of_metric["minus"] == minus)]
        if len(rows) and pd.notna(rows.iloc[0]["value"]):
            return _signed(rows.iloc[0], sign, pair, metric)
    return None


def _signed(row: pd.Series, sign: int, pair: Difference, metric: str) -> Comparison:
    errors = {key: row[key] for key in ("se_speakers", "se_trainings", "df", "n_seeds", "n_speakers", "p_value")}
    ends = sorted((sign * row["ci_low"], sign * row["ci_high"]))
    return Comparison(
        variant=pair.variant,
        minus=pair.minus,
        metric=metric,
        effect=Effect(value=sign * row["value"] + 0.0, **errors),  # + 0.0: no negative zero
        ci_low=ends[0],
        ci_high=ends[1],
        no_p=row["no_p"] if isinstance(row["no_p"], str) else "",
        corpus=str(row["corpus"]),
    )
