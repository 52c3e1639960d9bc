from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from threadpoolctl import threadpool_limits

from emofactors.config.evaluation import ProbeSettings
from emofactors.corpora.augmentations import copy_name, original_of
from emofactors.errors import InputError
from emofactors.evaluation.embedding_probes import (
    INFORMATION_COLUMNS,
    PROBE_COLUMNS,
    Embeddings,
    count_by_speaker,
    probe_embeddings,
    read_embeddings,
)
from emofactors.evaluation.probe_models import ProbePredictions, cross_validate_probe
from emofactors.evaluation.runs import read_runs
from emofactors.evaluation.scores import read_probes, speaker_confusions
from emofactors.evaluation.statistics.mutual_information import cluster, information_with_permutation_null

SPEAKERS = ("03", "08", "09", "10")
EMOTIONS = ("anger", "sadness")
SETTINGS = ProbeSettings(folds=3, seed=0, clusters=4, permutations=8)
RUNS = tuple(product((0, 1), (0, 1)))


def run_of(
    rng,
    speakers=("03", "08", "09"),
    test_speakers=("10", "11"),
    gap=0.0,
    emotion_gap=0.0,
    splits=("train", "dev", "test", "held_out"),
    n=36,
):
    """Embeddings of one run: speakers differ by ``gap``, emotions by ``emotion_gap``; both alternate."""
    tables = []
    for split in splits:
        names = np.array(test_speakers if split == "test" else speakers)
        i = np.arange(n)
        tables.append(
            pd.DataFrame(
                {
                    "utterance": [f"{split}_{k}" for k in i],
                    "split": split,
                    "speaker": names[i % len(names)],
                    "emotion": np.array(EMOTIONS)[i // len(names) % 2],
                }
            )
        )
    table = pd.concat(tables, ignore_index=True)
    embedding = rng.normal(size=(len(table), 8))
    _, i_speaker = np.unique(table["speaker"], return_inverse=True)
    embedding[np.arange(len(table)), i_speaker] += gap
    embedding[:, 7] += emotion_gap * (table["emotion"] == "anger")
    return Embeddings(
        embedding=embedding.astype(np.float32),
        **{column: table[column].to_numpy(dtype=str) for column in ("utterance", "split", "emotion", "speaker")},
    )


@pytest.fixture(autouse=True)
def one_thread():
    """Probes run with one thread; the classifiers they are compared with shall, too."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def runs():
    """Two folds with different training speakers, two seeds; speakers and emotions overlap."""
    rng = np.random.default_rng(0)
    speakers = {0: (("03", "08", "09"), ("10", "11")), 1: (("08", "10", "11"), ("03", "09"))}
    return {(fold, seed): run_of(rng, *speakers[fold], gap=1.0, emotion_gap=1.0) for fold, seed in RUNS}


@pytest.fixture(scope="module")
def probed(runs):
    return probe_embeddings(runs, SETTINGS, original_of)


def select(table, **keys):
    for column, value in keys.items():
        table = table[table[column] == value]
    return table


def ua_of(counts):
    """Mean recall of the labels from the counts of one run."""
    correct = counts["count"].where(counts["truth"] == counts["prediction"], 0).groupby(counts["truth"]).sum()
    return float((correct / counts.groupby("truth")["count"].sum()).mean())


def test_speaker_probes_are_cross_validated_on_training_utterances(runs, probed):
    for (fold, seed), kind in product(RUNS, ("linear", "mlp")):
        train = runs[fold, seed].of_split("train")
        plain = cross_validate_probe(
            train.embedding, train.speaker, groups=train.utterance, kind=kind, folds=3, seed=0
        )
        counts = select(probed.probes, probe=f"speaker_{kind}", fold=fold, seed=seed)
        assert counts["count"].sum() == 36
        assert (counts["speaker"] == counts["truth"]).all()
        assert ua_of(counts) == pytest.approx(plain.ua)


@pytest.mark.parametrize(
    ("name", "split", "label"),
    [("speaker_held_out", "held_out", "speaker"), ("emotion_linear", "test", "emotion")],
)
def test_other_probes_are_fitted_to_all_training_utterances(runs, probed, name, split, label):
    for fold, seed in RUNS:
        train, test = runs[fold, seed].of_split("train"), runs[fold, seed].of_split(split)
        mean, std = train.embedding.mean(axis=0), train.embedding.std(axis=0)
        plain = LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000)
        plain.fit((train.embedding - mean) / std, getattr(train, label))
        predicted = plain.predict((test.embedding - mean) / std)
        counts = select(probed.probes, probe=name, fold=fold, seed=seed)
        expected = pd.DataFrame({"speaker": test.speaker, "truth": getattr(test, label), "prediction": predicted})
        expected = expected.groupby(["speaker", "truth", "prediction"]).size().rename("count").reset_index()
        pd.testing.assert_frame_equal(
            counts[list(expected.columns)].reset_index(drop=True), expected, check_dtype=False
        )
        assert ua_of(counts) == pytest.approx(balanced_accuracy_score(getattr(test, label), predicted))


def test_counts_give_confusions_of_all_runs(probed):
    confusions = speaker_confusions(select(probed.probes, probe="emotion_linear"), EMOTIONS)
    assert confusions.shape == (2, 2, 4, 2, 2)
    assert confusions.sum(axis=(1, 2, 3, 4)).tolist() == [72, 72]


def test_probes_predict_the_label_that_the_embedding_depends_on_and_others_at_chance():
    rng = np.random.default_rng(1)
    of_speakers, of_emotions = (
        probe_embeddings({(0, 0): run_of(rng, gap=gap, emotion_gap=20 - gap, n=120)}, SETTINGS, original_of).probes
        for gap in (20, 0)
    )
    for name in ("speaker_linear", "speaker_mlp", "speaker_held_out"):
        assert ua_of(select(of_speakers, probe=name)) == 1.0
        assert ua_of(select(of_emotions, probe=name)) == pytest.approx(
            1 / 3, abs=0.17
        )  # four standard errors of 120
    assert ua_of(select(of_speakers, probe="emotion_linear")) == pytest.approx(1 / 2, abs=0.18)
    assert ua_of(select(of_emotions, probe="emotion_linear")) == 1.0


def test_copies_share_the_fold_of_their_original():
    # Copies are identical, originals unrelated: a probe fitted to one copy predicts the others.
    rng = np.random.default_rng(2)
    originals = run_of(rng, n=90, splits=("train",))
    kinds = ("", "noise", "shift", "speed")
    copied = Embeddings(
        embedding=np.repeat(originals.embedding, 4, axis=0),
        utterance=np.array([copy_name(u, kind) if kind else u for u in originals.utterance for kind in kinds]),
        **{of: np.repeat(getattr(originals, of), 4) for of in ("split", "emotion", "speaker")},
    )
    together, divided = (
        ua_of(select(probe_embeddings({(0, 0): copied}, SETTINGS, of).probes, probe="speaker_mlp"))
        for of in (original_of, str)
    )
    assert together == pytest.approx(1 / 3, abs=0.2)
    assert divided > together + 0.2


def test_information_uses_clusters_of_the_training_utterances(runs, probed):
    for (fold, seed), label in product(RUNS, ("speaker", "emotion")):
        train = runs[fold, seed].of_split("train")
        clusters = cluster(train.embedding, n_clusters=4, seed=0)
        expected = information_with_permutation_null(
            clusters, getattr(train, label), groups=train.utterance, permutations=8, seed=0
        )
        (row,) = select(probed.information, label=label, fold=fold, seed=seed).to_dict("records")
        assert row["n"] == 36
        assert row["nats"] == pytest.approx(expected.nats)
        assert row["above_null"] == pytest.approx(expected.above_null)


def test_probes_need_utterances_of_their_split(runs):
    train_only, without_held_out = (
        probe_embeddings({(0, 0): run_of(np.random.default_rng(0), splits=splits)}, SETTINGS, original_of).probes
        for splits in (("train", "dev"), ("train", "test"))
    )
    assert set(train_only["probe"]) == {"speaker_linear", "speaker_mlp"}
    assert set(without_held_out["probe"]) == {"speaker_linear", "speaker_mlp", "emotion_linear"}


def test_a_speaker_with_one_original_is_excluded_from_cross_validation():
    run = run_of(np.random.default_rng(3), gap=20)
    is_one = (run.speaker == "03") & (run.split == "train")
    is_used = ~is_one | (np.cumsum(is_one) == 1)
    probes = probe_embeddings({(0, 0): run.select(is_used)}, SETTINGS, original_of).probes
    for name, speakers in (("speaker_linear", {"08", "09"}), ("speaker_held_out", {"03", "08", "09"})):
        assert set(select(probes, probe=name)["truth"]) == speakers
    copy = np.flatnonzero(is_one)[2]  # of the same emotion
    names = run.utterance.astype(object)
    names[copy] = copy_name(run.utterance[np.flatnonzero(is_one)[0]], "noise")
    with_copy = Embeddings(run.embedding, names.astype(str), run.split, run.emotion, run.speaker)
    is_used[copy] = True  # two utterances of one original
    probes = probe_embeddings({(0, 0): with_copy.select(is_used)}, SETTINGS, original_of).probes
    assert set(select(probes, probe="speaker_linear")["truth"]) == {"08", "09"}


def test_one_training_speaker_is_refused():
    run = run_of(np.random.default_rng(0), speakers=("03",))
    with pytest.raises(ValueError, match="at least 2 labels"):
        probe_embeddings({(0, 0): run}, SETTINGS, original_of)


def test_files_do_not_depend_on_the_order_of_the_runs(runs, probed, tmp_path):
    probed.write(probes=tmp_path / "probes.csv", information=tmp_path / "information.csv")
    assert (tmp_path / "probes.csv").read_text().splitlines()[0] == ",".join(PROBE_COLUMNS)
    assert (tmp_path / "information.csv").read_text().splitlines()[0] == ",".join(INFORMATION_COLUMNS)
    read = read_probes(tmp_path / "probes.csv")
    pd.testing.assert_frame_equal(read, probed.probes, check_dtype=False)
    assert "03" in set(read["speaker"])
    assert (read["count"] > 0).all()
    reordered = probe_embeddings(dict(reversed(runs.items())), SETTINGS, original_of)
    reordered.write(probes=tmp_path / "again.csv", information=tmp_path / "again_information.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "probes.csv").read_bytes()
    assert (tmp_path / "again_information.csv").read_bytes() == (tmp_path / "information.csv").read_bytes()


def test_embeddings_of_all_runs_are_read(runs, tmp_path):
    paths = []
    for (fold, seed), run in runs.items():
        paths.append(tmp_path / f"fold{fold}" / f"seed{seed}" / "embeddings.npz")
        paths[-1].parent.mkdir(parents=True)
        np.savez(paths[-1], **vars(run))
    read = read_runs(paths, read_embeddings)
    assert list(read) == list(RUNS)
    np.testing.assert_array_equal(read[1, 0].embedding, runs[1, 0].embedding)
    np.testing.assert_array_equal(read[1, 0].speaker, runs[1, 0].speaker)


# --- counts ----------------------------------------------------------------------------------------------------


@pytest.fixture
def counted():
    """Predictions of emotion and speaker in two folds with different speakers and two seeds: counts and rows."""
    rng = np.random.default_rng(0)
    counts, rows = {"emotion": [], "speaker": []}, {"emotion": [], "speaker": []}
    for fold, seed in RUNS:
        speaker = np.array(SPEAKERS[fold : fold + 3])[np.arange(60) % 3]
        emotion = np.array(EMOTIONS)[np.arange(60) // 3 % 2]
        for name, label in (("emotion", emotion), ("speaker", speaker)):
            labels, truth = np.unique(label, return_inverse=True)
            prediction = np.where(rng.random(60) < 0.6, truth, rng.integers(len(labels), size=60))
            predictions = ProbePredictions(tuple(labels.tolist()), truth, prediction)
            counts[name].append(count_by_speaker(predictions, speaker, seed=seed))
            rows[name].append(
                pd.DataFrame({"seed": seed, "speaker": speaker, "truth": label, "predicted": labels[prediction]})
            )
    return {name: (pd.concat(counts[name]), pd.concat(rows[name])) for name in counts}


def test_predictions_are_counted_by_speaker(counted):
    counts, rows = counted["emotion"]
    assert list(counts.columns) == ["seed", "speaker", "truth", "prediction", "count"]
    assert (counts["count"] > 0).all()
    confusions = speaker_confusions(counts.assign(fold=0), EMOTIONS)[:, 0]
    assert confusions.shape == (2, 4, 2, 2)
    for (k, seed), (s, speaker), (i, truth), (j, prediction) in product(
        enumerate((0, 1)), enumerate(SPEAKERS), enumerate(EMOTIONS), enumerate(EMOTIONS)
    ):
        is_cell = (rows["seed"] == seed) & (rows["speaker"] == speaker)
        is_cell &= (rows["truth"] == truth) & (rows["predicted"] == prediction)
        assert confusions[k, s, i, j] == is_cell.sum()


def test_the_number_of_speakers_is_checked():
    predictions = ProbePredictions(("a", "b"), np.array([0, 1]), np.array([0, 0]))
    with pytest.raises(ValueError, match="one per utterance"):
        count_by_speaker(predictions, np.array(["03"]), seed=0)


# --- files -----------------------------------------------------------------------------------------------------


@pytest.fixture
def arrays():
    run = run_of(np.random.default_rng(0), splits=("train", "dev", "test"), n=4)
    return vars(run)


def test_embeddings_are_read_and_selected_by_split(arrays, tmp_path):
    np.savez(tmp_path / "embeddings.npz", **arrays)
    read = read_embeddings(tmp_path / "embeddings.npz")
    for name, array in arrays.items():
        np.testing.assert_array_equal(getattr(read, name), array)
        np.testing.assert_array_equal(getattr(read.of_split("train"), name), array[:4])


def test_invalid_files_are_reported_in_one_line(arrays, tmp_path):
    path = tmp_path / "embeddings.npz"
    whole = tmp_path / "whole.npz"
    np.savez(whole, **arrays)
    np.save(tmp_path / "one.npy", arrays["embedding"])
    contents = (b"", b"utterance,speaker\n", whole.read_bytes()[:-200], (tmp_path / "one.npy").read_bytes())
    np.savez(whole, embedding=np.array([{}, {}], dtype=object))
    for content in (*contents, whole.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"embeddings\.npz: is not an archive of arrays; expected [^\n]*$"):
            read_embeddings(path)
    with pytest.raises(InputError, match=r"nowhere\.npz: is missing; expected [^\n]*$"):
        read_embeddings(tmp_path / "nowhere.npz")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speaker": None}, "lacks speaker; expected .* with arrays embedding, utterance"),
        ({"split": np.array(["train"] * 11)}, r"split \(11,\).*expected embedding \(N, D\) and the others \(N,\)"),
        ({"embedding": np.zeros(12, dtype=np.float32)}, r"has embedding \(12,\)"),
        ({"embedding": np.full((12, 2), np.nan, dtype=np.float32)}, "not finite"),
        ({"embedding": np.full((12, 2), "a")}, "not finite"),
    ],
)
def test_mismatched_arrays_are_reported_in_one_line(arrays, tmp_path, changes, message):
    arrays = {name: array for name, array in {**arrays, **changes}.items() if array is not None}
    np.savez(tmp_path / "embeddings.npz", **arrays)
    with pytest.raises(InputError, match=rf"^[^\n]*embeddings\.npz: [^\n]*{message}[^\n]*$"):
        read_embeddings(tmp_path / "embeddings.npz")
