from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emofactors.config.evaluation import IntervalSettings
from emofactors.config.systems import SystemConfig
from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.errors import InputError
from emofactors.report.tables.factor_ablation import ablation_findings, comparisons, make_ablation_table
from emofactors.report.tables.layout import write_table

CLASSES = ("anger", "happiness", "sadness", "neutral")
TASK = TaskConfig(corpus="nemo", classes=CLASSES, protocol="speaker_groups", folds=3, dev_speakers=1)
OTHER = {"name": "emodb4", "corpus": "emodb"}
CORPORA = {
    name: {"title": name, "utterances": 8, "published_utterances": None, "whole": None}
    for name in ("nemo", "emodb")
}
INTERVALS = IntervalSettings(resamples=200, seed=0)
PUBLISHED = {
    "label": "reported for IEMOCAP",
    "where": "a note",
    "values": {"cycle": {"raw": (59.08, 45.0), "content": (47.41, 44.17)}},
}


def table_config(**changes) -> TableConfig:
    content = {
        "kind": "factor_ablation",
        "title": "Factors",
        "caption": "c",
        "system": "classifier",
        "conditions": {"raw": "raw", "none": "none", "content": "C", "rhythm": "R", "pitch": "P"},
        "decomposers": {"original": "original", "cycle": "cycle loss"},
        "published_ablation": PUBLISHED,
    }
    return TableConfig(**content | changes)


def confusion(right: float, speakers: int, *, constant: bool = False) -> pd.DataFrame:
    """Ten utterances a speaker and class, a share of which is right; or all are taken for one class, another a speaker."""
    rows = []
    for s in range(speakers):
        for i, truth in enumerate(CLASSES):
            if constant:
                rows.append((0, f"s{s}", truth, CLASSES[s % 4], 10))
                continue
            n_right = round(10 * right) + (s % 2)
            rows.append((0, f"s{s}", truth, truth, n_right))
            rows.append((0, f"s{s}", truth, CLASSES[(i + 1) % 4], 10 - n_right))
    return pd.DataFrame(rows, columns=["seed", "speaker", "truth", "prediction", "count"])


