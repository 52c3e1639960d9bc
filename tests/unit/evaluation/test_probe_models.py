import warnings
from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from threadpoolctl import threadpool_limits

from emofactors.errors import InputError
from emofactors.evaluation.probe_models import (
    Embeddings,
    probe,
    probe_counts,
    probe_others,
    probe_parts,
    read_embeddings,
)
from emofactors.evaluation.scores import speaker_confusions
from emofactors.evaluation.statistics.intervals import (
    paired_difference,
    recall_difference,
    recall_interval,
    speaker_interval,
    speaker_recalls,
)
from emofactors.evaluation.statistics.metrics import unweighted_accuracy

KINDS = ("linear", "mlp")
SPEAKERS = np.array(["03", "08", "09", "10"])
EMOTIONS = np.array(["anger", "sadness"])


@pytest.fixture(autouse=True)
def one_thread():
    """Small sums by several threads are mostly waiting, where other tests run beside."""
    with threadpool_limits(1):
        yield


def names(n):
    return np.array([f"u{i:04d}" for i in range(n)])


def labelled(rng, n, gap, speakers=SPEAKERS, dim=8):
    """Normal embeddings of speakers ``gap`` apart; speakers and emotions take turns."""
    i_speaker = np.arange(n) % len(speakers)
    embedding = rng.normal(size=(n, dim))
    embedding[np.arange(n), i_speaker] += gap
    return embedding, speakers[i_speaker], EMOTIONS[np.arange(n) // len(speakers) % 2]


# --- the probe ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_labels_far_apart_are_all_found(kind):
    embedding, speaker, _ = labelled(np.random.default_rng(0), 120, gap=20)
    found = probe(embedding, speaker, groups=names(120), kind=kind, folds=5, seed=0)
    assert found.labels == tuple(SPEAKERS)
    np.testing.assert_array_equal(np.array(found.labels)[found.prediction], speaker)
    assert (found.ua, found.wa) == (1.0, 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_found_where_there_is_nothing(kind):
    # 400 answers at a chance of 1/4: four standard errors are 0.087.
    embedding, speaker, _ = labelled(np.random.default_rng(1), 400, gap=0)
    found = probe(embedding, speaker, groups=names(400), kind=kind, folds=5, seed=0)
    assert found.ua == pytest.approx(found.chance_ua, abs=0.087)


def test_only_a_layer_finds_what_no_plane_divides():
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(300, 2))
    label = np.where(embedding.prod(axis=1) > 0, "a", "b")
    linear, mlp = (probe(embedding, label, groups=names(300), kind=kind, folds=3, seed=0).ua for kind in KINDS)
    assert linear < 0.7
    assert mlp > 0.9


def test_scores_are_those_of_sklearn_and_chance_is_that_of_a_constant_answer():
    embedding, _, _ = labelled(np.random.default_rng(0), 150, gap=1)
    label = np.repeat(SPEAKERS, [60, 50, 30, 10])
    found = probe(embedding, label, groups=names(150), kind="linear", folds=5, seed=0)
    assert found.ua == pytest.approx(balanced_accuracy_score(found.truth, found.prediction))
    assert found.wa == pytest.approx(accuracy_score(found.truth, found.prediction))
    constant = np.zeros(150, dtype=int)
    assert found.chance_ua == pytest.approx(balanced_accuracy_score(found.truth, constant))
    assert found.chance_wa == pytest.approx(accuracy_score(found.truth, constant)) == 0.4


def test_a_linear_probe_is_logistic_regression_on_what_its_training_part_standardised():
    embedding, speaker, _ = labelled(np.random.default_rng(2), 90, gap=1.5)
    embedding = embedding * np.logspace(-3, 3, 8) + 5
    label = np.where(np.arange(90) % 3 == 0, "few", np.where(speaker > "08", "b", "a"))
    found = probe(embedding, label, groups=names(90), kind="linear", folds=3, seed=7)
    part = probe_parts(label, names(90), folds=3, seed=7)
    for fold in range(3):
        heard, held_out = embedding[part != fold], embedding[part == fold]
        mean, std = heard.mean(axis=0), heard.std(axis=0)
        plain = LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000)
        plain.fit((heard - mean) / std, label[part != fold])
        expected = plain.predict((held_out - mean) / std)
        np.testing.assert_array_equal(np.array(found.labels)[found.prediction[part == fold]], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_asked_is_in_no_statistic(kind):
    embedding, speaker, _ = labelled(np.random.default_rng(0), 120, gap=1)
    part = probe_parts(speaker, names(120), folds=3, seed=0)
    asked = np.flatnonzero(part == 0)
    far_off = embedding.copy()
    far_off[asked[0]] = 1e6
    before, after = (
        probe(e, speaker, groups=names(120), kind=kind, folds=3, seed=0).prediction for e in (embedding, far_off)
    )
    np.testing.assert_array_equal(before[asked[1:]], after[asked[1:]])
    assert (before[part != 0] != after[part != 0]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_small_embedding_hides_nothing(kind):
    embedding, speaker, _ = labelled(np.random.default_rng(3), 100, gap=2)
    of = [probe(e, speaker, groups=names(100), kind=kind, folds=4, seed=0) for e in (embedding, embedding / 2**20)]
    np.testing.assert_array_equal(of[0].prediction, of[1].prediction)
    assert of[0].ua > 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_a_collapsed_embedding_tells_nothing(kind):
    _, speaker, _ = labelled(np.random.default_rng(0), 80, gap=0)
    collapsed = np.full((80, 8), 0.1, dtype=np.float32)
    found = probe(collapsed, speaker, groups=names(80), kind=kind, folds=4, seed=0)
    assert found.ua == pytest.approx(0.25)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_are_never_heard_and_asked(kind):
    # Copies are identical, originals unrelated: whoever heard one copy would know the others.
    rng = np.random.default_rng(0)
    label = np.repeat(SPEAKERS, 25)
    embedding, labels, originals = (
        np.repeat(a, 4, axis=0) for a in (rng.normal(size=(100, 30)), label, names(100))
    )
    divided, together = (
        probe(embedding, labels, groups=groups, kind=kind, folds=5, seed=0).ua
        for groups in (names(400), originals)
    )
    assert divided > 0.6
    assert together < 0.43  # 100 independent answers at a chance of 1/4, and four standard errors


def test_same_seed_same_predictions_other_seed_others():
    embedding, speaker, _ = labelled(np.random.default_rng(0), 120, gap=1)
    for kind in KINDS:
        first, again, other = (
            probe(embedding, speaker, groups=names(120), kind=kind, folds=5, seed=seed).prediction
            for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()


def test_the_number_of_steps_of_a_probe_is_no_warning():
    embedding, speaker, _ = labelled(np.random.default_rng(0), 200, gap=0.5, dim=40)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        for kind in KINDS:
            probe(embedding, speaker, groups=names(200), kind=kind, folds=2, seed=0)


def test_parts_balance_labels_and_keep_originals_whole():
    label = np.repeat(np.repeat(["a", "b", "c"], [7, 11, 2]), 3)
    groups = np.repeat(names(20), 3)
    part = probe_parts(label, groups, folds=4, seed=0)
    table = pd.DataFrame({"label": label, "group": groups, "part": part}).drop_duplicates()
    assert len(table) == 20
    assert np.bincount(table["part"]).tolist() == [5, 5, 5, 5]
    for of_label in ("a", "b", "c"):
        sizes = np.bincount(table.loc[table["label"] == of_label, "part"], minlength=4)
        assert sizes.max() - sizes.min() == 1


def test_parts_follow_from_names_and_seed_not_from_the_order():
    label, groups = np.repeat(SPEAKERS, 10), names(40)
    order = np.random.default_rng(0).permutation(40)
    part = probe_parts(label, groups, folds=5, seed=0)
    np.testing.assert_array_equal(probe_parts(label[order], groups[order], folds=5, seed=0), part[order])
    assert (probe_parts(label, groups, folds=5, seed=1) != part).any()


@pytest.mark.parametrize(
    ("label", "groups", "folds", "message"),
    [
        (["a", "b", "a", "b"], ["u", "u", "v", "w"], 2, "u has two labels"),
        (["a", "b", "a"], ["u", "v", "w"], 2, "b has 1 original"),
        (["a", "b", "a", "b"], ["u", "v", "w", "x"], 5, "5 parts of 4 originals"),
        (["a", "b", "a", "b"], ["u", "v", "w", "x"], 1, "1 parts of 4 originals"),
        (["a", "b"], ["u"], 2, "expected"),
    ],
)
def test_what_cannot_be_divided_is_refused(label, groups, folds, message):
    with pytest.raises(ValueError, match=message):
        probe_parts(np.array(label), np.array(groups), folds=folds, seed=0)


def test_what_cannot_be_probed_is_refused():
    embedding, speaker, _ = labelled(np.random.default_rng(0), 20, gap=0)
    settings = {"groups": names(20), "kind": "linear", "folds": 2, "seed": 0}
    with pytest.raises(ValueError, match="at least 2 labels"):
        probe(embedding, np.full(20, "03"), **settings)
    with pytest.raises(ValueError, match="expected \\(N, D\\) and \\(N,\\)"):
        probe(embedding[:10], speaker, **settings)
    with pytest.raises(ValueError, match="not finite"):
        probe(np.where(embedding > 2, np.nan, embedding), speaker, **settings)
    with pytest.raises(ValueError, match="expected linear or mlp"):
        probe(embedding, speaker, **{**settings, "kind": "forest"})


# --- a label learnt from some, found in others --------------------------------------------------------------


def embeddings_of(embedding, speaker, emotion, split="train"):
    n = len(embedding)
    return Embeddings(embedding.astype(np.float32), names(n), np.full(n, split), emotion, speaker)


def test_others_are_told_by_logistic_regression_on_what_was_heard():
    rng = np.random.default_rng(0)
    heard, others = (embeddings_of(*labelled(rng, n, gap=1.5)) for n in (90, 41))
    few = heard.chosen(np.flatnonzero((heard.speaker != "10") | (np.arange(90) % 3 == 0)))  # not one each
    found = probe_others(few, others, "speaker")
    mean, std = few.embedding.mean(axis=0), few.embedding.std(axis=0)
    plain = LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000)
    plain.fit((few.embedding - mean) / std, few.speaker)
    expected = plain.predict((others.embedding - mean) / std)
    assert found.labels == tuple(SPEAKERS)
    np.testing.assert_array_equal(np.array(found.labels)[found.prediction], expected)
    np.testing.assert_array_equal(np.array(found.labels)[found.truth], others.speaker)
    assert found.ua == pytest.approx(balanced_accuracy_score(others.speaker, expected))
    assert 0.3 < found.ua < 1.0


@pytest.mark.parametrize("label", ["speaker", "emotion"])
def test_a_label_is_found_in_others_if_it_is_in_the_embedding_only(label):
    rng = np.random.default_rng(1)
    for gap, lowest, highest in ((20, 1.0, 1.0), (0, 0.0, 1 / 4 + 0.15 if label == "speaker" else 1 / 2 + 0.13)):
        pair = []
        for n in (160, 240):
            _, speaker, emotion = labelled(rng, n, gap=0)
            _, i_label = np.unique({"speaker": speaker, "emotion": emotion}[label], return_inverse=True)
            embedding = rng.normal(size=(n, 8))
            embedding[np.arange(n), i_label] += gap
            pair.append(embeddings_of(embedding, speaker, emotion))
        assert lowest <= probe_others(*pair, label).ua <= highest


def test_others_change_nothing_of_what_is_learnt():
    rng = np.random.default_rng(2)
    heard, others = (embeddings_of(*labelled(rng, n, gap=1)) for n in (80, 40))
    far_off = embeddings_of(others.embedding + 1e4 * (np.arange(40) == 7)[:, None], others.speaker, others.emotion)
    before, after = (probe_others(heard, of, "speaker").prediction for of in (others, far_off))
    np.testing.assert_array_equal(np.delete(before, 7), np.delete(after, 7))


def test_others_may_lack_a_label_but_have_none_that_was_not_heard():
    rng = np.random.default_rng(3)
    heard, others = (embeddings_of(*labelled(rng, n, gap=20)) for n in (80, 40))
    some = others.chosen(others.speaker != "08")
    found = probe_others(heard, some, "speaker")
    assert found.labels == tuple(SPEAKERS)
    np.testing.assert_array_equal(np.array(found.labels)[found.truth], some.speaker)
    np.testing.assert_array_equal(np.array(found.labels)[found.prediction], some.speaker)
    with pytest.raises(ValueError, match="speaker '08' is not among those heard, expected one of 03, 09, 10"):
        probe_others(heard.chosen(heard.speaker != "08"), others, "speaker")
    with pytest.raises(ValueError, match="at least 2 labels"):
        probe_others(heard.chosen(heard.speaker == "08"), others, "speaker")


# --- counts and recalls ------------------------------------------------------------------------------------


@pytest.fixture
def probed():
    """Emotion and speaker probes of two folds of other training speakers, two seeds: (counts, plain rows)."""
    rng = np.random.default_rng(0)
    counts, rows = {"emotion": [], "speaker": []}, {"emotion": [], "speaker": []}
    for fold, seed in product((0, 1), (0, 1)):
        speakers = SPEAKERS[fold : fold + 3]
        shape = labelled(np.random.default_rng(fold), 60, gap=0, speakers=speakers)
        _, speaker, emotion = shape
        embedding = rng.normal(size=(60, 8)) + (speaker == "09")[:, None] * 0.7
        for of, label in (("emotion", emotion), ("speaker", speaker)):
            result = probe(embedding, label, groups=names(60), kind="linear", folds=3, seed=0)
            counts[of].append(probe_counts(result, speaker, seed=seed))
            predicted = np.array(result.labels)[result.prediction]
            rows[of].append(pd.DataFrame({"seed": seed, "speaker": speaker, "truth": label, "is": predicted}))
    return {of: (pd.concat(counts[of]), pd.concat(rows[of])) for of in counts}


def test_counts_are_those_of_the_predictions_by_speaker(probed):
    counts, rows = probed["emotion"]
    assert list(counts.columns) == ["seed", "speaker", "truth", "prediction", "count"]
    assert (counts["count"] > 0).all()
    confusions = speaker_confusions(counts, EMOTIONS.tolist())
    assert confusions.shape == (2, 4, 2, 2)
    for (k, seed), (s, speaker), (i, truth), (j, prediction) in product(
        enumerate((0, 1)), enumerate(SPEAKERS), enumerate(EMOTIONS), enumerate(EMOTIONS)
    ):
        is_cell = (rows["seed"] == seed) & (rows["speaker"] == speaker)
        is_cell &= (rows["truth"] == truth) & (rows["is"] == prediction)
        assert confusions[k, s, i, j] == is_cell.sum()


def test_probes_that_are_the_same_do_not_differ(probed):
    emotion = speaker_confusions(probed["emotion"][0], EMOTIONS.tolist())
    recalls = speaker_recalls(probed["speaker"][0])
    for same in (
        paired_difference(emotion, emotion, unweighted_accuracy, resamples=100, seed=0),
        recall_difference(recalls, recalls, resamples=100, seed=0),
    ):
        assert (same.value, same.low, same.high, same.p_value) == (0.0, 0.0, 0.0, 1.0)
    assert speaker_interval(emotion, unweighted_accuracy, resamples=100, seed=0).value == pytest.approx(
        np.mean([balanced_accuracy_score(r["truth"], r["is"]) for _, r in probed["emotion"][1].groupby("seed")])
    )


def test_recalls_are_those_of_the_predictions_and_their_mean_is_ua(probed):
    counts, rows = probed["speaker"]
    recalls = speaker_recalls(counts)
    plain = (rows["truth"] == rows["is"]).groupby([rows["seed"], rows["speaker"]]).mean().unstack()
    np.testing.assert_allclose(recalls.recall, plain)
    assert recalls.speakers == tuple(plain.columns) == tuple(SPEAKERS)
    assert recalls.n_utterances.tolist() == [20, 40, 40, 20]
    pooled = [balanced_accuracy_score(r["truth"], r["is"]) for _, r in rows.groupby("seed")]
    assert recall_interval(recalls, resamples=100, seed=0).value == pytest.approx(np.mean(pooled))


def test_seeds_probed_on_other_utterances_are_refused(probed):
    counts, _ = probed["speaker"]
    for other in (counts.iloc[1:], counts[(counts["seed"] == 0) | (counts["speaker"] != "03")]):
        with pytest.raises(ValueError, match="not probed on the same utterances"):
            speaker_recalls(other)


def test_as_many_speakers_as_predictions():
    embedding, speaker, emotion = labelled(np.random.default_rng(0), 20, gap=0)
    result = probe(embedding, emotion, groups=names(20), kind="linear", folds=2, seed=0)
    with pytest.raises(ValueError, match="one each utterance"):
        probe_counts(result, speaker[1:], seed=0)


# --- the file ----------------------------------------------------------------------------------------------


@pytest.fixture
def arrays():
    embedding, speaker, emotion = labelled(np.random.default_rng(0), 12, gap=0)
    split = np.array(["train"] * 8 + ["dev"] * 2 + ["test"] * 2)
    about = {"utterance": names(12), "split": split, "emotion": emotion, "speaker": speaker}
    return {"embedding": embedding.astype(np.float32), **about}


def test_embeddings_are_read_and_chosen_by_split(arrays, tmp_path):
    np.savez(tmp_path / "embeddings.npz", **arrays)
    read = read_embeddings(tmp_path / "embeddings.npz")
    for name, array in arrays.items():
        np.testing.assert_array_equal(getattr(read, name), array)
        np.testing.assert_array_equal(getattr(read.of_split("train"), name), array[:8])


def test_a_file_that_is_no_archive_is_said_in_one_line(arrays, tmp_path):
    path = tmp_path / "embeddings.npz"
    whole = tmp_path / "whole.npz"
    np.savez(whole, **arrays)
    np.save(tmp_path / "one.npy", arrays["embedding"])
    contents = (b"", b"utterance,speaker\n", whole.read_bytes()[:-200], (tmp_path / "one.npy").read_bytes())
    np.savez(whole, embedding=np.array([{}, {}], dtype=object))
    for content in (*contents, whole.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"embeddings\.npz: is no archive of arrays; expected [^\n]*$"):
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
def test_arrays_that_do_not_fit_together_are_said_in_one_line(arrays, tmp_path, changes, message):
    arrays = {name: array for name, array in {**arrays, **changes}.items() if array is not None}
    np.savez(tmp_path / "embeddings.npz", **arrays)
    with pytest.raises(InputError, match=rf"^[^\n]*embeddings\.npz: [^\n]*{message}[^\n]*$"):
        read_embeddings(tmp_path / "embeddings.npz")
