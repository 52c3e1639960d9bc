import numpy as np
import pytest

from emofactors.config.tables.protocols import ProtocolsTable
from emofactors.evaluation.scores import read_confusion, speaker_confusions
from emofactors.evaluation.statistics.estimates import OTHER_SPEAKERS, score_estimate
from emofactors.evaluation.statistics.metrics import unweighted_accuracy, weighted_accuracy
from emofactors.report.tables.protocols import blocks, collect, findings, gaps, remarks
from emofactors.report.tables.tidy import TidyRow, tidy_frame

KEYS = {"kind": "protocols", "title": "Protocols", "caption": "c", "system": "net"}
TABLE = ProtocolsTable(
    rows={"plain": "teacher", "center": "student"},
    published=[
        {"label": "Berlin (B 2024)", "task": "leaky", "where": "weights", "values": {"plain": {"wa": 98.95}}},
        {"label": "Surrey (B 2024)", "task": "far", "where": "weights", "values": {"plain": {"wa": 97.0}}},
    ],
    **KEYS,
)


@pytest.fixture
def tasks(task, random_task, leaky_task):
    """Three protocols of one corpus: copies divided at random, utterances divided at random, unseen speakers."""
    return {"leaky": leaky_task, "random": random_task, "speakers": task}


@pytest.fixture
def evaluated(inputs_of, tasks, write_evaluation):
    """Function of options of the evaluations by task: the inputs of the table."""

    def make(table=TABLE, **options):
        given = {"leaky": {"copies": 4}, "random": {}, "speakers": {}} | options
        files = [
            file
            for i, (task, how) in enumerate(given.items())
            for variant, skill in (("plain", 0.4), ("center", 0.5))
            for file in write_evaluation(f"net/{variant}", skill + 0.2 * (2 - i), task, **how)
        ]
        return inputs_of(table, tasks, evaluations=files)

    return make


def numbers(levels=(96.0, 74.0, 58.0), half_width=4.0, table=TABLE):
    """Tidy table of all rows: WA of each protocol; UA is 1 point lower, 2 under the last."""
    tasks = ("leaky", "random", "speakers")
    rows = []

    def add(value, **fields):
        interval = {"ci_low": value - half_width, "ci_high": value + half_width}
        rows.append(
            TidyRow(
                **{"table": "own", "n_runs": 8, "n_utterances": 48, "n_speakers": 10, "corpus": "Berlin"}
                | {"se_trainings": 1.0}
                | {"value": value, **interval, **fields}
            )
        )

    for variant in table.rows:
        of_row = {"row": table.label(variant), "variant": variant}
        values = {(task, "wa"): level for task, level in zip(tasks, levels, strict=True)}
        values |= {(task, "ua"): level - (2 if task == "speakers" else 1) for (task, _), level in values.items()}
        for (task, metric), value in values.items():
            is_published = (variant, task, metric) == ("plain", "leaky", "wa")
            add(value, column=task, metric=metric, published=98.95 if is_published else np.nan, **of_row)
        for one, other in gaps(tasks):
            for metric in ("ua", "wa"):
                gap = {"column": f"{one} minus {other}", "metric": f"{metric}_gap", "minus": other}
                add(values[one, metric] - values[other, metric], **of_row, **gap)
    if "plain" in table.rows:
        gap = {"column": "published minus speakers", "metric": "wa_gap", "minus": "speakers", "published": 98.95}
        add(98.95 - levels[2], row="teacher", variant="plain", **gap)
    return tidy_frame(rows)


# --- numbers -------------------------------------------------------------------------------------------------


def test_gaps_are_those_of_neighbours_and_of_the_ends():
    assert gaps(["a", "b", "c", "d"]) == [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]
    assert gaps(["a", "b"]) == [("a", "b")]
    assert gaps(["a"]) == []


