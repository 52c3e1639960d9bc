"""How a table is printed: one layout, written as Markdown, LaTeX and HTML, beside the tidy CSV.

A block a task: what was tested and how, a row a variant, and the differences
below. A published value of the same corpus and protocol has columns beside
ours; of any other, a column of its own that says in its header where it is from.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from textwrap import fill, wrap
from typing import Any

import pandas as pd

from emofactors.config import TableConfig, TaskConfig
from emofactors.evaluation.intervals import MAX_EXACT_SPEAKERS, smallest_p_value
from emofactors.files import write_text_atomically
from emofactors.report.tables import METRICS, row_label

_LINE_LENGTH = 100
#: Longer headers and row labels are broken into lines in LaTeX, or a table would not fit a page.
_HEADER_LENGTH = 11
_LABEL_LENGTH = 28

_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "[": "{[}",  # at the start of a row it would be read as the option of the line break before it
        "]": "{]}",
        "*": "{*}",  # likewise
        **{character: f"\\{character}" for character in "&%$#_{}"},
    }
)


@dataclass(frozen=True)
class _Block:
    """One task of a table, in words: heading, what to know, scores and differences."""

    heading: str
    notes: tuple[str, ...]
    scores: pd.DataFrame
    differences: pd.DataFrame


def write_table(
    tidy: pd.DataFrame,
    table: TableConfig,
    tasks: Mapping[str, TaskConfig],
    *,
    overrides: Mapping[str, Any],
    csv: str | Path,
    md: str | Path,
    tex: str | Path,
    html: str | Path,
) -> None:
    """Write a table in its four forms; the same numbers, the same bytes.

    Args:
        tidy: the numbers, as ``make_table`` gives them.
        table: title, caption, rows and published values.
        tasks: task -> its config, in the order of the blocks.
        overrides: settings of the system that the study changes; a reduced network is not the published one.
        csv: the tidy table, to 4 decimals.
        md: Markdown that is aligned in a terminal.
        tex: LaTeX tables; the document needs the package booktabs.
        html: a fragment of a page that gives title, caption and source; its tables are of class ``scores``.

    Raises:
        OSError: if a file cannot be written.
    """
    blocks = [_block(tidy[tidy["column"] == name], name, task, table, overrides) for name, task in tasks.items()]
    write_text_atomically(csv, _rounded(tidy).to_csv(index=False, lineterminator="\n"))
    write_text_atomically(md, _markdown(table, blocks))
    write_text_atomically(tex, _latex(table, blocks))
    write_text_atomically(html, _html(table, blocks))


# --- the layout ----------------------------------------------------------------------------------------------


def _block(
    tidy: pd.DataFrame, name: str, task: TaskConfig, table: TableConfig, overrides: Mapping[str, Any]
) -> _Block:
    """The block of one task."""
    first = tidy.iloc[0]
    seeds = first["n_runs"] // task.n_folds
    notes = [
        first["protocol"] + ("" if task.speaker_independent else "; the test speakers are heard in training"),
        f"{first['n_utterances']:,} test utterances of {_counted(first['n_speakers'], 'speaker')}; a row is "
        f"{_counted(task.n_folds, 'fold')} x {_counted(seeds, 'seed')}",
        f"{len(task.classes)} classes: {', '.join(task.classes)}",
    ]
    if overrides:
        changed = ", ".join(f"{key} {value}" for key, value in overrides.items())
        notes.append(f"not the published system: the study sets {changed}")
    if task.n_folds > 1 and not tidy["metric"].str.endswith("_fold_mean").any():
        notes.append("no mean over folds: the test of a fold lacks a class")
    if tidy.loc[tidy["metric"] == "ua", "ci_low"].isna().any():
        notes.append("no intervals: too few speakers to resample, or too few of them speak every class")
    if table.published is not None and tidy["published"].isna().all():
        notes.append("the published values are not of this corpus and protocol: they stand under their own label")
    differences = _differences(tidy, table)
    if len(differences) and first["n_speakers"] <= MAX_EXACT_SPEAKERS:
        smallest = _p_cell(smallest_p_value(first["n_speakers"]))
        notes.append(f"with {_counted(first['n_speakers'], 'speaker')} no p can be below {smallest}")
    return _Block(
        heading=f"{name}: {first['corpus']}",
        notes=tuple(notes),
        scores=_scores(tidy, task, table),
        differences=differences,
    )


def _scores(tidy: pd.DataFrame, task: TaskConfig, table: TableConfig) -> pd.DataFrame:
    """A row a variant: our scores, and published ones under a header of their own."""
    numbers = tidy[tidy["minus"] == ""].set_index(["variant", "metric"])
    beside = numbers["published"].notna().any()
    rows = []
    for variant in table.rows:
        row = {table.axis or "setting": row_label(table, variant)}
        for metric in METRICS:
            row[f"{metric.upper()} [95 %]"] = _cell(numbers.loc[(variant, metric)])
            if (variant, f"{metric}_fold_mean") in numbers.index:
                row[f"{metric.upper()} fold mean"] = _cell(numbers.loc[(variant, f"{metric}_fold_mean")])
            if beside:
                row[f"{metric.upper()} published"] = _published_cell(numbers.loc[(variant, metric), "published"])
        if table.published is not None and not beside:
            values = table.published.values.get(variant, {})
            row[f"{table.published.label}: UA / WA"] = " / ".join(
                _published_cell(values[metric]) if metric in values else "-" for metric in METRICS
            )
        rows.append(row)
    chance = {table.axis or "setting": "chance", "UA [95 %]": f"{100 / len(task.classes):.1f}"}
    return pd.DataFrame([*rows, chance]).fillna("")


def _differences(tidy: pd.DataFrame, table: TableConfig) -> pd.DataFrame:
    """A row a pair of variants: what the first has more than the second."""
    numbers = tidy[tidy["minus"] != ""].set_index(["variant", "minus", "metric"])
    rows = []
    for pair in table.differences:
        row = {"difference": row_label(table, pair.variant, pair.minus)}
        for metric in METRICS:
            number = numbers.loc[(pair.variant, pair.minus, f"{metric}_difference")]
            name = metric.upper()
            row |= {
                f"{name} [95 %]": _cell(number, sign="+"),
                f"{name} p": _p_cell(number["p_value"]),
                f"{name} Holm": _p_cell(number["p_holm"]),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _remarks(table: TableConfig) -> list[str]:
    """How to read the numbers of all blocks."""
    remarks = [
        "UA: mean recall over the classes. WA: correct / all. In percent, over the pooled test predictions of all "
        "folds of a seed, averaged over the seeds. In brackets: the 95 % interval from resampling speakers, the "
        "systems held as trained; with few speakers it is too narrow."
    ]
    if table.differences:
        remarks.append(
            "Differences are paired over speakers. p: two-sided, the two settings swapped speaker by speaker. "
            "Holm: corrected for all differences of a task, UA and WA."
        )
    return remarks


def _source(table: TableConfig) -> list[str]:
    """Where the published values are from, if there are any."""
    if table.published is None:
        return []
    return [f"Published: {table.published.label}. Source: {table.published.where}."]


def _cell(number: pd.Series, sign: str = "") -> str:
    """``66.9 [61.2, 71.8]``; never a negative zero."""
    value, low, high = (f"{number[c]:{sign}z.1f}" for c in ("value", "ci_low", "ci_high"))
    return value if pd.isna(number["ci_low"]) else f"{value} [{low}, {high}]"


def _published_cell(value: float) -> str:
    """A published value, to the two decimals such are given with."""
    return "" if pd.isna(value) else f"{value:.2f}"


def _p_cell(p_value: float) -> str:
    """A p-value to four decimals."""
    if pd.isna(p_value):
        return ""
    return f"{p_value:.4f}" if p_value >= 0.00005 else "<0.0001"


def _counted(n: int, noun: str) -> str:
    """``1 speaker``, ``2 speakers``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


