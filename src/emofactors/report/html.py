"""The page of a study: what was run, what was found, and all it takes to judge it, in one file.

The page loads nothing: figures and styles are part of it. Its sentences are
made from the numbers of the tables, so they cannot say anything else than those.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from emofactors.config import FACTOR_KINDS, Documented, PublishedScores, SystemConfig, TableConfig, TaskConfig
from emofactors.evaluation.intervals import smallest_p_value
from emofactors.files import read_json, read_text
from emofactors.report.ablation import ablation_findings
from emofactors.report.costs import RuleCost, costs, total_cost
from emofactors.report.factor_findings import ground_truth_findings, information_findings
from emofactors.report.layout import protocol_letters, published_sources
from emofactors.report.measures import METRICS, WORDS
from emofactors.report.sounds import Sounds
from emofactors.report.tables import PUBLISHED, gap_column, published_of, read_tidy
from emofactors.study import Study

#: A corrected p-value up to which a difference counts as shown.
_SIGNIFICANT = 0.05

#: Logits that change by up to this fraction of the largest (of 1, if that is less) change by rounding alone.
_ROUNDING = 1e-4

#: Metrics of speaker probes, as a sentence begins.
_RECOGNISED_BY_PROBES = {
    "speaker_linear": "A linear probe on frozen embeddings recognises the training speakers",
    "speaker_mlp": "A probe with a hidden layer on frozen embeddings recognises the training speakers",
    "speaker_seen": "A linear probe on frozen embeddings recognises the training speakers in utterances held out "
    "from training",
}


#: Kind of a table about factors -> what finds sentences in its numbers.
_FINDINGS_OF_FACTORS = {
    "factors": ablation_findings,
    "information": information_findings,
    "ground_truth": ground_truth_findings,
}

_NO_GAP_INTERVAL = " (no interval: seen and unseen speakers are not the same, or cannot be resampled)"


@dataclass(frozen=True)
class SettingRow:
    """One setting as the page lists it.

    Attributes:
        key: its name.
        documented: its value in the system's file.
        used: its value in this study, or empty where it is the documented one.
        why: where it is stated, or why it was chosen.
    """

    key: str
    documented: str
    used: str
    why: str


@dataclass(frozen=True)
class Settings:
    """The settings of a system or of features, with their pedigree.

    Attributes:
        name: of the system or features.
        source: the publication; empty for features.
        published: settings a paper, talk or public code states.
        assumed: settings that had to be chosen.
        variants: variant -> what it changes, in words.
        departure: how this study departs from the published system, in one sentence; empty if not at all.
    """

    name: str
    source: str
    published: tuple[SettingRow, ...]
    assumed: tuple[SettingRow, ...]
    variants: Mapping[str, str]
    departure: str


def make_page(
    study: Study,
    *,
    fragments: Mapping[str, str],
    scores: Mapping[str, pd.DataFrame],
    figures: Mapping[str, str],
    audits: Mapping[str, Mapping[str, Any]],
    notes: Mapping[str, Mapping[str, Any]],
    runs: Sequence[Mapping[str, Any]],
    inspections: Sequence[Mapping[str, Any]] = (),
    sounds: Sequence[Sounds] = (),
    rule_costs: Sequence[RuleCost] = (),
) -> str:
    """The page of a study as HTML text.

    Args:
        study: what was asked for.
        fragments: table -> its HTML, as ``report.tables`` writes it, with everything in it escaped.
        scores: table -> its tidy form, in percent.
        figures: figure -> its SVG text.
        audits: task -> content of its audit.
        notes: corpus -> notes of its manifest.
        runs: what every run says of itself, see :func:`read_run`.
        inspections: what became of runs whose test utterances were heard with their frames in random
            order, read likewise: n_utterances, largest_logit, largest_logit_change, changed_predictions,
            ua and ua_shuffled (percent, or None).
        sounds: what decomposers make of some utterances; without any the page has no section to listen to.
        rule_costs: what the jobs of each rule cost; without any the page has no table of them.

    Returns:
        One HTML document that needs no other file.

    Raises:
        KeyError: if a table, figure, task or corpus of the study is not given.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("template.html").render(
        study=study,
        protocol_findings=protocol_findings(study, scores),
        protocol_letters=protocol_letters,
        findings=findings(study, scores, notes),
        shuffle_findings=[shuffle_finding(study, inspection) for inspection in inspections],
        inspections=inspections,
        sounds=sounds,
        sources={name: published_sources(table) for name, table in study.tables.items()},
        fragments={name: Markup(fragments[name]) for name in study.tables},
        figures={name: _data_uri(figures[name]) for name in study.figures},
        audits={name: audits[name] for name in study.tasks},
        notes={name: notes[name] for name in study.corpora},
        systems=[system_settings(name, system) for name, system in study.systems.items()],
        features=[documented_settings(*named) for named in study.feature_notes.items()],
        augmentations=[documented_settings(*named) for named in study.augmentation_notes.items()],
        n_runs=len(runs),
        costs=costs(runs),
        rule_costs=rule_costs,
        total_cost=total_cost(rule_costs),
        n_resumed=sum(run["resumed_at_step"] > 0 for run in runs if run["resumed_at_step"] is not None),
        provenance=provenance(runs),
    )


