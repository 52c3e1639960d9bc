"""The ledger of claims in four forms: a block per source, then the claims that no table of the study tests."""

from collections.abc import Iterator
from math import isnan
from pathlib import Path

import pandas as pd

from emofactors.io.atomic import write_text_atomically
from emofactors.report.claims.evidence import Comparison
from emofactors.report.claims.ledger import Entry, Ledger, published_cell, write_ledger_csv
from emofactors.report.claims.verdict import p_values
from emofactors.report.formatting import counted, interval_cell, p_cell
from emofactors.report.tables.base import Block, TableLayout
from emofactors.report.tables.render import html as html_renderer
from emofactors.report.tables.render import latex, markdown

_DECIMALS = {"points": 1, "%": 0, "nats": 3}
_REMARKS = (
    "Effect: the difference with its 95 % interval over speakers and trainings; of several differences, the one "
    "that agrees least with the claim, as each has to agree. p: of the claim, with Holm's correction over the "
    "primary claims of the source, or over its other claims; two-sided, but one-sided where the claim is that a "
    "difference is not below or not beyond the margin d.",
    "Supported, contradicted: significant at 5 %, at documented settings, with enough seeds and speakers. No "
    "difference larger than d: the 90 % interval lies within ±d (two one-sided tests at 5 %). Undecided: neither, "
    "or a test that cannot decide, whatever it shows here. Numbers of seeds or speakers that would decide a claim "
    "assume that the effect stays as observed.",
)
#: Studies that are named for a claim; more are counted.
_MAX_STUDIES = 4


def write_ledger(ledger: Ledger, *, csv: str | Path, md: str | Path, tex: str | Path, html: str | Path) -> None:
    """Write the ledger; the same numbers give the same bytes.

    Args:
        ledger: the ledger.
        csv: one row per difference, see ``ledger.LedgerRow``.
        md: Markdown.
        tex: LaTeX tables; the document needs the package booktabs.
        html: a fragment of HTML for the page.
    """
    layout = ledger_layout(ledger)
    write_ledger_csv(csv, ledger)
    write_text_atomically(md, markdown.render(layout))
    write_text_atomically(tex, latex.render(layout))
    write_text_atomically(html, html_renderer.render(layout, level=3))


def ledger_layout(ledger: Ledger) -> TableLayout:
    """Return the ledger, ready to be rendered."""
    blocks = [_source_block(ledger, name) for name in ledger.settings.sources if _entries(ledger, name)]
    if ledger.untested:
        blocks.append(_untested_block(ledger))
    return TableLayout(
        title="Claims",
        caption="What each source claims, and what this study shows.",
        blocks=tuple(blocks),
        remarks=_REMARKS,
        sources=(),
    )


def _entries(ledger: Ledger, source: str) -> list[Entry]:
    return [entry for entry in ledger.entries if entry.source == source]


def _source_block(ledger: Ledger, name: str) -> Block:
    entries = _entries(ledger, name)
    return Block(
        heading=ledger.settings.sources[name].label,
        notes=tuple(_notes(ledger, name, entries)),
        scores=pd.DataFrame([_row(ledger, entry) for entry in entries]),
        differences=pd.DataFrame(),
    )


def _notes(ledger: Ledger, name: str, entries: list[Entry]) -> Iterator[str]:
    yield ledger.settings.sources[name].source
    words = pd.Series([entry.verdict.word for entry in entries]).value_counts(sort=False)
    yield f"{counted(len(entries), 'test')}: {', '.join(f'{n} {word}' for word, n in words.items())}"
    changed: dict[str, set[str]] = {}
    for entry in entries:
        for system, keys in entry.changed.items():
            changed.setdefault(system, set()).update(keys)
    for system, settings in changed.items():
        yield f"reduced: the study changes {', '.join(sorted(settings))} of {system}"
    where = dict.fromkeys(of.where for entry in entries for of in entry.claim.published)
    if where:
        yield f"published effects: {'; '.join(where)}"


def _row(ledger: Ledger, entry: Entry) -> dict[str, str]:
    return {
        "claim": entry.claim.claim + (" (primary)" if entry.claim.primary else ""),
        "corpus and protocol": _sample(ledger, entry),
        "size": entry.size,
        "effect [95 %]": _effect(entry),
        "published effect": published_cell(entry.claim),
        "p": _p(entry),
        "verdict": str(entry.verdict),
    }


def _sample(ledger: Ledger, entry: Entry) -> str:
    task = ledger.settings.tasks[entry.evidence.task]
    comparisons = entry.evidence.comparisons
    corpora = dict.fromkeys(of.corpus for of in comparisons) or [ledger.settings.corpora[task.corpus].title]
    dependence = "independent" if task.speaker_independent else "dependent"
    parts = [f"{' and '.join(corpora)}, speaker-{dependence} ({entry.evidence.task})"]
    for noun in ("speaker", "seed"):
        numbers = [getattr(of.effect, f"n_{noun}s") for of in comparisons]
        if numbers and not any(map(isnan, numbers)):
            parts.append(counted(int(min(numbers)), noun))
    return ", ".join(parts)


def _effect(entry: Entry) -> str:
    """Return the difference that agrees least with the claim."""
    comparisons = entry.evidence.comparisons
    if not comparisons:
        return "–"
    weakest = min(comparisons, key=lambda of: _agreement(entry, of))
    unit = entry.question.unit
    numbers = pd.Series({"value": weakest.effect.value, "ci_low": weakest.ci_low, "ci_high": weakest.ci_high})
    cell = f"{interval_cell(numbers, _DECIMALS[unit], sign='+')} {unit}"
    if len(comparisons) == 1:
        return cell
    return f"{cell}; least of {len(comparisons)}: {weakest.metric} of {weakest.variant} minus {weakest.minus}"


def _agreement(entry: Entry, of: Comparison) -> float:
    """Return how well a difference agrees with the claim: higher is better."""
    if entry.p is not None:
        p = p_values(entry.question, [of.effect])
        if p.supports < 1 or p.contradicts < 1:
            return p.contradicts - p.supports
    sign = {"higher": 1, "not_lower": 1, "lower": -1}.get(entry.claim.expect)
    return -abs(of.effect.value) if sign is None else sign * of.effect.value


def _p(entry: Entry) -> str:
    if not isnan(entry.p_holm):
        return f"{p_cell(entry.p_holm)} (Holm)"
    return f"{p_cell(entry.p.smaller)} (not corrected)" if entry.p else "–"


def _untested_block(ledger: Ledger) -> Block:
    rows = []
    for source, key in ledger.untested:
        claim = ledger.claim(source, key)
        studies = dict.fromkeys(s for table in claim.contrasts for s in ledger.settings.studies.get(table, ()))
        named = ", ".join(list(studies)[:_MAX_STUDIES])
        more = f" and {len(studies) - _MAX_STUDIES} more" if len(studies) > _MAX_STUDIES else ""
        rows.append(
            {
                "claim": claim.claim + (" (primary)" if claim.primary else ""),
                "source": ledger.settings.sources[source].label,
                "tested by the studies": f"{named}{more}" or "none",
            }
        )
    return Block(
        heading="Not tested here",
        notes=("no table of this study tests these claims",),
        scores=pd.DataFrame(rows),
        differences=pd.DataFrame(),
    )
