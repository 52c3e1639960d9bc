from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emofactors.config.tables.variants import VariantsTable
from emofactors.errors import InputError
from emofactors.evaluation.scores import read_confusion, speaker_confusions
from emofactors.evaluation.statistics.estimates import score_estimate
from emofactors.evaluation.statistics.metrics import unweighted_accuracy, weighted_accuracy
from emofactors.report.tables.metrics import METRICS, RowEvaluation
from emofactors.report.tables.scores import (
    classes_note,
    collect_scores,
    comparable_values,
    metric_header,
    other_values_cells,
    other_values_note,
    protocol_note,
    size_note,
)
from emofactors.report.tables.tidy import tidy_frame

TABLE = VariantsTable(
    title="Losses",
    caption="Two losses.",
    system="net",
    rows={"plain": "1 plain", "center": "2 center"},
    published=[
        {
            "label": "Elsewhere (A 2019)",
            "task": "elsewhere",
            "where": "table 1",
            "values": {"plain": {"ua": 63.8, "wa": 61.83}, "center": {"ua": 66.86}},
        },
        {"label": "WA (B 2024)", "task": "far", "where": "table 2", "values": {"plain": {"wa": 98.95}}},
    ],
)


def published_for(task):
    """The table, with the first published values being those of a task."""
    first, second = TABLE.published
    return TABLE.model_copy(update={"published": (first.model_copy(update={"task": task}), second)})


@pytest.fixture
def scores_of(inputs_of, task, write_evaluation):
    """Function of a table and options of its evaluations: the tidy scores of its task."""

    def make(table=TABLE, corpora=None, **options):
        files = [
            *write_evaluation("net/plain", 0.5, **options),
            *write_evaluation("net/center", 0.7, **options),
        ]
        changes = {} if corpora is None else {"corpora": corpora}
        inputs = inputs_of(table, {"speakers": task}, evaluations=files, **changes)
        return tidy_frame(collect_scores(inputs, "speakers", table.metrics).rows)

    return make


def test_scores_pool_folds_average_seeds_and_have_intervals(scores_of, one, tmp_path, task, classes):
    tidy = scores_of()
    for variant in TABLE.rows:
        folder = tmp_path / "evaluation" / "speakers" / "net" / variant / "on_speakers"
        pooled = pd.read_csv(folder / "scores.csv").query("fold == 'pooled'")
        counts = speaker_confusions(read_confusion(folder / "confusion.csv"), classes)
        for metric, formula in (("ua", unweighted_accuracy), ("wa", weighted_accuracy)):
            row = one(tidy, variant=variant, metric=metric)
            assert row["value"] == pytest.approx(100 * pooled[metric].mean())
            interval = score_estimate(counts, ("08", "09", "10", "11"), formula).interval()
            assert [row["ci_low"], row["se_speakers"], row["df"]] == pytest.approx(
                [100 * interval.low, 100 * interval.se_speakers, 3]
            )
            assert row["ci_high"] == pytest.approx(min(100, 100 * interval.high))
            assert (row["row"], row["table"], row["column"]) == (TABLE.rows[variant], "own", "speakers")
            assert (row["n_runs"], row["n_seeds"], row["n_utterances"], row["n_speakers"]) == (8, 2, 48, 4)
            assert (row["protocol"], row["corpus"]) == (task.protocol_label, "Berlin")


def test_means_over_folds_exist_if_every_fold_tests_every_class(scores_of, one, tmp_path):
    row = one(scores_of(), variant="plain", metric="ua_fold_mean")
    file = tmp_path / "evaluation" / "speakers" / "net" / "plain" / "on_speakers" / "scores.csv"
    assert row["value"] == pytest.approx(100 * pd.read_csv(file).query("fold != 'pooled'")["ua"].mean())
    assert np.isnan([row["ci_low"], row["chance"]]).all()


def test_a_speaker_without_a_class_leaves_pooled_scores_and_no_means_over_folds(scores_of):
    tidy = scores_of(lacks_disgust=("08",))
    assert not tidy["metric"].str.endswith("_fold_mean").any()
    assert tidy[["value", "ci_low", "ci_high"]].notna().all(axis=None)


def test_one_speaker_has_scores_without_intervals(scores_of):
    tidy = scores_of(speakers=("08",))
    assert tidy["value"].notna().all()
    assert tidy[["ci_low", "ci_high"]].isna().all(axis=None)
    assert set(tidy["metric"]) == {"ua", "wa"}  # with one fold, the mean over folds is the score itself


def test_a_published_value_is_compared_with_the_same_whole_corpus_and_protocol_only(scores_of, one):
    tidy = scores_of(published_for("speakers"))
    assert one(tidy, variant="plain", metric="ua")["published"] == 63.8
    assert one(tidy, variant="plain", metric="wa_fold_mean")["published"] == 61.83
    assert np.isnan(one(tidy, variant="center", metric="wa")["published"])


