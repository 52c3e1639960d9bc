"""Render a table as LaTeX; the document needs the package booktabs."""

import re
from collections.abc import Sequence
from textwrap import wrap

import pandas as pd

from emofactors.report.tables.base import TableLayout

#: Longer headers and row labels are broken into lines, so that the table fits a page.
_HEADER_LENGTH = 11
_LABEL_LENGTH = 28
#: Characters per row up to which a table fits a page; a wider one is set small, with intervals on separate lines.
_PAGE_LENGTH = 105
_LABEL_LENGTH_WIDE = 14
#: Longer cells are prose, which is broken into lines.
_PROSE_LENGTH = 30
_INTERVAL = re.compile(r"(?<=\d) (?=\[)")

_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "[": "{[}",  # at the start of a row, [ and * would be parsed as arguments of the line break before it
        "]": "{]}",
        "*": "{*}",
        **{character: f"\\{character}" for character in "&%$#_{}"},
    }
)


def render(layout: TableLayout) -> str:
    """Return one floating table per block, over both columns of a page with two."""
    floats = []
    for block in layout.blocks:
        lines = [
            r"\begin{table*}[htbp]",
            r"\centering\footnotesize\setlength{\tabcolsep}{3pt}",
            rf"\caption{{{_escape(layout.title)}. {_escape(block.heading)}. {_escape(layout.caption)}}}",
            _tabular(block.scores),
        ]
        if len(block.differences):
            lines += [r"\par\medskip", _tabular(block.differences)]
        lines += [rf"\par\smallskip{{\footnotesize\raggedright {_escape(note)}.\par}}" for note in block.notes]
        # A block without notes continues the previous one, which has the remarks.
        remarks = (*layout.remarks, *layout.sources) if block.notes else ()
        lines += [rf"\par\smallskip{{\footnotesize\raggedright {_escape(remark)}\par}}" for remark in remarks]
        floats.append("\n".join([*lines, r"\end{table*}"]))
    return "% needs \\usepackage{booktabs}\n" + "\n\n".join(floats) + "\n"


def _tabular(frame: pd.DataFrame) -> str:
    header = [_shortstack(wrap(column, _HEADER_LENGTH), "r") for column in frame.columns[1:]]
    is_wide = _LABEL_LENGTH + frame.iloc[:, 1:].map(len).max().sum() > _PAGE_LENGTH
    rows = [" & ".join([_escape(frame.columns[0]), *header]) + r" \\"]
    for label, *cells in frame.itertuples(index=False):
        first = _shortstack(wrap(label, _LABEL_LENGTH_WIDE if is_wide else _LABEL_LENGTH), "l")
        rows.append(" & ".join([first, *(_cell(cell, is_wide=is_wide) for cell in cells)]) + r" \\")
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


def _cell(text: str, *, is_wide: bool) -> str:
    """Return a cell; prose is broken into lines, and in a wide table an interval is on a separate line."""
    if len(text) > _PROSE_LENGTH:
        return _shortstack(wrap(text, _PROSE_LENGTH), "l")
    return _shortstack(_INTERVAL.split(text), "r") if is_wide else _escape(text)


def _shortstack(lines: Sequence[str], side: str) -> str:
    """Return the lines of one cell, aligned to one side (l, r)."""
    joined = r" \\ ".join(map(_escape, lines))
    return rf"\shortstack[{side}]{{{joined}}}" if len(lines) > 1 else joined


def _escape(text: str) -> str:
    """Return text for LaTeX, with a minus sign before negative numbers."""
    return re.sub(r"(?<![\w.-])-(?=\d)", "$-$", text.translate(_SPECIAL))
