from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from emofactors.config.evaluation import IntervalSettings
from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.errors import InputError
from emofactors.evaluation.scores import score_runs, speaker_confusions
from emofactors.evaluation.statistics.holm import holm
from emofactors.evaluation.statistics.intervals import paired_difference, protocol_gap, speaker_interval
from emofactors.evaluation.statistics.metrics import unweighted_accuracy, weighted_accuracy
from emofactors.report.tables.metrics import WORDS, measure
from emofactors.report.tables.tidy import COLUMNS, Evaluation, gaps, make_table, read_evaluations, row_label

CONFIG = Path(__file__).parents[4] / "config"
INTERVALS = IntervalSettings(resamples=200, seed=0)
CLASSES = ["anger", "sadness", "disgust"]
TASK = TaskConfig(corpus="berlin", classes=CLASSES, protocol="leave_one_speaker_out", folds=4, dev_speakers=1)
CORPORA = {"berlin": {"title": "Berlin", "whole": True, "utterances": 40, "published_utterances": 40}}
TABLE = TableConfig(
    title="Losses",
    caption="Two losses.",
    system="net",
    rows={"plain": "1 plain", "center": "2 center"},
    differences=[{"variant": "center", "minus": "plain"}],
    published=[
        {
            "label": "Elsewhere, by session (A 2019)",
            "task": "elsewhere4_sessions",
            "where": "table 1",
            "values": {"plain": {"ua": 63.8, "wa": 61.83}, "center": {"ua": 66.86}},
        }
    ],
)


def published_for(task):
    """The table, its published values being those of a task."""
    return TABLE.model_copy(update={"published": (TABLE.published[0].model_copy(update={"task": task}),)})


def evaluate(
    variant, skill, *, task="berlin3_speakers", lacks_disgust=(), speakers=("08", "09", "10", "11"), copies=1
):
    """Two seeds, a fold a speaker; some speakers never speak disgust; each utterance as so many copies."""
    rng = np.random.default_rng(round(100 * skill))
    runs = {}
    for seed in (0, 1):
        for fold, speaker in enumerate(speakers):
            truth = np.array(copies * (CLASSES * 4 if speaker not in lacks_disgust else CLASSES[:2] * 5))
            right = rng.random(len(truth)) < skill
            runs[fold, seed] = pd.DataFrame(
                {
                    "utterance": [f"{speaker}_{i}" for i in range(len(truth))],
                    "speaker": speaker,
                    "split": "test",
                    "truth": truth,
                    "prediction": np.where(right, truth, rng.choice(CLASSES, len(truth))),
                }
            )
    scores = score_runs(runs, CLASSES)
    return Evaluation(task, "net", variant, scores.scores, scores.confusion)


@pytest.fixture
def evaluations():
    return [evaluate("plain", 0.5), evaluate("center", 0.7)]


def tidy_of(evaluations, table=TABLE, tasks=None, corpora=CORPORA):
    return make_table("losses", table, tasks or {"berlin3_speakers": TASK}, evaluations, INTERVALS, corpora)


def one(tidy, **keys):
    for column, value in keys.items():
        tidy = tidy[tidy[column] == value]
    assert len(tidy) == 1
    return tidy.iloc[0]


def test_headline_is_pooled_over_folds_and_averaged_over_seeds_with_its_interval(evaluations):
    tidy = tidy_of(evaluations)
    assert tuple(tidy.columns) == COLUMNS
    for evaluation in evaluations:
        counts = speaker_confusions(evaluation.confusion, CLASSES)
        for metric, formula in (("ua", unweighted_accuracy), ("wa", weighted_accuracy)):
            row = one(tidy, variant=evaluation.variant, metric=metric)
            pooled = evaluation.scores.query("fold == 'pooled'")
            assert row["value"] == pytest.approx(100 * pooled[metric].mean())
            interval = speaker_interval(counts, formula, resamples=200, seed=0)
            assert [row["ci_low"], row["ci_high"]] == pytest.approx([100 * interval.low, 100 * interval.high])
            assert (row["table"], row["column"], row["corpus"]) == ("losses", "berlin3_speakers", "Berlin")
            assert (row["n_runs"], row["n_utterances"], row["n_speakers"]) == (8, 48, 4)
            assert row["protocol"] == TASK.protocol_label


