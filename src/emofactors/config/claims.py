"""Sections of config/claims/: the claims of a source, and the differences of tables that test them."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from emofactors.config.base import Name, RowKey, Section
from emofactors.config.systems import Needs, SystemConfig
from emofactors.config.tables.base import Difference, TableSection
from emofactors.config.tasks import TaskConfig

#: What a claim expects of its differences: above 0, below 0, above minus the margin, or within the margin.
Expectation = Literal["higher", "lower", "not_lower", "same"]

#: Metric of a claim about costs: FLOPs of one input, which need no test. All others are metrics of tables.
FLOPS = "flops"


class PublishedEffect(Section):
    """A published value of an effect.

    Attributes:
        effect: the effect, with its unit.
        of: its corpus and protocol.
        where: where it is stated.
    """

    effect: str
    of: str
    where: str


class Contrast(Section):
    """Differences of one table that test a claim together: each of the pairs in each of the metrics.

    Attributes:
        pairs: differences of the table, in either direction.
        metrics: metrics of the table; or ``flops`` alone.
        reduced: what the rows have smaller than the publication, whatever the study sets; empty if nothing.
    """

    pairs: Annotated[tuple[Difference, ...], Field(min_length=1)]
    metrics: Annotated[tuple[Name, ...], Field(min_length=1)]
    reduced: str = ""


class Least(Section):
    """Smallest sample from which a claim can be supported or contradicted.

    Attributes:
        seeds: number of trainings of each fold.
        speakers: number of test speakers.
        why: the reason.
    """

    seeds: Annotated[int, Field(ge=2)]
    speakers: Annotated[int, Field(ge=2)]
    why: str


class Claim(Section):
    """One claim of a source.

    A claim with several differences is supported only if each of them is as expected.

    Attributes:
        claim: the claim, shortened.
        stated: where it is stated, or from which numbers it follows.
        primary: whether it is a primary claim of its source; Holm's correction runs over the primary claims of a
            source, and over its other claims.
        expect: what is expected of every difference: ``higher``, ``lower``, ``not_lower`` (by more than the
            margin) or ``same`` (within the margin).
        contrasts: table -> the differences that test the claim there. For each task of a study, the first table
            counts that the study makes for the task.
        unseen_speakers: whether only protocols count whose test speakers are unseen in training. A protocol that
            leaks never counts.
        corpora: corpora that count; none: all except synthetic ones, which never count.
        least: smallest sample from which the claim can be supported or contradicted; none for FLOPs.
        margin: smallest difference that matters, in the unit of the metric, and why; none for FLOPs.
        published: published values of the effect; none if none is known.
    """

    claim: str
    stated: str
    primary: bool = False
    expect: Expectation
    contrasts: Annotated[dict[Name, Contrast], Field(min_length=1)]
    unseen_speakers: bool = False
    corpora: tuple[Name, ...] = ()
    least: Least | None = None
    margin: tuple[PositiveFloat, str] | None = None
    published: tuple[PublishedEffect, ...] = ()

    @property
    def is_of_costs(self) -> bool:
        """Whether the claim is about FLOPs, which are computed and not estimated."""
        return any(FLOPS in contrast.metrics for contrast in self.contrasts.values())

    @model_validator(mode="after")
    def _has_what_its_test_needs(self) -> Self:
        if self.is_of_costs:
            if any(contrast.metrics != (FLOPS,) for contrast in self.contrasts.values()):
                raise ValueError(f"'contrasts' has {FLOPS!r} beside other metrics: expected it alone")
            if self.expect != "lower" or self.primary:
                raise ValueError(
                    f"a claim about {FLOPS!r} has no p-value: expected 'expect: lower' and no 'primary'"
                )
        for key in ("least", "margin"):
            if (getattr(self, key) is None) != self.is_of_costs:
                expected = f"none, as {FLOPS!r} needs no test" if self.is_of_costs else "it"
                raise ValueError(f"'{key}': expected {expected}")
        return self


class ClaimSource(Section):
    """The claims of one source.

    Attributes:
        source: the publication.
        label: authors and year.
        claims: name -> claim, in the order of the ledger.
    """

    source: str
    label: str
    claims: Annotated[dict[Name, Claim], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_a_primary_claim(self) -> Self:
        if not any(claim.primary for claim in self.claims.values()):
            raise ValueError("'claims' has no claim with 'primary: true': expected at least one")
        return self


class LedgerCorpus(Section):
    """A corpus as the ledger needs it.

    Attributes:
        title: its title.
        is_synthetic: whether it is synthetic speech.
    """

    title: str
    is_synthetic: bool


class LedgerTable(Section):
    """A table of the study as the ledger needs it.

    Attributes:
        tasks: its tasks.
        runs: row -> system and variant.
    """

    tasks: tuple[Name, ...]
    runs: dict[RowKey, tuple[Name, Name]]


class LedgerSettings(Section):
    """The part of a study that its ledger of claims needs.

    Attributes:
        study: name of the study.
        sources: source -> its claims.
        tables: the study's tables that test a claim.
        tasks: task of these tables -> its config.
        corpora: corpus of these tasks -> what the ledger needs of it.
        systems: systems of the rows, and their decomposers.
        studies: table -> other studies that make it, by their size: those with documented settings first.
    """

    study: Name
    sources: dict[Name, ClaimSource]
    tables: dict[Name, LedgerTable]
    tasks: dict[Name, TaskConfig]
    corpora: dict[Name, LedgerCorpus]
    systems: dict[Name, SystemConfig]
    studies: dict[Name, tuple[Name, ...]]

    def changed_settings(self, table: str, rows: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """Return which documented settings the study changes for some rows of a table, by system.

        Settings of all that a row needs count, too: of its decomposer, its teacher and its initial weights.
        """
        changed: dict[str, set[str]] = {}
        for row in rows:
            for system, variant in self._with_needed(*self.tables[table].runs[row]):
                changed.setdefault(system, set()).update(
                    change.key
                    for change in self.systems[system].changes
                    if change.variant in ("", variant) and change.value != change.replaced
                )
        return {system: tuple(sorted(keys)) for system, keys in changed.items() if keys}

    def are_published(self, table: str, rows: tuple[str, ...]) -> bool:
        """Return whether a publication states any setting of the systems of some rows of a table."""
        systems = (self.systems[self.tables[table].runs[row][0]] for row in rows)
        return any(setting.kind == "published" for system in systems for setting in system.settings)

    def _with_needed(self, system: str, variant: str) -> list[tuple[str, str]]:
        needs = self.systems[system].needs.get(variant, Needs())
        found = [(system, variant)]
        if needs.decomposer is not None:
            name, _, decomposer = needs.decomposer.partition("/")
            found.append((name, decomposer))
        for needed in needs.variants:
            found += self._with_needed(system, needed)
        return found


def contrast_faults(claim: Claim, tables: Mapping[str, TableSection]) -> list[str]:
    """Return one line per difference or metric of a claim that its table does not have.

    Args:
        claim: the claim.
        tables: all tables that it names.
    """
    faults = []
    for name, contrast in claim.contrasts.items():
        table = tables[name]
        where = f"contrasts: {name}"
        known = table.compared_metrics
        faults += [
            f"{where}: metrics: is {metric!r}, expected one of {', '.join((*known, FLOPS))}"
            for metric in contrast.metrics
            if metric not in known and metric != FLOPS
        ]
        pairs = {frozenset(pair) for pair in table.compared_pairs}
        for pair in contrast.pairs:
            if frozenset((pair.variant, pair.minus)) not in pairs:
                differences = ", ".join(f"{variant} minus {minus}" for variant, minus in table.compared_pairs)
                faults.append(
                    f"{where}: pairs: is {pair.variant} minus {pair.minus}, expected a difference of the table "
                    f"({differences or 'it has none'}); to add one: 'differences' in its file"
                )
    return faults
