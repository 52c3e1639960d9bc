"""How a table is printed: one layout, written as Markdown, LaTeX and HTML, beside the tidy CSV.

A block a task: what was tested and how, a row a variant, and the differences
below; or one block in which protocols stand side by side, and their gaps below.
Tables about factors of speech have blocks of their own (``ablation``, ``factor_layout``).
A published value of the same corpus and protocol has columns beside ours; of
any other, a column of its own that says in its header where it is from.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import ascii_uppercase
from textwrap import fill, wrap

import pandas as pd

from emofactors.config.labels import ABSENT
from emofactors.config.systems import SystemConfig
from emofactors.config.tables import PublishedScores, TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.statistics.intervals import MAX_EXACT_SPEAKERS, smallest_p_value
from emofactors.io.atomic import write_text_atomically
from emofactors.io.csv import write_csv
from emofactors.report.formatting import counted, interval_cell, number_at, p_cell
from emofactors.report.tables.factor_ablation import (
    ablation_differences,
    ablation_notes,
    ablation_remarks,
    ablation_scores,
)
from emofactors.report.tables.factor_layout import (
    ground_truth_differences,
    ground_truth_information,
    ground_truth_matrix,
    ground_truth_notes,
    ground_truth_remarks,
    information_details,
    information_differences,
    information_matrix,
    information_notes,
    information_remarks,
)
from emofactors.report.tables.metrics import METRICS, WORDS
from emofactors.report.tables.tidy import PUBLISHED, gap_column, gaps, published_of, row_label

_LINE_LENGTH = 100
#: Longer headers and row labels are broken into lines in LaTeX, or a table would not fit a page.
_HEADER_LENGTH = 11
_LABEL_LENGTH = 28
#: Letters of a row up to which a LaTeX table fits a page; a wider one is set small, each interval in its own line.
_PAGE_LENGTH = 105
_LABEL_LENGTH_WIDE = 14
_INTERVAL = re.compile(r"(?<=\d) (?=\[)")
_BRACKETS = re.compile(r"\[[^\]]*\]")

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


#: Where Markdown would take HTML for what it is.
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


@dataclass(frozen=True)
class _Block:
    """One task, or protocols side by side, in words: heading, what to know, scores, and differences or gaps.

    One that goes on with the block before it has no notes.
    """

    heading: str
    notes: tuple[str, ...]
    scores: pd.DataFrame
    differences: pd.DataFrame


def write_table(
    tidy: pd.DataFrame,
    table: TableConfig,
    tasks: Mapping[str, TaskConfig],
    *,
    systems: Mapping[str, SystemConfig],
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
        systems: the systems of the rows, with what the study changes of each; a reduced network is not the
            published one.
        csv: the tidy table, percent to 4 decimals, shares and nats to 6.
        md: Markdown that is aligned in a terminal.
        tex: LaTeX tables; the document needs the package booktabs.
        html: a fragment of a page that gives title, caption and source; its tables are of class ``scores``.

    Raises:
        OSError: if a file cannot be written.
    """
    changes = _changes(table, systems)
    if table.kind == "protocols":
        blocks = [_protocols_block(tidy, tasks, table, changes)]
    else:
        blocks = [
            block
            for name, task in tasks.items()
            for block in _blocks(tidy[tidy["column"] == name], name, task, table, changes)
        ]
    write_csv(csv, _rounded(tidy, table))
    write_text_atomically(md, _markdown(table, blocks))
    write_text_atomically(tex, _latex(table, blocks))
    write_text_atomically(html, _html(table, blocks))


# --- the layout ----------------------------------------------------------------------------------------------


def published_sources(table: TableConfig) -> dict[str, str]:
    """Where published values are stated -> the labels of those that are, in one line."""
    labels: dict[str, list[str]] = {}
    of_factors = [p for p in (table.published_ablation, table.published_information) if p is not None]
    for published in (*table.published, *of_factors):
        labels.setdefault(published.where, []).append(published.label)
    return {where: "; ".join(of_source) for where, of_source in labels.items()}


def protocol_letters(tasks: Sequence[str]) -> dict[str, str]:
    """Task -> the letter by which a table of protocols calls it: A, B, C, in their order."""
    return dict(zip(tasks, ascii_uppercase, strict=False))


