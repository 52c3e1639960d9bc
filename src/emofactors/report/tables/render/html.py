"""Render a table as a fragment of HTML; title, caption and sources are part of the page."""

import re
from html import escape

import pandas as pd

from emofactors.report.tables.base import TableLayout

_BRACKETS = re.compile(r"\[[^\]]*\]")


def render(layout: TableLayout, *, level: int = 4) -> str:
    """Return headings of a level, notes, tables of class ``scores`` and remarks."""
    parts = []
    for block in layout.blocks:
        parts.append(f"<h{level}>{escape(block.heading)}</h{level}>")
        if block.notes:
            parts.append(f'<ul class="notes">{"".join(f"<li>{escape(note)}</li>" for note in block.notes)}</ul>')
        parts += [_table(frame) for frame in (block.scores, block.differences) if len(frame)]
    parts += [f'<p class="remark">{escape(remark)}</p>' for remark in layout.remarks]
    return "\n".join(parts) + "\n"


def _table(frame: pd.DataFrame) -> str:
    """Return a table; the first cell of a row is its header."""
    head = "".join(f'<th scope="col">{_cell(column or "row")}</th>' for column in frame.columns)
    rows = [
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{_cell(cell)}</td>" for cell in cells)}</tr>'
        for first, *cells in frame.itertuples(index=False)
    ]
    return "\n".join(
        ['<table class="scores">', f"<thead><tr>{head}</tr></thead>", "<tbody>", *rows, "</tbody>", "</table>"]
    )


def _cell(text: str) -> str:
    """Return a cell whose lines do not break within brackets."""
    return _BRACKETS.sub(lambda brackets: brackets[0].replace(" ", "\u00a0"), escape(text))
