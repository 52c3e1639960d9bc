import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from emofactors.config import TableConfig, TaskConfig
from emofactors.report.layout import write_table

CLASSES = ["anger", "happiness", "sadness", "neutral"]
SPEAKERS = TaskConfig(corpus="c", classes=CLASSES, protocol="leave_one_speaker_out", folds=10, dev_speakers=2)
RANDOM = TaskConfig(corpus="c", classes=CLASSES, protocol="stratified_random", strata=["speaker"])
NASTY = r"50 % of a_b & $x^2 # {c} ~ \d <b>|i</b> [1] *"
TABLE = TableConfig(
    title="Losses",
    caption="Two losses.",
    system="net",
    rows={"plain": "1 plain", "center": NASTY},
    differences=[{"variant": "center", "minus": "plain"}],
    published={
        "label": "Elsewhere, by session (A 2019)",
        "task": "random",
        "where": "table 1",
        "values": {"plain": {"ua": 63.8, "wa": 61.83}, "center": {"ua": 66.86}},
    },
)
LABEL = "Elsewhere, by session (A 2019): UA / WA"


def tidy_of(task_name, task, *, published=False, fold_means=False, n_speakers=10):
    rows = []
    about = {
        "table": "losses",
        "column": task_name,
        "n_runs": 2 * task.n_folds,
        "n_utterances": 2763,
        "n_speakers": n_speakers,
        "protocol": task.protocol_words,
        "corpus": "Corpus, subset: 847 of 4,481 utterances",
        "published": np.nan,
        "minus": "",
    }
    for variant, label in TABLE.rows.items():
        for metric, value in (("ua", 66.864917), ("wa", 65.0)):
            row = about | {"row": label, "variant": variant}
            if published:
                row["published"] = TABLE.published.values[variant].get(metric, np.nan)
            interval = {"ci_low": 61.151, "ci_high": 71.849}
            rows.append(row | {"metric": metric, "value": value} | interval)
            if fold_means:
                rows.append(row | {"metric": f"{metric}_fold_mean", "value": 64.25})
    for metric in ("ua_difference", "wa_difference"):
        rows.append(
            about
            | {"row": f"{NASTY} minus 1 plain", "variant": "center", "minus": "plain", "metric": metric}
            | {"value": -0.00004, "ci_low": -3.149, "ci_high": 4.151, "p_value": 0.03127, "p_holm": 0.00001}
        )
    return pd.DataFrame(rows)


@pytest.fixture
def write(tmp_path):
    def write_and_read(tidy, tasks, table=TABLE, overrides=None):
        paths = {form: tmp_path / f"losses.{form}" for form in ("csv", "md", "tex", "html")}
        write_table(tidy, table, tasks, overrides=overrides or {}, **paths)
        return {form: path.read_text(encoding="utf-8") for form, path in paths.items()}

    return write_and_read


@pytest.fixture
def both(write):
    """Two tasks: one of the published corpus and protocol, one of another."""
    tidy = pd.concat(
        [tidy_of("speakers", SPEAKERS), tidy_of("random", RANDOM, published=True, fold_means=True)],
        ignore_index=True,
    )
    return write(tidy, {"speakers": SPEAKERS, "random": RANDOM})


class Tables(HTMLParser):
    """The tables of a page as lists of rows, and whether every tag is closed."""

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


def markdown_tables(text):
    """The tables of a Markdown text as lists of rows."""
    tables = re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE)
    cells = re.compile(r"(?<!\\)\|")
    return [
        [[c.strip().replace("\\|", "|") for c in cells.split(line)[1:-1]] for line in table.splitlines()]
        for table in tables
    ]


def test_cells_are_number_and_interval_rounded_once(both):
    scores = Tables(both["html"]).tables[0]
    assert scores[0][:3] == ["setting", "UA [95 %]", "WA [95 %]"]
    assert scores[1][:3] == ["1 plain", "66.9 [61.2, 71.8]", "65.0 [61.2, 71.8]"]
    assert scores[-1] == ["chance", "25.0", "", ""]
    differences = Tables(both["html"]).tables[1]
    assert differences[0] == [
        "difference",
        *(f"{m} {c}" for m in ("UA", "WA") for c in ("[95 %]", "p", "Holm")),
    ]
    assert differences[1][1:4] == ["+0.0 [-3.1, +4.2]", "0.0313", "<0.0001"]  # and no negative zero


def test_published_values_never_share_a_column_with_ours_of_another_protocol(both):
    for tables in (Tables(both["html"]).tables, [t[:1] + t[2:] for t in markdown_tables(both["md"])]):
        elsewhere, same = pd.DataFrame(tables[0][1:], columns=tables[0][0]), tables[2]
        assert list(elsewhere.columns) == ["setting", "UA [95 %]", "WA [95 %]", LABEL]
        assert elsewhere[LABEL].to_list() == ["63.80 / 61.83", "66.86 / -", ""]
        assert same[0] == [
            "setting",
            *(f"{m} {c}" for m in ("UA", "WA") for c in ("[95 %]", "fold mean", "published")),
        ]
        assert same[1][1:4] == ["66.9 [61.2, 71.8]", "64.2", "63.80"]
        assert same[2][6] == ""


