"""What a study found, in sentences made from the numbers of its tables, which cannot say anything else."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd

from emofactors.config.study import Study
from emofactors.config.tables import FACTOR_KINDS, PublishedScores, TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.statistics.intervals import smallest_p_value
from emofactors.report.page.settings import departures
from emofactors.report.tables.factor_ablation import ablation_findings
from emofactors.report.tables.factor_findings import ground_truth_findings, information_findings
from emofactors.report.tables.layout import protocol_letters
from emofactors.report.tables.metrics import METRICS, WORDS
from emofactors.report.tables.sentences import SIGNIFICANT, own_rows, place, points, signed, with_interval
from emofactors.report.tables.tidy import PUBLISHED, gap_column, published_of

#: Logits that change by up to this fraction of the largest (of 1, if that is less) change by rounding alone.
_ROUNDING = 1e-4

#: Metrics of speaker probes, as a sentence begins.
_RECOGNISED_BY_PROBES = {
    "speaker_linear": "A linear probe on frozen embeddings recognises the training speakers",
    "speaker_mlp": "A probe with a hidden layer on frozen embeddings recognises the training speakers",
    "speaker_held_out": "A linear probe on frozen embeddings recognises the training speakers in utterances held out "
    "from training",
}


#: Kind of a table about factors -> what finds sentences in its numbers.
_FINDINGS_OF_FACTORS = {
    "factor_ablation": ablation_findings,
    "code_information": information_findings,
    "true_factors": ground_truth_findings,
}

_NO_GAP_INTERVAL = " (no interval: seen and unseen speakers are not the same, or cannot be resampled)"


def findings(
    study: Study, scores: Mapping[str, pd.DataFrame], notes: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, list[str]]]:
    """The findings of each task, as sentences made from the tables' numbers; no table repeats what another said.

    Args:
        study: what was asked for.
        scores: table -> its tidy form, in percent.
        notes: corpus -> notes of its manifest.

    Returns:
        Task -> table -> its sentences; under ``""`` what keeps the numbers of the task from saying more. Protocols
        side by side have :func:`protocol_findings`.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for name, task in study.tasks.items():
        found[name] = {}
        said: set[tuple[Any, ...]] = set()
        for table_name, table in study.tables.items():
            if name not in study.table_tasks[table_name] or table.kind == "protocols":
                continue
            of_task = scores[table_name][scores[table_name]["column"] == name]
            if table.kind in FACTOR_KINDS:
                sentences = _FINDINGS_OF_FACTORS[table.kind](table, of_task)
            elif table.axis:
                sentences = _course(table, of_task)
            else:
                sentences = _of_variants(table, task, study, of_task, said)
            found[name][table_name] = sentences
        found[name][""] = _reservations(study, task, notes[task.corpus])
    return found


def _of_variants(
    table: TableConfig, task: TaskConfig, study: Study, scores: pd.DataFrame, said: set[tuple[Any, ...]]
) -> list[str]:
    """What a table of variants shows beyond what is said already; what it says is added to that."""
    runs = {(run,) for run in table.runs.values() if table.system in (None, run[0])}
    sentences = [] if runs <= said else [*_highest(table, task, study, scores), *_others(table, scores)]
    said |= runs
    for _, row in scores[scores["metric"] == "ua_difference"].iterrows():
        # Another table may correct the p of the same pair for other comparisons: it is said again if that decides.
        pair = (table.runs[row["variant"]], table.runs[row["minus"]], bool(row["p_holm"] <= SIGNIFICANT))
        if pair not in said:
            said.add(pair)
            sentences.append(_difference(table, row, scores))
    return sentences + _speakers_left(table, scores)


def _highest(table: TableConfig, task: TaskConfig, study: Study, scores: pd.DataFrame) -> list[str]:
    """The row of the table's own system, or of all, with the highest UA, against chance and what is published."""
    rows = own_rows(table, scores)
    if rows.empty:
        return []
    best = rows.iloc[rows["value"].argmax()]
    noun = "variants" if table.system else "rows"
    among = f"Among the {len(rows)} {noun} of “{table.title}”, UA is highest for" if len(rows) > 1 else "UA of"
    sentences = [
        f"{among} “{best['row']}”: {with_interval(best)}, "
        f"from {best['n_utterances']:.0f} test utterances of {best['n_speakers']:.0f} speakers "
        f"and {best['n_runs']:.0f} trainings."
    ]
    chance = 100 / len(task.classes)
    where = place(chance, best)
    if where:
        words = {
            "below": "the interval lies above it",
            "inside": "the interval holds it, so nothing better than chance is shown",
            "above": "the interval lies below it",
        }[where]
        sentences.append(f"Chance is {chance:.1f} % for {len(task.classes)} classes: {words}.")
    where = place(best["published"], best)
    if where:
        departs = departures(study.systems[table.runs[best["variant"]][0]])
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
    best = own.iloc[own["value"].argmax()]
    return [
        f"On the same folds, “{row['row']}” has UA {with_interval(row)}: "
        f"{abs(row['value'] - best['value']):.1f} points {'above' if row['value'] > best['value'] else 'below'} "
        f"“{best['row']}”."
        for _, row in rows.loc[others].iterrows()
    ]


