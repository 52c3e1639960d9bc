"""What tables about codes show, in sentences made from their numbers alone."""

from collections.abc import Mapping, Sequence

import pandas as pd

from emofactors.config.tables import TableConfig
from emofactors.evaluation.true_factors import FACTORS
from emofactors.report.formatting import interval_cell, number_at
from emofactors.report.tables.factor_tables import (
    LEARNT,
    OWN_FACTOR,
    PAIR_KEYS,
    measure_words,
    of_rows,
    pair_words,
    probe_measure,
)
from emofactors.report.tables.tidy import row_label

_SIGNIFICANT = 0.05


def information_findings(table: TableConfig, tidy: pd.DataFrame) -> list[str]:
    """What a table of kind ``code_information`` shows of one task, as sentences made from its numbers.

    Args:
        table: its rows, differences and published values.
        tidy: the numbers of one task.

    Returns:
        The sentences.
    """
    numbers = of_rows(tidy)
    sentences = []
    for variant in table.rows:
        sentences.append(_most_shared(table, numbers, variant))
        if (variant, "mel_error") in numbers.index:
            error, of_mean = (
                number_at(numbers, variant, of)["value"] for of in ("mel_error", "mean_spectrogram_error")
            )
            sentences.append(
                f"{_row_words(table, variant)}: squared error of reconstructed test spectrograms {error:.4f}, "
                f"{'below' if error < of_mean else 'not below'} that of the training frames' mean, {of_mean:.4f}."
            )
    for pair in table.differences:
        of = {key: _one(tidy, pair.variant, f"{key}_above_null_difference", pair.minus) for key in PAIR_KEYS}
        label = row_label(table, pair.variant, pair.minus)
        lower = [key for key, row in of.items() if row["value"] < 0]
        listed = "; ".join(f"{pair_words(key)} {_nats(row, sign='+')}" for key, row in of.items())
        sentences.append(f"{label}: shared information is lower in {len(lower)} of the six pairs: {listed} nats.")
        sentences.append(_verdict(label, of))
        sentences += _published_drop(table, pair.variant, pair.minus, lower)
    return sentences


def ground_truth_findings(table: TableConfig, tidy: pd.DataFrame) -> list[str]:
    """What a table of kind ``true_factors`` shows of one task, as sentences made from its numbers.

    Args:
        table: its rows and differences.
        tidy: the numbers of one task.

    Returns:
        The sentences.
    """
    sentences = []
    for variant in table.rows:
        numbers = _of_row(tidy, variant)
        sentences += _told(table, numbers, variant)
        voices = {c: f"{c}_voice_skill" for c in LEARNT if f"{c}_voice_skill" in numbers.index}
        if voices:
            listed = ", ".join(f"{code} {_share(number_at(numbers, metric))}" for code, metric in voices.items())
            sentences.append(
                f"{_row_words(table, variant)}: no code is there for the voice; skill at it: {listed}."
            )
    for pair in table.differences:
        of = {}
        for code in LEARNT:
            for factor in FACTORS:
                metric = f"{code}_{factor}_{probe_measure(factor)}_difference"
                if ((tidy["variant"] == pair.variant) & (tidy["metric"] == metric)).any():
                    of[f"{factor} from {code}"] = _one(tidy, pair.variant, metric, pair.minus)
        if of:
            sentences.append(_verdict(row_label(table, pair.variant, pair.minus), of, decimals=2))
    return sentences


def information_headlines(table: TableConfig, tidy: pd.DataFrame) -> list[str]:
    """What a table of kind ``code_information`` shows in short: what content and rhythm share."""
    numbers = of_rows(tidy)
    shared = [
        f"{_nats(number_at(numbers, variant, 'content_rhythm_above_null'))} nats ({_row_words(table, variant)})"
        for variant in _ends(table)
    ]
    return [f"above null, content and rhythm share {_listed(shared)}."]


def ground_truth_headlines(table: TableConfig, tidy: pd.DataFrame) -> list[str]:
    """What a table of kind ``true_factors`` shows in short: whether codes are what they are there for."""
    told = []
    for variant in _ends(table):
        best = _best_codes(_of_row(tidy, variant))
        own = [factor for factor, (code, highest) in best.items() if code == highest]
        told.append(f"{len(own)} of {len(best)} ({_row_words(table, variant)})")
    return [f"true factors that are told best by the code that is there for them: {_listed(told)}."]


def _of_row(tidy: pd.DataFrame, variant: str) -> pd.DataFrame:
    """The numbers of one row, by metric."""
    return of_rows(tidy).loc[[variant]].droplevel("variant")


def _ends(table: TableConfig) -> list[str]:
    """The first and the last row of a table; one where there is no other."""
    first, *others = table.rows
    return [first, *others[-1:]]