def test_differences_carry_p_and_holm_over_all_of_a_task(evaluations):
    tidy = tidy_of(evaluations)
    center, plain = (speaker_confusions(e.confusion, CLASSES) for e in reversed(evaluations))
    differences = tidy[tidy["minus"] != ""]
    assert differences["metric"].to_list() == ["ua_difference", "wa_difference"]
    for (_, row), formula in zip(differences.iterrows(), (unweighted_accuracy, weighted_accuracy), strict=True):
        expected = paired_difference(center, plain, formula, resamples=200, seed=0)
        assert row["row"] == "2 center minus 1 plain"
        assert [row["value"], row["ci_low"], row["ci_high"]] == pytest.approx(
            [100 * expected.value, 100 * expected.low, 100 * expected.high]
        )
        assert row["p_value"] == expected.p_value
        assert row["n_runs"] == 16
    np.testing.assert_array_equal(differences["p_holm"], holm(differences["p_value"].to_numpy()))


def test_mean_over_folds_stands_where_every_fold_has_every_class(evaluations):
    row = one(tidy_of(evaluations), variant="plain", metric="ua_fold_mean")
    folds = evaluations[0].scores.query("fold != 'pooled'")
    assert row["value"] == pytest.approx(100 * folds["ua"].mean())
    assert np.isnan(row["ci_low"])


def test_speaker_without_disgust_leaves_the_pooled_score_and_no_mean_over_folds():
    lacking = [evaluate(v, skill, lacks_disgust=("08",)) for v, skill in (("plain", 0.5), ("center", 0.7))]
    tidy = tidy_of(lacking)
    assert not tidy["metric"].str.endswith("_fold_mean").any()
    assert tidy.loc[tidy["metric"] == "ua", ["value", "ci_low", "ci_high"]].notna().all(axis=None)


def test_published_value_stands_beside_the_same_corpus_and_protocol_only(evaluations):
    same = published_for("berlin3_speakers")
    elsewhere = [evaluate(v, skill, task="berlin3_twins") for v, skill in (("plain", 0.5), ("center", 0.7))]
    tasks = {"berlin3_speakers": TASK, "berlin3_twins": TASK}
    tidy = tidy_of(evaluations + elsewhere, same, tasks)
    assert tidy.loc[tidy["column"] == "berlin3_twins", "published"].isna().all()
    here = tidy[tidy["column"] == "berlin3_speakers"]
    assert one(here, variant="plain", metric="ua")["published"] == 63.8
    assert one(here, variant="plain", metric="wa_fold_mean")["published"] == 61.83
    assert np.isnan(one(here, variant="center", metric="wa")["published"])
    assert here.loc[here["minus"] != "", "published"].isna().all()
    subset = {"berlin": CORPORA["berlin"] | {"whole": False, "published_utterances": 4481}}
    assert tidy_of(evaluations, same, corpora=subset)["published"].isna().all()
    both = same.model_copy(update={"published": (*TABLE.published, *same.published)})
    pd.testing.assert_frame_equal(tidy_of(evaluations, both), tidy_of(evaluations, same))


# Protocols of one corpus: A divides copies at random, B utterances at random, C tests unseen speakers.
PROTOCOLS = {
    "berlin3_leaky": TaskConfig(
        corpus="berlin",
        classes=CLASSES,
        protocol="stratified_folds",
        folds=4,
        strata=["emotion"],
        augmentation="noisy",
        augmented="before_split",
        shows_leak=True,
    ),
    "berlin3_random": TaskConfig(
        corpus="berlin", classes=CLASSES, protocol="stratified_folds", folds=4, strata=["emotion"]
    ),
    "berlin3_speakers": TASK,
}
SIDE_BY_SIDE = published_for("berlin3_leaky").model_copy(update={"kind": "protocols", "differences": ()})


def protocol_evaluations(**changes):
    """Evaluations of both rows under the three protocols; copies are four an utterance under the first."""
    given = {"berlin3_leaky": {"copies": 4}, "berlin3_random": {}, "berlin3_speakers": {}} | changes
    return [
        evaluate(variant, skill + 0.2 * (2 - place), task=task, **how)
        for place, (task, how) in enumerate(given.items())
        for variant, skill in (("plain", 0.4), ("center", 0.5))
    ]


