"""The ledger of claims of a study: each claim on each task, with its verdict.

Holm's correction runs over the tests of the primary claims of a source, and
apart from them over those of its other claims. A test that cannot decide a claim,
because of its sample or of settings that the study changes, is not among them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isnan, nan
from pathlib import Path

import numpy as np
import pandas as pd

from emofactors.config.claims import Claim, LedgerSettings
from emofactors.evaluation.statistics.holm import holm
from emofactors.io.csv import write_csv
from emofactors.report.claims.evidence import Evidence, evidence_of
from emofactors.report.claims.verdict import PValues, Question, Verdict, decide, direction, p_values
from emofactors.report.formatting import counted, listed

#: Decimals of the numbers in the CSV.
DECIMALS = 6

_UNDECIDED = Verdict("undecided")


@dataclass(frozen=True)
class Entry:
    """A claim on one task.

    Attributes:
        source: name of its source.
        key: name of the claim.
        claim: the claim.
        evidence: the differences that test it.
        changed: system -> documented settings that the study changes for the compared rows.
        is_published: whether a publication states a setting of the compared systems.
        hindrances: why the test cannot decide the claim; empty if it can.
        p: its p-values; None if a difference has none.
        p_holm: the smaller one after Holm's correction; NaN if the test cannot decide the claim.
        verdict: the verdict.
    """

    source: str
    key: str
    claim: Claim
    evidence: Evidence
    changed: Mapping[str, tuple[str, ...]]
    is_published: bool
    hindrances: tuple[str, ...]
    p: PValues | None
    p_holm: float = nan
    verdict: Verdict = _UNDECIDED

    @property
    def question(self) -> Question:
        """What is asked of the differences."""
        margin = self.claim.margin[0] if self.claim.margin else 0.0
        return Question(self.claim.expect, margin, metric_unit(self.evidence.contrast.metrics[0]))

    @property
    def size(self) -> str:
        """Whether the settings are the published ones, and what differs."""
        parts = [self.evidence.contrast.reduced] if self.evidence.contrast.reduced else []
        parts += [f"{counted(len(keys), 'setting')} of {system}" for system, keys in self.changed.items()]
        if parts:
            return f"reduced: {'; '.join(parts)}"
        return "published" if self.is_published else "not reduced; none is published"


@dataclass(frozen=True)
class Ledger:
    """The claims of all sources in one study.

    Attributes:
        settings: the part of the study that the ledger needs.
        entries: the claims that a table of the study tests, one entry per task.
        untested: source and name of the others.
    """

    settings: LedgerSettings
    entries: tuple[Entry, ...]
    untested: tuple[tuple[str, str], ...]

    def claim(self, source: str, key: str) -> Claim:
        """Return a claim."""
        return self.settings.sources[source].claims[key]


def metric_unit(metric: str) -> str:
    """Return the unit of a difference in a metric of claims."""
    if metric.endswith("_above_null"):
        return "nats"
    return "%" if metric == "flops" else "points"


def make_ledger(
    settings: LedgerSettings, tables: Mapping[str, pd.DataFrame], flops: Mapping[tuple[str, str, str], int]
) -> Ledger:
    """Return the ledger of a study.

    Args:
        settings: claims, tables, tasks and systems of the study.
        tables: table -> its numbers, see ``report.tables.tidy``.
        flops: task, system and variant -> FLOPs of one input, of the variants whose FLOPs a claim compares.

    Returns:
        The ledger, in the order of the sources, their claims and the study's tasks.
    """
    flops_of_rows = {
        (name, task, row): flops[task, *variant]
        for name, table in settings.tables.items()
        for task in table.tasks
        for row, variant in table.runs.items()
        if (task, *variant) in flops
    }
    tasks = {name: table.tasks for name, table in settings.tables.items()}
    entries: list[Entry] = []
    untested = []
    for name, source in settings.sources.items():
        found = []
        for key, claim in source.claims.items():
            evidence = evidence_of(claim, tasks, tables, flops_of_rows)
            found += [_entry(settings, name, key, claim, of) for of in evidence]
            if not evidence:
                untested.append((name, key))
        entries += _with_verdicts(found)
    return Ledger(settings, tuple(entries), tuple(untested))


def _entry(settings: LedgerSettings, source: str, key: str, claim: Claim, evidence: Evidence) -> Entry:
    changed = settings.changed_settings(evidence.table, evidence.rows)
    is_tested = bool(evidence.comparisons) and all(of.effect.is_tested for of in evidence.comparisons)
    entry = Entry(
        *(source, key, claim, evidence, changed),
        is_published=settings.are_published(evidence.table, evidence.rows),
        hindrances=tuple(_hindrances(settings, claim, evidence, bool(changed))),
        p=None,
    )
    if not is_tested or evidence.missing:
        return entry
    return replace(entry, p=p_values(entry.question, [of.effect for of in evidence.comparisons]))


def _hindrances(settings: LedgerSettings, claim: Claim, evidence: Evidence, has_changes: bool) -> list[str]:
    """Return why a test cannot decide its claim, whatever it finds."""
    task = settings.tasks[evidence.task]
    found = ["at reduced size"] if has_changes or evidence.contrast.reduced else []
    if settings.corpora[task.corpus].is_synthetic:
        found.append("on synthetic speech")
    elif claim.corpora and task.corpus not in claim.corpora:
        found.append(f"on a corpus that does not count ({listed(claim.corpora)} would)")
    if task.shows_leak:
        found.append("with copies of test utterances in training")
    elif claim.unseen_speakers and not task.speaker_independent:
        found.append("with training speakers in the test")
    if claim.least is None:
        return found
    for noun, least in (("seed", claim.least.seeds), ("speaker", claim.least.speakers)):
        numbers = [getattr(of.effect, f"n_{noun}s") for of in evidence.comparisons]
        if any(map(isnan, numbers)):
            found.append(f"with an unknown number of {noun}s")
        elif numbers and min(numbers) < least:
            found.append(f"with {counted(int(min(numbers)), noun)}, at least {least} needed")
    return found


def _with_verdicts(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries of one source with corrected p-values and verdicts."""
    decided = list(entries)
    for is_primary in (True, False):
        family = {
            i: entry.p.smaller
            for i, entry in enumerate(entries)
            if entry.claim.primary is is_primary and entry.p is not None and not entry.hindrances
        }
        corrected = holm(np.array([*family.values()], dtype=float))
        for i, p_holm in zip(family, corrected, strict=True):
            effects = [of.effect for of in entries[i].evidence.comparisons]
            verdict = decide(entries[i].question, effects, float(p_holm), len(family))
            decided[i] = replace(entries[i], p_holm=float(p_holm), verdict=verdict)
    return [
        entry if not isnan(entry.p_holm) else replace(entry, verdict=_without_test(entry)) for entry in decided
    ]


