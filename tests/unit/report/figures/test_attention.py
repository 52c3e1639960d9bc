import numpy as np
import pytest

from emofactors.config.figures.attention import AttentionFigure
from emofactors.report.figures.attention import attention_figure


@pytest.fixture
def figure(settings):
    return AttentionFigure(**settings("attention"))


def attention_of(seed=0, utterances=("u1", "u2", "u3")):
    """Attention of three utterances of 12 frames, the second of which ends after 8."""
    rng = np.random.default_rng(seed)
    n_frames = np.array([12, 8, 12])
    attention = rng.random((3, 12)) * (np.arange(12) < n_frames[:, None])
    return {
        "utterance": np.array(utterances),
        "emotion": np.array(("anger", "happiness", "sadness")),
        "prediction": np.array(["anger", "anger", "sadness"]),
        "image": rng.random((3, 12, 6)).astype(np.float32),
        "n_frames": n_frames,
        "attention": attention / attention.sum(axis=1, keepdims=True),
    }


def test_attention_is_above_the_image_of_the_same_utterance(figure, tasks, variants):
    runs = {(task, v): attention_of(i) for i, (task, v) in enumerate((t, v) for t in tasks for v in variants)}
    drawn = attention_figure(figure, tasks, runs)
    lower, upper = drawn.axes[0::2], drawn.axes[1::2]
    assert len(lower) == len(upper) == 2 * 2 * 3
    assert [panel.get_title() for panel in upper] == 4 * [
        "u1\nanger → anger",
        "u2\nhappiness → anger",
        "u3\nsadness → sadness",
    ]
    run = runs["a3", "plain"]
    np.testing.assert_array_equal(lower[0].images[0].get_array(), run["image"][0].T)
    assert lower[0].images[0].origin == "lower"  # frequency upwards
    np.testing.assert_array_equal(lower[1].images[0].get_array(), run["image"][1, :8].T)
    np.testing.assert_allclose(upper[0].lines[0].get_ydata(), run["attention"][0] * 12)
    np.testing.assert_allclose(upper[1].lines[0].get_ydata().mean(), 1)  # 1 is uniform attention
    assert len({panel.get_ylim() for panel in upper[:3]}) == 1
    labels = [text.get_text() for text in drawn.texts if text.get_text() in variants.values()]
    assert labels == 2 * ["without", "with"]


def test_attention_of_different_utterances_is_refused(figure, tasks):
    runs = {("a3", "plain"): attention_of(), ("a3", "center"): attention_of(utterances=("u1", "u2", "u4"))}
    with pytest.raises(ValueError, match="a3: attention of u1, u2, u4, expected of u1, u2, u3"):
        attention_figure(figure, {"a3": tasks["a3"]}, runs)
