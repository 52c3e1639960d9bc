"""Reading of the table that a figure is drawn from."""

from collections.abc import Sequence

import pandas as pd

from emofactors.report.figures.base import FigureInputs
from emofactors.report.tables.tidy import read_tidy


def read_table(inputs: FigureInputs) -> pd.DataFrame:
    """Return the tidy table of a figure of a table.

    Raises:
        InputError: if its file is missing or damaged.
        ValueError: if the figure has more than one input file, or none.
    """
    (path,) = inputs.files
    return read_tidy(path)


def scores_along_axis(scores: pd.DataFrame, metric: str, variants: Sequence[str]) -> pd.DataFrame:
    """Return the scores of one metric in the order of the axis, one row per variant.

    Raises:
        ValueError: if a variant has no score.
    """
    scores = scores[scores["metric"] == metric].set_index("variant")
    missing = [variant for variant in variants if variant not in scores.index]
    if missing:
        raise ValueError(f"no {metric} of {', '.join(missing)}, expected that of every row of the table")
    return scores.loc[list(variants)]
