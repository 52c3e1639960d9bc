from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score

from emofactors.evaluation.runs import read_runs
from emofactors.evaluation.scores import (
    read_confusion,
    read_predictions,
    score_runs,
    speaker_confusions,
    treat_runs_as_seeds,
)

CLASSES = ("anger", "sadness", "disgust")


def predictions_of(speaker: str, truth: list[str], prediction: list[str], split: str = "test") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "utterance": [f"{speaker}_{split}_{i}" for i in range(len(truth))],
            "speaker": speaker,
            "split": split,
            "truth": truth,
            "prediction": prediction,
        }
    )


@pytest.fixture
def runs():
    """Two folds of one test speaker each, two seeds; speaker 08 has no utterance of disgust, as in EmoDB."""
    rng = np.random.default_rng(0)
    truth = {"08": ["anger", "sadness"] * 6, "10": ["anger", "sadness", "disgust"] * 5}
    tables = {}
    for seed in (0, 1):
        for fold, speaker in enumerate(truth):
            test = predictions_of(speaker, truth[speaker], rng.choice(CLASSES, len(truth[speaker])).tolist())
            dev = predictions_of("99", ["anger"], ["disgust"], split="dev")
            tables[fold, seed] = pd.concat([dev, test], ignore_index=True)
    return tables


def test_scores_of_the_test_split_are_those_of_sklearn(runs):
    scores = score_runs(runs, CLASSES).scores
    assert list(scores.columns) == ["fold", "seed", "ua", "wa", "macro_f1", *(f"recall_{c}" for c in CLASSES), "n"]
    assert list(zip(scores["seed"], scores["fold"], strict=True)) == [
        (seed, fold) for seed in (0, 1) for fold in ("0", "1", "pooled")
    ]
    for seed in (0, 1):
        pooled = pd.concat(runs[fold, seed] for fold in (0, 1)).query("split == 'test'")
        row = scores[(scores["seed"] == seed) & (scores["fold"] == "pooled")].iloc[0]
        truth, prediction = pooled["truth"], pooled["prediction"]
        assert row["n"] == len(pooled) == 27
        assert row["ua"] == pytest.approx(balanced_accuracy_score(truth, prediction))
        assert row["wa"] == pytest.approx(accuracy_score(truth, prediction))
        assert row["macro_f1"] == pytest.approx(f1_score(truth, prediction, average="macro", zero_division=0))
        recalls = recall_score(truth, prediction, average=None, labels=CLASSES)
        np.testing.assert_allclose(row[[f"recall_{c}" for c in CLASSES]].astype(float), recalls)


def test_a_fold_without_a_class_has_no_ua(runs):
    scores = score_runs(runs, CLASSES).scores.set_index(["seed", "fold"])
    for seed in (0, 1):
        assert scores.loc[(seed, "0"), ["ua", "macro_f1", "recall_disgust"]].isna().all()
        assert scores.loc[(seed, "0"), ["wa", "recall_anger"]].notna().all()
        assert scores.loc[[(seed, "1"), (seed, "pooled")]].notna().all(axis=None)


def test_confusion_counts_every_test_utterance_once_per_seed(runs):
    confusion = score_runs(runs, CLASSES).confusion
    assert list(confusion.columns) == ["fold", "seed", "speaker", "truth", "prediction", "count"]
    assert (confusion["count"] > 0).all()
    assert confusion.groupby("seed")["count"].sum().to_list() == [27, 27]
    order = confusion.assign(
        truth=confusion["truth"].map(CLASSES.index), prediction=confusion["prediction"].map(CLASSES.index)
    )
    pd.testing.assert_frame_equal(order, order.sort_values(["seed", "fold", "speaker", "truth", "prediction"]))
    counts = speaker_confusions(confusion, CLASSES)
    assert counts.shape == (2, 2, 2, 3, 3)  # two seeds, folds and speakers
    of_08 = runs[0, 1].query("speaker == '08'")
    for i, truth in enumerate(CLASSES):
        for j, prediction in enumerate(CLASSES):
            expected = ((of_08["truth"] == truth) & (of_08["prediction"] == prediction)).sum()
            assert counts[1, :, 0, i, j].tolist() == [expected, 0]


@pytest.fixture
def with_held_out(runs):
    """The runs with held-out utterances of a training speaker in both folds, with different predictions."""
    rng = np.random.default_rng(1)
    truth = ["anger", "sadness", "disgust", "anger"]
    for (fold, seed), table in runs.items():
        held_out = predictions_of("11", truth, rng.choice(CLASSES, 4).tolist(), split="held_out")
        runs[fold, seed] = pd.concat([held_out, table], ignore_index=True)
    return runs


def test_held_out_utterances_are_counted_in_every_fold(with_held_out):
    held_out = score_runs(with_held_out, CLASSES).held_out
    assert list(held_out.columns) == ["fold", "seed", "speaker", "truth", "prediction", "count"]
    assert set(held_out["speaker"]) == {"11"}
    assert held_out.groupby("seed")["count"].sum().to_list() == [8, 8]  # four utterances, held out in both folds
    for seed in (0, 1):
        rows = pd.concat(with_held_out[fold, seed] for fold in (0, 1)).query("split == 'held_out'")
        counts = speaker_confusions(held_out[held_out["seed"] == seed], CLASSES)[0, :, 0].sum(axis=0)
        for (i, truth), (j, prediction) in product(enumerate(CLASSES), enumerate(CLASSES)):
            assert counts[i, j] == ((rows["truth"] == truth) & (rows["prediction"] == prediction)).sum()


