import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest

from emofactors.config.augmentations import AugmentationSettings
from emofactors.config.corpora import LayoutCorpus
from emofactors.config.evaluation import InformationSettings, IntervalSettings, ProbeSettings
from emofactors.config.figures.kinds import FigureConfig
from emofactors.config.study import Study, Training
from emofactors.config.systems import Documented, Needs, SystemConfig
from emofactors.config.tables import PublishedScores, TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.config.training import ComputeSettings
from emofactors.report.page.audio_examples import AudioExamples, Listened, Player
from emofactors.report.page.corpus_overview import Cell, CorpusOverview, Spread, Typical
from emofactors.report.page.costs import RuleCost
from emofactors.report.page.page import make_page, provenance, read_run, read_scores
from emofactors.report.page.settings import system_settings
from emofactors.report.tables.findings import findings, protocol_findings, shuffle_finding
from emofactors.report.tables.headlines import headlines, in_one_line
from emofactors.report.tables.tidy import COLUMNS

HOSTILE = "<script>alert('&')</script>"
LABEL = "Elsewhere (Paper 2019)"
NOTE = {
    "title": "Corpus A",
    "source": "Someone, 2000",
    "licence": "CC0",
    "language": "de",
    "utterances": 400,
    "speakers": 10,
    "duration_s": 3600.0,
    "published_utterances": 400,
    "whole": True,
    "dropped": [["a.wav", "silent"]],
}
TASK = TaskConfig(
    corpus="a", classes=("anger", "sadness", "fear", "neutral"), protocol="speaker_groups", folds=5, dev_speakers=2
)
AUDIT = {
    "verdict": "pass",
    "failures": [],
    "warnings": ["one was dropped"],
    "protocol": TASK.protocol_label,
    "speaker_independent": True,
    "n_utterances": 400,
    "n_originals": 400,
    "n_test_utterances": 390,
    "n_speakers": 10,
    "n_folds": 5,
    "class_counts": {"anger": 100, "sadness": 100, "fear": 100, "neutral": 100},
    "copy_in_training_fraction": 0.0,
    "speaker_in_training_fraction": 0.0,
    "text_in_training_fraction": 0.75,
    "corpus": NOTE,
    "folds": [],
}
RUN = {
    "task": "a4",
    "system": "net",
    "variant": "plain",
    "parameters": 1234,
    "flops": 5_000_000,
    "flops_frames": 300,
    "steps": 300,
    "resumed_at_step": 0,
    "wall_s": 10.0,
    "utterances_per_s": 50.0,
    "inference_utterances_per_s": 400.0,
    "device": "cpu",
    "precision": "float32",
    "threads": 1,
    "versions": {"python": "3.11.9", "torch": "2.11.0"},
    "code": "0123456789abcdef",
}
PUBLISHED = PublishedScores(
    label=LABEL, task="b4", where="table 2", values={"plain": {"ua": 60.0}, "center": {"ua": 63.0}}
)


def study_of(title: str = "A study", overrides: dict | None = None, task: TaskConfig = TASK) -> Study:
    """A study of one task with a comparison, a sweep and a figure of each."""
    table = TableConfig(
        title=f"{title}, compared",
        caption="c",
        system="net",
        rows={"plain": "softmax", "center": "softmax + center"},
        differences=({"variant": "center", "minus": "plain"},),
        published=(PUBLISHED,),
    )
    sweep = TableConfig(
        title="swept",
        caption="s",
        system="net",
        axis="lambda",
        rows={"plain": 0, "center": 0.3},
        published=(PUBLISHED,),
    )
    settings = (
        Documented(key="units", value=128, kind="published", why="talk"),
        Documented(key="channels", value=[48, 64], kind="published", why=title),
        Documented(key="patience", value=None, kind="assumed", why="not stated"),
    )
    return Study(
        study="a_study",
        title=title,
        corpora_root="data",
        seeds=(0, 1),
        compute=ComputeSettings(),
        intervals=IntervalSettings(),
        probes=ProbeSettings(),
        information=InformationSettings(),
        corpora={"a": LayoutCorpus(reader="emodb", folder="a", title="Corpus A")},
        tasks={"a4": task},
        augmentations={},
        augmentation_notes={},
        features={},
        feature_notes={"log_mel_8": (Documented(key="n_mels", value=8, kind="assumed", why="small"),)},
        systems={
            "net": SystemConfig(
                source="Paper 2019",
                settings=settings,
                variants={"plain": {"lambda": 0.0}, "center": {}},
                overrides=overrides or {},
            )
        },
        tables={"compared": table, "swept": sweep},
        table_tasks={"compared": ("a4",), "swept": ("a4",)},
        figures={
            "confused": FigureConfig(
                kind="confusion", title="Confused", caption="which", system="net", variants={"plain": "softmax"}
            ),
            "course": FigureConfig(kind="sweep", title="Course", caption="where", table="swept"),
        },
        figure_tasks={"confused": ("a4",), "course": ("a4",)},
        tested_on={},
        audio_examples={},
        trainings=tuple(Training(task="a4", system="net", variant=variant) for variant in ("plain", "center")),
    )