def _changes(table: TableConfig, systems: Mapping[str, SystemConfig]) -> list[str]:
    """The notes of a study that changes settings of the rows' systems, in all variants or in some alone."""
    notes = []
    for name, system in systems.items():
        of_variants = system.variant_overrides.items()
        changed = [f"{key} {value}" for key, value in system.overrides.items()] + [
            f"{key} {value} ({variant})" for variant, of in of_variants for key, value in of.items()
        ]
        if changed:
            whose = "" if name == table.system else f" of {name}"
            is_published = any(s.kind == "published" for s in system.settings)
            words = (
                f"not the published system{whose}: the study sets" if is_published else f"set by the study{whose}:"
            )
            notes.append(f"{words} {', '.join(changed)}")
    return notes


def _blocks(
    tidy: pd.DataFrame, name: str, task: TaskConfig, table: TableConfig, changes: Sequence[str]
) -> list[_Block]:
    """The blocks of one task, as its kind of table has them."""
    heading = f"{name}: {tidy.iloc[0]['corpus']}"
    match table.kind:
        case "factor_ablation":
            notes = (*ablation_notes(table, task, tidy), *changes)
            return [_Block(heading, notes, ablation_scores(table, tidy), ablation_differences(table, tidy))]
        case "code_information":
            notes = (*information_notes(table, task, tidy), *changes)
            matrix, differences = information_matrix(table, tidy), information_differences(table, tidy)
            details = _Block(f"{name}: all estimates", (), information_details(table, tidy), pd.DataFrame())
            if len(table.rows) > 2:  # all of it would be longer than a page
                below = _Block(f"{name}: differences", (), differences, pd.DataFrame())
                return [_Block(heading, notes, matrix, pd.DataFrame()), below, details]
            return [_Block(heading, notes, matrix, differences), details]
        case "true_factors":
            notes = (*ground_truth_notes(task, tidy), *changes)
            return [
                _Block(heading, notes, ground_truth_matrix(table, tidy), ground_truth_differences(table, tidy)),
                _Block(f"{name}: mutual information", (), ground_truth_information(table, tidy), pd.DataFrame()),
            ]
    return [_block(tidy, name, task, table, changes)]


def _block(tidy: pd.DataFrame, name: str, task: TaskConfig, table: TableConfig, changes: Sequence[str]) -> _Block:
    """The block of one task."""
    first = tidy[tidy["metric"] == "ua"].iloc[0]
    notes = [
        _protocol(task),
        f"{first['n_utterances']:,} test utterances of {counted(first['n_speakers'], 'speaker')}; a row is "
        f"{_trainings(tidy, table, task)}",
        f"{len(task.classes)} classes: {', '.join(task.classes)}",
    ]
    if ABSENT in task.classes:
        notes.append(
            f"whether {task.classes[0]} is present: what the literature on CMU-MOSEI calls weighted accuracy is "
            "UA of these two classes, and not WA"
        )
    if table.left_out:
        notes.append(f"left out, as a package is not installed: {', '.join(table.left_out)}")
    notes += changes
    if task.n_folds > 1 and not tidy["metric"].str.endswith("_fold_mean").any():
        notes.append("no mean over folds: the test of a fold lacks a class")
    if tidy.loc[tidy["metric"] == "ua", "ci_low"].isna().any():
        notes.append("no intervals: too few speakers to resample, or too few of them speak every class")
    elif tidy.loc[tidy["metric"] == "held_out_gap", "ci_low"].isna().any():
        notes.append("no interval of the gap: seen and unseen speakers are not the same, or cannot be resampled")
    notes += _elsewhere_note(table, [_beside(tidy, name, table)])
    tested = tidy.loc[tidy["metric"].str.endswith("_difference") & tidy["p_value"].notna(), "n_speakers"]
    notes += [
        f"with {counted(n_speakers, 'speaker')} no p can be below {p_cell(smallest_p_value(n_speakers))}"
        for n_speakers in sorted(tested.unique())
        if n_speakers <= MAX_EXACT_SPEAKERS
    ]
    return _Block(
        heading=f"{name}: {first['corpus']}",
        notes=tuple(notes),
        scores=_scores(tidy, name, task, table),
        differences=_differences(tidy, table),
    )