# --- what is read --------------------------------------------------------------------------------------------


def read_run(path: str | Path) -> dict[str, Any]:
    """What a run says of itself, or is said of it, and which run it is.

    Args:
        path: file ``…/{task}/{system}/{variant}/fold{fold}/seed{seed}/*.json``.

    Returns:
        Content of the file, and ``task``, ``system`` and ``variant``.

    Raises:
        InputError: if the file is missing or damaged.
    """
    task, system, variant = Path(path).parts[-6:-3]
    about = {"task": task, "system": system, "variant": variant}
    return read_json(path, "what a run says of itself, or is said of it") | about


def read_scores(paths: Iterable[str | Path]) -> dict[str, pd.DataFrame]:
    """Tidy tables, by the name of their file; labels stay text, also those that are numbers."""
    return {Path(path).stem: read_tidy(path) for path in paths}


def read_texts(paths: Iterable[str | Path]) -> dict[str, str]:
    """Content of text files, by their name without its ending."""
    return {Path(path).stem: read_text(path, "a part of the page") for path in paths}


# --- what was found, in sentences ----------------------------------------------------------------------------


def findings(
    study: Study, scores: Mapping[str, pd.DataFrame], notes: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[str]]:
    """The headline findings of each task, as sentences made from the tables' numbers.

    Args:
        study: what was asked for.
        scores: table -> its tidy form, in percent.
        notes: corpus -> notes of its manifest.

    Returns:
        Task -> its sentences; protocols side by side have :func:`protocol_findings`.
    """
    sentences = {}
    for name, task in study.tasks.items():
        sentences[name] = []
        for table_name, table in study.tables.items():
            if name not in study.table_tasks[table_name] or table.kind == "protocols":
                continue
            of_task = scores[table_name][scores[table_name]["column"] == name]
            if table.kind in FACTOR_KINDS:
                sentences[name] += _FINDINGS_OF_FACTORS[table.kind](table, of_task)
            elif table.axis:
                sentences[name] += _course(table, of_task)
            else:
                sentences[name] += _highest(table, task, study, of_task)
                sentences[name] += _others(table, of_task)
                sentences[name] += _differences(table, of_task)
                sentences[name] += _speakers_left(table, of_task)
        sentences[name] += _reservations(study, task, notes[task.corpus])
    return sentences


def _highest(table: TableConfig, task: TaskConfig, study: Study, scores: pd.DataFrame) -> list[str]:
    """The row of the table's own system, or of all, with the highest UA, against chance and what is published."""
    own = [row for row, (system, _) in table.runs.items() if table.system in (None, system)]
    rows = scores[(scores["metric"] == "ua") & scores["variant"].isin(own)]
    if rows.empty:
        return []
    best = rows.loc[rows["value"].idxmax()]
    noun = "variants" if table.system else "rows"
    among = f"Among the {len(rows)} {noun} of “{table.title}”, UA is highest for" if len(rows) > 1 else "UA of"
    sentences = [
        f"{among} “{best['row']}”: {_with_interval(best)}, "
        f"from {best['n_utterances']:.0f} test utterances of {best['n_speakers']:.0f} speakers "
        f"and {best['n_runs']:.0f} trainings."
    ]
    chance = 100 / len(task.classes)
    where = _place(chance, best)
    if where:
        words = {
            "below": "the interval lies above it",
            "inside": "the interval holds it, so nothing better than chance is shown",
            "above": "the interval lies below it",
        }[where]
        sentences.append(f"Chance is {chance:.1f} % for {len(task.classes)} classes: {words}.")
    where = _place(best["published"], best)
    if where:
        departs = _departures(study.systems[table.runs[best["variant"]][0]])
        sentences.append(
            f"The published UA for this corpus and protocol is {best['published']:.1f} %, "
            f"{where} our interval{'; but ours is not the published system' if departs else ''}."
        )
    return sentences