def test_gaps_between_protocols_are_paired_over_their_speakers():
    evaluations = protocol_evaluations()
    tidy = tidy_of(evaluations, SIDE_BY_SIDE, PROTOCOLS)
    counts = {(e.task, e.variant): speaker_confusions(e.confusion, CLASSES) for e in evaluations}
    of_gaps = tidy[tidy["metric"].str.endswith("_gap") & tidy["published"].isna()]
    assert len(of_gaps) == 3 * 2 * 2
    for first, second in gaps(list(PROTOCOLS)):
        for metric, formula in (("ua", unweighted_accuracy), ("wa", weighted_accuracy)):
            row = one(of_gaps, column=f"{first} minus {second}", variant="plain", metric=f"{metric}_gap")
            pair = counts[first, "plain"], counts[second, "plain"]
            expected = protocol_gap(*pair, formula, resamples=200, seed=0)
            assert [row["value"], row["ci_low"], row["ci_high"]] == pytest.approx(
                [100 * expected.value, 100 * expected.low, 100 * expected.high]
            )
            scores = [one(tidy, column=task, variant="plain", metric=metric)["value"] for task in (first, second)]
            assert row["value"] == pytest.approx(scores[0] - scores[1])
            assert np.isnan(row["p_value"])
            assert row["minus"] == second
            assert row["n_utterances"] == sum(c[0].sum() for c in pair)


def test_gaps_are_of_neighbours_and_of_the_ends():
    assert gaps(["a", "b", "c", "d"]) == [("a", "b"), ("b", "c"), ("c", "d"), ("a", "d")]
    assert gaps(["a", "b"]) == [("a", "b")]
    assert gaps(["a"]) == []


def test_a_published_value_is_held_against_the_last_protocol():
    tidy = tidy_of(protocol_evaluations(), SIDE_BY_SIDE, PROTOCOLS)
    ours = one(tidy, column="berlin3_speakers", variant="plain", metric="wa")
    row = one(tidy, column="published minus berlin3_speakers", variant="plain", metric="wa_gap")
    assert row["value"] == pytest.approx(61.83 - ours["value"])
    assert [row["ci_low"], row["ci_high"]] == pytest.approx([61.83 - ours["ci_high"], 61.83 - ours["ci_low"]])
    assert np.isnan(one(tidy, column="berlin3_speakers", variant="plain", metric="wa")["published"])
    of_published = tidy[tidy["column"] == "published minus berlin3_speakers"]
    assert list(zip(of_published["variant"], of_published["metric"], strict=True)) == [
        ("plain", "ua_gap"),
        ("plain", "wa_gap"),
        ("center", "ua_gap"),
    ]
    elsewhere = tidy_of(
        protocol_evaluations(), SIDE_BY_SIDE.model_copy(update={"published": TABLE.published}), PROTOCOLS
    )
    assert not elsewhere["column"].str.startswith("published").any()


def test_protocols_with_other_speakers_have_a_gap_without_interval():
    tidy = tidy_of(protocol_evaluations(berlin3_random={"speakers": ("08", "09", "10")}), SIDE_BY_SIDE, PROTOCOLS)
    of_gaps = tidy[tidy["metric"].str.endswith("_gap") & tidy["published"].isna()]
    is_of_random = of_gaps["column"].str.contains("berlin3_random")
    assert of_gaps["value"].notna().all()
    assert of_gaps.loc[is_of_random, ["ci_low", "ci_high"]].isna().all(axis=None)
    assert of_gaps.loc[~is_of_random, ["ci_low", "ci_high"]].notna().all(axis=None)


def test_a_subset_says_so_in_every_row(evaluations):
    notes = {"title": "Berlin", "whole": False, "utterances": 847, "published_utterances": 4481}
    tidy = tidy_of(evaluations, corpora={"berlin": notes})
    assert set(tidy["corpus"]) == {"Berlin, subset: 847 of 4,481 utterances"}
    larger = tidy_of(evaluations, corpora={"berlin": notes | {"published_utterances": 535}})
    assert set(larger["corpus"]) == {"Berlin, not as published: 847 utterances for 535"}
    own = tidy_of(evaluations, corpora={"berlin": notes | {"whole": None, "published_utterances": None}})
    assert set(own["corpus"]) == {"Berlin"}


