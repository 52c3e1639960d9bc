import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from emofactors.config.systems import SystemConfig
from emofactors.config.tables import PublishedScores, TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.report.tables.layout import write_table
from emofactors.report.tables.metrics import WORDS

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
    published=[
        {
            "label": "Elsewhere, by session (A 2019)",
            "task": "random",
            "where": "table 1",
            "values": {"plain": {"ua": 63.8, "wa": 61.83}, "center": {"ua": 66.86}},
        }
    ],
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
        "protocol": task.protocol_label,
        "corpus": "Corpus, subset: 847 of 4,481 utterances",
        "published": np.nan,
        "minus": "",
    }
    for variant, label in TABLE.rows.items():
        for metric, value in (("ua", 66.864917), ("wa", 65.0)):
            row = about | {"row": label, "variant": variant, "chance": 25.0 if metric == "ua" else np.nan}
            if published:
                row["published"] = TABLE.published[0].values[variant].get(metric, np.nan)
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
    """Function of numbers and what they are of: the table in its four forms."""

    def write_and_read(tidy, tasks, table=TABLE, overrides=None, variant_overrides=None, systems=None):
        system = SystemConfig(
            source="a paper",
            settings=[{"key": "max_steps", "value": 500, "kind": "published", "why": "the talk"}],
            variants={},
            overrides=overrides or {},
            variant_overrides=variant_overrides or {},
        )

        paths = {form: tmp_path / f"losses.{form}" for form in ("csv", "md", "tex", "html")}
        write_table(tidy, table, tasks, systems=systems or {table.system: system}, **paths)
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
            self.tables[-1][-1][-1] += data.replace("\u00a0", " ")


