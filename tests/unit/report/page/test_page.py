import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from emofactors.config.systems import Documented
from emofactors.report.page.audio_examples import DecomposerExamples, Player, UtteranceExamples
from emofactors.report.page.corpus_overview import Cell, CorpusOverview, LabelStatistics, TypicalUtterance
from emofactors.report.page.costs import RuleCost
from emofactors.report.page.page import make_page, read_run, read_texts
from emofactors.report.tables.findings import PublishedLabels, TableFindings, TaskFindings

HOSTILE = "<script>alert('&')</script>"
AUDIT = {
    "verdict": "pass",
    "failures": [],
    "warnings": ["one was dropped"],
    "protocol": "speaker-independent",
    "n_utterances": 400,
    "n_originals": 400,
    "n_test_utterances": 390,
    "n_speakers": 10,
    "n_folds": 5,
    "class_counts": {"anger": 100, "sadness": 100, "fear": 100, "neutral": 100},
    "copy_in_training_fraction": 0.0,
    "speaker_in_training_fraction": 0.0,
    "text_in_training_fraction": 0.75,
    "corpus": {"dropped": [["a.wav", "silent"]]},
}
OVERVIEW = CorpusOverview(
    labels=("anger",),
    speakers={HOSTILE: (Cell(8, 5), Cell(8, 0)), "b": (Cell(4, 3), Cell(4, 0))},
    statistics=(LabelStatistics("anger", utterances=12, speakers=2, median=6.0, fewest=4, most=8, median_s=1.5),),
    n_speakers=2,
    durations="data:image/svg+xml;base64,ZHVyYXRpb25z",
    typical=(TypicalUtterance("anger", HOSTILE, "data:image/png;base64,dm9pY2U="),),
    f0_method="pyin",
)


def findings_of(table, *sentences, task="a4", title="a table", **changes):
    findings = TableFindings(
        table=table,
        kind="variants",
        title=title,
        caption="c",
        tasks=("a4",),
        letters={},
        sources=(PublishedLabels("Elsewhere (Paper 2019)", "table 2"),),
        findings=(TaskFindings(task, sentences),) if sentences else (),
    )
    return replace(findings, **changes)


@pytest.fixture
def page_of(settings_of, metadata, run):
    """Function of changes: the page of a study with invented results."""

    def make(settings=None, **changes):
        settings = settings or settings_of()
        given = {
            "claims": "<h3>Paper 2019</h3>",
            "tables": {"compared": '<table class="scores" id="one"></table>', "swept": "<p>two</p>"},
            "findings": {
                "compared": findings_of("compared", "UA is highest for X: 66.0 %.", "It is significant."),
                "swept": findings_of("swept", "UA is highest at 0.3."),
            },
            "figures": dict.fromkeys(settings.figures, "<svg xmlns='http://www.w3.org/2000/svg'/>"),
            "audits": dict.fromkeys(settings.tasks, AUDIT),
            "corpora": {"a": metadata},
            "runs": [run],
        }
        return make_page(settings, **(given | changes))

    return make