def _without_test(entry: Entry) -> Verdict:
    """Return the verdict of an entry that no test decides."""
    evidence = entry.evidence
    if evidence.missing:
        return Verdict("not tested here", f"table {evidence.table} has no {evidence.missing[0]}")
    effects = [of.effect for of in evidence.comparisons]
    if entry.claim.is_of_costs:
        is_lower = all(effect.value < 0 for effect in effects)
        if entry.hindrances:
            return Verdict("undecided", f"{'fewer' if is_lower else 'not fewer'} {listed(entry.hindrances)}")
        return Verdict("supported" if is_lower else "contradicted", "computed, not estimated")
    if entry.p is None:
        reasons = dict.fromkeys(of.no_p for of in evidence.comparisons if of.no_p)
        why = f"no p-value{': ' if reasons else ''}{'; '.join(reasons)}"
        if entry.hindrances:
            return Verdict("undecided", f"{listed(entry.hindrances)}; {why}")
        return Verdict("not tested here", why)
    return Verdict("undecided", f"{direction(entry.question, effects)} {listed(entry.hindrances)}")


# --- CSV -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """One difference of a claim on a task, or a claim that no table of the study tests.

    The fields are the columns of the CSV.

    Attributes:
        source: name of the source.
        claim: name of the claim.
        text: the claim.
        stated: where it is stated.
        primary: whether it is a primary claim.
        expect: what it expects of each difference.
        margin: smallest difference that matters.
        unit: unit of value, interval and margin.
        table: table of the difference.
        task: task of the test.
        corpus: corpus of the test utterances.
        protocol: protocol of the task.
        size: ``published``, or what is reduced.
        variant: row of the table.
        minus: row that is subtracted.
        metric: the metric.
        value: the difference.
        ci_low: lower end of the 95 % interval.
        ci_high: upper end of the 95 % interval.
        n_seeds: number of trainings of each fold.
        n_speakers: number of speakers.
        published: published values of the claim's effect.
        p_value: p-value of this difference alone, as its table has it.
        p_claim: p-value of the claim, of all its differences together.
        p_holm: the same after Holm's correction.
        verdict: the verdict on the claim.
        reason: what belongs to it.
    """

    source: str
    claim: str
    text: str
    stated: str
    primary: bool
    expect: str
    margin: float
    unit: str
    table: str = ""
    task: str = ""
    corpus: str = ""
    protocol: str = ""
    size: str = ""
    variant: str = ""
    minus: str = ""
    metric: str = ""
    value: float = nan
    ci_low: float = nan
    ci_high: float = nan
    n_seeds: float = nan
    n_speakers: float = nan
    published: str = ""
    p_value: float = nan
    p_claim: float = nan
    p_holm: float = nan
    verdict: str = ""
    reason: str = ""


_ROUNDED = ["value", "ci_low", "ci_high", "p_value", "p_claim", "p_holm"]


def published_cell(claim: Claim) -> str:
    """Return the published values of a claim's effect, each with its corpus and protocol."""
    return "; ".join(f"{of.effect} ({of.of})" for of in claim.published) or "not known"