def _trainings(tidy: pd.DataFrame, table: TableConfig, task: TaskConfig) -> str:
    """``3 folds x 2 seeds``, and the rows that no seed changes."""
    n_runs = tidy[(tidy["metric"] == "ua") & (tidy["minus"] == "")].set_index("variant")["n_runs"]
    words = f"{counted(task.n_folds, 'fold')} x {counted(n_runs.max() // task.n_folds, 'seed')}"
    unseeded = [row_label(table, row) for row in table.rows if n_runs[row] < n_runs.max()]
    return words + (f" (of {', '.join(unseeded)}, which no seed changes: each fold once)" if unseeded else "")


def _protocol(task: TaskConfig) -> str:
    """The protocol in words, with what it means for the speakers."""
    return task.protocol_label + ("" if task.speaker_independent else "; the test speakers are heard in training")


def _beside(tidy: pd.DataFrame, name: str, table: TableConfig) -> PublishedScores | None:
    """The published values that stand beside the scores of a task."""
    return published_of(table, name) if tidy.loc[tidy["column"] == name, "published"].notna().any() else None


def _elsewhere_note(table: TableConfig, beside: Sequence[PublishedScores | None]) -> list[str]:
    """The note of a table with published values of other corpora and protocols."""
    if all(published in beside for published in table.published):
        return []
    if any(beside):
        return ["published values of another corpus or protocol stand under their own label"]
    return ["the published values are not of this corpus and protocol: they stand under their own label"]


def _has(published: PublishedScores, metric: str) -> bool:
    """Whether a metric was published at all."""
    return any(metric in values for values in published.values.values())


def _elsewhere(table: TableConfig, variant: str, beside: Sequence[PublishedScores | None]) -> dict[str, str]:
    """The columns of published values of other corpora and protocols: those of one row."""
    cells = {}
    for published in table.published:
        if published not in beside:
            metrics = [metric for metric in METRICS if _has(published, metric)]
            values = published.values.get(variant, {})
            cells[f"{published.label}: {' / '.join(metric.upper() for metric in metrics)}"] = " / ".join(
                _published_cell(values[metric]) if metric in values else "-" for metric in metrics
            )
    return cells


def _scores(tidy: pd.DataFrame, name: str, task: TaskConfig, table: TableConfig) -> pd.DataFrame:
    """A row a variant: our scores, and published ones under a header of their own."""
    numbers = tidy[tidy["minus"] == ""].set_index(["variant", "metric"])
    beside = _beside(tidy, name, table)
    rows = []
    for variant in table.rows:
        row = {table.axis or "setting": row_label(table, variant)}
        for metric in table.metrics:
            number = number_at(numbers, variant, metric)
            row[_header(metric)] = _cell(number, metric)
            if (variant, f"{metric}_fold_mean") in numbers.index:
                row[f"{metric.upper()} fold mean"] = _cell(
                    number_at(numbers, variant, f"{metric}_fold_mean"), metric
                )
            if beside is not None and _has(beside, metric):
                row[f"{metric.upper()} published"] = _published_cell(
                    number_at(numbers, variant, metric)["published"]
                )
        rows.append(row | _elsewhere(table, variant, [beside]))
    chance = {table.axis or "setting": "chance"}
    for metric in table.metrics:
        of_rows = [number_at(numbers, variant, metric)["chance"] for variant in table.rows]
        known = [value for value in of_rows if pd.notna(value)]
        chance[_header(metric)] = f"{known[0]:.{WORDS[metric].decimals}f}" if known else ""
    return pd.DataFrame([*rows, chance]).fillna("")


def _header(metric: str) -> str:
    """``UA [95 %]``: the header of a metric."""
    return f"{WORDS[metric].header}{' [95 %]' if WORDS[metric].unit == 100 else ''}"


def _differences(tidy: pd.DataFrame, table: TableConfig) -> pd.DataFrame:
    """What one row has more than another: a row a pair, or with more than two metrics a row a pair and metric."""
    numbers = tidy[tidy["minus"] != ""].set_index(["variant", "minus", "metric"])
    rows = []
    for pair in table.differences:
        label = row_label(table, pair.variant, pair.minus)
        cells = {}
        for metric in table.metrics:
            number = number_at(numbers, pair.variant, pair.minus, f"{metric}_difference")
            p_values = {"p": p_cell(number["p_value"]), "Holm": p_cell(number["p_holm"])}
            cells[metric] = {"[95 %]": _cell(number, metric, sign="+")} | p_values
        if len(table.metrics) > 2:
            rows += [
                {"difference": label, "of": WORDS[metric].header, "value [95 %]": of.pop("[95 %]")} | of
                for metric, of in cells.items()
            ]
        else:
            beside = {f"{WORDS[m].header} {name}": cell for m, of in cells.items() for name, cell in of.items()}
            rows.append({"difference": label} | beside)
    return pd.DataFrame(rows)


