import numpy as np
import pandas as pd
import pytest

from emofactors.errors import InputError
from emofactors.io.csv import write_csv
from emofactors.report.tables.tidy import COLUMNS
from emofactors.report.verification import tolerances, verify

LIKE = {"table": "center", "column": "emodb7", "protocol": "3 speaker groups", "corpus": "EmoDB", "n_runs": 3}


def write(folder, softmax, center, svm=60.0, **other):
    """A tidy table of three rows and a difference."""
    rows = [
        LIKE | {"row": "softmax", "variant": "softmax", "metric": "ua", "value": softmax},
        LIKE | {"row": "center", "variant": "center", "metric": "ua", "value": center},
        LIKE | {"row": "SVM", "variant": "svm", "metric": "ua", "value": svm},
        LIKE | {"row": "gain", "variant": "center", "minus": "softmax", "metric": "ua_difference", "value": 1.0},
        LIKE | {"row": "softmax", "variant": "softmax", "metric": "ua_fold_mean", "value": 12.0},
    ]
    tidy = pd.DataFrame(rows).reindex(columns=list(COLUMNS)).assign(n_utterances=300, n_speakers=10)
    words = ["row", "variant", "minus", "metric"]
    tidy[words] = tidy[words].fillna("").astype(str)
    folder.mkdir(parents=True, exist_ok=True)
    write_csv(folder / "center.csv", tidy.assign(**other))
    return folder


@pytest.fixture
def reference(tmp_path):
    """Reference tables with two repetitions, one of which changes one row by two points."""
    write(tmp_path / "reference" / "repetitions" / "avx2", 42.0, 50.0)
    write(tmp_path / "reference" / "repetitions" / "two_threads", 40.0, 50.0)
    return write(tmp_path / "reference", 40.0, 50.0)


def test_each_number_has_its_verdict(reference, tmp_path):
    current = write(tmp_path / "current", 41.0, 50.0, svm=70.0)
    checks = verify(reference, current)
    assert [(c.row, c.metric, c.verdict) for c in checks] == [
        ("softmax", "ua", "within"),
        ("center", "ua", "same"),
        ("SVM", "ua", "outside"),
        ("gain", "ua_difference", "same"),
    ]


def test_the_tolerance_of_a_changed_number_is_a_band_around_two_draws():
    names = pd.MultiIndex.from_tuples(
        [
            ("t", "a", "", "k", "ua"),
            ("t", "b", "", "k", "ua"),
            ("t", "a", "b", "k", "ua_difference"),
            ("t", "b", "c", "k", "ua_difference"),
        ],
        names=["table", "variant", "minus", "column", "metric"],
    )
    draws = [
        pd.DataFrame({"value": value, "n_utterances": 3000}, index=names)
        for value in ([40, 50, -10, 0], [44, 50, -6, 0], [42, 50, -8, 0])
    ]
    changed, constant, difference, constant_difference = tolerances(draws[0], draws[1:])
    assert changed == pytest.approx(9.9248 * np.sqrt(2) * 2, abs=1e-3)  # t of 99 % at 2 degrees, SD 2
    assert difference == pytest.approx(np.sqrt(2) * changed)
    assert (constant, constant_difference) == pytest.approx((0.1, 0.1))  # three of 3,000 utterances


def test_a_distant_number_is_outside(reference, tmp_path):
    current = write(tmp_path / "current", 40.0 + 100, 50.0)
    assert verify(reference, current)[0].verdict == "outside"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"n_utterances": 299}, "n_utterances of 'softmax' on emodb7 is 299.0; expected 300.0"),
        ({"protocol": "random"}, "protocol of 'softmax' on emodb7 is random; expected 3 speaker groups"),
        ({"column": "synthetic4"}, "has no ua of 'softmax' on emodb7, as the reference has"),
    ],
)
def test_another_experiment_is_refused(reference, tmp_path, other, message):
    current = write(tmp_path / "current", 40.0, 50.0, **other)
    with pytest.raises(InputError, match=r"center\.csv") as error:
        verify(reference, current)
    assert message in str(error.value)


def test_missing_tables_are_named(reference, tmp_path):
    with pytest.raises(InputError, match=r"current/center\.csv"):
        verify(reference, tmp_path / "current")
    with pytest.raises(InputError, match="has no reference tables"):
        verify(tmp_path / "nothing", reference)
    for name in ("avx2", "two_threads"):
        (reference / "repetitions" / name / "center.csv").unlink()
        (reference / "repetitions" / name).rmdir()
    with pytest.raises(InputError, match="repetitions: is missing"):
        verify(reference, reference)
