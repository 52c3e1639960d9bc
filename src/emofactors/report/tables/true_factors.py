"""Tables of kind ``true_factors``: probes of codes for the true factors of a synthetic corpus.

Numbers are fractions of 1 and nats; intervals leave out one speaker at a time
(``evaluation.statistics.estimates``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from emofactors.config.tables.true_factors import TrueFactorsTable
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.code_information import REPRESENTATIONS
from emofactors.evaluation.statistics.estimates import Estimate, run_mean_estimate
from emofactors.evaluation.true_factors import FACTOR_COLUMNS, FACTORS, NUMBERS
from emofactors.report.formatting import interval_cell, listed, number_at, p_cell
from emofactors.report.tables.base import Block, TableInputs
from emofactors.report.tables.codes import (
    by_row,
    code_difference_row,
    code_notes,
    code_row,
    difference_findings,
    difference_templates,
    end_rows,
    quoted_row,
    read_code_file,
    row_template,
)
from emofactors.report.tables.findings import TaskFindings, sentences_by_task
from emofactors.report.tables.intervals import INTERVAL_REMARK
from emofactors.report.tables.tidy import TidyRow, with_holm

SECTION = TrueFactorsTable
DECIMALS = 6

#: Code -> the true factor it should contain. None should contain the voice, as the decoder is given the speaker.
OWN_FACTOR = {"content": "sentence", "rhythm": "rate", "pitch": "pitch"}

#: Rows and columns of the matrix; the own factors are its diagonal.
MATRIX_ROWS = (*OWN_FACTOR, *(code for code in REPRESENTATIONS if code not in OWN_FACTOR))
MATRIX_COLUMNS = (*OWN_FACTOR.values(), *(factor for factor in FACTORS if factor not in OWN_FACTOR.values()))

_INFORMATION = "information"

_Inputs = TableInputs[TrueFactorsTable]


def probe_metric(factor: str) -> str:
    """Return the metric of a probe for a factor: ``r2`` for a number, ``skill`` for classes."""
    return "r2" if factor in NUMBERS else "skill"


def probe_label(factor: str) -> str:
    """Return the metric of a probe for a factor, as displayed."""
    return "R²" if factor in NUMBERS else "skill"


# --- numbers -------------------------------------------------------------------------------------------------


def collect(inputs: _Inputs) -> list[TidyRow]:
    """Return the numbers of every row on every task, and the differences.

    Metrics of a row, for each representation and true factor: ``content_sentence_skill`` of classes or
    ``content_rate_r2`` of numbers, and ``content_sentence_information`` in nats, with intervals. Differences, for
    the codes: ``…_skill_difference`` or ``…_r2_difference`` with interval and p, Holm's correction over all of a
    task, and ``…_information_difference`` with its interval. Factors that do not vary in the test have no numbers.

    Raises:
        InputError: if a file is damaged.
        ValueError: if a row was not evaluated.
    """
    rows = []
    for task in inputs.tasks:
        found = {row: _read(inputs, task, row) for row in inputs.table.rows}
        for probed in found.values():
            rows += [
                code_row(probed.template, f"{code}_{factor}_{metric}", estimate)
                for code in REPRESENTATIONS
                for (factor, metric), estimate in probed.estimates(code).items()
            ]
        templates = {row: probed.template for row, probed in found.items()}
        differences = []
        for one, other, template in difference_templates(inputs.table, templates):
            for code in OWN_FACTOR:
                estimates, others = found[one].estimates(code), found[other].estimates(code)
                differences += [
                    code_difference_row(
                        template,
                        f"{code}_{factor}_{metric}",
                        estimate,
                        others[factor, metric],
                        is_tested=metric != _INFORMATION,
                    )
                    for (factor, metric), estimate in estimates.items()
                    if (factor, metric) in others
                ]
        rows += with_holm(differences)
    return rows


@dataclass(frozen=True)
class _RowProbes:
    """Probes of the codes of one row on one task.

    Attributes:
        template: what all its tidy rows share.
        factors: content of ``true_factors.csv``.
    """

    template: TidyRow
    factors: pd.DataFrame

    def estimates(self, code: str) -> dict[tuple[str, str], Estimate]:
        """Return (factor, metric) -> estimate of a representation, for the factors that vary in the test."""
        found = {}
        of_code = self.factors[self.factors["code"] == code]
        for factor in FACTORS:
            for metric in (probe_metric(factor), _INFORMATION):
                values = of_code[(of_code["factor"] == factor) & (of_code["metric"] == metric)]
                if len(values):
                    is_left_out = values["speaker"] != ""
                    found[factor, metric] = run_mean_estimate(values[~is_left_out], values[is_left_out])
        return found


def _read(inputs: _Inputs, task: str, row: str) -> _RowProbes:
    factors = read_code_file(inputs, "true_factors.csv", FACTOR_COLUMNS, task, row)
    n_speakers = factors.loc[factors["speaker"] != "", "speaker"].nunique()
    template = row_template(inputs, task, row, factors.rename(columns={"n": "n_utterances"}), n_speakers)
    return _RowProbes(template, factors)


# --- layout --------------------------------------------------------------------------------------------------


def blocks(inputs: _Inputs, tidy: pd.DataFrame) -> list[Block]:
    """Return two blocks per task: the matrix of probes with differences, and that of mutual information."""
    found = []
    for name, task, numbers in inputs.by_task(tidy):
        probes = {factor: probe_metric(factor) for factor in MATRIX_COLUMNS}
        information = dict.fromkeys(MATRIX_COLUMNS, _INFORMATION)
        found += [
            Block(
                heading=f"{name}: {numbers.iloc[0]['corpus']}",
                notes=(*_notes(task, numbers), *inputs.study_changes()),
                scores=_matrix_frame(inputs.table, numbers, probes),
                differences=_differences_frame(inputs.table, numbers),
            ),
            Block(
                heading=f"{name}: mutual information",
                notes=(),
                scores=_matrix_frame(inputs.table, numbers, information),
                differences=pd.DataFrame(),
            ),
        ]
    return found


def _notes(task: TaskConfig, tidy: pd.DataFrame) -> Iterator[str]:
    yield from code_notes(task, tidy)
    yield (
        "true factors of the synthesis: sentence and voice (classes), rate in words per minute, pitch relative to "
        "the voice's own"
    )


def _matrix_frame(table: TrueFactorsTable, tidy: pd.DataFrame, metrics: Mapping[str, str]) -> pd.DataFrame:
    """Return one row per representation and one column per variant and true factor; a dash for none."""
    numbers = by_row(tidy)
    rows = []
    for code in MATRIX_ROWS:
        cells = {"": code.capitalize()}
        for row in table.rows:
            for factor, metric in metrics.items():
                key = (row, f"{code}_{factor}_{metric}")
                unit = "nats" if metric == _INFORMATION else probe_label(factor)
                cells[f"{table.label(row)}: {factor}, {unit} [95 %]"] = (
                    interval_cell(number_at(numbers, *key), 2) if key in numbers.index else "–"
                )
        rows.append(cells)
    return pd.DataFrame(rows)


def _differences_frame(table: TrueFactorsTable, tidy: pd.DataFrame) -> pd.DataFrame:
    """Return one row per comparison, code and true factor."""
    numbers = tidy.set_index(["variant", "minus", "metric"])
    rows = []
    for pair in table.differences:
        for code in OWN_FACTOR:
            for factor in MATRIX_COLUMNS:
                probe, information = (
                    (pair.variant, pair.minus, f"{code}_{factor}_{metric}_difference")
                    for metric in (probe_metric(factor), _INFORMATION)
                )
                if probe in numbers.index:
                    number = number_at(numbers, *probe)
                    rows.append(
                        {
                            "difference": f"{table.label(pair.variant, pair.minus)}: {factor} from {code}",
                            "probe [95 %]": interval_cell(number, 2, sign="+"),
                            "p": p_cell(number["p_value"]),
                            "Holm": p_cell(number["p_holm"]),
                            "MI / nats [95 %]": interval_cell(number_at(numbers, *information), 2, sign="+"),
                        }
                    )
    return pd.DataFrame(rows)


def remarks(table: TrueFactorsTable) -> list[str]:
    """Return how to read the numbers."""
    found = [
        "An utterance is represented by the mean and the standard deviation of its codes, for all representations "
        "alike, so a probe knows neither their number nor their order. Sentence and voice: skill of logistic "
        "regression, mean recall rescaled from chance (0) to 1. Rate and pitch: R² of ridge regression, 0 for the "
        "mean, negative for worse predictions. Both are cross-validated over test utterances. MI: mutual "
        "information between k-means clusters of the utterances and the factor (numbers in quarters), minus its "
        "mean under permutations.",
        "If the factors were separated, content would predict the sentence, rhythm the rate and pitch the pitch, "
        "and nothing else. Codes differ in size: of two codes with the same information, a probe finds it more "
        "easily in the larger one. Rate is that of the audio, so it also distinguishes voices of different pace.",
        f"{INTERVAL_REMARK} Probes and clusters are held fixed.",
    ]
    if table.differences:
        found.append(
            "Differences are paired over speakers and trainings. p: two-sided, Student's t. Holm: corrected over "
            "all probes of codes; differences of MI are not tested."
        )
    return found


# --- findings ------------------------------------------------------------------------------------------------


def findings(inputs: _Inputs, tidy: pd.DataFrame) -> list[TaskFindings]:
    """Return for each task whether the codes predict the factors they should contain."""
    return sentences_by_task(
        {name: [*_sentences(inputs.table, numbers)] for name, _, numbers in inputs.by_task(tidy)}
    )


def _sentences(table: TrueFactorsTable, tidy: pd.DataFrame) -> Iterator[str]:
    by_variant = {row: by_row(tidy).loc[[row]].droplevel("variant") for row in table.rows}
    counts = []
    for row in end_rows(table):
        best = _best_codes(by_variant[row])
        n_own = sum(code == highest for code, highest in best.values())
        counts.append(f"{n_own} of {len(best)} ({quoted_row(table, row)})")
    yield f"True factors that are predicted best from their own code: {listed(counts)}."
    for row, numbers in by_variant.items():
        yield from _own_factors(quoted_row(table, row), numbers)
        voices = {code: f"{code}_voice_skill" for code in OWN_FACTOR if f"{code}_voice_skill" in numbers.index}
        if voices:
            values = ", ".join(
                f"{code} {_fraction(number_at(numbers, metric))}" for code, metric in voices.items()
            )
            yield f"{quoted_row(table, row)}: no code should contain the voice; skill in predicting it: {values}."
    differences = tidy[tidy["minus"] != ""].set_index(["variant", "minus", "metric"])
    for pair in table.differences:
        keys = {
            f"{factor} from {code}": (
                pair.variant,
                pair.minus,
                f"{code}_{factor}_{probe_metric(factor)}_difference",
            )
            for code in OWN_FACTOR
            for factor in FACTORS
        }
        found = {name: number_at(differences, *key) for name, key in keys.items() if key in differences.index}
        if found:
            yield difference_findings(table.label(pair.variant, pair.minus), found, decimals=2)


def _own_factors(name: str, numbers: pd.DataFrame) -> Iterator[str]:
    """Yield how well each true factor is predicted from its own code, and from the best code."""
    best = _best_codes(numbers)
    if not best:
        return
    words = []
    for factor, (code, highest) in best.items():
        scores = _scores_of_codes(factor, numbers)
        own = f"{factor} from {code}: {probe_label(factor)} {_fraction(scores[code])}"
        words.append(own if highest == code else f"{own}, but {_fraction(scores[highest])} from {highest}")
    n_own = sum(code == highest for code, highest in best.values())
    yield (
        f"{name}: {n_own} of {len(best)} true factors are predicted best from their own code: {'; '.join(words)}."
    )


def _best_codes(numbers: pd.DataFrame) -> dict[str, tuple[str, str]]:
    """Return true factor -> its own code, and the code that predicts it best."""
    best = {}
    for code, factor in OWN_FACTOR.items():
        scores = _scores_of_codes(factor, numbers)
        if scores:
            best[factor] = (code, max(scores, key=lambda c: scores[c]["value"]))
    return best


def _scores_of_codes(factor: str, numbers: pd.DataFrame) -> dict[str, pd.Series]:
    """Return code -> score of its probe for a true factor."""
    metrics = {code: f"{code}_{factor}_{probe_metric(factor)}" for code in OWN_FACTOR}
    return {code: number_at(numbers, metric) for code, metric in metrics.items() if metric in numbers.index}


def _fraction(row: pd.Series) -> str:
    return interval_cell(row, 2)