def _protocols_block(
    tidy: pd.DataFrame, tasks: Mapping[str, TaskConfig], table: TableConfig, changes: Sequence[str]
) -> _Block:
    """The block in which protocols of one corpus stand side by side, each under its letter."""
    letters = protocol_letters(list(tasks))
    notes = []
    for name, task in tasks.items():
        of_task = tidy[tidy["column"] == name]
        first = of_task.iloc[0]
        copies = ", copies included," if task.augmented == "before_split" else ""
        notes.append(
            f"{letters[name]} is {name}: {_protocol(task)}; {first['n_utterances']:,} test utterances{copies} of "
            f"{counted(first['n_speakers'], 'speaker')}; a row is {_trainings(of_task, table, task)}"
        )
    classes = next(iter(tasks.values())).classes
    notes += [f"{len(classes)} classes: {', '.join(classes)}", *changes]
    if tidy.loc[tidy["metric"] == "ua", "ci_low"].isna().any():
        notes.append("not all intervals: too few speakers to resample, or too few of them speak every class")
    speakers = {name: tidy.loc[tidy["column"] == name, "n_speakers"].iloc[0] for name in tasks}
    for one, other in gaps(list(tasks)):
        of_gap = tidy[(tidy["column"] == gap_column(one, other)) & (tidy["metric"] == "ua_gap")]
        if of_gap["ci_low"].isna().any() and (of_gap["n_speakers"] > min(speakers[one], speakers[other])).any():
            pair = f"{letters[one]} minus {letters[other]}"
            notes.append(f"{pair} has no interval: the two do not test the same speakers")
    beside = [_beside(tidy, name, table) for name in tasks]
    return _Block(
        heading=f"{', '.join(tasks)}: {tidy.iloc[0]['corpus']}",
        notes=(*notes, *_elsewhere_note(table, beside)),
        scores=_protocol_scores(tidy, tasks, table),
        differences=_gaps(tidy, tasks, table),
    )


def _protocol_scores(tidy: pd.DataFrame, tasks: Mapping[str, TaskConfig], table: TableConfig) -> pd.DataFrame:
    """A row a variant, for each protocol our scores and published ones, under its letter."""
    numbers = tidy[tidy["minus"] == ""].set_index(["variant", "column", "metric"])
    letters = protocol_letters(list(tasks))
    beside = {name: _beside(tidy, name, table) for name in tasks}
    rows = []
    for variant in table.rows:
        row = {"setting": row_label(table, variant)}
        for name, task in tasks.items():
            for metric in METRICS:
                number = number_at(numbers, variant, name, metric)
                row[_protocol_header(letters[name], task, metric)] = _cell(number, metric)
            for metric in METRICS:
                stated = beside[name]
                if stated is not None and _has(stated, metric):
                    published = number_at(numbers, variant, name, metric)["published"]
                    row[f"{letters[name]} published {metric.upper()}"] = _published_cell(published)
        rows.append(row | _elsewhere(table, variant, list(beside.values())))
    chance = {"setting": "chance"}
    for name, task in tasks.items():
        chance[_protocol_header(letters[name], task, "ua")] = f"{100 / len(task.classes):.1f}"
    return pd.DataFrame([*rows, chance]).fillna("")


def _protocol_header(letter: str, task: TaskConfig, metric: str) -> str:
    """``A (leaks) UA [95 %]``: the header of our scores under one protocol."""
    return f"{letter}{' (leaks)' if task.shows_leak else ''} {metric.upper()} [95 %]"