def write_evaluations(folder: Path, table: TableConfig, *, leak: bool = False) -> list[Path]:
    share = {"raw": 0.7, "content": 0.4, "rhythm": 0.6, "pitch": 0.3}
    paths = []
    for row, (system, variant) in table.runs.items():
        for test in ("on_nemo4", "on_emodb4"):
            heard = table.heard(row)
            path = (
                folder
                / "evaluation"
                / "nemo4"
                / system
                / variant
                / test
                / (f"as_{heard}" if heard else "")
                / "confusion.csv"
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            condition = row.rsplit("_", 1)[-1]
            blind = condition == "none" and not leak
            confusion(share.get(condition, 0.3), 6, constant=blind).to_csv(path, index=False)
            paths.append(path)
    return paths


def make(folder: Path, table: TableConfig, **changes) -> pd.DataFrame:
    return make_ablation_table(
        *("factor_ablation", table, {"nemo4": TASK}, write_evaluations(folder, table, **changes)),
        *(INTERVALS, CORPORA, {"nemo4": OTHER}),
    )


def value(tidy: pd.DataFrame, row: str, metric: str) -> float:
    return tidy[(tidy["variant"] == row) & (tidy["metric"] == metric) & (tidy["minus"] == "")]["value"].item()


def test_a_score_is_the_mean_over_speakers_of_their_own_ua(tmp_path: Path):
    tidy = make(tmp_path, table_config())
    assert value(tidy, "raw", "speaker_ua") == pytest.approx(75)  # 70 and 80 % in turn
    assert value(tidy, "cycle_rhythm", "cross_ua") == pytest.approx(65)


def test_a_judge_that_says_another_class_to_each_fold_scores_chance_exactly(tmp_path: Path):
    tidy = make(tmp_path, table_config())
    for metric in ("speaker_ua", "cross_ua"):
        assert value(tidy, "original_none", metric) == 25.0
    pooled = confusion(0, 6, constant=True).query("truth == prediction")["count"].sum() / 240
    assert pooled == 0.25  # of equal classes; with others it would not be, which is why speakers are averaged


def test_a_row_that_hears_nothing_and_is_above_chance_stops_the_table(tmp_path: Path):
    with pytest.raises(
        InputError, match=r"row 'original_none' has UA 35\.00 % on nemo4, expected 25\.00 % exactly"
    ):
        make(tmp_path, table_config(), leak=True)


def test_rows_are_compared_with_speech_as_it_is_and_decomposers_with_each_other(tmp_path: Path):
    table = table_config()
    families = comparisons(table)
    assert [len(family) for family in families] == [3, 3, 3]
    pairs = [pair for family in families for pair in family]
    assert ("original_content", "raw") in pairs
    assert ("cycle_content", "original_content") in pairs
    assert not any("none" in row for pair in pairs for row in pair)
    tidy = make(tmp_path, table)
    of_task = tidy[tidy["metric"] == "speaker_ua_difference"].set_index(["variant", "minus"])
    assert of_task.loc[("original_content", "raw"), "value"] == pytest.approx(-30)
    assert (of_task["p_holm"] >= of_task["p_value"]).all()
    # Six speakers who all agree: 2 / 64, corrected for three rows.
    assert of_task.loc[("original_content", "raw"), ["p_value", "p_holm"]].tolist() == [2 / 64, 6 / 64]
    assert of_task.loc[("cycle_content", "original_content"), "p_value"] == 1


def test_runs_on_another_corpus_are_counted_one_by_one(tmp_path: Path):
    tidy = make(tmp_path, table_config()).set_index(["variant", "metric"])
    assert tidy.loc[("raw", "speaker_ua"), "n_runs"] == 3
    assert tidy.loc[("raw", "cross_ua"), "n_runs"] == 1


def test_a_judge_that_is_not_trained_again_hears_all_conditions(tmp_path: Path):
    table = table_config(frozen_classifier=True)
    assert set(table.runs.values()) == {("classifier", "raw")}
    tidy = make(tmp_path, table)
    assert value(tidy, "raw", "speaker_ua") == pytest.approx(75)
    assert value(tidy, "cycle_content", "speaker_ua") == pytest.approx(45)


def test_a_speaker_who_lacks_a_class_is_left_out_and_others_are_not(tmp_path: Path):
    table = table_config(conditions={"raw": "raw", "content": "C"})
    paths = write_evaluations(tmp_path, table)
    for path in paths:
        counts = pd.read_csv(path)
        counts[~((counts["speaker"] == "s1") & (counts["truth"] == "anger"))].to_csv(path, index=False)
    tidy = make_ablation_table("t", table, {"nemo4": TASK}, paths, INTERVALS, CORPORA, {})
    assert value(tidy, "raw", "speaker_ua") == pytest.approx(np.mean([70, 70, 80, 70, 80]))
    assert set(tidy["n_speakers"]) == {5}


def test_a_missing_evaluation_is_named(tmp_path: Path):
    table = table_config()
    paths = [path for path in write_evaluations(tmp_path, table) if "cycle_pitch" not in str(path)]
    with pytest.raises(ValueError, match="no evaluation of cycle_pitch on nemo4"):
        make_ablation_table("t", table, {"nemo4": TASK}, paths, INTERVALS, CORPORA, {"nemo4": OTHER})


def test_the_layout_is_the_sources_with_published_values_beside(tmp_path: Path):
    table = table_config()
    tidy = make(tmp_path, table)
    files = {form: tmp_path / f"t.{form}" for form in ("csv", "md", "tex", "html")}
    system = SystemConfig(source="s", settings=(), variants={"raw": {}})
    write_table(tidy, table, {"nemo4": TASK}, systems={"classifier": system}, **files)
    lines = files["md"].read_text().splitlines()
    header = next(line for line in lines if line.startswith("| No"))
    assert "original: UA by speaker [95 %]" in header
    assert "cycle loss: UA, other corpus [95 %]" in header
    assert "reported for IEMOCAP: cycle loss" in header
    raw = next(line for line in lines if line.startswith("| 1 "))
    assert raw.count("75.0 [") == 4  # row 1 is the same for both decomposers, here also on both corpora
    assert "59.08 / 45.00" in raw
    assert next(line for line in lines if "none" in line and line.startswith("| 2")).count("25.0 ") == 4


def test_findings_say_which_factor_is_best_and_what_is_shown(tmp_path: Path):
    table = table_config()
    sentences = " ".join(ablation_findings(table, make(tmp_path, table)))
    assert "of single factors rhythm has the highest UA" in sentences
    assert "reconstructed from none, UA is 25.00 %" in sentences
    assert "Of 9 comparisons none is shown at 5 % (Holm); with 6 speakers none could be." in sentences