class Elements(HTMLParser):
    """What a page loads, its images, links, ids and the levels of its headings."""

    def __init__(self, page):
        super().__init__()
        self.loaded, self.images, self.links, self.ids, self.headings = [], [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.headings += [int(tag[1])] if re.fullmatch(r"h\d", tag) else []
        if tag == "img":
            assert attrs["alt"] or "src" not in attrs
            self.images.append(attrs.get("src", ""))
        elif tag == "a":
            self.links.append(attrs["href"])
        else:
            self.loaded += [attrs[key] for key in ("src", "href", "srcset", "data") if key in attrs]

    @property
    def skip_no_level(self):
        return all(lower - upper <= 1 for upper, lower in zip(self.headings, self.headings[1:], strict=False))


def cells_of(html):
    return re.findall(r'<td class="number">([^<]+)</td>', html)


def test_the_page_loads_nothing(page_of):
    page = page_of()
    elements = Elements(page)
    assert elements.loaded == []
    assert len(elements.images) == 3  # with the empty one that shows enlarged images
    assert elements.images.pop() == ""
    assert all(image.startswith("data:image/svg+xml;base64,") for image in elements.images)
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert "url(" not in page
    assert "@import" not in page


def test_links_lead_to_sections_and_headings_skip_no_level(page_of, settings_of):
    elements = Elements(page_of(settings_of(overrides={"units": 32})))
    assert len(elements.links) == 1 + 9 + 2 + 2  # skip link, sections, tables of headlines and of findings
    assert {link.removeprefix("#") for link in elements.links} <= set(elements.ids)
    assert elements.headings[0] == 1
    assert elements.headings.count(1) == 1
    assert elements.skip_no_level


def test_the_ledger_of_claims_is_the_first_section(page_of):
    page = page_of()
    assert page.index("<h3>Paper 2019</h3>") < page.index('id="headlines"') < page.index('id="findings"')
    assert Elements(page).links[1] == "#claims"


def test_the_page_has_every_table_figure_audit_and_setting(page_of):
    page = page_of()
    expected = {"table-compared", "table-swept", "figure-confused", "figure-course", "audit-a4", "system-net"}
    assert expected | {"features-log_mel_8"} <= set(Elements(page).ids)
    for text in (
        '<table class="scores" id="one">',
        "<p>two</p>",
        "one was dropped",
        "75\u00a0%",
        "48, 64",
        "n_mels",
    ):
        assert text in page
    assert "Published values: Elsewhere (Paper 2019); table 2." in page


def test_the_page_adapts_to_dark_colours_and_phones(page_of):
    page = page_of()
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


def test_all_text_is_escaped(page_of, settings_of, metadata, run):
    audit = AUDIT | {
        "warnings": [HOSTILE],
        "failures": [HOSTILE],
        "corpus": {"dropped": [[HOSTILE, HOSTILE]]},
    }
    findings = {
        name: findings_of(
            name, HOSTILE, HOSTILE + "2", title=HOSTILE, sources=(PublishedLabels(HOSTILE, HOSTILE),)
        )
        for name in ("compared", "swept")
    }
    page = page_of(
        settings_of(title=HOSTILE),
        runs=[run | {"device": HOSTILE, "variant": HOSTILE, "versions": {HOSTILE: HOSTILE}}],
        audits={"a4": audit},
        corpora={"a": metadata | dict.fromkeys(("title", "source", "licence", "language"), HOSTILE)},
        findings=findings,
        overviews={"a": OVERVIEW},
    )
    assert page.count("&lt;script&gt;") > 20
    assert page.count("<script") == 2  # those of the page itself


def test_a_missing_table_is_an_error(page_of):
    with pytest.raises(KeyError, match="swept"):
        page_of(tables={"compared": ""})
    with pytest.raises(KeyError, match="swept"):
        page_of(findings={"compared": findings_of("compared", "f")})


# --- headlines and findings ----------------------------------------------------------------------------------


def test_the_first_finding_of_each_table_is_a_headline_and_all_are_below(page_of):
    headlines, _, findings = page_of().partition('id="findings"')
    assert '<a href="#table-compared">a table</a>' in headlines
    for headline in ("UA is highest for X: 66.0\u00a0%.", "UA is highest at 0.3."):
        assert headline in headlines
        assert headline in findings
    assert "It is significant." not in headlines
    assert "It is significant." in findings


def test_findings_about_several_tasks_are_first_with_the_letters_of_the_tasks(
    page_of, settings_of, task, leaky_task
):
    protocols = findings_of(
        "swept", "A is higher.", "By 3 points.", task="", letters={"leaky": "A", "a4": "B"}, kind="protocols"
    )
    compared = findings_of("compared", "UA is highest for X.", "It is significant.")
    page = page_of(
        settings_of(tasks={"leaky": leaky_task, "a4": task}),
        findings={"compared": compared, "swept": protocols},
    )
    text = " ".join(page.split())
    assert "(A: leaky, B: a4)" in text
    assert text.index("By 3 points.") < text.index("The task leaks on purpose") < text.index("It is significant.")
    assert 'class="protocols"' in page


def test_the_order_of_frames_has_sentences_and_a_table(page_of, shuffle):
    page = page_of(shuffles=[shuffle])
    assert "do not depend on the order of the frames" in page
    assert cells_of(page)[:6] == ["107", "8.10", "0.0000030", "0", "61.2", "61.2"]
    assert "order of the frames" not in page_of()


def test_a_changed_published_setting_is_stated_before_the_findings(page_of, settings_of):
    page = page_of(settings_of(overrides={"units": 32, "patience": 5}))
    assert page.index("Not as published:") < page.index("units is 32 instead of 128") < page.index('id="findings"')
    assert "here 32" in page
    assert "Not as published:" not in page_of()


# --- corpora and tasks ---------------------------------------------------------------------------------------


def test_corpora_have_counts_durations_and_typical_utterances(page_of):
    page = page_of(overviews={"a": OVERVIEW})
    elements = Elements(page)
    assert {OVERVIEW.durations, OVERVIEW.typical[0].spectrogram} <= set(elements.images)
    assert {"corpora", "corpus-a"} <= set(elements.ids)
    assert "#corpora" in elements.links
    assert '<td class="number shade5">8</td><td class="number shade0">8</td>' in page
    assert "F0 by pYIN" in page
    assert elements.skip_no_level


def test_a_corpus_of_many_speakers_has_no_row_for_each(page_of):
    page = page_of(overviews={"a": replace(OVERVIEW, speakers={}, n_speakers=1000)})
    assert "Utterances of each speaker" not in page
    assert "Emotions over 1000 speakers" in page


def test_without_overviews_there_is_no_section_of_corpora(page_of):
    assert "corpora" not in Elements(page_of()).ids


def test_augmented_copies_are_counted_where_there_are_any(page_of):
    copied = AUDIT | {"n_utterances": 1600, "copy_in_training_fraction": 0.98}
    text = " ".join(page_of(audits={"a4": copied}).split())
    assert "1200 of these utterances are augmented copies of 400 originals" in text
    assert "98\u00a0%" in page_of(audits={"a4": copied})
    assert "augmented copies" not in page_of()


def test_augmentations_have_their_settings(page_of, settings_of):
    noisy = {"noisy": (Documented(key="snr_db", value=(10, 30), kind="assumed", why="audible"),)}
    page = page_of(settings_of(augmentations=noisy))
    assert "augmentation-noisy" in Elements(page).ids
    assert "snr_db" in page


# --- audio examples ------------------------------------------------------------------------------------------


def test_audio_examples_are_part_of_the_page_and_have_names(page_of):
    player = Player("mixed", HOSTILE, label=f"Play u1: {HOSTILE}", uri="data:audio/mpeg;base64,c291bmQ=")
    utterance = UtteranceExamples("u1: fear", (player,), spectrograms="data:image/png;base64,cGljdHVyZQ==")
    page = page_of(audio_examples=[DecomposerExamples("a4", "net", "plain", (utterance,))])
    elements = Elements(page)
    assert elements.loaded == [player.uri]
    assert utterance.spectrograms in elements.images
    assert "media-src data:" in page
    assert re.search(r'<audio controls preload="none" aria-label="Play u1: &lt;script', page)
    assert HOSTILE not in page
    assert "#audio-examples" in elements.links
    assert {"audio-examples", "audio-examples-a4-net-plain"} <= set(elements.ids)
    assert elements.skip_no_level
    assert "Griffin-Lim" in page


def test_without_audio_examples_there_is_no_section_of_them(page_of):
    page = page_of()
    assert "audio-examples" not in Elements(page).ids
    assert "<audio" not in page


# --- costs ---------------------------------------------------------------------------------------------------


def test_variants_have_costs_and_unknown_ones_are_dashes(page_of, run):
    of_networks = ("parameters", "flops", "flops_frames", "steps", "utterances_per_s")
    svm = run | {"variant": "center"} | dict.fromkeys(of_networks)
    cells = cells_of(page_of(runs=[run, svm]).partition('id="cost"')[2])
    assert cells == [
        *("1", "1234", "0.0050", "300", "50.0", "400.0", "10.0", "300"),
        *("1", "–", "–", "–", "–", "400.0", "10.0", "–"),
    ]


def test_rules_have_costs_with_a_total(page_of, run):
    costs = [
        RuleCost("make_folds", 1, 0, None, None, None, None, None, None),
        RuleCost("train", 12, 10, 7325.6, 3600.0, 9000.0, 1500.4, "1, 2", HOSTILE),
    ]
    page = page_of(rule_costs=costs)
    train = ["10 of 12", "2:02:06", "1:00:00", "2:30:00", "1500"]
    cells = cells_of(page.partition('id="cost-of-rules"')[2])
    assert cells == ["0 of 1", *5 * "–", *train, "1, 2", "10 of 13", *train[1:], "–"]
    assert HOSTILE not in page
    assert "resumed from a checkpoint (" not in page
    resumed = page_of(rule_costs=costs, runs=[run, run | {"resumed_at_step": 100}])
    assert "resumed from a checkpoint (1 here)" in resumed
    assert 'id="cost-of-rules"' not in page_of()


# --- what is read --------------------------------------------------------------------------------------------


def test_a_run_is_read_with_its_task_system_and_variant(tmp_path):
    path = tmp_path / "training" / "a4" / "net" / "plain" / "fold3" / "seed0" / "run.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"steps": 7}))
    assert read_run(path) == {"steps": 7, "task": "a4", "system": "net", "variant": "plain"}


def test_texts_are_read_by_the_name_of_their_file(tmp_path):
    (tmp_path / "one.html").write_text("é", encoding="utf-8")
    assert read_texts([tmp_path / "one.html"]) == {"one": "é"}