def _gaps(tidy: pd.DataFrame, tasks: Mapping[str, TaskConfig], table: TableConfig) -> pd.DataFrame:
    """A row a gap and variant: what the one protocol has more than the other, in points."""
    numbers = tidy[tidy["metric"].str.endswith("_gap")].set_index(["variant", "column", "metric"])
    letters = protocol_letters(list(tasks)) | {PUBLISHED: PUBLISHED}
    *_, last = tasks
    rows = []
    for one, other in [*gaps(list(tasks)), (PUBLISHED, last)]:
        for variant in table.rows:
            cells = {
                _header(metric): _cell(number_at(numbers, *key), metric, sign="+") if key in numbers.index else ""
                for metric in METRICS
                for key in [(variant, gap_column(one, other), f"{metric}_gap")]
            }
            if any(cells.values()):
                gap = f"{letters[one]} minus {letters[other]}: {row_label(table, variant)}"
                rows.append({"gap in points": gap} | cells)
    return pd.DataFrame(rows)


def _remarks(table: TableConfig) -> list[str]:
    """How to read the numbers of all blocks."""
    match table.kind:
        case "factor_ablation":
            return ablation_remarks(table)
        case "code_information":
            return information_remarks(table)
        case "true_factors":
            return ground_truth_remarks(table)
    remarks = [
        "UA: mean recall over the classes. WA: correct / all. In percent, over the pooled test predictions of all "
        "folds of a seed, averaged over the seeds. In brackets: the 95 % interval from resampling speakers, the "
        "systems held as trained; with few speakers it is too narrow."
    ]
    more = " ".join(dict.fromkeys(WORDS[metric].remark for metric in table.metrics if metric not in METRICS))
    remarks += [more] if more else []
    if table.differences:
        remarks.append(
            "Differences are paired over speakers. p: two-sided, the two settings swapped speaker by speaker. "
            f"Holm: corrected for all differences of a task, {_listed(table)}."
        )
    if table.kind == "protocols":
        remarks.append(
            "Gaps are in points, and paired over speakers: the same are drawn for both protocols, each with all "
            "its test utterances. They have no p: the test sets are not the same, and predictions of different "
            "utterances cannot be swapped."
        )
        if table.published:
            remarks.append(
                "A gap from a published value, which there is for its own corpus and protocol only, takes it as "
                "it stands: the interval is of ours alone."
            )
    return remarks


def _listed(table: TableConfig) -> str:
    """The metrics of a table that have p-values, in words."""
    *others, last = [WORDS[metric].header for metric in table.metrics if WORDS[metric].unit == 100]
    return f"{', '.join(others)} and {last}" if others else last


def _source(table: TableConfig) -> list[str]:
    """Where the published values are from, if there are any."""
    return [f"Published: {labels}. Source: {where}." for where, labels in published_sources(table).items()]


def _cell(number: pd.Series, metric: str, sign: str = "") -> str:
    """``66.9 [61.2, 71.8]`` in the decimals of the metric."""
    return interval_cell(number, WORDS[metric].decimals, sign)


def _published_cell(value: float) -> str:
    """A published value, to the two decimals such are given with."""
    return "" if pd.isna(value) else f"{value:.2f}"


# --- its four forms ------------------------------------------------------------------------------------------


def _rounded(tidy: pd.DataFrame, table: TableConfig) -> pd.DataFrame:
    """The tidy table as written: here, and only here, it is rounded."""
    rounded = tidy.copy()
    columns = ["value", "ci_low", "ci_high", "p_value", "p_holm", "chance"]
    # Shares and nats have two digits more before they are percent.
    digits = 6 if table.kind in ("code_information", "true_factors") else 4
    rounded[columns] = rounded[columns].astype(float).round(digits) + 0.0  # + 0.0: no negative zero
    return rounded


def _markdown(table: TableConfig, blocks: list[_Block]) -> str:
    """Markdown whose columns are aligned."""
    parts = [f"## {_in_markdown(table.title)}", fill(_in_markdown(table.caption), _LINE_LENGTH)]
    for block in blocks:
        notes = [
            fill(_in_markdown(note), _LINE_LENGTH, initial_indent="- ", subsequent_indent="  ")
            for note in block.notes
        ]
        parts += [f"### {_in_markdown(block.heading)}", *(["\n".join(notes)] if notes else [])]
        for frame in (block.scores, block.differences):
            if len(frame):
                escaped = frame.map(_in_cell).rename(columns=_in_cell)
                align = ("left", *["right"] * (frame.shape[1] - 1))
                parts.append(escaped.to_markdown(index=False, disable_numparse=True, colalign=align))
    remarks = [fill(_in_markdown(remark), _LINE_LENGTH) for remark in _remarks(table) + _source(table)]
    return "\n\n".join([*parts, *remarks]) + "\n"