def test_held_out_utterances_do_not_affect_scores(with_held_out):
    bare = {run: table.query("split != 'held_out'") for run, table in with_held_out.items()}
    scores, expected = score_runs(with_held_out, CLASSES), score_runs(bare, CLASSES)
    pd.testing.assert_frame_equal(scores.scores, expected.scores)
    pd.testing.assert_frame_equal(scores.confusion, expected.confusion)


def test_the_table_of_held_out_utterances_may_be_empty(with_held_out, tmp_path):
    paths = {name: tmp_path / f"{name}.csv" for name in ("scores", "confusion", "held_out")}
    bare = {run: table.query("split != 'held_out'") for run, table in with_held_out.items()}
    score_runs(bare, CLASSES).write(**paths)
    assert paths["held_out"].read_text() == "fold,seed,speaker,truth,prediction,count\n"
    empty = read_confusion(paths["held_out"])
    assert empty.empty
    assert list(empty.columns) == ["fold", "seed", "speaker", "truth", "prediction", "count"]
    scores = score_runs(with_held_out, CLASSES)
    scores.write(**paths)
    pd.testing.assert_frame_equal(read_confusion(paths["held_out"]), scores.held_out)


def test_a_label_of_a_held_out_utterance_outside_the_task_is_refused(with_held_out):
    table = with_held_out[0, 0]
    with_held_out[0, 0] = table.assign(truth=table["truth"].where(table["split"] != "held_out", "fear"))
    with pytest.raises(ValueError, match="'fear' is not a class of the task"):
        score_runs(with_held_out, CLASSES)


def test_tables_are_restored_from_their_files(runs, tmp_path):
    files = []
    for (fold, seed), table in runs.items():
        folder = tmp_path / f"fold{fold}" / f"seed{seed}"
        folder.mkdir(parents=True)
        files.append(folder / "predictions.csv")
        table.assign(p_anger=0.5).to_csv(files[-1], index=False)
    scores = score_runs(read_runs(files, read_predictions), CLASSES)
    pd.testing.assert_frame_equal(scores.scores, score_runs(runs, CLASSES).scores)
    scores.write(tmp_path / "scores.csv", tmp_path / "confusion.csv", tmp_path / "held_out_confusion.csv")
    pd.testing.assert_frame_equal(read_confusion(tmp_path / "confusion.csv"), scores.confusion)
    first = (tmp_path / "scores.csv").read_bytes(), (tmp_path / "confusion.csv").read_bytes()
    scores.write(tmp_path / "scores.csv", tmp_path / "confusion.csv", tmp_path / "held_out_confusion.csv")
    assert first == ((tmp_path / "scores.csv").read_bytes(), (tmp_path / "confusion.csv").read_bytes())


def test_scores_do_not_depend_on_the_order_of_the_runs(runs):
    scores, reordered = score_runs(runs, CLASSES), score_runs(dict(reversed(runs.items())), CLASSES)
    pd.testing.assert_frame_equal(scores.scores, reordered.scores)
    pd.testing.assert_frame_equal(scores.confusion, reordered.confusion)


def test_an_utterance_tested_twice_is_refused(runs):
    runs[1, 0] = pd.concat([runs[1, 0], runs[0, 0]])
    with pytest.raises(ValueError, match="'08_test_0' is tested twice"):
        score_runs(runs, CLASSES)


def test_a_missing_fold_is_refused(runs):
    del runs[1, 1]
    with pytest.raises(ValueError, match=r"no predictions of \(fold, seed\) \[\(1, 1\)\]"):
        score_runs(runs, CLASSES)
    with pytest.raises(ValueError, match="no predictions"):
        score_runs({}, CLASSES)


def test_seeds_with_different_test_utterances_are_refused(runs):
    runs[0, 1] = runs[0, 1].iloc[:-1]
    with pytest.raises(ValueError, match="seeds 0 and 1 have different test utterances"):
        score_runs(runs, CLASSES)


def test_a_class_without_test_utterances_is_refused(runs):
    with pytest.raises(ValueError, match="no test utterance of fear"):
        score_runs(runs, (*CLASSES, "fear"))


def test_labels_outside_the_task_are_refused(runs):
    with pytest.raises(ValueError, match="'disgust' is not a class of the task"):
        score_runs(runs, CLASSES[:2])


def test_a_run_without_test_predictions_is_refused(runs):
    runs[0, 0] = runs[0, 0].query("split == 'dev'")
    with pytest.raises(ValueError, match="no prediction of split 'test'"):
        score_runs(runs, CLASSES)


def test_runs_on_another_corpus_are_scored_as_seeds():
    whole = predictions_of("a", ["anger", "sadness"], ["anger", "sadness"])
    half = predictions_of("a", ["anger", "sadness"], ["anger", "anger"])
    runs = {(0, 0): whole, (1, 0): half, (0, 1): half, (1, 1): half}
    with pytest.raises(ValueError, match="tested twice"):
        score_runs(runs, ["anger", "sadness"])
    scores = score_runs(treat_runs_as_seeds(runs), ["anger", "sadness"])
    assert scores.confusion["seed"].nunique() == 4
    assert scores.scores[scores.scores["fold"] == "pooled"]["ua"].tolist() == [1.0, 0.5, 0.5, 0.5]
