import pytest

from emofactors.plan.paths import parse_evaluation, parse_run
from emofactors.report.figures.base import FigureInputs, heading, panel_title


def test_files_are_assigned_to_tasks_and_variants_by_their_paths(tasks):
    histories = [
        f"results/training/{t}/s/{v}/fold{k}/seed0/history.csv" for v in "xy" for k in (0, 1) for t in tasks
    ]
    confusions = [f"results/evaluation/{t}/s/{v}/on_{t}/confusion.csv" for v in "yx" for t in tasks]
    inputs = FigureInputs(files=(*histories, *confusions), tasks=tasks)
    found = inputs.of_variants("xy", "history.csv", parse_run)
    assert list(found) == [("a3", "x"), ("a3", "y"), ("b2", "x"), ("b2", "y")]
    assert found["b2", "x"] == tuple(f"results/training/b2/s/x/fold{k}/seed0/history.csv" for k in (0, 1))
    (confusion,) = inputs.of_variants("xy", "confusion.csv", parse_evaluation)["a3", "y"]
    assert confusion == "results/evaluation/a3/s/y/on_a3/confusion.csv"


def test_a_missing_file_is_an_error_that_names_task_and_variant(tasks):
    inputs = FigureInputs(files=("training/a3/s/x/fold0/seed0/run.json",), tasks=tasks)
    with pytest.raises(ValueError, match=r"run\.json: is missing for b2/x; expected one for each"):
        inputs.of_variants("x", "run.json", parse_run)


def test_headings_are_broken_to_fit(tasks):
    text = heading("a3", tasks["a3"], 4)
    assert text.replace("\n", " ") == f"a3: {tasks['a3'].protocol_label}"
    assert max(map(len, text.split("\n"))) < 4 * 9.5
    first, *others = panel_title("a3", tasks["a3"], 25).split("\n")
    assert first == "a3"
    assert all(len(line) < 25 for line in others)