def _best_codes(numbers: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """True factor -> the code that is there for it, and the code that tells it best, of a row by metric."""
    best = {}
    for code, factor in OWN_FACTOR.items():
        of = _codes_on(factor, numbers)
        if of:
            best[factor] = (code, max(of, key=lambda c: of[c]["value"]))
    return best


def _codes_on(factor: str, numbers: pd.DataFrame) -> dict[str, pd.Series]:
    """Code -> how well it tells a true factor."""
    metrics = {code: f"{code}_{factor}_{probe_measure(factor)}" for code in LEARNT}
    return {code: number_at(numbers, metric) for code, metric in metrics.items() if metric in numbers.index}


def _most_shared(table: TableConfig, numbers: pd.DataFrame, variant: str) -> str:
    """Which pair of a row shares most information, and which may share none."""
    shares = {key: number_at(numbers, variant, f"{key}_above_null") for key in PAIR_KEYS}
    most = max(shares, key=lambda key: shares[key]["value"])
    holding = [pair_words(key) for key, of in shares.items() if _holds_zero(of)]
    nothing = f"; the interval holds 0 for {_listed(holding)}" if holding else "; no interval holds 0"
    no_interval = pd.isna(shares[most]["ci_low"])
    return (
        f"{_row_words(table, variant)}: of the six pairs, clusters of {pair_words(most)} share most, "
        f"{_nats(shares[most])} nats above null; content and rhythm share {_nats(shares['content_rhythm'])}"
        f"{'' if no_interval else nothing}."
    )


def _told(table: TableConfig, numbers: pd.DataFrame, variant: str) -> list[str]:
    """Whether each true factor is told best by the code that is there for it, of a row's numbers by metric."""
    best = _best_codes(numbers)
    words = []
    for factor, (code, highest) in best.items():
        of = _codes_on(factor, numbers)
        own = f"{factor} from {code}: {measure_words(factor)} {_share(of[code])}"
        words.append(own if highest == code else f"{own}, but {_share(of[highest])} from {highest}")
    if not words:
        return []
    n_own = sum(code == highest for code, highest in best.values())
    return [
        f"{_row_words(table, variant)}: {n_own} of {len(best)} true factors are told best by the "
        f"code that is there for them: {'; '.join(words)}."
    ]


def _row_words(table: TableConfig, variant: str) -> str:
    """A row in a sentence; of a sweep with its axis."""
    return f"“{table.axis} {row_label(table, variant)}”" if table.axis else f"“{row_label(table, variant)}”"


def _one(tidy: pd.DataFrame, variant: str, metric: str, minus: str) -> pd.Series:
    """The number of one difference."""
    is_it = (tidy["variant"] == variant) & (tidy["metric"] == metric) & (tidy["minus"] == minus)
    return tidy[is_it].iloc[0]


def _verdict(label: str, of: Mapping[str, pd.Series], decimals: int = 3) -> str:
    """Which of several differences are shown after Holm's correction, and of which the interval holds 0."""
    name = {key: pair_words(key) if key in PAIR_KEYS else key for key in of}
    tested = {key: row for key, row in of.items() if pd.notna(row["p_holm"])}
    if not tested:
        return f"{label}: with one speaker, no difference has an interval."
    shown = [
        f"{name[key]} ({interval_cell(row, decimals, '+')})"
        for key, row in tested.items()
        if row["p_holm"] <= _SIGNIFICANT
    ]
    # By the p-value, which says the same: an interval may be rounded on to 0.
    holding = [name[key] for key, row in tested.items() if row["p_value"] > _SIGNIFICANT]
    found = f"shown at 5 % (Holm) are {_listed(shown)}" if shown else "none is shown at 5 % (Holm)"
    zero = (
        f"the interval holds 0 for {'all' if len(holding) == len(tested) else _listed(holding)}"
        if holding
        else "no interval holds 0"
    )
    n_speakers = next(iter(tested.values()))["n_speakers"]
    return f"{label}: of {len(tested)} differences {found}; {zero} ({n_speakers:.0f} speakers)."


def _published_drop(table: TableConfig, variant: str, minus: str, lower: Sequence[str]) -> list[str]:
    """In how many pairs the published values are lower, and in how many of these ours are."""
    published = table.published_information
    if published is None or not {variant, minus} <= set(published.values):
        return []
    one, other = published.values[variant], published.values[minus]
    pairs = [pair for pair in one if pair in other]
    dropped = [pair.replace("-", "_") for pair in pairs if one[pair] < other[pair]]
    agree = len(set(dropped) & set(lower))
    return [
        f"The published values, of a corpus and in a unit that are not stated, are lower in {len(dropped)} of "
        f"{len(pairs)} pairs; ours are lower in {agree} of these."
    ]


def _holds_zero(row: pd.Series) -> bool:
    return bool(row["ci_low"] <= 0 <= row["ci_high"])


def _nats(row: pd.Series, sign: str = "") -> str:
    """A number of nats with its interval, if it has one."""
    return interval_cell(row, 3, sign)


def _share(row: pd.Series) -> str:
    """A share with its interval, if it has one."""
    return interval_cell(row, 2)


def _listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
