"""The first screen of the page: what was run in one line, and a sentence or two a table, made from its numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from emofactors.config.study import Study
from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.report.formatting import counted
from emofactors.report.page.settings import departures
from emofactors.report.tables.factor_ablation import ablation_headlines
from emofactors.report.tables.factor_findings import ground_truth_headlines, information_headlines
from emofactors.report.tables.layout import protocol_letters
from emofactors.report.tables.sentences import SIGNIFICANT, own_rows, place, points, signed, with_interval
from emofactors.report.tables.tidy import gap_column

_HEADLINES_OF_FACTORS = {
    "factor_ablation": ablation_headlines,
    "code_information": information_headlines,
    "true_factors": ground_truth_headlines,
}


@dataclass(frozen=True)
class Headline:
    """What a table shows in short.

    Attributes:
        table: name of the table.
        title: its title.
        task: the task it is about; empty where it is about several.
        sentences: what it shows.
    """

    table: str
    title: str
    task: str
    sentences: tuple[str, ...]


def in_one_line(study: Study, notes: Mapping[str, Mapping[str, Any]], n_runs: int) -> str:
    """What was run: corpora with their sizes, protocols, seeds and trainings.

    Args:
        study: what was asked for.
        notes: corpus -> notes of its manifest.
        n_runs: number of trainings.

    Returns:
        One sentence.
    """
    corpora = "; ".join(_size(notes[name]) for name in study.corpora)
    n_independent = sum(task.speaker_independent for task in study.tasks.values())
    n_dependent = len(study.tasks) - n_independent
    protocols = [
        f"{n} speaker-{kind}" for n, kind in ((n_independent, "independent"), (n_dependent, "dependent")) if n
    ]
    seeds = f"seed{'s' if len(study.seeds) > 1 else ''} {', '.join(map(str, study.seeds))}"
    systems = counted(len(study.systems), "system")
    return (
        f"{corpora}; {' and '.join(protocols)} {'task' if len(study.tasks) == 1 else 'tasks'}; {systems}, "
        f"{counted(n_runs, 'training')}, {seeds}."
    )


def _size(note: Mapping[str, Any]) -> str:
    """A corpus with its size in brackets."""
    size = f"{note['utterances']:,} utterances, {counted(note['speakers'], 'speaker')}"
    return f"{note['title']} ({size}{', not as published' if note['whole'] is False else ''})"


def headlines(study: Study, scores: Mapping[str, pd.DataFrame]) -> list[Headline]:
    """What each table shows of each of its tasks, in short; nothing of a table without anything to say.

    Args:
        study: what was asked for.
        scores: table -> its tidy form, in percent.

    Returns:
        A headline a table and task, in the study's order; protocols side by side have one together.
    """
    found = []
    said: set[tuple[str, tuple[str, str]]] = set()
    for name, table in study.tables.items():
        tasks = study.table_tasks[name]
        if table.kind == "protocols":
            found.append(Headline(name, table.title, "", tuple(_of_protocols(table, tasks, scores[name]))))
            continue
        for task in tasks:
            of_task = scores[name][scores[name]["column"] == task]
            if table.kind in _HEADLINES_OF_FACTORS:
                sentences = _HEADLINES_OF_FACTORS[table.kind](table, of_task)
            elif table.axis:
                sentences = _of_axis(table, of_task)
            else:
                runs = {(task, run) for run in table.runs.values() if table.system in (None, run[0])}
                sentences = [] if runs <= said else _of_variants(table, study.tasks[task], study, of_task)
                sentences += _of_unseen_speakers(of_task)
                said |= runs
            found.append(Headline(name, table.title, task, tuple(sentences)))
    return [headline for headline in found if headline.sentences]


def _of_variants(table: TableConfig, task: TaskConfig, study: Study, scores: pd.DataFrame) -> list[str]:
    """The highest UA of the table's own system, or of all, and which differences are shown."""
    rows = own_rows(table, scores)
    if rows.empty:
        return []
    best = rows.iloc[rows["value"].argmax()]
    highest = "highest UA" if len(rows) > 1 else "UA"
    chance = 100 / len(task.classes)
    verdict = {"inside": ", within the interval", "above": ", above the interval"}.get(place(chance, best), "")
    chance_words = f"chance {chance:.1f} %{verdict}"
    sentence = f"{highest} {with_interval(best)} with “{best['row']}” ({chance_words})"
    where = place(best["published"], best)
    if where:
        departs = departures(study.systems[table.runs[best["variant"]][0]])
        sentence += f"; published {best['published']:.1f} %, {where} our interval"
        sentence += ", but ours is not the published system" if departs else ""
    return [f"{sentence}.", *_of_differences(scores)]


def _of_unseen_speakers(scores: pd.DataFrame) -> list[str]:
    """The row that loses most where it does not know the speaker."""
    gaps = scores[scores["metric"] == "held_out_gap"]
    if gaps.empty:
        return []
    most = gaps.iloc[gaps["value"].argmax()]
    return [f"UA on seen minus unseen speakers is largest with “{most['row']}”: {signed(most)}."]


def _of_axis(table: TableConfig, scores: pd.DataFrame) -> list[str]:
    """Where UA is highest and lowest along the axis, and which differences are shown."""
    rows = scores[scores["metric"] == "ua"]
    if len(rows) < 2:
        return []
    best, worst = rows.iloc[rows["value"].argmax()], rows.iloc[rows["value"].argmin()]
    return [
        f"over {table.axis}, UA is highest at {best['row']}, {with_interval(best)}, and lowest at {worst['row']}, "
        f"{with_interval(worst)}.",
        *_of_differences(scores),
    ]


def _of_differences(scores: pd.DataFrame) -> list[str]:
    """Which differences of UA are shown after correction."""
    differences = scores[(scores["metric"] == "ua_difference") & scores["p_holm"].notna()]
    if differences.empty:
        return []
    shown = differences[differences["p_holm"] <= SIGNIFICANT]
    listed = "; ".join(f"{row['row']} {row['value']:+z.1f} points" for _, row in shown.iterrows())
    n = len(differences)
    if listed:
        return [f"Of {counted(n, 'difference')} in UA shown at 5 % (Holm): {listed}."]
    return [f"Its {n} differences in UA are not shown." if n > 1 else "Its one difference in UA is not shown."]


def _of_protocols(table: TableConfig, tasks: Sequence[str], scores: pd.DataFrame) -> list[str]:
    """WA under each protocol, of the row that is best under the last, and what is lost from the first to it."""
    letters = protocol_letters(tasks)
    wa = scores[scores["metric"] == "wa"].set_index(["variant", "column"])["value"]
    variant = max(table.rows, key=lambda row: wa[row, tasks[-1]])
    under = ", ".join(f"{letters[task]} {wa[variant, task]:.1f} %" for task in tasks)
    sentence = f"“{table.rows[variant]}”, WA by protocol: {under}"
    if len(tasks) > 1:
        is_whole = (scores["column"] == gap_column(tasks[0], tasks[-1])) & (scores["metric"] == "wa_gap")
        whole = scores[is_whole & (scores["variant"] == variant)].iloc[0]
        sentence += f"; points from {letters[tasks[0]]} to {letters[tasks[-1]]}: {points(whole)}"
    return [f"{sentence}."]