def _others(table: TableConfig, scores: pd.DataFrame) -> list[str]:
    """What rows of other systems reach on the same folds, beside the best of the table's own."""
    rows = scores[scores["metric"] == "ua"].set_index("variant")
    others = [row for row, (system, _) in table.runs.items() if system != table.system]
    own = rows.drop(index=others, errors="ignore")
    if table.system is None or own.empty:
        return []
    best = own.loc[own["value"].idxmax()]
    return [
        f"On the same folds, “{row['row']}” has UA {_with_interval(row)}: "
        f"{abs(row['value'] - best['value']):.1f} points {'above' if row['value'] > best['value'] else 'below'} "
        f"“{best['row']}”."
        for _, row in rows.loc[others].iterrows()
    ]


def _speakers_left(table: TableConfig, scores: pd.DataFrame) -> list[str]:
    """How well probes recognise the training speakers, what an unseen voice costs, and what comparisons show."""
    sentences = []
    for metric in (m for m in table.metrics if m in _RECOGNISED_BY_PROBES):
        rows = scores[scores["metric"] == metric]
        listed = "; ".join(f"“{row['row']}” {_with_interval(row)}" for _, row in rows.iterrows())
        chance = rows["chance"].iloc[0]
        sentences.append(f"{_RECOGNISED_BY_PROBES[metric]} (chance {chance:.1f} %): {listed}.")
        for _, row in scores[scores["metric"] == f"{metric}_difference"].iterrows():
            verdict = _verdict(row, scores, "the speaker is recognised", "more often", "less often")
            sentences.append(f"{row['row']}: {WORDS[metric].header} {row['value']:+z.1f} points{verdict}.")
    for _, row in scores[scores["metric"] == "seen_gap"].iterrows():
        sentences.append(
            f"“{row['row']}”: UA on held-out utterances of seen speakers minus UA on unseen speakers, by the same "
            f"models: {_signed(row)}{'' if pd.notna(row['ci_low']) else _NO_GAP_INTERVAL}."
        )
    for _, row in scores[scores["metric"] == "seen_gap_difference"].iterrows():
        verdict = _verdict(row, scores, "the gap is", "higher", "lower")
        sentences.append(f"{row['row']}: gap between seen and unseen {row['value']:+z.1f} points{verdict}.")
    return sentences


def _course(table: TableConfig, scores: pd.DataFrame) -> list[str]:
    """Where UA is highest and lowest along the axis, which differences are shown, and the course of the paper."""
    rows = scores[scores["metric"] == "ua"]
    if len(rows) < 2:
        return []
    best, worst = rows.loc[rows["value"].idxmax()], rows.loc[rows["value"].idxmin()]
    sentences = [
        f"Over {table.axis}, UA is highest at {best['row']} ({_with_interval(best)}) and lowest at "
        f"{worst['row']} ({_with_interval(worst)})."
    ]
    differences = scores[(scores["metric"] == "ua_difference") & scores["p_holm"].notna()]
    is_shown = differences["p_holm"] <= _SIGNIFICANT
    for which, rows in (("shown", differences[is_shown]), ("not shown", differences[~is_shown])):
        if len(rows):
            listed = "; ".join(f"{row['row']}: {row['value']:+z.1f} points" for _, row in rows.iterrows())
            no_power = _no_power(scores, rows["n_speakers"].max())
            sentences.append(f"Differences {which} at 5 % (Holm): {listed}{no_power}.")
    for published in table.published:
        values = _published_values(table, published, "ua")
        if values:
            high, low = max(values, key=values.get), min(values, key=values.get)
            sentences.append(
                f"Published for {published.label}: highest at {table.rows[high]:g} ({values[high]:.1f} %), "
                f"lowest at {table.rows[low]:g} ({values[low]:.1f} %)."
            )
    return sentences


def _differences(table: TableConfig, scores: pd.DataFrame) -> list[str]:
    """What each comparison of a table shows, and what the paper says of it."""
    return [
        f"{row['row']}: UA {row['value']:+z.1f} points{_verdict(row, scores)}.{_published_difference(table, row)}"
        for _, row in scores[scores["metric"] == "ua_difference"].iterrows()
    ]


