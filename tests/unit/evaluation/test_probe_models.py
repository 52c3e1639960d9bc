import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from threadpoolctl import threadpool_limits

from emofactors.evaluation.probe_models import assign_folds, cross_validate_probe, fit_and_evaluate_probe

KINDS = ("linear", "mlp")
SPEAKERS = np.array(["03", "08", "09", "10"])
EMOTIONS = np.array(["anger", "sadness"])


@pytest.fixture(autouse=True)
def one_thread():
    """Threads slow down small sums while other tests run."""
    with threadpool_limits(1):
        yield


def names(n):
    return np.array([f"u{i:04d}" for i in range(n)])


def labelled(rng, n, gap, speakers=SPEAKERS, dim=8):
    """Normally distributed embeddings, shifted by ``gap`` in one dimension per speaker; speakers and emotions alternate."""
    i_speaker = np.arange(n) % len(speakers)
    embedding = rng.normal(size=(n, dim))
    embedding[np.arange(n), i_speaker] += gap
    return embedding, speakers[i_speaker], EMOTIONS[np.arange(n) // len(speakers) % 2]


# --- cross-validation ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_separated_labels_are_all_predicted(kind):
    embedding, speaker, _ = labelled(np.random.default_rng(0), 120, gap=20)
    found = cross_validate_probe(embedding, speaker, groups=names(120), kind=kind, folds=5, seed=0)
    assert found.labels == tuple(SPEAKERS)
    np.testing.assert_array_equal(np.array(found.labels)[found.prediction], speaker)
    assert (found.ua, found.wa) == (1.0, 1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_ua_is_at_chance_without_information(kind):
    # 400 predictions at a chance of 1/4: four standard errors are 0.087.
    embedding, speaker, _ = labelled(np.random.default_rng(1), 400, gap=0)
    found = cross_validate_probe(embedding, speaker, groups=names(400), kind=kind, folds=5, seed=0)
    assert found.ua == pytest.approx(found.chance_ua, abs=0.087)


def test_only_an_mlp_predicts_labels_that_are_not_linearly_separable():
    rng = np.random.default_rng(0)
    embedding = rng.normal(size=(300, 2))
    label = np.where(embedding.prod(axis=1) > 0, "a", "b")
    linear, mlp = (
        cross_validate_probe(embedding, label, groups=names(300), kind=kind, folds=3, seed=0).ua for kind in KINDS
    )
    assert linear < 0.7
    assert mlp > 0.9


def test_scores_are_those_of_sklearn_and_chance_is_that_of_a_constant_prediction():
    embedding, _, _ = labelled(np.random.default_rng(0), 150, gap=1)
    label = np.repeat(SPEAKERS, [60, 50, 30, 10])
    found = cross_validate_probe(embedding, label, groups=names(150), kind="linear", folds=5, seed=0)
    assert found.ua == pytest.approx(balanced_accuracy_score(found.truth, found.prediction))
    assert found.wa == pytest.approx(accuracy_score(found.truth, found.prediction))
    constant = np.zeros(150, dtype=int)
    assert found.chance_ua == pytest.approx(balanced_accuracy_score(found.truth, constant))
    assert found.chance_wa == pytest.approx(accuracy_score(found.truth, constant)) == 0.4


def test_a_linear_probe_is_logistic_regression_on_standardised_embeddings():
    embedding, speaker, _ = labelled(np.random.default_rng(2), 90, gap=1.5)
    embedding = embedding * np.logspace(-3, 3, 8) + 5
    label = np.where(np.arange(90) % 3 == 0, "few", np.where(speaker > "08", "b", "a"))
    found = cross_validate_probe(embedding, label, groups=names(90), kind="linear", folds=3, seed=7)
    fold_of = assign_folds(label, names(90), folds=3, seed=7)
    for fold in range(3):
        train, test = embedding[fold_of != fold], embedding[fold_of == fold]
        mean, std = train.mean(axis=0), train.std(axis=0)
        plain = LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000)
        plain.fit((train - mean) / std, label[fold_of != fold])
        expected = plain.predict((test - mean) / std)
        np.testing.assert_array_equal(np.array(found.labels)[found.prediction[fold_of == fold]], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_test_utterances_are_in_no_statistic(kind):
    embedding, speaker, _ = labelled(np.random.default_rng(0), 120, gap=1)
    fold_of = assign_folds(speaker, names(120), folds=3, seed=0)
    test = np.flatnonzero(fold_of == 0)
    outlier = embedding.copy()
    outlier[test[0]] = 1e6
    before, after = (
        cross_validate_probe(e, speaker, groups=names(120), kind=kind, folds=3, seed=0).prediction
        for e in (embedding, outlier)
    )
    np.testing.assert_array_equal(before[test[1:]], after[test[1:]])
    assert (before[fold_of != 0] != after[fold_of != 0]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_scale_of_an_embedding_does_not_matter(kind):
    embedding, speaker, _ = labelled(np.random.default_rng(3), 100, gap=2)
    found = [
        cross_validate_probe(e, speaker, groups=names(100), kind=kind, folds=4, seed=0)
        for e in (embedding, embedding / 2**20)
    ]
    np.testing.assert_array_equal(found[0].prediction, found[1].prediction)
    assert found[0].ua > 0.6


@pytest.mark.parametrize("kind", KINDS)
def test_a_constant_embedding_gives_chance(kind):
    _, speaker, _ = labelled(np.random.default_rng(0), 80, gap=0)
    constant = np.full((80, 8), 0.1, dtype=np.float32)
    found = cross_validate_probe(constant, speaker, groups=names(80), kind=kind, folds=4, seed=0)
    assert found.ua == pytest.approx(0.25)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_share_the_fold_of_their_original(kind):
    # Copies are identical, originals unrelated: a probe fitted to one copy predicts the others.
    rng = np.random.default_rng(0)
    label = np.repeat(SPEAKERS, 25)
    embedding, labels, originals = (
        np.repeat(a, 4, axis=0) for a in (rng.normal(size=(100, 30)), label, names(100))
    )
    divided, together = (
        cross_validate_probe(embedding, labels, groups=groups, kind=kind, folds=5, seed=0).ua
        for groups in (names(400), originals)
    )
    assert divided > 0.6
    assert together < 0.43  # 100 independent predictions at a chance of 1/4, and four standard errors


def test_the_same_seed_gives_the_same_predictions_and_another_seed_others():
    embedding, speaker, _ = labelled(np.random.default_rng(0), 120, gap=1)
    for kind in KINDS:
        first, again, other = (
            cross_validate_probe(embedding, speaker, groups=names(120), kind=kind, folds=5, seed=seed).prediction
            for seed in (0, 0, 1)
        )
        np.testing.assert_array_equal(first, again)
        assert (first != other).any()


def test_the_limit_of_steps_raises_no_warning():
    embedding, speaker, _ = labelled(np.random.default_rng(0), 200, gap=0.5, dim=40)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        for kind in KINDS:
            cross_validate_probe(embedding, speaker, groups=names(200), kind=kind, folds=2, seed=0)


def test_folds_are_stratified_by_label_and_grouped_by_original():
    label = np.repeat(np.repeat(["a", "b", "c"], [7, 11, 2]), 3)
    groups = np.repeat(names(20), 3)
    fold_of = assign_folds(label, groups, folds=4, seed=0)
    table = pd.DataFrame({"label": label, "group": groups, "fold": fold_of}).drop_duplicates()
    assert len(table) == 20
    assert np.bincount(table["fold"]).tolist() == [5, 5, 5, 5]
    for of_label in ("a", "b", "c"):
        sizes = np.bincount(table.loc[table["label"] == of_label, "fold"], minlength=4)
        assert sizes.max() - sizes.min() == 1


def test_folds_depend_on_names_and_seed_but_not_on_the_order():
    label, groups = np.repeat(SPEAKERS, 10), names(40)
    order = np.random.default_rng(0).permutation(40)
    fold_of = assign_folds(label, groups, folds=5, seed=0)
    np.testing.assert_array_equal(assign_folds(label[order], groups[order], folds=5, seed=0), fold_of[order])
    assert (assign_folds(label, groups, folds=5, seed=1) != fold_of).any()


@pytest.mark.parametrize(
    ("label", "groups", "folds", "message"),
    [
        (["a", "b", "a", "b"], ["u", "u", "v", "w"], 2, "u has two labels"),
        (["a", "b", "a"], ["u", "v", "w"], 2, "b has 1 original"),
        (["a", "b", "a", "b"], ["u", "v", "w", "x"], 5, "5 folds for 4 originals"),
        (["a", "b", "a", "b"], ["u", "v", "w", "x"], 1, "1 folds for 4 originals"),
        (["a", "b"], ["u"], 2, "expected"),
    ],
)
def test_utterances_that_cannot_be_divided_are_refused(label, groups, folds, message):
    with pytest.raises(ValueError, match=message):
        assign_folds(np.array(label), np.array(groups), folds=folds, seed=0)


def test_invalid_input_is_refused():
    embedding, speaker, _ = labelled(np.random.default_rng(0), 20, gap=0)
    settings = {"groups": names(20), "kind": "linear", "folds": 2, "seed": 0}
    with pytest.raises(ValueError, match="at least 2 labels"):
        cross_validate_probe(embedding, np.full(20, "03"), **settings)
    with pytest.raises(ValueError, match="expected \\(N, D\\) and \\(N,\\)"):
        cross_validate_probe(embedding[:10], speaker, **settings)
    with pytest.raises(ValueError, match="not finite"):
        cross_validate_probe(np.where(embedding > 2, np.nan, embedding), speaker, **settings)
    with pytest.raises(ValueError, match="expected linear or mlp"):
        cross_validate_probe(embedding, speaker, **{**settings, "kind": "forest"})


# --- one set fitted, another predicted -----------------------------------------------------------------------


def test_a_fitted_probe_is_logistic_regression_on_standardised_embeddings():
    rng = np.random.default_rng(0)
    (embedding, label, _), (test_embedding, test_label, _) = (labelled(rng, n, gap=1.5) for n in (90, 41))
    is_used = (label != "10") | (np.arange(90) % 3 == 0)  # not equally many of each label
    embedding, label = embedding[is_used], label[is_used]
    found = fit_and_evaluate_probe(embedding, label, test_embedding, test_label)
    mean, std = embedding.mean(axis=0), embedding.std(axis=0)
    plain = LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000)
    plain.fit((embedding - mean) / std, label)
    expected = plain.predict((test_embedding - mean) / std)
    assert found.labels == tuple(SPEAKERS)
    np.testing.assert_array_equal(np.array(found.labels)[found.prediction], expected)
    np.testing.assert_array_equal(np.array(found.labels)[found.truth], test_label)
    assert found.ua == pytest.approx(balanced_accuracy_score(test_label, expected))
    assert 0.3 < found.ua < 1.0


@pytest.mark.parametrize(("gap", "lowest", "highest"), [(20, 1.0, 1.0), (0, 0.0, 1 / 4 + 0.15)])
def test_a_fitted_probe_predicts_a_label_only_if_the_embedding_depends_on_it(gap, lowest, highest):
    rng = np.random.default_rng(1)
    (embedding, label, _), (test_embedding, test_label, _) = (labelled(rng, n, gap) for n in (160, 240))
    assert lowest <= fit_and_evaluate_probe(embedding, label, test_embedding, test_label).ua <= highest


def test_test_embeddings_have_no_influence_on_the_fit():
    rng = np.random.default_rng(2)
    (embedding, label, _), (test_embedding, test_label, _) = (labelled(rng, n, gap=1) for n in (80, 40))
    outlier = test_embedding + 1e4 * (np.arange(40) == 7)[:, None]
    before, after = (
        fit_and_evaluate_probe(embedding, label, e, test_label).prediction for e in (test_embedding, outlier)
    )
    np.testing.assert_array_equal(np.delete(before, 7), np.delete(after, 7))


def test_test_labels_are_a_subset_of_the_training_labels():
    rng = np.random.default_rng(3)
    (embedding, label, _), (test_embedding, test_label, _) = (labelled(rng, n, gap=20) for n in (80, 40))
    some = test_label != "08"
    found = fit_and_evaluate_probe(embedding, label, test_embedding[some], test_label[some])
    assert found.labels == tuple(SPEAKERS)
    np.testing.assert_array_equal(np.array(found.labels)[found.truth], test_label[some])
    np.testing.assert_array_equal(np.array(found.labels)[found.prediction], test_label[some])
    is_other = label != "08"
    with pytest.raises(ValueError, match="test label is '08', expected one of 03, 09, 10"):
        fit_and_evaluate_probe(embedding[is_other], label[is_other], test_embedding, test_label)
    with pytest.raises(ValueError, match="at least 2 labels"):
        fit_and_evaluate_probe(embedding[~is_other], label[~is_other], test_embedding, test_label)
