import pandas as pd
import pytest

from emofactors.report.tables.base import Block, TableLayout

#: Text with all characters that a format could take for markup.
NASTY = r"50 % of a_b & $x^2 # {c} ~ \d <b>|i</b> [1] *"


@pytest.fixture
def nasty():
    """Text with all characters that a format could take for markup."""
    return NASTY


@pytest.fixture
def frame():
    """Function of row labels: scores of two metrics."""
    return lambda *labels: pd.DataFrame(
        {"setting": labels, "UA [95 %]": "66.9 [61.2, 71.8]", "WA [95 %]": "-3.1 [-4.2, +1.0]"}
    )


@pytest.fixture
def layout(frame):
    """A table of two blocks; the second one continues the first."""
    return TableLayout(
        title="Losses",
        caption=f"Two losses. {NASTY} " + 20 * "caption ",
        blocks=(
            Block("speakers: Berlin", ("3 folds", NASTY), frame("plain", NASTY), frame("center minus plain")),
            Block("speakers: all estimates", (), frame("plain"), pd.DataFrame()),
        ),
        remarks=("UA: mean recall.", NASTY),
        sources=("Published: Elsewhere (A 2019). Source: table 1.",),
    )