def _verdict(
    row: pd.Series, scores: pd.DataFrame, what: str = "UA is", more: str = "higher", less: str = "lower"
) -> str:
    """Interval and corrected p-value of a difference, and whether it is shown."""
    p = row["p_holm"]
    if pd.isna(p):
        return "; the speakers cannot be resampled to say how surely"
    if p > _SIGNIFICANT:
        verdict = f"no difference is shown{_no_power(scores, row['n_speakers'])}"
    else:
        verdict = f"{what} {more if row['value'] > 0 else less}"
    return (
        f" [{row['ci_low']:+z.1f}, {row['ci_high']:+z.1f}], "
        f"p {f'= {p:.4f}' if p >= 0.00005 else '< 0.0001'} (Holm): {verdict}"
    )


def _no_power(scores: pd.DataFrame, n_speakers: float) -> str:
    """A warning where a difference is over so few speakers that none could ever be shown; else empty."""
    n_speakers = int(n_speakers)
    # Holm's correction is at least for the differences of as few speakers: those of more may have smaller p.
    n_tests = (scores.loc[scores["p_value"].notna(), "n_speakers"] <= n_speakers).sum()
    smallest = min(1.0, n_tests * smallest_p_value(n_speakers))
    if smallest <= _SIGNIFICANT:
        return ""
    return f"; with {n_speakers} speakers none could be, the smallest corrected p is {smallest:.2f}"


def _published_difference(table: TableConfig, row: pd.Series) -> str:
    """The same comparison in each paper, under the paper's own label."""
    words = ""
    for published in table.published:
        values = _published_values(table, published, "ua")
        if row["variant"] in values and row["minus"] in values:
            difference = values[row["variant"]] - values[row["minus"]]
            words += f" Published for {published.label}: {difference:+z.1f} points."
    return words


def _published_values(table: TableConfig, published: PublishedScores, metric: str) -> dict[str, float]:
    """Variant of the table -> its published score, in percent."""
    values = published.values
    return {variant: values[variant][metric] for variant in table.rows if metric in values.get(variant, {})}


def _reservations(study: Study, task: TaskConfig, note: Mapping[str, Any]) -> list[str]:
    """What keeps the numbers of a task from saying more."""
    sentences = []
    if not task.speaker_independent:
        sentences.append(
            "The task is speaker-dependent: test speakers may be heard in training, so no number of it says "
            "how well a new speaker would be understood."
        )
    if task.shows_leak:
        sentences.append(
            "The task leaks on purpose: copies of test utterances are in training, so its numbers say what that "
            "is worth, and not how well emotions are recognised."
        )
    if note["whole"] is False:
        sentences.append(
            f"{note['title']} is not as published here ({note['utterances']} utterances, published are "
            f"{note['published_utterances']}): no number of it stands beside one of the whole corpus."
        )
    return sentences


def protocol_findings(study: Study, scores: Mapping[str, pd.DataFrame]) -> dict[str, list[str]]:
    """What is left of a score from protocol to protocol, as sentences made from the tables' numbers.

    Args:
        study: what was asked for.
        scores: table -> its tidy form, in percent.

    Returns:
        Table of kind ``protocols`` -> its sentences.
    """
    return {
        name: [
            sentence
            for variant in table.rows
            for sentence in _protocol_course(study, table, study.table_tasks[name], scores[name], variant)
        ]
        for name, table in study.tables.items()
        if table.kind == "protocols"
    }


def _protocol_course(
    study: Study, table: TableConfig, tasks: Sequence[str], scores: pd.DataFrame, variant: str
) -> list[str]:
    """What one variant scores under each protocol, what it loses on the way, and what is published."""
    letters = protocol_letters(tasks)
    numbers = {(row["column"], row["metric"]): row for _, row in scores[scores["variant"] == variant].iterrows()}
    leaks = {task: " (leaks)" if study.tasks[task].shows_leak else "" for task in tasks}
    under = [f"{letters[task]}{leaks[task]} {_with_interval(numbers[task, 'wa'])}" for task in tasks]
    sentences = [f"“{table.rows[variant]}”, WA by protocol: {'; '.join(under)}."]
    if len(tasks) > 1:
        steps = [
            f"{_points(numbers[gap_column(one, other), 'wa_gap'])} {_step(study.tasks[one], study.tasks[other])}"
            for one, other in pairwise(tasks)
        ]
        whole = [_points(numbers[gap_column(tasks[0], tasks[-1]), f"{metric}_gap"]) for metric in ("wa", "ua")]
        sentences.append(
            f"“{table.rows[variant]}”, points of WA: {'; '.join(steps)}. From {letters[tasks[0]]} to "
            f"{letters[tasks[-1]]}: {whole[0]}; of UA: {whole[1]}."
        )
    system = study.systems[table.runs[variant][0]]
    departs = "; but ours is not the published system" if _departures(system) else ""
    return sentences + [
        f"“{table.rows[variant]}”, published for {words}{departs}."
        for task in tasks
        for words in _published_protocol(table, tasks, task, numbers)
    ]


