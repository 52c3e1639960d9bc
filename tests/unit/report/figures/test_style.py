import matplotlib
from matplotlib.figure import Figure

from emofactors.config.labels import ABSENT, EMOTIONS
from emofactors.report.figures.style import (
    EMOTION_STYLE,
    figure_style,
    png_bytes,
    save_figure,
    svg_bytes,
    without_formulas,
    wrap,
)


def test_each_emotion_has_its_own_colour_and_marker():
    assert list(EMOTION_STYLE) == [*EMOTIONS, ABSENT]
    assert len({colour for colour, _ in EMOTION_STYLE.values()}) == len(EMOTION_STYLE)
    assert len({marker for _, marker in EMOTION_STYLE.values()}) == len(EMOTION_STYLE)


def test_the_user_s_settings_of_matplotlib_have_no_effect_and_are_restored():
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9}):
        with figure_style():
            assert matplotlib.rcParams["font.size"] == 11
            assert matplotlib.rcParams["lines.linewidth"] == matplotlib.rcParamsDefault["lines.linewidth"]
        assert matplotlib.rcParams["font.size"] == 30


def test_equal_figures_are_equal_bytes_whatever_the_date(tmp_path, monkeypatch):
    def draw(label):
        with figure_style():
            figure = Figure()
            figure.subplots().plot([1, 2], label=label)
            return svg_bytes(figure), png_bytes(figure, 50)

    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    first = draw("a")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    assert draw("a") == first
    assert first[0].startswith(b"<?xml")
    assert first[1].startswith(b"\x89PNG")


def test_a_figure_is_written_in_both_forms(tmp_path):
    with figure_style():
        figure = Figure(figsize=(2, 1))
        save_figure(figure, png=str(tmp_path / "a.png"), svg=str(tmp_path / "a.svg"))
        assert (tmp_path / "a.png").read_bytes() == png_bytes(figure)
        assert (tmp_path / "a.svg").read_bytes() == svg_bytes(figure)


def test_a_dollar_sign_in_a_name_starts_no_formula():
    assert without_formulas("a$b$") == r"a\$b\$"


def test_text_is_broken_between_words():
    assert wrap("one two three", 8) == "one two\nthree"
    assert wrap("indivisible", 3) == "\nindivisible"
