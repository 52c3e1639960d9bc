import re

from emofactors.report.tables.render.markdown import render


def tables(text):
    """The tables of a Markdown text as lists of rows."""
    cells = re.compile(r"(?<!\\)\|")
    return [
        [
            [cell.strip().replace("\\|", "|").replace("\\<", "<") for cell in cells.split(line)[1:-1]]
            for line in table.splitlines()
        ]
        for table in re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE)
    ]


def test_columns_are_aligned_and_lines_are_short(layout):
    text = render(layout)
    found = re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE)
    assert len(found) == 3
    for table in found:
        assert len({len(line) for line in table.splitlines()}) == 1
    prose = [line for line in text.splitlines() if not line.startswith(("|", "#"))]
    assert max(map(len, prose)) <= 100


def test_every_character_is_kept_and_no_html_is_passed_through(layout, nasty):
    text = render(layout)
    assert tables(text)[0][3][0] == nasty
    assert tables(text)[0][0] == ["setting", "UA [95 %]", "WA [95 %]"]
    assert re.search(r"(?<!\\)<b>", text) is None


def test_parts_are_in_order(layout):
    text = render(layout)
    parts = (
        "## Losses",
        "### speakers: Berlin",
        "- 3 folds",
        "| plain",
        "### speakers: all",
        "UA: mean",
        "Published:",
    )
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert text.endswith("Source: table 1.\n")
