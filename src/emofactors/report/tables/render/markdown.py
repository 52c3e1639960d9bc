"""Render a table as Markdown whose columns are aligned in a terminal."""

import re
from textwrap import fill

import pandas as pd

from emofactors.report.tables.base import TableLayout

_LINE_LENGTH = 100
#: The start of an HTML tag, which Markdown would pass through.
_TAG = re.compile(r"<(?=[A-Za-z/!?])")


def render(layout: TableLayout) -> str:
    """Return the table as Markdown."""
    parts = [f"## {_escape(layout.title)}", _paragraph(layout.caption)]
    for block in layout.blocks:
        parts.append(f"### {_escape(block.heading)}")
        if block.notes:
            parts.append("\n".join(_list_item(note) for note in block.notes))
        parts += [_table(frame) for frame in (block.scores, block.differences) if len(frame)]
    parts += [_paragraph(remark) for remark in (*layout.remarks, *layout.sources)]
    return "\n\n".join(parts) + "\n"


def _table(frame: pd.DataFrame) -> str:
    escaped = frame.map(_cell).rename(columns=_cell)
    align = ("left", *["right"] * (frame.shape[1] - 1))
    return escaped.to_markdown(index=False, disable_numparse=True, colalign=align)


def _paragraph(text: str) -> str:
    return fill(_escape(text), _LINE_LENGTH)


def _list_item(text: str) -> str:
    return fill(_escape(text), _LINE_LENGTH, initial_indent="- ", subsequent_indent="  ")


def _cell(text: str) -> str:
    return _escape(text).replace("|", "\\|")


def _escape(text: str) -> str:
    return _TAG.sub(r"\\<", text)