def test_one_speaker_has_scores_and_no_intervals():
    alone = [evaluate(v, skill, speakers=("08",)) for v, skill in (("plain", 0.5), ("center", 0.7))]
    task = TaskConfig(
        corpus="berlin", classes=CLASSES, protocol="holdout", column="speaker", dev=["09"], test=["08"]
    )
    tidy = tidy_of(alone, tasks={"berlin3_speakers": task})
    assert tidy["value"].notna().all()
    assert tidy[["ci_low", "ci_high", "p_value", "p_holm"]].isna().all(axis=None)
    assert not tidy["metric"].str.endswith("_fold_mean").any()  # one fold: it would be the score itself


def test_a_row_that_was_not_evaluated_is_said(evaluations):
    with pytest.raises(ValueError, match="table losses: no evaluation of center on berlin3_speakers"):
        tidy_of(evaluations[:1])


def test_evaluations_are_named_by_their_paths(evaluations, tmp_path):
    folder = tmp_path / "berlin3_speakers" / "net" / "plain" / "on_berlin3_speakers"
    folder.mkdir(parents=True)
    evaluations[0].scores.to_csv(folder / "scores.csv", index=False)
    evaluations[0].confusion.to_csv(folder / "confusion.csv", index=False)
    (read,) = read_evaluations([folder / "confusion.csv"])
    assert (read.task, read.system, read.variant) == ("berlin3_speakers", "net", "plain")
    pd.testing.assert_frame_equal(read.scores, evaluations[0].scores)
    pd.testing.assert_frame_equal(read.confusion, evaluations[0].confusion)
    with pytest.raises(ValueError, match="expected …/<task>"):
        read_evaluations([tmp_path / "berlin3" / "net" / "plain" / "on_other" / "confusion.csv"])
    with pytest.raises(ValueError, match="expected …/<task>"):
        read_evaluations(["confusion.csv"])


def test_rows_of_a_sweep_are_labelled_by_the_value_of_the_axis():
    sweep = TableConfig(title="", caption="", system="net", axis="lambda", rows={"plain": 0, "center": 0.003})
    assert row_label(sweep, "plain") == "0"
    assert row_label(sweep, "center", "plain") == "lambda 0.003 minus 0"


# --- rows of several systems, metrics of all kinds ----------------------------------------------------------

SYSTEMS = TableConfig(
    title="Speakers left",
    caption="Every system.",
    rows={"net/plain": "network", "svm/functionals": "functionals"},
    metrics=list(WORDS),
    differences=[{"variant": "net/plain", "minus": "svm/functionals"}],
)


def seen_evaluation(system, variant, skill, seeds):
    """An evaluation with seen utterances, probes and information: two folds of four test speakers."""
    rng = np.random.default_rng(round(100 * skill))
    folds = (("08", "09", "10", "11"), ("12", "13", "14", "15"))
    runs, probes, information = {}, [], []
    for (fold, tested), seed in product(enumerate(folds), seeds):
        heard = folds[1 - fold]
        tables = []
        for split, speakers in (("test", tested), ("held_out", heard)):
            speaker = np.repeat(speakers, 12)
            truth = np.tile(CLASSES, 16)
            right = rng.random(48) < skill + 0.2 * (split == "held_out")
            prediction = np.where(right, truth, rng.choice(CLASSES, 48))
            columns = {"speaker": speaker, "truth": truth, "prediction": prediction}
            tables.append(
                pd.DataFrame({"utterance": [f"{s}_{i}" for i, s in enumerate(speaker)], "split": split} | columns)
            )
        runs[fold, seed] = pd.concat(tables, ignore_index=True)
        said = {"fold": fold, "seed": seed, "speaker": heard, "truth": heard}
        for name in ("speaker_linear", "speaker_mlp", "speaker_held_out"):
            n_right = rng.integers(5, 9)
            for prediction, count in ((heard, n_right), (heard[::-1], 14 - n_right)):
                probes.append(pd.DataFrame(said | {"probe": name, "prediction": prediction, "count": count}))
        of_test = tables[0].assign(prediction=rng.permutation(tables[0]["prediction"]), count=1)
        probes.append(
            of_test.assign(probe="emotion_linear", fold=fold, seed=seed).drop(columns=["utterance", "split"])
        )
        information += [
            {"label": label, "fold": fold, "seed": seed, "n": 40, "above_null": rng.random()}
            for label in ("speaker", "emotion")
        ]
    scores = score_runs(runs, CLASSES)
    return Evaluation(
        *("berlin3_speakers", system, variant, scores.scores, scores.confusion, scores.held_out),
        probes=pd.concat(probes, ignore_index=True),
        information=pd.DataFrame(information),
    )


