from html.parser import HTMLParser

from emofactors.report.tables.render.html import render


class Tables(HTMLParser):
    """The tables of a page as lists of rows; every tag must be closed."""

    def __init__(self, text):
        super().__init__()
        self.tables, self.open, self.classes = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag == "table":
            self.tables.append([])
            self.classes.append(dict(attrs)["class"])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("th", "td"):
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("th", "td"):
            self.tables[-1][-1][-1] += data


def test_headings_have_the_given_level(layout):
    assert render(layout).count("<h4>") == 2
    assert render(layout, level=3).count("<h3>") == 2


def test_every_character_is_kept_and_nothing_is_markup(layout, nasty):
    html = render(layout)
    parsed = Tables(html)
    assert parsed.classes == ["scores"] * 3
    assert parsed.tables[0][2][0] == nasty
    assert parsed.tables[0][0] == ["setting", "UA [95\u00a0%]", "WA [95\u00a0%]"]
    assert "<b>" not in html
    assert "<html" not in html


def test_lines_do_not_break_within_an_interval(layout):
    assert Tables(render(layout)).tables[0][1][1] == "66.9 [61.2,\u00a071.8]"


def test_title_caption_and_sources_are_left_to_the_page(layout):
    html = render(layout)
    assert html.count("<h4>") == 2
    assert html.count('<ul class="notes">') == 1
    assert html.count('<p class="remark">') == 2
    assert "Losses" not in html
    assert "table 1" not in html


def test_a_column_without_a_name_has_a_header(layout, frame):
    nameless = frame("plain").rename(columns={"setting": ""})
    block = type(layout.blocks[0])("h", (), nameless, nameless.iloc[:0])
    html = render(type(layout)("t", "c", (block,), (), ()))
    assert Tables(html).tables[0][0][0] == "row"