# --- its four forms ------------------------------------------------------------------------------------------


def _rounded(tidy: pd.DataFrame) -> pd.DataFrame:
    """The tidy table as written: here, and only here, it is rounded."""
    rounded = tidy.copy()
    columns = ["value", "ci_low", "ci_high", "p_value", "p_holm"]
    rounded[columns] = rounded[columns].astype(float).round(4) + 0.0  # + 0.0: no negative zero
    return rounded


def _markdown(table: TableConfig, blocks: list[_Block]) -> str:
    """Markdown whose columns are aligned."""
    parts = [f"## {table.title}", fill(table.caption, _LINE_LENGTH)]
    for block in blocks:
        notes = [fill(note, _LINE_LENGTH, initial_indent="- ", subsequent_indent="  ") for note in block.notes]
        parts += [f"### {block.heading}", "\n".join(notes)]
        for frame in (block.scores, block.differences):
            if len(frame):
                escaped = frame.map(_in_cell).rename(columns=_in_cell)
                align = ("left", *["right"] * (frame.shape[1] - 1))
                parts.append(escaped.to_markdown(index=False, disable_numparse=True, colalign=align))
    return (
        "\n\n".join([*parts, *(fill(remark, _LINE_LENGTH) for remark in _remarks(table) + _source(table))]) + "\n"
    )