def scores_of(plain: float = 60.0, center: float = 66.0, p_holm: float = 0.01, **about) -> dict[str, pd.DataFrame]:
    """Tidy tables with the UA of the two variants and their difference."""
    rest = {"column": "a4", "n_runs": 10, "n_utterances": 390, "n_speakers": 10, "p_value": None, "p_holm": None}
    difference = center - plain
    tables = {}
    for table, labels in (("compared", ("softmax", "softmax + center")), ("swept", ("0", "0.3"))):
        rows = [
            {"row": labels[0], "metric": "ua", "value": plain, "variant": "plain", "minus": None},
            {"row": labels[1], "metric": "ua", "value": center, "variant": "center", "minus": None},
            {
                "row": f"{labels[1]} minus {labels[0]}",
                "metric": "ua_difference",
                "value": difference,
                "variant": "center",
                "minus": "plain",
                "p_value": p_holm / 2,
                "p_holm": p_holm,
            },
        ]
        tables[table] = pd.DataFrame(
            [
                rest
                | {"ci_low": row["value"] - 4, "ci_high": row["value"] + 4, "published": float("nan")}
                | row
                | about
                for row in rows
            ]
        )
    return tables


def page_of(study: Study, **changes) -> str:
    """The page of a study with its made-up results."""
    given = {
        "fragments": {"compared": '<table class="scores" id="one"></table>', "swept": "<p>two</p>"},
        "scores": scores_of(),
        "figures": dict.fromkeys(study.figures, "<svg xmlns='http://www.w3.org/2000/svg'/>"),
        "audits": {"a4": AUDIT},
        "notes": {"a": NOTE},
        "runs": [RUN],
    }
    return make_page(study, **(given | changes))


def sentences_of(scores: dict[str, pd.DataFrame], study: Study | None = None, note: dict = NOTE) -> str:
    return "\n".join(said_of(findings(study or study_of(), scores, {"a": note})["a4"]))


def said_of(by_table: dict[str, list[str]]) -> list[str]:
    """All sentences of a task, one table after the other."""
    return [sentence for sentences in by_table.values() for sentence in sentences]