def ledger_rows(ledger: Ledger) -> list[LedgerRow]:
    """Return one row per difference, then one per claim that no table of the study tests."""
    rows = []
    for entry in ledger.entries:
        evidence = entry.evidence
        template = replace(
            _claim_row(ledger, entry.source, entry.key),
            table=evidence.table,
            task=evidence.task,
            protocol=ledger.settings.tasks[evidence.task].protocol_label,
            size=entry.size,
            p_claim=entry.p.smaller if entry.p else nan,
            p_holm=entry.p_holm,
            verdict=entry.verdict.word,
            reason=entry.verdict.reason,
        )
        rows += [
            replace(
                template,
                corpus=of.corpus,
                variant=of.variant,
                minus=of.minus,
                metric=of.metric,
                value=of.effect.value,
                ci_low=of.ci_low,
                ci_high=of.ci_high,
                n_seeds=of.effect.n_seeds,
                n_speakers=of.effect.n_speakers,
                p_value=of.effect.p_value,
            )
            for of in evidence.comparisons
        ] or [template]
    rows += [
        replace(
            _claim_row(ledger, source, key),
            verdict="not tested here",
            reason="no table of the study tests it",
        )
        for source, key in ledger.untested
    ]
    return rows


def _claim_row(ledger: Ledger, source: str, key: str) -> LedgerRow:
    claim = ledger.claim(source, key)
    first = next(iter(claim.contrasts.values()))
    return LedgerRow(
        source=source,
        claim=key,
        text=claim.claim,
        stated=claim.stated,
        primary=claim.primary,
        expect=claim.expect,
        margin=claim.margin[0] if claim.margin else nan,
        unit=metric_unit(first.metrics[0]),
        published=published_cell(claim),
    )


def write_ledger_csv(path: str | Path, ledger: Ledger) -> None:
    """Write the ledger as CSV; its numbers are rounded here."""
    frame = pd.DataFrame(
        [asdict(row) for row in ledger_rows(ledger)], columns=list(LedgerRow.__dataclass_fields__)
    )
    frame[_ROUNDED] = frame[_ROUNDED].astype(float).round(DECIMALS) + 0.0  # + 0.0: no negative zero
    write_csv(path, frame)