def _in_cell(text: str) -> str:
    """Text as it may stand in a cell of a Markdown table."""
    return text.replace("|", "\\|")


def _latex(table: TableConfig, blocks: list[_Block]) -> str:
    """A floating table a block, over both columns where a page has two."""
    floats = []
    for block in blocks:
        lines = [
            r"\begin{table*}[htbp]",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{_tex(table.title)}. {_tex(block.heading)}. {_tex(table.caption)}}}",
            _latex_tabular(block.scores),
        ]
        if len(block.differences):
            lines += [r"\par\medskip", _latex_tabular(block.differences)]
        lines += [rf"\par\smallskip{{\footnotesize\raggedright {_tex(w)}.\par}}" for w in block.notes]
        lines += [
            rf"\par\smallskip{{\footnotesize\raggedright {_tex(w)}\par}}" for w in _remarks(table) + _source(table)
        ]
        floats.append("\n".join([*lines, r"\end{table*}"]))
    return "% needs \\usepackage{booktabs}\n" + "\n\n".join(floats) + "\n"


def _latex_tabular(frame: pd.DataFrame) -> str:
    """A frame between booktabs' rules."""
    header = [_broken(column, "r", _HEADER_LENGTH) for column in frame.columns[1:]]
    rows = [" & ".join([_tex(frame.columns[0]), *header]) + r" \\"]
    for label, *cells in frame.itertuples(index=False):
        rows.append(" & ".join([_broken(label, "l", _LABEL_LENGTH), *map(_tex, cells)]) + r" \\")
    return "\n".join(
        [
            rf"\begin{{tabular}}{{l{'r' * (frame.shape[1] - 1)}}}",
            r"\toprule",
            rows[0],
            r"\midrule",
            *rows[1:],
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def _broken(text: str, side: str, length: int) -> str:
    """A cell broken into lines, aligned to one side (l, r)."""
    lines = [_tex(line) for line in wrap(text, length)]
    broken = r" \\ ".join(lines)
    return rf"\shortstack[{side}]{{{broken}}}" if len(lines) > 1 else broken


def _tex(text: str) -> str:
    """Text as LaTeX prints it, with a minus before a negative number."""
    return re.sub(r"(?<![\w.-])-(?=\d)", "$-$", text.translate(_LATEX))


def _html(table: TableConfig, blocks: list[_Block]) -> str:
    """A fragment: headings, notes and tables of class ``scores``; title, caption and source are the page's."""
    parts = []
    for block in blocks:
        notes = "".join(f"<li>{escape(note)}</li>" for note in block.notes)
        parts += [f"<h4>{escape(block.heading)}</h4>", f'<ul class="notes">{notes}</ul>']
        parts += [_html_table(frame) for frame in (block.scores, block.differences) if len(frame)]
    parts += [f'<p class="remark">{escape(remark)}</p>' for remark in _remarks(table)]
    return "\n".join(parts) + "\n"


def _html_table(frame: pd.DataFrame) -> str:
    """A frame as a table; the first cell of a row is its header."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in frame.columns)
    rows = [
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'
        for first, *cells in frame.itertuples(index=False)
    ]
    return "\n".join(
        ['<table class="scores">', f"<thead><tr>{head}</tr></thead>", "<tbody>", *rows, "</tbody>", "</table>"]
    )