def test_header_says_what_was_tested_and_how(both):
    for form in ("md", "html"):
        text = " ".join(both[form].split())
        assert "speakers: Corpus, subset: 847 of 4,481 utterances" in text
        assert "speaker-independent, leave one of 10 speakers out" in text
        assert "2,763 test utterances of 10 speakers; a row is 10 folds x 2 seeds" in text
        assert text.count("the test speakers are heard in training") == 1  # of the speaker-dependent task only
        assert text.count("no mean over folds") == 1
        assert "with 10 speakers no p can be below 0.0020" in text
        assert "the published values are not of this corpus and protocol" in text
    assert "Source: table 1." in both["md"]
    assert "Source: table 1." in both["tex"]


def test_markdown_is_aligned_in_a_terminal(both):
    tables = re.findall(r"(?:^\|.*\|$\n?)+", both["md"], flags=re.MULTILINE)
    assert len(tables) == 4
    for table in tables:
        assert len({len(line) for line in table.splitlines()}) == 1
    prose = [line for line in both["md"].splitlines() if not line.startswith(("|", "#"))]
    assert max(map(len, prose)) <= 100


def test_markdown_and_html_keep_every_character(both):
    assert markdown_tables(both["md"])[0][3][0] == NASTY
    parsed = Tables(both["html"])
    assert parsed.classes == ["scores"] * 4
    assert parsed.tables[0][2][0] == NASTY
    assert "<b>" not in both["html"]
    assert "<html" not in both["html"]


def test_latex_is_escaped_and_balanced(both):
    tex = both["tex"]
    escaped = (
        r"50 \% of a\_b \& \$x\textasciicircum{}2 \# \{c\} \textasciitilde{} \textbackslash{}d "
        r"\textless{}b\textgreater{}\textbar{}i\textless{}/b\textgreater{} {[}1{]} {*}"
    )
    unbroken = tex.replace(r" \\ ", " ")  # long cells are broken into lines
    assert unbroken.count(escaped) == 4  # of each task: its row and its difference
    assert "+0.0 {[}$-$3.1, +4.2{]}" in tex
    without_escapes = re.sub(r"\\[&%$#_{}\\]", "", tex)
    depth = np.cumsum([{"{": 1, "}": -1}.get(c, 0) for c in without_escapes])
    assert depth.min() == 0
    assert depth[-1] == 0
    for name in ("table*", "tabular"):
        assert tex.count(rf"\begin{{{name}}}") == tex.count(rf"\end{{{name}}}") == (2 if name == "table*" else 4)
    for tabular in re.findall(r"\\begin\{tabular\}\{(lr*)\}\n(.*?)\\end\{tabular\}", tex, flags=re.DOTALL):
        columns, body = tabular
        rows = [line for line in body.splitlines() if line.endswith(r"\\")]
        assert len(rows) >= 2
        assert all(len(re.findall(r"(?<!\\)&", row)) == len(columns) - 1 for row in rows)
        assert not any(row.startswith(("[", "*")) for row in rows)


def test_csv_is_rounded_once_and_has_no_negative_zero(both, tmp_path):
    tidy = pd.read_csv(tmp_path / "losses.csv", dtype=str, keep_default_na=False)
    assert tidy.loc[0, ["value", "ci_low", "ci_high"]].to_list() == ["66.8649", "61.151", "71.849"]
    difference = tidy[tidy["minus"] == "plain"].iloc[0]
    assert difference[["value", "p_value", "p_holm"]].to_list() == ["0.0", "0.0313", "0.0"]


def test_a_study_that_changes_published_settings_says_so_on_the_table(write):
    overrides = {"conv_channels": [8, 12], "max_steps": 150}
    forms = write(tidy_of("speakers", SPEAKERS), {"speakers": SPEAKERS}, overrides=overrides)
    for form in ("md", "html"):
        text = " ".join(forms[form].split())
        assert "not the published system: the study sets conv_channels [8, 12], max_steps 150" in text


def test_same_numbers_same_bytes(write):
    tidy = tidy_of("speakers", SPEAKERS)
    assert write(tidy, {"speakers": SPEAKERS}) == write(tidy.copy(), {"speakers": SPEAKERS})


def test_a_sweep_without_differences_and_published_values_is_a_table_too(write):
    sweep = TableConfig(title="Sweep", caption="", system="net", axis="lambda", rows={"plain": 0, "center": 0.3})
    tidy = tidy_of("speakers", SPEAKERS).query("minus == ''")
    forms = write(tidy, {"speakers": SPEAKERS}, sweep)
    (scores,) = Tables(forms["html"]).tables
    assert [row[0] for row in scores] == ["lambda", "0", "0.3", "chance"]
    assert len(scores[0]) == 3


def test_without_intervals_the_numbers_stand_alone(write):
    tidy = tidy_of("speakers", SPEAKERS, n_speakers=1).assign(
        ci_low=np.nan, ci_high=np.nan, p_value=np.nan, p_holm=np.nan
    )
    forms = write(tidy, {"speakers": SPEAKERS})
    scores, differences = Tables(forms["html"]).tables
    assert scores[1][1] == "66.9"
    assert differences[1][1:4] == ["+0.0", "", ""]
    assert "no intervals: too few speakers" in forms["md"]
