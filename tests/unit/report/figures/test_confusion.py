import numpy as np
import pytest

from emofactors.config.figures.confusion import ConfusionFigure
from emofactors.report.figures.confusion import confusion_figure, mean_counts, recall_percent

CLASSES = ("anger", "happiness", "sadness")


@pytest.fixture
def figure(settings):
    return ConfusionFigure(**settings("confusion"))


def test_counts_are_pooled_over_speakers_and_averaged_over_seeds(tasks, confusion_of):
    counts = mean_counts(confusion_of(tasks["a3"]), CLASSES)
    np.testing.assert_allclose(counts, [[8, 1, 1], [1, 8, 1], [1, 1, 8]])
    np.testing.assert_allclose(recall_percent(counts).diagonal(), 80)


def test_an_unknown_emotion_is_an_error(tasks, confusion_of):
    with pytest.raises(ValueError, match="boredom"):
        mean_counts(confusion_of(tasks["a3"]).replace("anger", "boredom"), CLASSES)


def test_a_class_without_utterances_leaves_ua_undefined(figure, tasks, variants, confusion_of):
    table = confusion_of(tasks["a3"])
    without = {("a3", v): table[table["truth"] != "anger"] for v in variants}
    drawn = confusion_figure(figure, {"a3": tasks["a3"]}, without)
    assert drawn.axes[0].get_title() == "without\nUA undefined, N = 20"


def test_each_variant_of_each_task_has_a_panel(figure, tasks, variants, confusion_of):
    confusions = {(name, v): confusion_of(task) for name, task in tasks.items() for v in variants}
    panels = [panel for panel in confusion_figure(figure, tasks, confusions).axes if panel.images]
    assert [panel.get_title() for panel in panels] == [
        "without\nUA 80.0 %, N = 30",
        "with\nUA 80.0 %, N = 30",
        "without\nUA 80.0 %, N = 20",
        "with\nUA 80.0 %, N = 20",
    ]
    np.testing.assert_allclose(panels[2].images[0].get_array(), [[80, 20], [20, 80]])