def test_gaps_are_paired_over_speakers(evaluated, one, tmp_path, classes):
    tidy = tidy_frame(collect(evaluated()))
    counts = {
        task: speaker_confusions(
            read_confusion(tmp_path / "evaluation" / task / "net" / "plain" / f"on_{task}" / "confusion.csv"),
            classes,
        )
        for task in ("leaky", "random", "speakers")
    }
    of_gaps = tidy[tidy["metric"].str.endswith("_gap") & tidy["published"].isna()]
    assert len(of_gaps) == 3 * 2 * 2
    for first, second in gaps(list(counts)):
        for metric, formula in (("ua", unweighted_accuracy), ("wa", weighted_accuracy)):
            row = one(of_gaps, column=f"{first} minus {second}", variant="plain", metric=f"{metric}_gap")
            parts = [score_estimate(counts[task], ("08", "09", "10", "11"), formula) for task in (first, second)]
            expected = parts[0].minus(parts[1]).test()
            assert [row["value"], row["ci_low"], row["ci_high"]] == pytest.approx(
                [100 * expected.value, 100 * expected.low, 100 * expected.high]
            )
            scores = [one(tidy, column=task, variant="plain", metric=metric)["value"] for task in (first, second)]
            assert row["value"] == pytest.approx(scores[0] - scores[1])
            assert (row["minus"], row["n_runs"], row["n_speakers"]) == (second, 16, 4)
            assert row["n_utterances"] == counts[first][0].sum() + counts[second][0].sum()
            assert row["protocol"].count(" minus ") == 1


def test_published_values_are_compared_with_the_last_protocol(evaluated, one):
    tidy = tidy_frame(collect(evaluated()))
    ours = one(tidy, column="speakers", variant="plain", metric="wa")
    of_published = tidy[tidy["column"] == "published minus speakers"]
    row = one(of_published, variant="plain", metric="wa_gap")
    assert len(of_published) == 1
    assert row["value"] == pytest.approx(98.95 - ours["value"])
    assert [row["ci_low"], row["ci_high"]] == pytest.approx([98.95 - ours["ci_high"], 98.95 - ours["ci_low"]])
    assert np.isnan(ours["published"])


def test_protocols_with_other_speakers_have_a_gap_without_interval(evaluated):
    tidy = tidy_frame(collect(evaluated(random={"speakers": ("08", "09", "10")})))
    of_gaps = tidy[tidy["metric"].str.endswith("_gap") & tidy["published"].isna()]
    is_of_random = of_gaps["column"].str.contains("random")
    assert of_gaps["value"].notna().all()
    assert of_gaps.loc[is_of_random, ["ci_low", "ci_high"]].isna().all(axis=None)
    assert of_gaps.loc[~is_of_random, ["ci_low", "ci_high"]].notna().all(axis=None)


# --- layout --------------------------------------------------------------------------------------------------


def test_protocols_are_side_by_side_under_letters_and_leaks_are_named(inputs_of, tasks):
    (block,) = blocks(inputs_of(TABLE, tasks), numbers())
    assert block.heading == "leaky, random, speakers: Berlin"
    assert list(block.scores.columns) == [
        *("setting", "A (leaks) UA [95 %]", "A (leaks) WA [95 %]", "A published WA"),
        *("B UA [95 %]", "B WA [95 %]", "C UA [95 %]", "C WA [95 %]", "Surrey (B 2024): WA"),
    ]
    assert block.scores["setting"].to_list() == ["teacher", "student", "chance"]
    assert block.scores.iloc[0].to_list()[1:4] == ["95.0 [91.0, 99.0]", "96.0 [92.0, 100.0]", "98.95"]
    assert block.scores["Surrey (B 2024): WA"].to_list() == ["97.00", "-", ""]
    assert block.scores.iloc[-1].to_list() == ["chance", "33.3", "", "", "33.3", "", "33.3", "", ""]
    assert list(block.differences.columns) == ["gap in points", "UA [95 %]", "WA [95 %]"]
    assert block.differences.iloc[0].to_list() == [
        *("A minus B: teacher", "+22.0 [+18.0, +26.0]", "+22.0 [+18.0, +26.0]")
    ]
    assert block.differences.iloc[-1].to_list() == ["published minus C: teacher", "", "+41.0 [+37.0, +45.0]"]
    assert len(block.differences) == 3 * 2 + 1