def _published_protocol(
    table: TableConfig, tasks: Sequence[str], task: str, numbers: Mapping[tuple[str, str], pd.Series]
) -> list[str]:
    """What is published of one variant and protocol: beside ours, and what it has more than our last protocol."""
    letters = protocol_letters(tasks)
    found = []
    for metric in METRICS:
        ours, gap = numbers[task, metric], numbers.get((gap_column(PUBLISHED, tasks[-1]), f"{metric}_gap"))
        if not pd.isna(ours["published"]):
            where = _place(ours["published"], ours)
            words = f"{published_of(table, task).label}: {metric.upper()} {ours['published']:.2f} %"
            words += f", {where} our interval under {letters[task]}" if where else ""
            words += "" if gap is None else f"; minus ours under {letters[tasks[-1]]}: {_signed(gap)}"
            found.append(words)
    return found


def _step(one: TaskConfig, other: TaskConfig) -> str:
    """Where two protocols differ, as the reason of what is lost from the one to the other."""
    reasons = []
    if one.shows_leak and not other.shows_leak:
        reasons.append("copies stay on one side of the split")
    if other.speaker_independent and not one.speaker_independent:
        reasons.append("the test speakers are unseen in training")
    return f"when {' and '.join(reasons)}" if reasons else f"when the protocol is “{other.protocol_words}”"


def _points(gap: pd.Series) -> str:
    """A gap as points that are lost or gained, with its interval."""
    sign, word = (1, "lost") if gap["value"] >= 0 else (-1, "gained")
    points = f"{sign * gap['value']:z.1f} {word}"
    if pd.isna(gap["ci_low"]):
        return points
    low, high = sorted((sign * gap["ci_low"], sign * gap["ci_high"]))
    return f"{points} [{low:z.1f}, {high:z.1f}]{' (the interval holds 0)' if low <= 0 <= high else ''}"


def _signed(gap: pd.Series) -> str:
    """A gap in points with its sign, and its interval if it has one."""
    interval = "" if pd.isna(gap["ci_low"]) else f" [{gap['ci_low']:+z.1f}, {gap['ci_high']:+z.1f}]"
    return f"{gap['value']:+z.1f} points{interval}"


def shuffle_finding(study: Study, inspection: Mapping[str, Any]) -> str:
    """Whether a run hears in which order the frames come, as a sentence made from its numbers.

    Args:
        study: what was asked for.
        inspection: one run, heard as it is and with its frames in random order; see :func:`make_page`.

    Returns:
        The sentence.
    """
    n, changed = inspection["n_utterances"], inspection["changed_predictions"]
    change, largest = inspection["largest_logit_change"], inspection["largest_logit"]
    name = f"“{inspection['variant']}” ({inspection['task']})"
    moves = f"the logits of {name} by at most {change:.2g}; the largest is {largest:.1f}"
    if change > _ROUNDING * max(1.0, largest) or changed:
        scores = [inspection["ua"], inspection["ua_shuffled"]]
        ua = "" if None in scores else f", and UA goes from {scores[0]:.1f} to {scores[1]:.1f} %"
        return (
            f"Shuffling the frames of {n} test images moves {moves}. {changed} of {n} predictions change{ua}: "
            "it hears in which order the frames come."
        )
    needs = study.systems[inspection["system"]].needs.get(inspection["variant"])
    teacher = needs and needs.teacher
    transfer = (
        f", so “{teacher}” can have transferred no sense of position to it, only better weights" if teacher else ""
    )
    return (
        f"Shuffling the frames of {n} test images moves {moves}. No prediction changes: it does not hear in which "
        f"order the frames come{transfer}."
    )


def _with_interval(row: pd.Series) -> str:
    """A score in words, with its interval if it has one."""
    if pd.isna(row["ci_low"]) or pd.isna(row["ci_high"]):
        return f"{row['value']:.1f} % (no interval: the speakers cannot be resampled)"
    return f"{row['value']:.1f} % [{row['ci_low']:.1f}, {row['ci_high']:.1f}]"


