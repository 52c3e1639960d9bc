"""What all figures share: colours and markers, fonts, lines of text, and how a figure is written."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import matplotlib
from matplotlib.figure import Figure

from emofactors.config.labels import ABSENT
from emofactors.io.atomic import write_bytes_atomically

#: Colour and marker of an emotion or its absence, the same in all figures; colours of Okabe and Ito, then of Tol.
EMOTION_STYLE = {
    "anger": ("#D55E00", "^"),
    "happiness": ("#E69F00", "o"),
    "sadness": ("#0072B2", "v"),
    "neutral": ("#707070", "s"),
    "fear": ("#CC79A7", "D"),
    "disgust": ("#009E73", "P"),
    "surprise": ("#56B4E9", "*"),
    "boredom": ("#882255", "X"),
    "calm": ("#999933", "<"),
    "excitement": ("#332288", ">"),
    "frustration": ("#000000", "p"),
    ABSENT: ("#A9A9A9", "h"),
}

#: Colour, marker and line of the variants of a figure, in its order; colours of Okabe and Ito.
VARIANT_STYLE = (
    ("#0072B2", "o", "-"),
    ("#D55E00", "s", "--"),
    ("#009E73", "^", "-."),
    ("#CC79A7", "D", ":"),
    ("#E69F00", "v", "-"),
    ("#56B4E9", "P", "--"),
    ("#000000", "X", "-."),
)

#: Of a heading in bold.
LETTERS_PER_INCH = 9.5

_DOTS_PER_INCH = 200


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's own defaults, whatever the user's matplotlibrc says, and what the house changes of them."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "font.family": "DejaVu Sans",
                "font.size": 11,
                "axes.titlesize": 11,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "legend.frameon": False,
                "svg.hashsalt": "emofactors",
                "svg.fonttype": "path",
            }
        )
        yield


def save_figure(figure: Figure, *, png: str, svg: str) -> None:
    """Write a figure as PNG (200 dots an inch) and SVG: the same numbers, the same bytes.

    Raises:
        OSError: if a file cannot be written.
    """
    # Without date and version of matplotlib, which would make equal figures differ.
    for path, form, metadata in (
        (png, "png", {"Software": None}),
        (svg, "svg", {"Date": None, "Creator": None}),
    ):
        content = BytesIO()
        figure.savefig(content, format=form, dpi=_DOTS_PER_INCH, metadata=metadata)
        write_bytes_atomically(path, content.getvalue())


def as_text(name: str) -> str:
    """The name of an utterance or a speaker as a label shows it: dollars in it begin no formula."""
    return str(name).replace("$", r"\$")


def broken(words: str, width: int = 42) -> str:
    """Words in lines of at most ``width`` letters, to fit above a panel."""
    lines = [""]
    for word in words.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
