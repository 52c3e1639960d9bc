"""Style of all figures: colours and markers, fonts, line breaks, and the files they are written to."""

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

_DOTS_PER_INCH = 200


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw with matplotlib's defaults and the changes of this project; the user's matplotlibrc has no effect."""
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


def svg_bytes(figure: Figure) -> bytes:
    """Return a figure as SVG; equal figures are equal bytes."""
    content = BytesIO()
    # Without the date and the version of matplotlib, in which equal figures would differ.
    figure.savefig(content, format="svg", dpi=_DOTS_PER_INCH, metadata={"Date": None, "Creator": None})
    return content.getvalue()


def png_bytes(figure: Figure, dots_per_inch: int = _DOTS_PER_INCH, *, optimize: bool = False) -> bytes:
    """Return a figure as PNG; equal figures are equal bytes."""
    content = BytesIO()
    figure.savefig(
        content, format="png", dpi=dots_per_inch, metadata={"Software": None}, pil_kwargs={"optimize": optimize}
    )
    return content.getvalue()


def save_figure(figure: Figure, *, png: str, svg: str) -> None:
    """Write a figure as PNG (200 dots per inch) and SVG.

    Raises:
        OSError: if a file cannot be written.
    """
    write_bytes_atomically(png, png_bytes(figure))
    write_bytes_atomically(svg, svg_bytes(figure))


def without_formulas(name: str) -> str:
    """Return the name of an utterance or a speaker as a label: a dollar sign in it starts no formula."""
    return str(name).replace("$", r"\$")


def wrap(text: str, width: int = 42) -> str:
    """Break text into lines of fewer than ``width`` characters, where its words allow."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
