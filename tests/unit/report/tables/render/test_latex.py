import re

import numpy as np
import pandas as pd

from emofactors.report.tables.base import Block, TableLayout
from emofactors.report.tables.render.latex import render

ESCAPED = (
    r"50 \% of a\_b \& \$x\textasciicircum{}2 \# \{c\} \textasciitilde{} \textbackslash{}d "
    r"\textless{}b\textgreater{}\textbar{}i\textless{}/b\textgreater{} {[}1{]} {*}"
)


def tabulars(tex):
    """Column format and rows of every tabular, with broken cells as one word."""
    found = []
    for columns, body in re.findall(r"\\begin\{tabular\}\{(lr*)\}\n(.*?)\\end\{tabular\}", tex, flags=re.DOTALL):
        unbroken = re.sub(r"\\shortstack\[[lr]\]\{((?:[^{}]|\{[^{}]*\})*)\}", "cell", body)
        found.append((columns, [line for line in unbroken.splitlines() if line.endswith(r"\\")]))
    return found


def test_text_is_escaped_and_braces_are_balanced(layout):
    tex = render(layout)
    assert tex.replace(r" \\ ", " ").count(ESCAPED) == 5  # row, note, remark, caption of each block
    without_escapes = re.sub(r"\\[&%$#_{}\\]", "", tex)
    depth = np.cumsum([{"{": 1, "}": -1}.get(character, 0) for character in without_escapes])
    assert depth.min() == 0
    assert depth[-1] == 0
    for name, n in (("table*", 2), ("tabular", 3)):
        assert tex.count(rf"\begin{{{name}}}") == tex.count(rf"\end{{{name}}}") == n


def test_every_row_has_all_columns_and_starts_with_no_argument(layout):
    found = tabulars(render(layout))
    assert len(found) == 3
    for columns, rows in found:
        assert len(rows) >= 2
        assert all(len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1 for row in rows)
        assert not any(row.startswith(("[", "*")) for row in rows)


def test_negative_numbers_have_a_minus_sign(layout):
    assert r"$-$3.1 {[}$-$4.2, +1.0{]}" in render(layout)


def test_remarks_and_sources_follow_the_block_with_notes(layout):
    first, second = render(layout).split(r"\end{table*}")[:2]
    for text in ("UA: mean recall.", "Source: table 1."):
        assert text in first
        assert text not in second


def test_a_wide_table_is_small_and_has_intervals_on_lines_of_their_own(frame):
    wide = pd.concat([frame("plain")] * 4, axis=1)
    wide.columns = [f"column {i}" for i in range(wide.shape[1])]
    block = Block("h", ("note",), wide, frame("narrow"))
    tex = render(TableLayout("t", "c", (block,), (), ()))
    assert tex.count(r"{\scriptsize") == 1
    assert r"\shortstack[r]{66.9 \\ {[}61.2, 71.8{]}}" in tex
    assert "66.9 {[}61.2, 71.8{]}" in tex.partition(r"\medskip")[2]
    assert all(
        len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1 for columns, rows in tabulars(tex) for row in rows
    )


def test_prose_in_a_cell_is_broken_into_lines(frame):
    prose = frame("plain").assign(verdict="undecided: as claimed here, but at reduced size")
    tex = render(TableLayout("t", "c", (Block("h", ("note",), prose, pd.DataFrame()),), (), ()))
    assert r"\shortstack[l]{undecided: as claimed here, \\ but at reduced size}" in tex
