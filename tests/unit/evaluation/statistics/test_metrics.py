import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, recall_score
from sklearn.metrics import confusion_matrix as sklearn_confusion_matrix

from emofactors.evaluation.statistics.metrics import (
    class_recalls,
    confusion_matrix,
    macro_f1,
    unweighted_accuracy,
    weighted_accuracy,
)


@pytest.fixture(params=range(5))
def labels(request):
    rng = np.random.default_rng(request.param)
    truth = np.concatenate([np.arange(6), rng.choice(6, size=200, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.05])])
    # Class 5 is never predicted: its precision is undefined and its F1 is 0.
    prediction = np.where(rng.random(206) < 0.6, truth, rng.integers(0, 6, 206)) % 5
    return truth, prediction


def test_metrics_are_those_of_sklearn(labels):
    truth, prediction = labels
    confusion = confusion_matrix(truth, prediction, n_classes=6)
    np.testing.assert_array_equal(confusion, sklearn_confusion_matrix(truth, prediction, labels=range(6)))
    assert unweighted_accuracy(confusion) == pytest.approx(balanced_accuracy_score(truth, prediction))
    assert weighted_accuracy(confusion) == pytest.approx(accuracy_score(truth, prediction))
    assert macro_f1(confusion) == pytest.approx(f1_score(truth, prediction, average="macro", zero_division=0))
    np.testing.assert_allclose(class_recalls(confusion), recall_score(truth, prediction, average=None))


def test_a_stack_of_matrices_gives_the_metrics_of_each(labels):
    truth, prediction = labels
    confusion = confusion_matrix(truth, prediction, n_classes=6)
    many = np.broadcast_to(confusion, (3, 2, 6, 6))
    for metric in (unweighted_accuracy, weighted_accuracy, macro_f1):
        np.testing.assert_array_equal(metric(many), np.full((3, 2), metric(confusion)))


def test_constant_predictions_have_chance_ua():
    truth = np.repeat(np.arange(5), [50, 20, 10, 5, 1])
    for predicted in range(5):
        confusion = confusion_matrix(truth, np.full(86, predicted), n_classes=5)
        assert unweighted_accuracy(confusion) == pytest.approx(1 / 5)


def test_a_class_without_utterances_has_no_recall_and_no_ua():
    confusion = confusion_matrix(np.array([0, 0, 2]), np.array([0, 1, 2]), n_classes=3)
    np.testing.assert_array_equal(class_recalls(confusion), [0.5, np.nan, 1.0])
    for metric in (unweighted_accuracy, macro_f1):
        with pytest.raises(ValueError, match=r"no utterance of class \[1\]"):
            metric(confusion)
    assert weighted_accuracy(confusion) == pytest.approx(2 / 3)


def test_no_utterances_have_no_wa():
    with pytest.raises(ValueError, match="no utterance to score"):
        weighted_accuracy(np.zeros((3, 3), dtype=int))


@pytest.mark.parametrize(
    ("truth", "prediction", "message"),
    [
        ([0, 1], [0], "expected"),
        ([0, 3], [0, 1], "truth has classes 0 to 3, expected 0 to 2"),
        ([0, 1], [0, -1], "prediction has classes -1 to 0"),
    ],
)
def test_labels_outside_the_task_are_refused(truth, prediction, message):
    with pytest.raises(ValueError, match=message):
        confusion_matrix(np.array(truth), np.array(prediction), n_classes=3)


@given(positives=st.integers(1, 500), negatives=st.integers(1, 500), data=st.data())
def test_weighted_accuracy_of_mosei_is_ua_of_the_binary_task_of_one_emotion(positives, negatives, data):
    # Zadeh et al. 2018: (TP * N / P + TN) / 2N, with P utterances of the emotion and N others.
    true_positives = data.draw(st.integers(0, positives))
    true_negatives = data.draw(st.integers(0, negatives))
    published = (true_positives * negatives / positives + true_negatives) / (2 * negatives)
    confusion = np.array(
        [[true_positives, positives - true_positives], [negatives - true_negatives, true_negatives]]
    )
    assert unweighted_accuracy(confusion) == pytest.approx(published)


def test_weighted_accuracy_of_mosei_is_not_wa():
    confusion = np.array([[1, 9], [0, 90]])  # nearly always predicted absent
    assert unweighted_accuracy(confusion) == pytest.approx(0.55)
    assert weighted_accuracy(confusion) == pytest.approx(0.91)