def _speakers_left(table: TableConfig, scores: pd.DataFrame) -> list[str]:
    """How well probes recognise the training speakers, what an unseen voice costs, and what comparisons show."""
    sentences = []
    for metric in (m for m in table.metrics if m in _RECOGNISED_BY_PROBES):
        rows = scores[scores["metric"] == metric]
        listed = "; ".join(f"“{row['row']}” {with_interval(row)}" for _, row in rows.iterrows())
        chance = rows["chance"].iloc[0]
        sentences.append(f"{_RECOGNISED_BY_PROBES[metric]} (chance {chance:.1f} %): {listed}.")
        for _, row in scores[scores["metric"] == f"{metric}_difference"].iterrows():
            verdict = _verdict(row, scores, "the speaker is recognised", "more often", "less often")
            sentences.append(f"{row['row']}: {WORDS[metric].header} {row['value']:+z.1f} points{verdict}.")
    for _, row in scores[scores["metric"] == "held_out_gap"].iterrows():
        sentences.append(
            f"“{row['row']}”: UA on held-out utterances of seen speakers minus UA on unseen speakers, by the same "
            f"models: {signed(row)}{'' if pd.notna(row['ci_low']) else _NO_GAP_INTERVAL}."
        )
    for _, row in scores[scores["metric"] == "held_out_gap_difference"].iterrows():
        verdict = _verdict(row, scores, "the gap is", "higher", "lower")
        sentences.append(f"{row['row']}: gap between seen and unseen {row['value']:+z.1f} points{verdict}.")
    return sentences


def _course(table: TableConfig, scores: pd.DataFrame) -> list[str]:
    """Where UA is highest and lowest along the axis, which differences are shown, and the course of the paper."""
    rows = scores[scores["metric"] == "ua"]
    if len(rows) < 2:
        return []
    best, worst = rows.iloc[rows["value"].argmax()], rows.iloc[rows["value"].argmin()]
    sentences = [
        f"Over {table.axis}, UA is highest at {best['row']} ({with_interval(best)}) and lowest at "
        f"{worst['row']} ({with_interval(worst)})."
    ]
    differences = scores[(scores["metric"] == "ua_difference") & scores["p_holm"].notna()]
    is_shown = differences["p_holm"] <= SIGNIFICANT
    for which, rows in (("shown", differences[is_shown]), ("not shown", differences[~is_shown])):
        if len(rows):
            listed = "; ".join(f"{row['row']}: {row['value']:+z.1f} points" for _, row in rows.iterrows())
            no_power = _no_power(scores, rows["n_speakers"].max())
            sentences.append(f"Differences {which} at 5 % (Holm): {listed}{no_power}.")
    for published in table.published:
        values = _published_values(table, published, "ua")
        if values:
            high, low = max(values, key=values.__getitem__), min(values, key=values.__getitem__)
            sentences.append(
                f"Published for {published.label}: highest at {table.rows[high]:g} ({values[high]:.1f} %), "
                f"lowest at {table.rows[low]:g} ({values[low]:.1f} %)."
            )
    return sentences


def _difference(table: TableConfig, row: pd.Series, scores: pd.DataFrame) -> str:
    """What a comparison of a table shows, and what the paper says of it."""
    return (
        f"{row['row']}: UA {row['value']:+z.1f} points{_verdict(row, scores)}.{_published_difference(table, row)}"
    )


def _verdict(
    row: pd.Series, scores: pd.DataFrame, what: str = "UA is", more: str = "higher", less: str = "lower"
) -> str:
    """Interval and corrected p-value of a difference, and whether it is shown."""
    p = row["p_holm"]
    if pd.isna(p):
        return "; the speakers cannot be resampled to say how surely"
    if p > SIGNIFICANT:
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
    if smallest <= SIGNIFICANT:
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
    under = [f"{letters[task]}{leaks[task]} {with_interval(numbers[task, 'wa'])}" for task in tasks]
    sentences = [f"“{table.rows[variant]}”, WA by protocol: {'; '.join(under)}."]
    if len(tasks) > 1:
        steps = [
            f"{points(numbers[gap_column(one, other), 'wa_gap'])} {_step(study.tasks[one], study.tasks[other])}"
            for one, other in pairwise(tasks)
        ]
        whole = [points(numbers[gap_column(tasks[0], tasks[-1]), f"{metric}_gap"]) for metric in ("wa", "ua")]
        sentences.append(
            f"“{table.rows[variant]}”, points of WA: {'; '.join(steps)}. From {letters[tasks[0]]} to "
            f"{letters[tasks[-1]]}: {whole[0]}; of UA: {whole[1]}."
        )
    system = study.systems[table.runs[variant][0]]
    departs = "; but ours is not the published system" if departures(system) else ""
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
        published = published_of(table, task)
        if published is not None and not pd.isna(ours["published"]):
            where = place(ours["published"], ours)
            words = f"{published.label}: {metric.upper()} {ours['published']:.2f} %"
            words += f", {where} our interval under {letters[task]}" if where else ""
            words += "" if gap is None else f"; minus ours under {letters[tasks[-1]]}: {signed(gap)}"
            found.append(words)
    return found


def _step(one: TaskConfig, other: TaskConfig) -> str:
    """Where two protocols differ, as the reason of what is lost from the one to the other."""
    reasons = []
    if one.shows_leak and not other.shows_leak:
        reasons.append("copies stay on one side of the split")
    if other.speaker_independent and not one.speaker_independent:
        reasons.append("the test speakers are unseen in training")
    return f"when {' and '.join(reasons)}" if reasons else f"when the protocol is “{other.protocol_label}”"


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
