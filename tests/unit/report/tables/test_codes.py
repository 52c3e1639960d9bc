from math import nan

import numpy as np
import pandas as pd
import pytest

from emofactors.config.tables.decomposers import DecomposerTable
from emofactors.errors import InputError
from emofactors.evaluation.statistics.estimates import ONE_SEED, Estimate, Trainings
from emofactors.report.tables.codes import (
    by_row,
    code_difference_row,
    code_notes,
    code_row,
    difference_findings,
    difference_templates,
    end_rows,
    quoted_row,
    read_code_file,
    row_template,
)
from emofactors.report.tables.tidy import TidyRow

SWEEP = DecomposerTable(
    title="t",
    caption="c",
    system="flow",
    axis="weight",
    rows={"original": 0, "cycle_0.1": 0.1, "cycle": 1},
    differences=[{"variant": "cycle", "minus": "original"}],
)
TEMPLATE = TidyRow(table="own", row="1", column="speakers", variant="cycle", n_runs=4)


def estimate(*left_out):
    trainings = (Trainings(np.array([[0.1], [0.12]]), share=1.0),)
    return Estimate(float(np.mean(left_out)), np.array(left_out), tuple("abcde"[: len(left_out)]), trainings)


def test_speakers_are_read_as_text(inputs_of, task, tmp_path):
    folder = tmp_path / "speakers" / "flow" / "cycle" / "on_speakers"
    folder.mkdir(parents=True)
    (folder / "codes.csv").write_text("speaker,fold,nats\n03,1,0.5\nNA,1,\n")
    inputs = inputs_of(SWEEP, {"speakers": task}, evaluations=[str(folder / "codes.csv")])
    table = read_code_file(inputs, "codes.csv", ("speaker", "fold", "nats"), "speakers", "cycle")
    assert table["speaker"].to_list() == ["03", "NA"]
    assert table["fold"].dtype == np.int64
    with pytest.raises(InputError, match=r"codes\.csv"):
        read_code_file(inputs, "codes.csv", ("speaker", "seed"), "speakers", "cycle")


def test_numbers_have_jackknife_intervals_and_tested_differences_a_p_value():
    one, other = estimate(0.5, 0.6, 0.7), estimate(0.2, 0.3, 0.5)
    row = code_row(TEMPLATE, "pair_above_null", one)
    assert (row.value, row.ci_low, row.chance) == (one.value, one.interval().low, 0.0)
    tested = code_difference_row(TEMPLATE, "pair", one, other, is_tested=True)
    assert (tested.metric, tested.p_value) == ("pair_difference", one.minus(other).test().p_value)
    assert np.isnan(code_difference_row(TEMPLATE, "pair", one, other, is_tested=False).p_value)


def test_sample_sizes_count_runs_and_utterances_of_all_folds(inputs_of, task):
    evaluation = pd.DataFrame({"fold": [0, 0, 1, 1], "seed": [0, 1, 0, 1], "n_utterances": [20, 20, 30, 30]})
    row = row_template(inputs_of(SWEEP, {"speakers": task}), "speakers", "cycle", evaluation, 5)
    assert (row.row, row.variant, row.n_runs, row.n_utterances, row.n_speakers) == ("1", "cycle", 4, 50, 5)
    assert row.n_seeds == 2


def test_differences_share_the_sample_of_the_first_row():
    templates = {"cycle": TEMPLATE, "original": TEMPLATE}
    ((one, minus, row),) = difference_templates(SWEEP, templates)
    assert (one, minus) == ("cycle", "original")
    assert (row.row, row.variant, row.minus, row.n_runs) == ("weight 1 minus 0", "cycle", "original", 8)


def test_rows_are_found_without_differences():
    tidy = pd.DataFrame({"variant": "cycle", "metric": ["nats", "nats_difference"], "value": [1.0, 2.0]})
    assert by_row(tidy).loc[("cycle", "nats"), "value"] == 1.0
    assert len(by_row(tidy)) == 1


def test_notes_state_protocol_and_sample_and_missing_intervals(task, random_task):
    row = {"n_runs": 8, "n_utterances": 1200, "n_speakers": 4, "protocol": "a protocol"}
    row |= {"minus": "", "metric": "pair", "se_trainings": 0.1, "no_p": ""}
    tidy = pd.DataFrame([row | {"chance": 0.0, "value": 0.1, "ci_low": 0.0}])
    assert list(code_notes(task, tidy)) == [
        "a protocol; 4 folds x 2 seeds of each decomposer",
        "codes of 1,200 test utterances of 4 speakers, which the decomposer was not trained on",
    ]
    _, sample, missing = code_notes(random_task, tidy.assign(ci_low=nan))
    assert sample.endswith("; their speakers are training speakers")
    assert missing.startswith("some numbers have no interval: fewer than two speakers")


def test_rows_in_sentences_have_the_axis_of_a_sweep():
    assert quoted_row(SWEEP, "cycle") == "“weight 1”"
    assert quoted_row(SWEEP.model_copy(update={"axis": ""}), "cycle") == "“1”"
    assert end_rows(SWEEP) == ["original", "cycle"]
    assert end_rows(SWEEP.model_copy(update={"rows": {"cycle": 1}})) == ["cycle"]


def number(value, p_value, p_holm):
    ends = {"ci_low": value - 0.1, "ci_high": value + 0.1, "n_speakers": 5, "no_p": ONE_SEED}
    return pd.Series({"value": value, "p_value": p_value, "p_holm": p_holm} | ends)


def test_findings_list_significant_differences_and_intervals_that_contain_0():
    differences = {"a": number(0.3, 0.001, 0.003), "b": number(0.2, 0.04, 0.08), "c": number(0.0, 0.9, 0.9)}
    assert difference_findings("cycle minus original", differences, decimals=2) == (
        "cycle minus original: of 3 differences, significant (Holm, 5 %): a (+0.30 [+0.20, +0.40]); the interval "
        "contains 0 for c (5 speakers)."
    )
    none = {"b": number(0.2, 0.06, 0.12), "c": number(0.0, 0.9, 0.9)}
    assert "none is significant (Holm, 5 %); the interval contains 0 for all (5" in difference_findings(
        "x", none, 2
    )
    all_significant = {"a": number(0.3, 0.001, 0.003)}
    assert "; no interval contains 0 (5" in difference_findings("x", all_significant, 2)
    assert difference_findings("x", {"a": number(0.3, nan, nan)}, 2) == (
        "x: no difference has an interval or p (one seed, and a training tests several speakers)."
    )