class Loads(HTMLParser):
    """What a page would load, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.images: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []

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


def test_the_page_loads_nothing():
    page = page_of(study_of())
    loads = Loads()
    loads.feed(page)
    assert loads.loaded == []
    assert len(loads.images) == 3  # with the empty one in which others open large
    assert loads.images.pop() == ""
    assert all(image.startswith("data:image/svg+xml;base64,") for image in loads.images)
    assert "http" not in re.sub(r"http-equiv", "", page)
    assert "url(" not in page
    assert "@import" not in page


def test_sounds_are_part_of_the_page_and_have_names():
    player = Player(
        title="mixed", words=HOSTILE, label=f"Play u1: {HOSTILE}", uri="data:audio/mpeg;base64,c291bmQ="
    )
    listened = Listened(heading="u1: fear", players=(player,), picture="data:image/png;base64,cGljdHVyZQ==")
    page = page_of(study_of(), sounds=[AudioExamples("a4", "net", "plain", (listened,))])
    loads = Loads()
    loads.feed(page)
    assert loads.loaded == [player.uri]
    assert listened.picture in loads.images
    assert "media-src data:" in page
    assert re.search(r'<audio controls preload="none" aria-label="Play u1: &lt;script', page)
    assert HOSTILE not in page
    assert {"#sounds"} <= set(loads.links)
    assert {"audio_examples", "sounds-a4-net-plain"} <= set(loads.ids)
    assert all(b - a <= 1 for a, b in zip(loads.headings, loads.headings[1:], strict=False))
    assert "no vocoder" in page


def test_without_sounds_there_is_nothing_to_hear():
    page = page_of(study_of())
    assert "Hear it" not in page
    assert "<audio" not in page


def test_links_lead_to_sections_and_headings_skip_no_level():
    loads = Loads()
    loads.feed(page_of(study_of(overrides={"units": 32})))
    assert len(loads.links) == 1 + 8 + 2 + 2  # to skip, sections, tables of headlines and of findings
    assert {link.removeprefix("#") for link in loads.links} <= set(loads.ids)
    assert loads.headings[0] == 1
    assert loads.headings.count(1) == 1
    assert all(b - a <= 1 for a, b in zip(loads.headings, loads.headings[1:], strict=False))


def test_every_table_figure_audit_and_setting_is_there():
    page = page_of(study_of())
    for name in ("compared", "swept"):
        assert f'id="table-{name}"' in page
    for name in ("confused", "course"):
        assert f'id="figure-{name}"' in page
    for words in (
        '<table class="scores" id="one">',
        "<p>two</p>",
        "one was dropped",
        "75\u00a0%",
        "48, 64",
        "n_mels",
    ):
        assert words in page


def test_light_and_dark_and_phones_are_served():
    page = page_of(study_of())
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


def test_hostile_words_are_escaped():
    run = RUN | {"device": HOSTILE, "variant": HOSTILE, "versions": {HOSTILE: HOSTILE}}
    audit = AUDIT | {
        "warnings": [HOSTILE],
        "failures": [HOSTILE],
        "corpus": NOTE | {"dropped": [[HOSTILE, HOSTILE]]},
    }
    note = NOTE | dict.fromkeys(("title", "source", "licence", "language"), HOSTILE)
    scores = {name: table.assign(row=HOSTILE) for name, table in scores_of().items()}
    page = page_of(study_of(title=HOSTILE), runs=[run], audits={"a4": audit}, notes={"a": note}, scores=scores)
    assert page.count("&lt;script&gt;") > 10
    assert page.count("<script") == 2  # the page's own


SPREAD = Spread(label="anger", utterances=12, speakers=2, median=6.0, fewest=4, most=8, median_s=1.5)
GLANCE = CorpusOverview(
    labels=("anger",),
    speakers={HOSTILE: (Cell(8, 5), Cell(8, 0)), "b": (Cell(4, 3), Cell(4, 0))},
    spread=(SPREAD,),
    n_speakers=2,
    durations="data:image/svg+xml;base64,ZHVyYXRpb25z",
    typical=(Typical(label="anger", words=HOSTILE, picture="data:image/png;base64,dm9pY2U="),),
    f0_method="pyin",
)


def test_corpora_are_seen_at_a_glance():
    page = page_of(study_of(), corpus_overviews={"a": GLANCE})
    loads = Loads()
    loads.feed(page)
    assert {GLANCE.durations, GLANCE.typical[0].picture} <= set(loads.images)
    assert {"corpora", "corpus-a"} <= set(loads.ids)
    assert "#corpora" in loads.links
    assert '<td class="number shade5">8</td><td class="number shade0">8</td>' in page
    assert "F0 by pYIN" in page
    assert HOSTILE not in page
    assert all(b - a <= 1 for a, b in zip(loads.headings, loads.headings[1:], strict=False))


def test_a_corpus_of_many_speakers_has_no_row_for_each():
    many = replace(GLANCE, speakers={}, n_speakers=1000)
    page = page_of(study_of(), corpus_overviews={"a": many})
    assert "Utterances of each speaker" not in page
    assert "Emotions over 1000 speakers" in page


def test_a_study_without_pictures_of_its_corpora_has_no_section_of_them():
    assert 'id="corpora"' not in page_of(study_of())


def test_what_was_run_stands_in_one_line():
    words = in_one_line(study_of(), {"a": NOTE}, 10)
    assert words == (
        "Corpus A (400 utterances, 10 speakers); 1 speaker-independent task; 1 system, 10 trainings, seeds 0, 1."
    )
    subset = in_one_line(study_of(), {"a": NOTE | {"whole": False}}, 1)
    assert "10 speakers, not as published" in subset
    assert "1 training, " in subset
    assert words in page_of(study_of(), runs=[RUN] * 10)


def test_headlines_say_the_highest_ua_and_what_is_shown():
    of_table, of_sweep = headlines(study_of(), scores_of())
    assert of_table.sentences == (
        "highest UA 66.0 % [62.0, 70.0] with “softmax + center” (chance 25.0 %).",
        "Of 1 difference in UA shown at 5 % (Holm): softmax + center minus softmax +6.0 points.",
    )
    assert (of_table.table, of_table.task) == ("compared", "a4")
    assert of_sweep.sentences[0] == (
        "over lambda, UA is highest at 0.3, 66.0 % [62.0, 70.0], and lowest at 0, 60.0 % [56.0, 64.0]."
    )


def test_headlines_follow_the_numbers():
    of_table, _ = headlines(study_of(), scores_of(plain=26.0, center=24.0, p_holm=0.4, published=27.0))
    assert of_table.sentences == (
        "highest UA 26.0 % [22.0, 30.0] with “softmax” (chance 25.0 %, within the interval); published 27.0 %, "
        "inside our interval.",
        "Its one difference in UA is not shown.",
    )
    reduced, _ = headlines(study_of(overrides={"units": 32}), scores_of(published=27.0))
    assert "published 27.0 %, below our interval, but ours is not the published system." in reduced.sentences[0]
    (unsure, _) = headlines(study_of(), scores_of(p_holm=float("nan")))
    assert len(unsure.sentences) == 1


def test_a_headline_links_to_its_table_and_stands_before_the_findings():
    page = page_of(study_of())
    assert page.index("highest UA 66.0") < page.index('id="findings"')
    assert '<a href="#table-compared">A study, compared</a>' in page


def test_a_table_that_is_not_given_is_an_error():
    with pytest.raises(KeyError, match="swept"):
        page_of(study_of(), fragments={"compared": ""})


def test_the_highest_ua_is_named_with_interval_and_chance():
    words = sentences_of(scores_of())
    assert "UA is highest for “softmax + center”: 66.0 % [62.0, 70.0]" in words
    assert "390 test utterances of 10 speakers and 10 trainings" in words
    assert "Chance is 25.0 % for 4 classes: the interval lies above it." in words
    assert "Over lambda, UA is highest at 0.3 (66.0 % [62.0, 70.0]) and lowest at 0 (60.0 %" in words


def test_other_numbers_make_other_sentences():
    words = sentences_of(scores_of(plain=28.0, center=22.0))
    assert "UA is highest for “softmax”: 28.0 % [24.0, 32.0]" in words
    assert "the interval holds it, so nothing better than chance is shown" in words
    assert "Over lambda, UA is highest at 0 " in words


@pytest.mark.parametrize(
    ("numbers", "verdict"),
    [
        ({"center": 66.0, "p_holm": 0.01}, "+6.0 points [+2.0, +10.0], p = 0.0100 (Holm): UA is higher."),
        ({"center": 54.0, "p_holm": 0.01}, "-6.0 points [-10.0, -2.0], p = 0.0100 (Holm): UA is lower."),
        ({"center": 61.0, "p_holm": 0.4}, "+1.0 points [-3.0, +5.0], p = 0.4000 (Holm): no difference is shown."),
        ({"center": 59.96, "p_holm": 0.4}, "+0.0 points [-4.0, +4.0]"),
        ({"center": 66.0, "p_holm": float("nan")}, "+6.0 points; the speakers cannot be resampled"),
    ],
)
def test_whether_center_loss_helps_follows_the_numbers(numbers, verdict):
    assert f"softmax + center minus softmax: UA {verdict}" in sentences_of(scores_of(**numbers))


def test_a_difference_no_test_could_show_is_called_so():
    assert "with 4 speakers none could be" in sentences_of(scores_of(p_holm=0.4, n_speakers=4))
    assert "none could be" not in sentences_of(scores_of(p_holm=0.4, n_speakers=10))


def test_published_numbers_stand_under_their_own_label():
    words = sentences_of(scores_of())
    assert f"Published for {LABEL}: +3.0 points." in words
    assert f"Published for {LABEL}: highest at 0.3 (63.0 %), lowest at 0 (60.0 %)." in words
    assert "this corpus and protocol" not in words


@pytest.mark.parametrize(("published", "where"), [(66.9, "inside"), (61.0, "below"), (71.0, "above")])
def test_a_published_value_of_the_same_protocol_is_held_against_the_interval(published, where):
    scores = scores_of(published=published)
    sentence = f"The published UA for this corpus and protocol is {published:.1f} %, {where} our interval"
    assert f"{sentence}." in sentences_of(scores)
    reduced = study_of(overrides={"units": 32})
    assert f"{sentence}; but ours is not the published system." in sentences_of(scores, reduced)


def test_reservations_are_said():
    dependent = TaskConfig(corpus="a", classes=TASK.classes, protocol="stratified_random", strata=("speaker",))
    assert "speaker-dependent" not in sentences_of(scores_of())
    assert "speaker-dependent" in sentences_of(scores_of(), study_of(task=dependent))
    assert "not as published here (300 utterances, published are 400)" in sentences_of(
        scores_of(), note=NOTE | {"whole": False, "utterances": 300}
    )


def test_a_score_without_interval_says_so():
    words = sentences_of(scores_of(ci_low=float("nan"), ci_high=float("nan")))
    assert "66.0 % (no interval: the speakers cannot be resampled)" in words
    assert "Chance" not in words


def test_a_changed_published_setting_is_said_prominently():
    page = page_of(study_of(overrides={"units": 32, "patience": 5}))
    sentence = "This is not the published system: the study changes 1 of its 2 published settings (units is 32 instead of 128)"
    assert page.index(sentence) < page.index('id="findings"')
    assert "the study changes patience = 5" in page
    assert "here 32" in page


@pytest.mark.parametrize("overrides", [{}, {"units": 128}])
def test_an_unchanged_system_departs_from_nothing(overrides):
    system = study_of(overrides=overrides).systems["net"]
    assert system_settings("net", system).departure == ""
    assert "not the published system" not in page_of(study_of(overrides=overrides))


def test_numbers_that_are_not_known_are_dashes():
    of_networks = ("parameters", "flops", "flops_frames", "steps", "utterances_per_s")
    machine = RUN | {"variant": "center"} | dict.fromkeys(of_networks)
    assert page_of(study_of(), runs=[RUN, machine]).count('<td class="number">–</td>') == 5


def test_rules_have_a_table_of_costs_with_a_total():
    spent = [
        RuleCost("make_folds", 1, 0, None, None, None, None, None, None),
        RuleCost("train", 12, 10, 7325.6, 3600.0, 9000.0, 1500.4, "1, 2", HOSTILE),
    ]
    page = page_of(study_of(), rule_costs=spent)
    assert "What it cost, rule by rule" in page
    numbers = re.findall(r'<td class="number">([^<]+)</td>', page.partition("rule by rule")[2])
    trained = ["10 of 12", "2:02:06", "1:00:00", "2:30:00", "1500"]
    assert numbers == ["0 of 1", *5 * "–", *trained, "1, 2", "10 of 13", *trained[1:], "–"]
    assert HOSTILE not in page
    assert "the last part alone" not in page
    resumed = page_of(study_of(), rule_costs=spent, runs=[RUN, RUN | {"resumed_at_step": 100}])
    assert "Of trainings that went on from a checkpoint (1 here) the last part alone" in resumed
    assert "rule by rule" not in page_of(study_of())


def test_the_page_says_that_times_differ_from_run_to_run():
    page = page_of(study_of())
    assert "differ from run to run" in page
    for cell in ("0.0050", "300", "50.0", "400.0", "10.0"):
        assert f'<td class="number">{cell}</td>' in page


def test_provenance_counts_what_differs():
    found = provenance([RUN, RUN, RUN | {"device": "cuda", "versions": {"torch": "2.11.1"}}])
    assert found["device"] == {"cpu": 2, "cuda": 1}
    assert found["torch"] == {"2.11.0": 2, "2.11.1": 1}
    assert found["code of net"] == {"0123456789abcdef": 3}


def test_a_run_knows_which_it_is(tmp_path):
    path = tmp_path / "training" / "a4" / "net" / "plain" / "fold3" / "seed0" / "run.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"steps": 7}))
    assert read_run(path) == {"steps": 7, "task": "a4", "system": "net", "variant": "plain"}


def test_labels_that_are_numbers_stay_as_printed(tmp_path):
    table = pd.DataFrame({"row": ["0", "0.30"], "metric": "ua", "value": [60, 66]}).reindex(columns=COLUMNS)
    table.to_csv(tmp_path / "swept.csv", index=False)
    assert list(read_scores([tmp_path / "swept.csv"])["swept"]["row"]) == ["0", "0.30"]


# --- protocols side by side, the order of frames, needs and augmentations ---------------------------------------

LEAKY = TaskConfig(
    corpus="a",
    classes=TASK.classes,
    protocol="stratified_folds",
    folds=5,
    strata=("emotion",),
    augmentation="noisy",
    augmented="before_split",
    shows_leak=True,
)
RANDOM = LEAKY.model_copy(update={"augmented": "training", "shows_leak": False})
SIDE_BY_SIDE = TableConfig(
    kind="protocols",
    title="side by side",
    caption="c",
    system="net",
    rows={"plain": "teacher", "center": "student"},
    published=(
        PublishedScores(label=LABEL, task="a4_leaky", where="weights", values={"plain": {"wa": 98.95}}),
        PublishedScores(label="Farther", task="b4_leaky", where="weights", values={"plain": {"wa": 97.0}}),
    ),
)
INSPECTION = {
    "task": "a4",
    "system": "net",
    "variant": "center",
    "n_utterances": 107,
    "largest_logit": 8.1,
    "largest_logit_change": 0.000003,
    "changed_predictions": 0,
    "ua": 61.2,
    "ua_shuffled": 61.2,
}


def protocol_study(overrides: dict | None = None) -> Study:
    """A study with three protocols of one corpus in a table of their own; its other tables have the last alone."""
    study = study_of(overrides=overrides)
    system = study.systems["net"].model_copy(update={"needs": {"center": Needs(teacher="plain", initial="plain")}})
    noisy = AugmentationSettings(
        copies=("noise",), noise_snr_db=(10, 30), shift=(-0.1, 0.1), speed=(0.9, 1.1), seed=0
    )
    return study.model_copy(
        update={
            "systems": {"net": system},
            "tasks": {"a4_leaky": LEAKY, "a4_random": RANDOM, "a4": TASK},
            "augmentations": {"noisy": noisy},
            "augmentation_notes": {
                "noisy": (Documented(key="noise_snr_db", value=(10, 30), kind="assumed", why="audible"),)
            },
            "tables": study.tables | {"sided": SIDE_BY_SIDE},
            "table_tasks": study.table_tasks | {"sided": ("a4_leaky", "a4_random", "a4")},
        }
    )


def protocol_scores(levels=(96.0, 74.0, 58.0), ci: float = 4.0) -> dict[str, pd.DataFrame]:
    """Tidy tables, and that of the protocols; UA is 1 point below WA, but 2 under the last."""
    tasks = ("a4_leaky", "a4_random", "a4")
    rest = {"n_runs": 10, "n_utterances": 390, "n_speakers": 10, "p_value": None, "p_holm": None}
    rows = []
    for variant, label in SIDE_BY_SIDE.rows.items():
        of_variant = rest | {"row": label, "variant": variant}
        values = {(task, "wa"): level for task, level in zip(tasks, levels, strict=True)}
        values |= {(task, "ua"): level - (2 if task == "a4" else 1) for (task, _), level in values.items()}
        for (task, metric), value in values.items():
            published = 98.95 if (variant, task, metric) == ("plain", "a4_leaky", "wa") else float("nan")
            rows.append(of_variant | {"column": task, "metric": metric, "value": value, "published": published})
        for one, other in (tasks[:2], tasks[1:], tasks[::2]):
            for metric in ("ua", "wa"):
                value = values[one, metric] - values[other, metric]
                gap = {"column": f"{one} minus {other}", "metric": f"{metric}_gap", "minus": other, "value": value}
                rows.append(of_variant | gap)
    headline = {"column": "published minus a4", "variant": "plain", "metric": "wa_gap", "row": "teacher"}
    rows.append(rest | headline | {"minus": "a4", "value": 98.95 - levels[2], "published": 98.95})
    sided = pd.DataFrame(rows).assign(
        ci_low=lambda table: table["value"] - ci, ci_high=lambda table: table["value"] + ci
    )
    return scores_of() | {"sided": sided}


def protocol_words(study: Study | None = None, **changes) -> list[str]:
    return protocol_findings(study or protocol_study(), protocol_scores(**changes))["sided"]


def test_protocol_findings_say_what_is_lost_from_step_to_step_and_why():
    words = protocol_words()
    assert words[0] == (
        "“teacher”, WA by protocol: A (leaks) 96.0 % [92.0, 100.0]; B 74.0 % [70.0, 78.0]; C 58.0 % [54.0, 62.0]."
    )
    assert words[1] == (
        "“teacher”, points of WA: 22.0 lost [18.0, 26.0] when copies stay on one side of the split; 16.0 lost "
        "[12.0, 20.0] when the test speakers are unseen in training. From A to C: 38.0 lost [34.0, 42.0]; "
        "of UA: 39.0 lost [35.0, 43.0]."
    )
    assert words[2] == (
        f"“teacher”, published for {LABEL}: WA 98.95 %, inside our interval under A; "
        "minus ours under C: +41.0 points [+37.0, +45.0]."
    )
    assert [sentence.split(",")[0] for sentence in words[3:]] == ["“student”"] * 2
    assert not any("Farther" in sentence for sentence in words)


def test_protocol_findings_follow_the_numbers():
    words = protocol_words(levels=(74.0, 76.0, 58.0))
    assert "2.0 gained [-2.0, 6.0] (the interval holds 0) when copies stay" in words[1]
    assert "published for Elsewhere (Paper 2019): WA 98.95 %, above our interval under A" in words[2]
    bare = protocol_words(ci=float("nan"))
    assert "22.0 lost when copies" in bare[1]
    assert bare[2].endswith("WA 98.95 %; minus ours under C: +41.0 points.")


def test_a_changed_system_is_not_held_against_what_is_published():
    words = protocol_words(protocol_study(overrides={"units": 32}))
    assert words[2].endswith("; but ours is not the published system.")


def test_findings_of_a_task_are_of_the_tables_made_for_it():
    study = protocol_study()
    sentences = findings(study, protocol_scores(), {"a": NOTE})
    assert sentences["a4"] == findings(study_of(), scores_of(), {"a": NOTE})["a4"]
    assert [len(said_of(sentences[task])) for task in ("a4_leaky", "a4_random")] == [2, 1]
    assert "The task leaks on purpose" in sentences["a4_leaky"][""][1]


def test_headlines_of_protocols_go_from_the_first_to_the_last():
    (sided,) = [
        headline for headline in headlines(protocol_study(), protocol_scores()) if headline.table == "sided"
    ]
    assert sided.task == ""
    assert sided.sentences == (
        "“teacher”, WA by protocol: A 96.0 %, B 74.0 %, C 58.0 %; points from A to C: 38.0 lost [34.0, 42.0].",
    )


def test_a_page_with_protocols_copies_and_augmentations_says_them_all():
    copied = AUDIT | {"n_utterances": 1600, "copy_in_training_fraction": 0.98}
    page = page_of(
        protocol_study(),
        fragments=dict.fromkeys(("compared", "swept", "sided"), "<p>table</p>"),
        scores=protocol_scores(),
        audits={"a4_leaky": copied, "a4_random": AUDIT, "a4": AUDIT},
        inspections=[INSPECTION],
    )
    text = " ".join(page.split())
    assert "Corpus A: protocols side by side" in text
    assert "A is a4_leaky, B is a4_random, C is a4" in text
    assert text.index("protocols side by side") < text.index("UA is highest for")
    assert "1200 of these utterances are copies of 400" in text
    assert text.count("of these utterances are copies") == 1
    assert "98\u00a0%" in page
    assert "Augmentation noisy" in text
    assert "noise_snr_db" in text
    assert "needs plain" in text
    assert "Published values: Elsewhere (Paper 2019); Farther; weights." in text
    assert '<td class="number">0.0000030</td>' in text
    loads = Loads()
    loads.feed(page)
    assert all(b - a <= 1 for a, b in zip(loads.headings, loads.headings[1:], strict=False))


def test_a_study_without_protocols_and_copies_has_none_of_it_on_its_page():
    page = page_of(study_of())
    for words in ("protocols side by side", "order of the frames", "are copies of", "Augmentation", "needs "):
        assert words not in page


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "does not hear"),
        ({"largest_logit_change": 0.0008}, "does not hear"),  # the largest logit is 8.1
        ({"largest_logit_change": 0.0009}, "it hears"),
        ({"largest_logit": 0.2, "largest_logit_change": 0.0001}, "does not hear"),
        ({"largest_logit": 0.2, "largest_logit_change": 0.00011}, "it hears"),
        ({"changed_predictions": 1}, "it hears"),
    ],
)
def test_a_system_hears_order_if_more_than_rounding_changes(changes, verdict):
    assert verdict in shuffle_finding(protocol_study(), INSPECTION | changes)


def test_what_order_means_is_said_from_the_numbers():
    study = protocol_study()
    assert shuffle_finding(study, INSPECTION) == (
        "Shuffling the frames of 107 test images moves the logits of “center” (a4) by at most 3e-06; the largest is 8.1. "
        "No prediction changes: it does not hear in which order the frames come, so “plain” can have transferred no "
        "sense of position to it, only better weights."
    )
    assert shuffle_finding(study, INSPECTION | {"variant": "plain"}).endswith("in which order the frames come.")
    heard = {"changed_predictions": 43, "largest_logit_change": 3.21, "ua_shuffled": 40.1}
    assert "43 of 107 predictions change, and UA goes from 61.2 to 40.1 %: it hears" in shuffle_finding(
        study, INSPECTION | heard
    )
    assert "43 of 107 predictions change: it hears" in shuffle_finding(study, INSPECTION | heard | {"ua": None})


def test_what_a_study_changes_in_one_variant_is_a_departure_too():
    system = (
        study_of()
        .systems["net"]
        .model_copy(
            update={
                "overrides": {"units": 64},
                "variant_overrides": {"center": {"units": 32, "patience": 5}, "plain": {"units": 64}},
                "needs": {"center": Needs(teacher="plain")},
            }
        )
    )
    settings = system_settings("net", system)
    assert "the study changes 1 of its 2 published settings" in settings.departure
    assert "units is 64 instead of 128, units is 32 instead of 64 (center))" in settings.departure
    assert "the study changes patience = 5 (center)." in settings.departure
    assert settings.variants == {
        "plain": "lambda = 0, here units = 64",
        "center": "nothing, here units = 32, here patience = 5, needs plain",
    }


# --- rows of several systems, and what is left of the speaker ----------------------------------------------------

FLOOR = {"functionals_svm/functionals": "functionals + SVM", "functionals_svm/compare": "ComParE + SVM"}


def table_study(table: TableConfig) -> Study:
    """A study of one table of one task."""
    study = study_of()
    systems = study.systems | {"functionals_svm": study.systems["net"]}
    return study.model_copy(
        update={"tables": {"table": table}, "table_tasks": {"table": ("a4",)}, "systems": systems}
    )


def rows_of(table: TableConfig, values: dict[str, dict[str, float]], **about) -> dict[str, pd.DataFrame]:
    """The tidy table: metric -> row -> value, and differences that are shown; intervals are 4 to each side."""
    rest = {"column": "a4", "n_runs": 10, "n_utterances": 390, "n_speakers": 10, "published": float("nan")}
    rest |= {"minus": None, "p_value": None, "p_holm": None, "chance": 12.5}
    rows = []
    for metric, of_rows in values.items():
        number = rest | {"metric": metric}
        rows += [
            number | {"variant": row, "row": table.rows[row], "value": value} for row, value in of_rows.items()
        ]
        for pair in table.differences:
            rows.append(
                number
                | {"row": f"{table.rows[pair.variant]} minus {table.rows[pair.minus]}", "variant": pair.variant}
                | {"minus": pair.minus, "metric": f"{metric}_difference", "p_value": 0.002, "p_holm": 0.012}
                | {"value": of_rows[pair.variant] - of_rows[pair.minus]}
                | about
            )
    tidy = pd.DataFrame(rows)
    return {"table": tidy.assign(ci_low=tidy["value"] - 4, ci_high=tidy["value"] + 4)}


def floor_table(**changes) -> TableConfig:
    own = {"plain": "softmax", "center": "softmax + center"}
    keys = {"title": "Losses", "caption": "c", "system": "net", "metrics": ["ua"], "rows": own | FLOOR}
    return TableConfig(**(keys | changes))


def table_words(table: TableConfig, scores: dict[str, pd.DataFrame]) -> list[str]:
    return said_of(findings(table_study(table), scores, {"a": NOTE})["a4"])


@pytest.mark.parametrize("published", [float("nan"), 61.0])
def test_rows_of_other_systems_stand_beside_the_best_of_the_tables_own(published):
    table = floor_table()
    values = dict(zip(table.rows, (60.0, 66.0, 50.0, 70.5), strict=True))
    scores = rows_of(table, {"ua": values})
    scores["table"].loc[1, "published"] = published
    words = table_words(table, scores)
    # Of the table's own system the best is named, though a floor is higher.
    assert words[0].startswith("Among the 2 variants of “Losses”, UA is highest for “softmax + center”: 66.0 %")
    assert words[-2:] == [
        "On the same folds, “functionals + SVM” has UA 50.0 % [46.0, 54.0]: 16.0 points below “softmax + center”.",
        "On the same folds, “ComParE + SVM” has UA 70.5 % [66.5, 74.5]: 4.5 points above “softmax + center”.",
    ]
    assert len(words) == (4 if pd.isna(published) else 5)


def test_a_table_of_other_systems_alone_has_no_best_to_stand_beside():
    table = floor_table(rows=FLOOR)
    assert table_words(table, rows_of(table, {"ua": dict.fromkeys(FLOOR, 50.0)})) == []


def test_a_table_of_every_system_names_the_best_of_all():
    rows = {"net/plain": "network", "functionals_svm/functionals": "functionals + SVM"}
    table = floor_table(system=None, rows=rows, title="Speakers left")
    scores = rows_of(table, {"ua": {"net/plain": 60.0, "functionals_svm/functionals": 61.0}})
    scores["table"].loc[1, "published"] = 61.5
    words = table_words(table, scores)
    assert words[0].startswith(
        "Among the 2 rows of “Speakers left”, UA is highest for “functionals + SVM”: 61.0 %"
    )
    assert words[1].startswith("Chance is 25.0 % for 4 classes")
    assert words[2] == "The published UA for this corpus and protocol is 61.5 %, inside our interval."
    assert len(words) == 3
    alone = floor_table(system=None, rows={"net/plain": "network"})
    (first, _) = table_words(alone, rows_of(alone, {"ua": {"net/plain": 60.0}}))
    assert first.startswith("UA of “network”: 60.0 % [56.0, 64.0], from 390 test utterances")


PROBED = TableConfig(
    title="Adversary",
    caption="c",
    system="net",
    metrics=["ua", "speaker_linear", "speaker_mlp", "speaker_held_out", "held_out_gap"],
    rows={"plain": "no adversary", "center": "both"},
    differences=({"variant": "center", "minus": "plain"},),
)


def probed_values(**values) -> dict[str, dict[str, float]]:
    given = {"ua": (60, 61), "speaker_linear": (50, 30), "speaker_mlp": (80, 85), "speaker_held_out": (45, 25)}
    given |= {"held_out_gap": (12, 3)} | values
    return {
        metric: dict(zip(("plain", "center"), map(float, pair), strict=True)) for metric, pair in given.items()
    }


def test_what_probes_find_of_the_speaker_is_said_of_every_row():
    words = table_words(PROBED, rows_of(PROBED, probed_values()))
    listed = "(chance 12.5 %): “no adversary” {} % [{}, {}]; “both” {} % [{}, {}]."
    p = "p = 0.0120 (Holm)"
    assert words[-9:-1] == [
        "A linear probe on frozen embeddings recognises the training speakers "
        + listed.format("50.0", "46.0", "54.0", "30.0", "26.0", "34.0"),
        f"both minus no adversary: speaker, linear probe -20.0 points [-24.0, -16.0], {p}: the speaker is recognised "
        "less often.",
        "A probe with a hidden layer on frozen embeddings recognises the training speakers "
        + listed.format("80.0", "76.0", "84.0", "85.0", "81.0", "89.0"),
        f"both minus no adversary: speaker, MLP probe +5.0 points [+1.0, +9.0], {p}: the speaker is recognised more "
        "often.",
        "A linear probe on frozen embeddings recognises the training speakers in utterances held out from training "
        + listed.format("45.0", "41.0", "49.0", "25.0", "21.0", "29.0"),
        f"both minus no adversary: speaker, held-out -20.0 points [-24.0, -16.0], {p}: the speaker is recognised less "
        "often.",
        "“no adversary”: UA on held-out utterances of seen speakers minus UA on unseen speakers, by the same models: "
        "+12.0 points [+8.0, +16.0].",
        "“both”: UA on held-out utterances of seen speakers minus UA on unseen speakers, by the same models: "
        "+3.0 points [-1.0, +7.0].",
    ]
    assert words[-1] == (
        f"both minus no adversary: gap between seen and unseen -9.0 points [-13.0, -5.0], {p}: the gap is lower."
    )


def test_a_probe_that_shows_no_difference_says_so():
    scores = rows_of(PROBED, probed_values(), p_holm=0.3)
    words = "\n".join(table_words(PROBED, scores))
    assert "speaker, linear probe -20.0 points [-24.0, -16.0], p = 0.3000 (Holm): no difference is shown." in words
    assert "the speaker is recognised" not in words
    assert "the gap is" not in words


def test_a_difference_over_few_speakers_is_not_excused_by_another_over_many():
    # UA is of 3 test speakers, the probe of 20 training speakers: of UA alone no difference could be shown.
    scores = rows_of(PROBED, probed_values(), p_holm=0.3)
    tidy = scores["table"]
    tidy["n_speakers"] = tidy["metric"].str.startswith("ua").map({True: 3, False: 20})
    words = table_words(PROBED, scores)
    (of_ua,) = [w for w in words if w.startswith("both minus no adversary: UA")]
    (of_probe,) = [w for w in words if w.startswith("both minus no adversary: speaker, linear probe")]
    assert of_ua.endswith(
        "with 3 speakers none could be, the smallest corrected p is 0.25."
    )  # one such test: 2 / 2^3
    assert "none could be" not in of_probe


def test_a_gap_without_interval_says_why():
    scores = rows_of(PROBED, probed_values())
    tidy = scores["table"]
    tidy.loc[tidy["metric"].str.startswith("held_out_gap"), ["ci_low", "ci_high", "p_value", "p_holm"]] = float(
        "nan"
    )
    words = table_words(PROBED, scores)
    assert words[-2].endswith(
        "+3.0 points (no interval: seen and unseen speakers are not the same, or cannot be resampled)."
    )
    assert words[-1] == (
        "both minus no adversary: gap between seen and unseen -9.0 points; the speakers cannot be resampled to say "
        "how surely."
    )


def test_tables_without_probes_say_nothing_of_speakers_left():
    words = "\n".join(
        table_words(floor_table(), rows_of(floor_table(), {"ua": dict.fromkeys(floor_table().rows, 60.0)}))
    )
    assert "probe" not in words
    assert "seen speakers" not in words


def test_a_table_of_protocols_may_name_the_system_in_its_rows():
    rows = {"net/plain": "teacher", "net/center": "student"}
    table = SIDE_BY_SIDE.model_copy(update={"system": None, "rows": rows, "published": ()})
    study = protocol_study()
    study = study.model_copy(update={"tables": study.tables | {"sided": table}})
    scores = protocol_scores()
    sided = scores["sided"]
    scores["sided"] = sided.assign(variant="net/" + sided["variant"], published=float("nan"))
    words = protocol_findings(study, scores)["sided"]
    assert words[0].startswith("“teacher”, WA by protocol: A (leaks) 96.0 %")


def test_what_one_table_has_said_no_other_repeats():
    table = PROBED.model_copy(update={"metrics": ("ua",)})
    study = table_study(table)
    narrower = table.model_copy(update={"title": "Again"})
    again = study.model_copy(
        update={"tables": {"table": table, "again": narrower}, "table_tasks": {"table": ("a4",), "again": ("a4",)}}
    )
    scores = rows_of(table, {"ua": {"plain": 60.0, "center": 66.0}}, p_holm=0.3)
    by_table = findings(again, scores | {"again": scores["table"]}, {"a": NOTE})["a4"]
    assert len(by_table["table"]) == 3
    assert by_table["again"] == []
    # The correction for other comparisons makes a difference one that is shown: then it is said.
    shown = scores["table"].assign(p_holm=scores["table"]["p_holm"].where(scores["table"]["p_holm"].isna(), 0.01))
    by_table = findings(again, scores | {"again": shown}, {"a": NOTE})["a4"]
    assert [sentence[-13:] for sentence in by_table["again"]] == ["UA is higher."]
    assert [headline.table for headline in headlines(again, scores | {"again": scores["table"]})] == ["table"]


def test_a_headline_says_where_unseen_speakers_cost_most():
    scores = rows_of(PROBED, probed_values())
    (headline,) = headlines(table_study(PROBED), scores)
    assert headline.sentences[-1] == (
        "UA on seen minus unseen speakers is largest with “no adversary”: +12.0 points [+8.0, +16.0]."
    )