@pytest.mark.parametrize("whole", [True, False])
def test_other_corpora_and_subsets_have_no_published_value(scores_of, whole):
    table = published_for("elsewhere" if whole else "speakers")
    metadata = {"title": "Berlin", "whole": whole, "utterances": 40, "published_utterances": 535}
    assert scores_of(table, corpora={"berlin": metadata})["published"].isna().all()


def test_metrics_read_only_the_files_they_need(inputs_of, task, write_evaluation, classes, one):
    table = VariantsTable(title="t", caption="c", rows={"net/plain": "1"}, metrics=list(METRICS))
    files = write_evaluation("net/plain", 0.5, probes=True)
    tidy = tidy_frame(
        collect_scores(inputs_of(table, {"speakers": task}, evaluations=files), "speakers", table.metrics).rows
    )
    confusion = read_confusion(next(file for file in files if file.endswith("/confusion.csv")))
    probes = pd.read_csv(next(file for file in files if file.endswith("probes.csv")), dtype={"speaker": str})
    evaluation = RowEvaluation(confusion, confusion, probes, pd.DataFrame(), pd.DataFrame())
    for metric in ("ua", "speaker_ua", "emotion_linear"):
        expected = METRICS[metric].estimate(evaluation, classes)
        row = one(tidy, metric=metric)
        assert (row["value"], row["chance"]) == pytest.approx((100 * expected.value, 100 * expected.chance))
        assert (row["n_utterances"], row["n_speakers"]) == (expected.n_utterances, expected.n_speakers)
    assert one(tidy, metric="speaker_information")["value"] < 1  # in nats, not in percent
    without = [file for file in files if "probes" not in file]
    with pytest.raises(ValueError, match=r"has no probes\.csv of net/plain on speakers"):
        collect_scores(inputs_of(table, {"speakers": task}, evaluations=without), "speakers", table.metrics)
    plain = table.model_copy(update={"metrics": ("ua",)})
    collect_scores(inputs_of(plain, {"speakers": task}, evaluations=without), "speakers", plain.metrics)


def test_a_damaged_file_is_named(inputs_of, task, write_evaluation):
    files = write_evaluation("net/plain", 0.5)
    (file,) = (file for file in files if file.endswith("scores.csv") and "confusion" not in file)
    Path(file).write_text("fold,seed\n0,0\n", encoding="utf-8")
    table = VariantsTable(title="t", caption="c", rows={"net/plain": "1"})
    with pytest.raises(InputError, match=r"scores\.csv: .*ua"):
        collect_scores(inputs_of(table, {"speakers": task}, evaluations=files), "speakers", ("ua",))


# --- layout --------------------------------------------------------------------------------------------------


def test_notes_state_protocol_size_and_classes(task, random_task, leaky_task):
    rows = {"variant": ["plain", "center"], "metric": "ua", "minus": "", "n_utterances": 2763, "n_speakers": 4}
    tidy = pd.DataFrame(rows | {"n_runs": 8})
    assert protocol_note(task) == task.protocol_label
    assert protocol_note(random_task).endswith("; the test speakers are training speakers")
    assert classes_note(task) == "3 classes: anger, sadness, disgust"
    assert size_note(tidy, TABLE, task) == "2,763 test utterances of 4 speakers; 4 folds x 2 seeds per row"
    assert size_note(tidy, TABLE, leaky_task).startswith("2,763 test utterances, augmented copies included, of 4")
    unseeded = tidy.assign(n_runs=[8, 4])
    assert size_note(unseeded, TABLE, task).endswith(
        "2 seeds per row (2 center: once per fold, as no seed changes it)"
    )


def test_published_values_of_other_protocols_have_columns_of_their_own():
    tidy = pd.DataFrame({"column": ["speakers"], "published": [63.8]})
    table = published_for("speakers")
    comparable = [comparable_values(tidy, "speakers", table)]
    assert comparable == [table.published[0]]
    assert comparable_values(tidy.assign(published=np.nan), "speakers", table) is None
    assert other_values_cells(table, "plain", comparable) == {"WA (B 2024): WA": "98.95"}
    assert other_values_cells(table, "center", comparable) == {"WA (B 2024): WA": "-"}
    assert other_values_cells(TABLE, "center", [None]) == {
        "Elsewhere (A 2019): UA / WA": "66.86 / -",
        "WA (B 2024): WA": "-",
    }
    assert other_values_note(table, comparable) == [
        "published values of another corpus or protocol have columns of their own"
    ]
    assert other_values_note(TABLE, [None]) == [
        "the published values are of another corpus or protocol, in columns of their own"
    ]
    assert other_values_note(TABLE, TABLE.published) == []


def test_headers_of_percentages_announce_intervals():
    assert metric_header("ua") == "UA [95 %]"
    assert metric_header("speaker_information") == "MI with speaker / nats"
