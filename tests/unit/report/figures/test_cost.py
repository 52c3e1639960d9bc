import numpy as np
import pandas as pd
import pytest

from emofactors.config.figures.cost import CostFigure
from emofactors.evaluation.scores import speaker_confusions
from emofactors.evaluation.statistics.estimates import score_estimate
from emofactors.evaluation.statistics.metrics import unweighted_accuracy
from emofactors.report.figures.cost import CostPoint, cost_figure


@pytest.fixture
def figure(settings):
    return CostFigure(**settings("cost"))


def uneven_of(task, speakers=4):
    """One seed and up to four speakers, the first of whom is recognised 9 times in 10, the last 6 times."""
    rows = [
        (0, 0, speaker, truth, prediction, right if truth == prediction else 10 - right)
        for speaker, right in (("03", 9), ("08", 8), ("09", 7), ("10", 6))[:speakers]
        for truth, other in zip(task.classes, task.classes[::-1], strict=True)
        for prediction in (truth, other if other != truth else task.classes[0])
    ]
    return pd.DataFrame(rows, columns=["fold", "seed", "speaker", "truth", "prediction", "count"])


def test_cost_shows_ua_with_its_interval_over_flops(figure, tasks):
    costs = {
        (name, variant): CostPoint(uneven_of(task), flops=flops, parameters=parameters)
        for name, task in tasks.items()
        for variant, flops, parameters in (("plain", 2_000_000_000, 3_000_000), ("center", 400_000_000, 1_500_000))
    }
    drawn = cost_figure(figure, tasks, costs)
    assert len(drawn.axes) == 2
    for panel, task in zip(drawn.axes, tasks.values(), strict=True):
        assert panel.get_xscale() == "log"
        marks = [mark for mark in panel.collections if len(mark.get_offsets())]
        np.testing.assert_allclose([mark.get_offsets()[0] for mark in marks], [[2, 75], [0.4, 75]])
        assert marks[0].get_sizes()[0] == 2 * marks[1].get_sizes()[0]
        counts = speaker_confusions(uneven_of(task), task.classes)
        interval = score_estimate(counts, ("03", "08", "09", "10"), unweighted_accuracy).interval()
        assert interval.low < 0.75 < interval.high
        np.testing.assert_allclose(panel.lines[0].get_ydata(), [100 * interval.low, 100 * interval.high])
        assert [text.get_text() for text in panel.texts] == ["with\n1.5 M parameters", "without\n3 M parameters"]


def test_markers_of_equal_cost_are_separated(figure, tasks, variants):
    costs = {("a3", v): CostPoint(uneven_of(tasks["a3"]), flops=400_000_000, parameters=1) for v in variants}
    (panel,) = cost_figure(figure, {"a3": tasks["a3"]}, costs).axes
    x = [mark.get_offsets()[0][0] for mark in panel.collections]
    assert x[1] / x[0] == pytest.approx(1.05)
    assert np.sqrt(x[0] * x[1]) == pytest.approx(0.4)


def test_one_speaker_has_a_marker_without_interval(figure, tasks, variants):
    costs = {("a3", v): CostPoint(uneven_of(tasks["a3"], 1), flops=10**9, parameters=1) for v in variants}
    (panel,) = cost_figure(figure, {"a3": tasks["a3"]}, costs).axes
    assert [mark.get_offsets()[0][1] for mark in panel.collections] == [pytest.approx(90)] * 2
    assert np.isnan(panel.lines[0].get_ydata()).all()