def test_notes_explain_each_letter(inputs_of, tasks, system_of):
    systems = {"net": system_of(overrides={"units": 8})}
    (block,) = blocks(inputs_of(TABLE, tasks, systems=systems), numbers())
    assert [note.split(":")[0] for note in block.notes[:3]] == ["A is leaky", "B is random", "C is speakers"]
    assert (
        "48 test utterances, augmented copies included, of 10 speakers; 4 folds x 2 seeds per row"
        in block.notes[0]
    )
    assert sum("augmented copies included" in note for note in block.notes) == 1
    assert block.notes[3:] == (
        "3 classes: anger, sadness, disgust",
        "not the published system: the study sets units 8",
        "published values of another corpus or protocol have columns of their own",
    )


def test_a_gap_without_interval_has_its_reason(inputs_of, tasks):
    tidy = numbers(half_width=np.nan)
    tidy.loc[tidy["metric"].str.endswith("_gap"), "no_p"] = OTHER_SPEAKERS
    tidy["chance"] = 25.0
    (block,) = blocks(inputs_of(TABLE, tasks), tidy)
    assert f"A minus B has no interval: {OTHER_SPEAKERS}" in block.notes
    assert any(note.startswith("some numbers have no interval: ") for note in block.notes)
    assert block.differences.iloc[0, 1] == "+22.0"


def test_remarks_explain_gaps_and_published_values():
    assert len(remarks(TABLE)) == 3
    assert len(remarks(TABLE.model_copy(update={"published": ()}))) == 2


# --- findings ------------------------------------------------------------------------------------------------


@pytest.fixture
def sentences(inputs_of, tasks):
    """Function of numbers: the findings about all protocols together."""

    def make(tidy, table=TABLE, **changes):
        (found,) = findings(inputs_of(table, tasks, **changes), tidy)
        assert found.task == ""
        return list(found.sentences)

    return make


def test_findings_go_from_protocol_to_protocol(sentences):
    found = sentences(numbers())
    assert found[:4] == [
        "“teacher”, WA by protocol: A 96.0 %, B 74.0 %, C 58.0 %; points from A to C: 38.0 lost [34.0, 42.0].",
        "“teacher”, WA by protocol: A (leaks) 96.0 % [92.0, 100.0]; B 74.0 % [70.0, 78.0]; C 58.0 % [54.0, 62.0].",
        "“teacher”, points of WA: 22.0 lost [18.0, 26.0] when augmented copies stay in the split of their "
        "utterance; 16.0 lost [12.0, 20.0] when the test speakers are unseen in training. From A to C: 38.0 lost "
        "[34.0, 42.0]; of UA: 39.0 lost [35.0, 43.0].",
        "“teacher”, published for Berlin (B 2024): WA 98.95 %, inside our interval under A; minus ours under C: "
        "+41.0 points [+37.0, +45.0].",
    ]
    assert [sentence.split(",")[0] for sentence in found[4:]] == ["“student”"] * 2
    assert not any("Surrey" in sentence for sentence in found)


def test_findings_follow_the_numbers(sentences, system_of):
    found = sentences(numbers(levels=(74.0, 76.0, 58.0)))
    assert "2.0 gained [-2.0, 6.0] (the interval contains 0) when augmented copies stay" in found[2]
    assert "WA 98.95 %, above our interval under A" in found[3]
    without = sentences(numbers(half_width=np.nan))
    assert "22.0 lost when augmented" in without[2]
    assert without[3].endswith("WA 98.95 %; minus ours under C: +41.0 points.")
    changed = sentences(numbers(), systems={"net": system_of(overrides={"units": 32})})
    assert changed[3].endswith("; our system is not the published one.")


def test_rows_may_name_their_system(sentences):
    table = ProtocolsTable(rows={"net/plain": "teacher", "net/center": "student"}, **KEYS | {"system": None})
    found = sentences(numbers(table=table), table)
    assert found[1].startswith("“teacher”, WA by protocol: A (leaks) 96.0 %")
    assert len(found) == 5