@pytest.fixture
def of_systems():
    return [
        seen_evaluation("net", "plain", 0.8, seeds=(0, 1, 2)),
        seen_evaluation("svm", "functionals", 0.3, seeds=(0,)),
        seen_evaluation("svm", "plain", 0.9, seeds=(0,)),  # the variant of a row, of another system
    ]


def measured(evaluation, metric):
    files = {name: getattr(evaluation, name) for name in ("confusion", "held_out", "probes", "information")}
    return measure(metric, CLASSES, **files)


def test_every_metric_has_its_unit_interval_and_chance_of_rows_of_any_system(of_systems):
    tidy = tidy_of(of_systems, SYSTEMS)
    for (row, label), evaluation in zip(SYSTEMS.rows.items(), of_systems[:2], strict=True):
        for metric, words in WORDS.items():
            of_row, expected = one(tidy, variant=row, metric=metric), measured(evaluation, metric)
            interval = expected.interval(INTERVALS)
            assert [of_row[c] for c in ("value", "ci_low", "ci_high", "chance")] == pytest.approx(
                [words.unit * x for x in (interval.value, interval.low, interval.high, expected.chance)],
                nan_ok=True,
            )
            assert words.unit == (1 if metric.endswith("information") else 100)
            assert of_row["row"] == label
            assert of_row["n_runs"] == (6 if row == "net/plain" else 2)
            assert (of_row["n_utterances"], of_row["n_speakers"]) == (expected.n_utterances, expected.n_speakers)
    means = tidy[tidy["metric"].str.endswith("_fold_mean")]
    assert set(means["metric"]) == {"ua_fold_mean", "wa_fold_mean"}
    assert means["chance"].isna().all()


def test_holm_is_over_the_differences_that_have_a_p(of_systems):
    tidy = tidy_of(of_systems, SYSTEMS)
    differences = tidy[tidy["minus"] == "svm/functionals"].set_index("metric")
    assert list(differences.index) == [f"{metric}_difference" for metric in WORDS]
    for metric, words in WORDS.items():
        row = differences.loc[f"{metric}_difference"]
        expected = measured(of_systems[0], metric).difference(measured(of_systems[1], metric), INTERVALS)
        assert row["value"] == pytest.approx(words.unit * expected.value)
        assert row["p_value"] == pytest.approx(expected.p_value, nan_ok=True)
        assert row["n_runs"] == 8
    has_p = differences["p_value"].notna()
    assert list(differences.index[~has_p]) == ["speaker_information_difference", "emotion_information_difference"]
    np.testing.assert_allclose(
        differences.loc[has_p, "p_holm"], holm(differences.loc[has_p, "p_value"].to_numpy())
    )
    assert differences.loc[~has_p, "p_holm"].isna().all()
    assert differences["p_holm"].min() == pytest.approx(has_p.sum() * 2 / 2**8)  # eight speakers who all agree


def test_rows_of_other_systems_stand_beside_those_of_the_tables_own(of_systems):
    beside = TableConfig(
        title="", caption="", system="svm", rows={"plain": "own", "net/plain": "other"}, metrics=["ua"]
    )
    tidy = tidy_of(of_systems, beside)
    values = tidy[tidy["metric"] == "ua"].set_index("variant")["value"]
    assert values["plain"] == pytest.approx(100 * measured(of_systems[2], "ua").value)
    assert values["net/plain"] == pytest.approx(100 * measured(of_systems[0], "ua").value)
    with pytest.raises(ValueError, match="no evaluation of net/plain on berlin3_speakers"):
        tidy_of(of_systems[1:], beside)


def test_only_what_the_metrics_need_is_read(of_systems, tmp_path):
    folder = tmp_path / "berlin3_speakers" / "svm" / "functionals" / "on_berlin3_speakers"
    folder.mkdir(parents=True)
    evaluation = of_systems[1]
    for name, table in (("scores", evaluation.scores), ("confusion", evaluation.confusion)):
        table.to_csv(folder / f"{name}.csv", index=False)
    path = folder / "confusion.csv"
    (read,) = read_evaluations([path])
    assert (read.held_out, read.probes, read.information) == (None, None, None)
    with pytest.raises(InputError, match=r"held_out_confusion\.csv: is missing"):
        read_evaluations([path], ["ua", "held_out_gap"])
    with pytest.raises(InputError, match=r"probes\.csv: is missing"):
        read_evaluations([path], ["ua", "emotion_information"])
    for name in ("held_out", "probes", "information"):
        file = {"held_out": "held_out_confusion", "information": "mutual_information"}.get(name, name)
        getattr(evaluation, name).to_csv(folder / f"{file}.csv", index=False)
    (read,) = read_evaluations([path], list(WORDS))
    for name in ("held_out", "probes", "information"):
        pd.testing.assert_frame_equal(getattr(read, name), getattr(evaluation, name), check_dtype=False)
    (read,) = read_evaluations([path], ["ua", "speaker_held_out"])  # a probe of seen utterances
    assert set(read.probes["speaker"]) == {"08", "09", *(str(number) for number in range(10, 16))}