def _place(value: float, row: pd.Series) -> str:
    """Where a value lies beside an interval: below, inside or above it; empty if one of them is missing."""
    if pd.isna([value, row["ci_low"], row["ci_high"]]).any():
        return ""
    if value < row["ci_low"]:
        return "below"
    return "above" if value > row["ci_high"] else "inside"


# --- settings ------------------------------------------------------------------------------------------------


def system_settings(name: str, system: SystemConfig) -> Settings:
    """The settings of a system, and how this study departs from what is published."""
    published = [s.key for s in system.settings if s.kind == "published"]
    departures = _departures(system)
    others = [
        f"{key} = {_words(value)}{_of_variant(variant)}"
        for variant, key, value, _ in _overridden(system)
        if key not in published
    ]
    departure = ""
    if departures:
        changed = {key for _, key, value, instead in _overridden(system) if key in published and value != instead}
        departure = (
            f"This is not the published system: the study changes {len(changed)} of its {len(published)} "
            f"published settings ({', '.join(departures)}). Its scores do not say whether the published numbers "
            "can be reproduced. "
        )
    if others:
        departure += f"Of the settings no publication states, the study changes {', '.join(others)}."
    return Settings(
        name=name,
        source=system.source,
        published=_setting_rows(system.settings, "published", system.overrides),
        assumed=_setting_rows(system.settings, "assumed", system.overrides),
        variants={variant: _variant_words(system, variant) for variant in system.variants},
        departure=departure.strip(),
    )


def documented_settings(name: str, settings: Sequence[Documented]) -> Settings:
    """The settings of features or of an augmentation, with their pedigree; no study changes them."""
    return Settings(
        name=name,
        source="",
        published=_setting_rows(settings, "published", {}),
        assumed=_setting_rows(settings, "assumed", {}),
        variants={},
        departure="",
    )


def _overridden(system: SystemConfig) -> list[tuple[str, str, Any, Any]]:
    """What the study sets: in which variant alone (empty: in all), the key, the value, and what it replaces."""
    documented = {s.key: s.value for s in system.settings}
    return [("", key, value, documented[key]) for key, value in system.overrides.items()] + [
        (variant, key, value, (documented | system.variants[variant] | system.overrides)[key])
        for variant, changes in system.variant_overrides.items()
        for key, value in changes.items()
    ]


def _departures(system: SystemConfig) -> list[str]:
    """What the study changes of a system's published settings."""
    published = {s.key for s in system.settings if s.kind == "published"}
    return [
        f"{key} is {_words(value)} instead of {_words(instead)}{_of_variant(variant)}"
        for variant, key, value, instead in _overridden(system)
        if key in published and value != instead
    ]


def _of_variant(variant: str) -> str:
    """The variant a change is confined to, in brackets; empty where it is of all."""
    return f" ({variant})" if variant else ""


def _variant_words(system: SystemConfig, variant: str) -> str:
    """What a variant changes, what the study changes in it alone, and the runs it needs."""
    words = [f"{key} = {_words(value)}" for key, value in system.variants[variant].items()] or ["nothing"]
    words += [f"here {key} = {_words(value)}" for key, value in system.variant_overrides.get(variant, {}).items()]
    if variant in system.needs:
        words.append(f"needs {', '.join(system.needs[variant].variants)}")
    return ", ".join(words)


def _setting_rows(
    settings: Iterable[Documented], kind: str, overrides: Mapping[str, Any]
) -> tuple[SettingRow, ...]:
    """The settings of one kind, with what the study makes of them."""
    return tuple(
        SettingRow(
            key=s.key,
            documented=_words(s.value),
            used=_words(overrides[s.key]) if overrides.get(s.key, s.value) != s.value else "",
            why=s.why,
        )
        for s in settings
        if s.kind == kind
    )


def _words(value: Any) -> str:
    """A setting's value as one reads it."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(_words(item) for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


# --- provenance ----------------------------------------------------------------------------------------------


def provenance(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """What the trainings were made with: item -> value -> number of trainings."""
    found: dict[str, dict[str, int]] = {}
    for run in runs:
        items = {key: run[key] for key in ("device", "precision", "threads")}
        items |= {f"code of {run['system']}": run["code"]} | run["versions"]
        for key, value in items.items():
            counts = found.setdefault(key, {})
            counts[str(value)] = counts.get(str(value), 0) + 1
    return found


def _data_uri(svg: str) -> str:
    """A picture as part of the page; as an image, nothing in it can run."""
    return f"data:image/svg+xml;base64,{b64encode(svg.encode('utf-8')).decode('ascii')}"