def markdown_tables(text):
    """The tables of a Markdown text as lists of rows."""
    tables = re.findall(r"(?:^\|.*\|$\n?)+", text, flags=re.MULTILINE)
    cells = re.compile(r"(?<!\\)\|")
    return [
        [
            [c.strip().replace("\\|", "|").replace("\\<", "<") for c in cells.split(line)[1:-1]]
            for line in table.splitlines()
        ]
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
    forms = write(tidy_of("speakers", SPEAKERS), {"speakers": SPEAKERS}, variant_overrides={"plain": {"depth": 1}})
    assert "not the published system: the study sets depth 1 (plain)" in " ".join(forms["md"].split())
    assert "not the published" not in write(tidy_of("speakers", SPEAKERS), {"speakers": SPEAKERS})["md"]


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


# --- several published values, and protocols side by side -----------------------------------------------------

WA_ONLY = {"label": "Farther (B 2024)", "task": "far", "where": "table 2", "values": {"plain": {"wa": 98.95}}}
LEAKY = TaskConfig(
    corpus="c",
    classes=CLASSES,
    protocol="stratified_folds",
    folds=5,
    strata=["emotion"],
    augmentation="noisy",
    augmented="before_split",
    shows_leak=True,
)
PROTOCOLS = {"leaky": LEAKY, "random": RANDOM, "speakers": SPEAKERS}
SIDE_BY_SIDE = TABLE.model_copy(
    update={
        "kind": "protocols",
        "differences": (),
        "rows": {"plain": "teacher", "center": "student, transferred"},
        "published": tuple(
            PublishedScores(**(WA_ONLY | {"label": f"{corpus} (B 2024)", "task": task}))
            for corpus, task in (("Berlin", "leaky"), ("Surrey", "far"))
        ),
    }
)


def protocols_tidy_of(**about):
    """Scores under three protocols, and their gaps."""
    tidy = []
    for name, task in PROTOCOLS.items():
        of_task = tidy_of(name, task, fold_means=True).query("minus == ''")
        known = (of_task["variant"] == "plain") & (of_task["metric"] == "wa") & (name == "leaky")
        tidy.append(of_task.assign(published=np.where(known, 98.95, np.nan)))
    columns = ["leaky minus random", "random minus speakers", "leaky minus speakers"]
    gap = tidy[0].iloc[0].to_dict() | {"value": 20.04, "ci_low": 15.0, "ci_high": 25.0}
    rows = [
        gap | {"column": column, "variant": variant, "metric": metric, "minus": column.split()[-1]} | about
        for column in columns
        for variant in SIDE_BY_SIDE.rows
        for metric in ("ua_gap", "wa_gap")
    ]
    headline = {"column": "published minus speakers", "variant": "plain", "metric": "wa_gap", "minus": "speakers"}
    rows.append(gap | headline | {"value": 33.95, "published": 98.95})
    return pd.concat([*tidy, pd.DataFrame(rows)], ignore_index=True)


def test_published_values_have_the_metrics_they_have_and_columns_of_their_own(write):
    table = TABLE.model_copy(update={"published": (*TABLE.published, PublishedScores(**WA_ONLY))})
    forms = write(tidy_of("random", RANDOM, published=True), {"random": RANDOM}, table)
    scores = pd.DataFrame(Tables(forms["html"]).tables[0][1:], columns=Tables(forms["html"]).tables[0][0])
    own = [f"{m} {c}" for m in ("UA", "WA") for c in ("[95 %]", "published")]
    assert list(scores.columns) == ["setting", *own, "Farther (B 2024): WA"]
    assert scores["Farther (B 2024): WA"].to_list() == ["98.95", "-", ""]
    assert "published values of another corpus or protocol stand under their own label" in forms["md"]
    assert "Published: Elsewhere, by session (A 2019). Source: table 1." in forms["md"]
    assert "Published: Farther (B 2024). Source: table 2." in forms["md"]


def test_published_wa_alone_has_no_empty_column_of_ua(write):
    table = TABLE.model_copy(update={"published": (PublishedScores(**(WA_ONLY | {"task": "random"})),)})
    tidy = tidy_of("random", RANDOM)
    tidy.loc[(tidy["variant"] == "plain") & (tidy["metric"] == "wa"), "published"] = 98.95
    forms = write(tidy, {"random": RANDOM}, table)
    assert Tables(forms["html"]).tables[0][0] == ["setting", "UA [95 %]", "WA [95 %]", "WA published"]


def test_protocols_stand_side_by_side_under_letters_and_a_leak_says_so(write):
    forms = write(protocols_tidy_of(), PROTOCOLS, SIDE_BY_SIDE)
    for scores, gaps in (Tables(forms["html"]).tables, [t[:1] + t[2:] for t in markdown_tables(forms["md"])]):
        assert scores[0] == [
            "setting",
            *("A (leaks) UA [95 %]", "A (leaks) WA [95 %]", "A published WA"),
            *("B UA [95 %]", "B WA [95 %]", "C UA [95 %]", "C WA [95 %]"),
            "Surrey (B 2024): WA",
        ]
        assert [row[0] for row in scores[1:]] == ["teacher", "student, transferred", "chance"]
        assert scores[1][1:4] == ["66.9 [61.2, 71.8]", "65.0 [61.2, 71.8]", "98.95"]
        assert scores[2][3] == ""
        assert scores[1][-1] == "98.95"
        assert scores[3] == ["chance", "25.0", "", "", "25.0", "", "25.0", "", ""]
        assert gaps[0] == ["gap in points", "UA [95 %]", "WA [95 %]"]
        assert gaps[1] == ["A minus B: teacher", "+20.0 [+15.0, +25.0]", "+20.0 [+15.0, +25.0]"]
        assert gaps[6][0] == "A minus C: student, transferred"
        assert gaps[7:] == [["published minus C: teacher", "", "+34.0 [+15.0, +25.0]"]]
    text = " ".join(forms["md"].split())
    assert "### leaky, random, speakers: Corpus, subset" in text
    assert "A is leaky: LEAKS, copies of test utterances are in training" in text
    assert "2,763 test utterances, copies included, of 10 speakers; a row is 5 folds x 2 seeds" in text
    assert text.count("copies included") == 1
    assert "C is speakers: speaker-independent" in text
    assert "They have no p" in text
    assert "no p can be below" not in text
    assert "Published: Berlin (B 2024); Surrey (B 2024). Source: table 2." in text


def test_a_gap_without_interval_says_why(write):
    without = {"ci_low": np.nan, "ci_high": np.nan, "n_speakers": 12}
    forms = write(protocols_tidy_of(**without), PROTOCOLS, SIDE_BY_SIDE)
    assert "A minus B has no interval: the two do not test the same speakers" in " ".join(forms["md"].split())
    assert markdown_tables(forms["md"])[1][2][1:] == ["+20.0", "+20.0"]
    assert "do not test the same speakers" not in write(protocols_tidy_of(), PROTOCOLS, SIDE_BY_SIDE)["md"]


def test_a_wide_table_breaks_its_intervals_in_latex(write):
    tex = write(protocols_tidy_of(), PROTOCOLS, SIDE_BY_SIDE)["tex"]
    assert r"\shortstack[r]{66.9 \\ {[}61.2, 71.8{]}}" in tex
    assert tex.count(r"{\scriptsize") == 1
    assert r"+20.0 {[}+15.0, +25.0{]}" in tex  # the gaps are not wide
    (scores, _) = re.findall(r"\\begin\{tabular\}\{(lr*)\}\n(.*?)\\end\{tabular\}", tex, flags=re.DOTALL)
    unbroken = re.sub(r"\\shortstack\[[lr]\]\{((?:[^{}]|\{[^{}]*\})*)\}", "cell", scores[1])
    rows = [line for line in unbroken.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 4
    assert all(len(re.findall(r"(?<!\\)&", row)) == len(scores[0]) - 1 for row in rows)
    assert "scriptsize" not in write(tidy_of("random", RANDOM, fold_means=True), {"random": RANDOM})["tex"]


# --- rows of several systems, metrics of all kinds ------------------------------------------------------------

NUMBERS = dict.fromkeys(WORDS, 60.0) | {"speaker_information": 0.4321, "emotion_information": -0.00004}
CHANCES = {"ua": 25.0, "held_out_ua": 25.0, "speaker_ua": 25.0, "emotion_linear": 25.0} | dict.fromkeys(
    ("speaker_linear", "speaker_mlp", "speaker_held_out"), 100 / 7
)
OF_SYSTEMS = TableConfig(
    title="Speakers left",
    caption="Every system.",
    rows={"net/plain": "network", "other/plain": "another network", "svm/functionals": "functionals"},
    metrics=list(WORDS),
    differences=[{"variant": "net/plain", "minus": "svm/functionals"}],
    left_out=("ComParE (package opensmile)", "eGeMAPS (package opensmile)"),
)


def tidy_of_metrics(table=OF_SYSTEMS, task=SPEAKERS, n_speakers=None, unseeded=("svm/functionals",)):
    """The numbers of a table of any metrics, two seeds but for rows that no seed changes."""
    rest = {"table": "t", "column": "speakers", "corpus": "Corpus", "protocol": task.protocol_label}
    rest |= {"published": np.nan, "n_utterances": 2763, "minus": "", "p_value": np.nan, "p_holm": np.nan}
    rows = []
    for metric, words in WORDS.items():
        if metric not in table.metrics:
            continue
        value, has_interval = NUMBERS[metric], words.unit == 100
        number = rest | {
            "value": value,
            "ci_low": value - 5.04 if has_interval else np.nan,
            "ci_high": value + 5.04 if has_interval else np.nan,
            "n_speakers": (n_speakers or {}).get(metric, 10),
        }
        for row, label in table.rows.items():
            n_runs = task.n_folds * (1 if row in unseeded else 2)
            chance = 0.0 if not has_interval else CHANCES.get(metric, np.nan)
            about = {"row": label, "variant": row, "metric": metric, "n_runs": n_runs, "chance": chance}
            rows.append(number | about)
        for pair in table.differences:
            about = {"variant": pair.variant, "minus": pair.minus, "metric": f"{metric}_difference", "n_runs": 30}
            rows.append(number | about | ({"p_value": 0.0312, "p_holm": 0.25} if has_interval else {}))
    return pd.DataFrame(rows)


def system_of(kind="published", method="network", **changes):
    settings = [{"key": "units", "value": 128, "kind": kind, "why": "the talk"}]
    return SystemConfig(source="a paper", method=method, settings=settings, variants={}, **changes)


SYSTEMS = {"net": system_of(), "other": system_of(), "svm": system_of("assumed", "svm")}


def flat(text):
    return " ".join(text.split())


def test_metrics_of_all_kinds_have_their_columns_units_and_chance(write):
    forms = write(tidy_of_metrics(), {"speakers": SPEAKERS}, OF_SYSTEMS, systems=SYSTEMS)
    for scores, differences in (
        Tables(forms["html"]).tables,
        [t[:1] + t[2:] for t in markdown_tables(forms["md"])],
    ):
        headers = [WORDS[m].header + ("" if m.endswith("code_information") else " [95 %]") for m in WORDS]
        assert scores[0] == ["setting", *headers]
        assert [row[0] for row in scores[1:]] == ["network", "another network", "functionals", "chance"]
        for row in scores[1:4]:
            assert row[1:] == ["60.0 [55.0, 65.0]"] * 9 + ["0.432", "0.000"]  # and no negative zero
        assert scores[4][1:] == ["25.0", "", "25.0", "", "25.0", "14.3", "14.3", "14.3", "25.0", "0.000", "0.000"]
        # With so many metrics each has a row of its own.
        assert differences[0] == ["difference", "of", "value [95 %]", "p", "Holm"]
        assert {row[0] for row in differences[1:]} == {"network minus functionals"}
        assert [row[1] for row in differences[1:]] == [WORDS[metric].header for metric in WORDS]
        cells = {row[1]: row[2:] for row in differences[1:]}
        assert cells["speaker, MLP probe"][0] == "+60.0 [+55.0, +65.0]"
        assert cells["gap"][1:] == ["0.0312", "0.2500"]
        assert cells["MI with speaker / nats"] == ["+0.432", "", ""]


def test_every_metric_is_explained_once_and_only_if_it_is_shown(write):
    text = flat(write(tidy_of_metrics(), {"speakers": SPEAKERS}, OF_SYSTEMS, systems=SYSTEMS)["md"])
    for words in WORDS.values():
        assert text.count(words.remark) == 1
    assert "Holm: corrected for all differences of a task, UA, WA, UA, seen speakers, gap" in text
    assert "and emotion probe, UA." in text
    emotion = OF_SYSTEMS.model_copy(update={"metrics": ("ua", "emotion_information")})
    text = flat(write(tidy_of_metrics(emotion), {"speakers": SPEAKERS}, emotion, systems=SYSTEMS)["md"])
    assert WORDS["emotion_information"].remark in text
    for metric in ("held_out_gap", "speaker_linear", "speaker_mlp", "emotion_linear"):
        assert WORDS[metric].remark not in text


def test_rows_that_no_seed_changes_are_named(write):
    forms = write(tidy_of_metrics(), {"speakers": SPEAKERS}, OF_SYSTEMS, systems=SYSTEMS)
    words = "a row is 10 folds x 2 seeds (of functionals, which no seed changes: each fold once)"
    for form in ("md", "html"):
        assert words in flat(forms[form])
    for unseeded in ((), tuple(OF_SYSTEMS.rows)):
        text = flat(
            write(tidy_of_metrics(unseeded=unseeded), {"speakers": SPEAKERS}, OF_SYSTEMS, systems=SYSTEMS)["md"]
        )
        assert f"a row is 10 folds x {'1 seed' if unseeded else '2 seeds'} -" in text
        assert "no seed changes" not in text


def test_rows_left_out_are_named(write):
    forms = write(tidy_of_metrics(), {"speakers": SPEAKERS}, OF_SYSTEMS, systems=SYSTEMS)
    words = "left out, as a package is not installed: ComParE (package opensmile), eGeMAPS (package opensmile)"
    for form in ("md", "html"):
        assert words in flat(forms[form])
    assert "left out" not in write(tidy_of("speakers", SPEAKERS), {"speakers": SPEAKERS})["md"]


def test_what_the_study_changes_is_said_of_each_system(write):
    systems = {
        "net": system_of(overrides={"units": 8}),
        "other": system_of(variant_overrides={"plain": {"units": 4}}),
        "svm": system_of("assumed", "svm", overrides={"units": 2}),
    }
    text = flat(write(tidy_of_metrics(), {"speakers": SPEAKERS}, OF_SYSTEMS, systems=systems)["md"])
    assert "- not the published system of net: the study sets units 8 -" in text
    assert "- not the published system of other: the study sets units 4 (plain) -" in text
    assert "- set by the study of svm: units 2 " in text
    own = OF_SYSTEMS.model_copy(update={"system": "svm"})
    text = flat(write(tidy_of_metrics(), {"speakers": SPEAKERS}, own, systems=systems)["md"])
    assert "- set by the study: units 2 " in text
    assert "published system of net" in text


def test_every_number_of_speakers_has_its_smallest_p(write):
    n_speakers = dict.fromkeys(WORDS, 4) | {"speaker_linear": 7, "speaker_mlp": 20}
    text = flat(
        write(tidy_of_metrics(n_speakers=n_speakers), {"speakers": SPEAKERS}, OF_SYSTEMS, systems=SYSTEMS)["md"]
    )
    assert "with 4 speakers no p can be below 0.1250" in text
    assert "with 7 speakers no p can be below 0.0156" in text
    assert text.count("no p can be below") == 2
    without = OF_SYSTEMS.model_copy(update={"differences": ()})
    assert (
        "no p can" not in write(tidy_of_metrics(without), {"speakers": SPEAKERS}, without, systems=SYSTEMS)["md"]
    )


def test_a_gap_of_other_speakers_says_why_it_has_no_interval(write):
    tidy = tidy_of_metrics()
    of_gap = tidy["metric"].str.startswith("held_out_gap")
    tidy.loc[of_gap, ["ci_low", "ci_high", "p_value", "p_holm"]] = np.nan
    forms = write(tidy, {"speakers": SPEAKERS}, OF_SYSTEMS, systems=SYSTEMS)
    words = "no interval of the gap: seen and unseen speakers are not the same"
    assert words in flat(forms["md"])
    scores, differences = Tables(forms["html"]).tables
    assert scores[1][scores[0].index("gap [95 %]")] == "60.0"
    assert ["+60.0", "", ""] in [row[2:] for row in differences if row[1] == "gap"]
    assert words not in flat(write(tidy_of_metrics(), {"speakers": SPEAKERS}, OF_SYSTEMS, systems=SYSTEMS)["md"])


def test_a_task_of_presence_says_what_the_literature_calls_weighted_accuracy(write):
    presence = TaskConfig(
        corpus="c", classes=["anger", "absent"], protocol="leave_one_speaker_out", folds=10, dev_speakers=2
    )
    text = flat(write(tidy_of("presence", presence), {"presence": presence})["md"])
    assert "2 classes: anger, absent" in text
    assert "whether anger is present: what the literature on CMU-MOSEI calls weighted accuracy is UA" in text
    assert "MOSEI" not in write(tidy_of("speakers", SPEAKERS), {"speakers": SPEAKERS})["md"]


def test_latex_of_all_metrics_is_balanced_and_set_small(write):
    tex = write(tidy_of_metrics(), {"speakers": SPEAKERS}, OF_SYSTEMS, systems=SYSTEMS)["tex"]
    without_escapes = re.sub(r"\\[&%$#_{}\\]", "", tex)
    assert without_escapes.count("{") == without_escapes.count("}")
    assert tex.count(r"{\scriptsize") == 1  # the scores; differences have a row a metric
    assert r"\shortstack[r]{60.0 \\ {[}55.0, 65.0{]}}" in tex


def test_csv_keeps_chance_and_nats(write, tmp_path):
    write(tidy_of_metrics(), {"speakers": SPEAKERS}, OF_SYSTEMS, systems=SYSTEMS)
    tidy = pd.read_csv(tmp_path / "losses.csv", dtype=str, keep_default_na=False).set_index(["variant", "metric"])
    assert tidy.loc[("net/plain", "speaker_linear"), "chance"] == "14.2857"
    assert tidy.loc[("net/plain", "wa"), "chance"] == ""
    assert tidy.loc[("svm/functionals", "speaker_information"), ["value", "ci_low", "chance"]].to_list() == [
        "0.4321",
        "",
        "0.0",
    ]
    assert tidy.loc[("net/plain", "emotion_information"), "value"] == "0.0"  # no negative zero