@pytest.mark.parametrize("metrics", [["wa"], ["ua", "ua"]])
def test_a_table_shows_ua_and_each_metric_once(metrics):
    with pytest.raises(ValueError, match="expected ua, and each metric once"):
        TableConfig(title="", caption="", system="net", rows={"plain": "p"}, metrics=metrics)


def test_a_table_without_system_names_it_in_every_row():
    with pytest.raises(ValueError, match="'rows' names 'plain': expected system/plain, or 'system' for all rows"):
        TableConfig(title="", caption="", rows={"net/plain": "1", "plain": "2"})


# The numbers of Dai et al. 2019 in percent, UA and WA, as the first author's public code plots them
# (github.com/DaiDongyang/ser_nn_spectrogram, draw_ua_wa.py, commit a8c01d6, batch size 32).
PUBLISHED = {
    "center_loss": {
        "mel_softmax": (63.80, 61.83),
        "mel_center": (66.86, 65.40),
        "stft_softmax": (60.97, 58.93),
        "stft_center": (65.13, 62.96),
    },
    "center_lambda": {
        "mel_softmax": (63.80, 61.83),
        "lambda_0.003": (64.81, 62.99),
        "lambda_0.03": (65.71, 63.98),
        "mel_center": (66.86, 65.40),
        "lambda_3": (60.08, 56.85),
    },
    "center_alpha": {
        "alpha_0.1": (66.76, 65.00),
        "alpha_0.3": (66.85, 65.33),
        "mel_center": (66.86, 65.40),
        "alpha_0.7": (66.96, 65.34),
        "alpha_0.9": (66.41, 64.71),
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_config_repeats_the_published_numbers(name):
    content = yaml.safe_load((CONFIG / "tables" / f"{name}.yaml").read_text(encoding="utf-8"))
    table = TableConfig(**content)
    assert [row for row, (system, _) in table.runs.items() if system == table.system] == list(PUBLISHED[name])
    (published,) = table.published
    assert published.task == "iemocap4_random5"
    assert {v: (s["ua"], s["wa"]) for v, s in published.values.items()} == PUBLISHED[name]


# WA of Kim & Lee 2024 in percent, teacher and student, as the names of the published weights give it
# (github.com/kjy7567/speech_emotion_recognition_from_log_Mel_spectrogram_using_vertically_long_patch, commit 705fe6f).
PUBLISHED_TRANSFER = {
    "emodb7_random5_leaky": (96.96, 98.83),
    "savee7_random5_leaky": (98.17, 98.95),
    "crema_d6_random5_leaky": (92.64, 94.07),
}


def test_config_repeats_the_published_wa_of_transfer():
    table = TableConfig(**yaml.safe_load((CONFIG / "tables" / "vit_protocols.yaml").read_text(encoding="utf-8")))
    assert {
        published.task: (published.values["teacher"]["wa"], published.values["student"]["wa"])
        for published in table.published
    } == PUBLISHED_TRANSFER
    assert {metric for p in table.published for values in p.values.values() for metric in values} == {"wa"}


@pytest.mark.parametrize(
    ("name", "setting"), [("center_lambda", "center_lambda"), ("center_alpha", "center_alpha")]
)
def test_labels_of_a_sweep_are_the_settings_of_its_variants(name, setting):
    table = TableConfig(**yaml.safe_load((CONFIG / "tables" / f"{name}.yaml").read_text(encoding="utf-8")))
    system = yaml.safe_load((CONFIG / "systems" / f"{table.system}.yaml").read_text(encoding="utf-8"))
    assert len(table.rows) == 5
    for variant, label in table.rows.items():
        assert (system["variants"][variant] or {}).get(setting, system["published"][setting][0]) == label