def _in_cell(text: str) -> str:
    """Text as it may stand in a cell of a Markdown table."""
    return _in_markdown(text).replace("|", "\\|")


def _in_markdown(text: str) -> str:
    """Text that begins no HTML, which Markdown would hand on."""
    return _TAG.sub(r"\\<", text)


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
        # A block without notes goes on with the one before it, whose remarks are its own.
        remarks = _remarks(table) + _source(table) if block.notes else []
        lines += [rf"\par\smallskip{{\footnotesize\raggedright {_tex(w)}\par}}" for w in remarks]
        floats.append("\n".join([*lines, r"\end{table*}"]))
    return "% needs \\usepackage{booktabs}\n" + "\n\n".join(floats) + "\n"


def _latex_tabular(frame: pd.DataFrame) -> str:
    """A frame between booktabs' rules."""
    header = [_broken(column, "r", _HEADER_LENGTH) for column in frame.columns[1:]]
    is_wide = _LABEL_LENGTH + frame.iloc[:, 1:].map(len).max().sum() > _PAGE_LENGTH
    rows = [" & ".join([_tex(frame.columns[0]), *header]) + r" \\"]
    for label, *cells in frame.itertuples(index=False):
        first = _broken(label, "l", _LABEL_LENGTH_WIDE if is_wide else _LABEL_LENGTH)
        rows.append(" & ".join([first, *map(_stacked if is_wide else _tex, cells)]) + r" \\")
    return "\n".join(
        [
            *([r"{\scriptsize\setlength{\tabcolsep}{2pt}"] if is_wide else []),
            rf"\begin{{tabular}}{{l{'r' * (frame.shape[1] - 1)}}}",
            r"\toprule",
            rows[0],
            r"\midrule",
            *rows[1:],
            r"\bottomrule",
            r"\end{tabular}" + ("}" if is_wide else ""),
        ]
    )


def _broken(text: str, side: str, length: int) -> str:
    """A cell broken into lines, aligned to one side (l, r)."""
    return _lines(wrap(text, length), side)


def _stacked(cell: str) -> str:
    """A cell with its interval in a line of its own."""
    return _lines(_INTERVAL.split(cell), "r")


def _lines(lines: Sequence[str], side: str) -> str:
    """Lines of one cell, aligned to one side (l, r)."""
    broken = r" \\ ".join(map(_tex, lines))
    return rf"\shortstack[{side}]{{{broken}}}" if len(lines) > 1 else broken


def _tex(text: str) -> str:
    """Text as LaTeX prints it, with a minus before a negative number."""
    return re.sub(r"(?<![\w.-])-(?=\d)", "$-$", text.translate(_LATEX))


def _html(table: TableConfig, blocks: list[_Block]) -> str:
    """A fragment: headings, notes and tables of class ``scores``; title, caption and source are the page's."""
    parts = []
    for block in blocks:
        notes = "".join(f"<li>{escape(note)}</li>" for note in block.notes)
        parts.append(f"<h4>{escape(block.heading)}</h4>")
        parts += [f'<ul class="notes">{notes}</ul>'] if notes else []
        parts += [_html_table(frame) for frame in (block.scores, block.differences) if len(frame)]
    parts += [f'<p class="remark">{escape(remark)}</p>' for remark in _remarks(table)]
    return "\n".join(parts) + "\n"


def _html_table(frame: pd.DataFrame) -> str:
    """A frame as a table; the first cell of a row is its header."""
    head = "".join(f'<th scope="col">{_html_cell(column or "row")}</th>' for column in frame.columns)
    rows = [
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{_html_cell(cell)}</td>" for cell in cells)}</tr>'
        for first, *cells in frame.itertuples(index=False)
    ]
    return "\n".join(
        ['<table class="scores">', f"<thead><tr>{head}</tr></thead>", "<tbody>", *rows, "</tbody>", "</table>"]
    )


def _html_cell(cell: str) -> str:
    """A cell; where it is narrow a line ends before what stands in brackets, and not within."""
    return _BRACKETS.sub(lambda found: found[0].replace(" ", "\u00a0"), escape(cell))
