"""Tables of kind ``code_information``: mutual information between the codes of a decomposer, in nats.

Numbers are averaged over initialisations of k-means, seeds and folds; intervals
leave out one speaker at a time (``evaluation.statistics.estimates``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from emofactors.config.tables.code_information import CodeInformationTable
from emofactors.evaluation.code_information import (
    INFORMATION_COLUMNS,
    LEAVE_ONE_OUT_COLUMNS,
    PAIRS,
    REPRESENTATIONS,
)
from emofactors.evaluation.statistics.estimates import Estimate, run_mean_estimate
from emofactors.io.json import read_json
from emofactors.plan.paths import parse_run
from emofactors.report.formatting import counted, interval_cell, listed, number_at, p_cell
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

SECTION = CodeInformationTable
DECIMALS = 6

#: Pair of representations, as in the names of metrics (``content_rhythm``) -> the two representations.
PAIR_KEYS = {f"{one}_{other}": (one, other) for one, other in PAIRS}

#: Rows and columns of the matrix of pairs, of which only the upper triangle is shown.
MATRIX_ROWS = REPRESENTATIONS[:-1]
MATRIX_COLUMNS = REPRESENTATIONS[1:]

_ESTIMATES = ("nats", "null_mean", "null_high", "permuted_mean", "normalised", "adjusted")
_ERRORS = {"mel_error": "mel", "mean_spectrogram_error": "mean_spectrogram"}

_Inputs = TableInputs[CodeInformationTable]


def pair_label(key: str) -> str:
    """Return a pair of representations as displayed: ``content–rhythm``."""
    return "–".join(PAIR_KEYS[key])


# --- numbers -------------------------------------------------------------------------------------------------


def collect(inputs: _Inputs) -> list[TidyRow]:
    """Return the numbers of every row on every task, the differences, and the published values.

    Metrics of a row, for each pair of representations: ``…_above_null`` and ``…_above_permuted`` with intervals,
    ``…_nats``, ``…_null_mean``, ``…_null_high``, ``…_permuted_mean``, ``…_normalised``, ``…_adjusted`` of codes;
    ``…_above_null_k5`` for other numbers of clusters; ``…_above_null_segment``, with its interval, and
    ``…_nats_segment`` of segments.
    Sample size: ``codes``, ``segments``, ``clusters`` and ``kmeans_seeds``. Squared errors of test spectrograms:
    ``mel_error`` of the reconstruction, ``mean_spectrogram_error`` of the mean training frame. Differences:
    ``…_above_null_difference`` with interval and p, Holm's correction over all of a task, and
    ``…_above_null_segment_difference`` with its interval. Published values have rows of their own with column
    ``published`` and metric ``…_published``, as they are not comparable with ours.

    Raises:
        InputError: if a file is damaged.
        ValueError: if a row was not evaluated, or a published row or pair is not part of the table.
    """
    published = [*_published_rows(inputs)]
    rows = []
    for task in inputs.tasks:
        found = {row: _read(inputs, task, row) for row in inputs.table.rows}
        for row, information in found.items():
            rows += [*information.numbers(), *_reconstruction_errors(inputs, information.template, task, row)]
        rows += with_holm(
            [
                code_difference_row(
                    template,
                    f"{key}_above_null{'_segment' if unit == 'segment' else ''}",
                    found[one].above_null(key, unit),
                    found[other].above_null(key, unit),
                    is_tested=unit == "code",
                )
                for one, other, template in difference_templates(
                    inputs.table, {row: information.template for row, information in found.items()}
                )
                for unit in ("code", "segment")
                for key in PAIR_KEYS
            ]
        )
    return [*rows, *published]


@dataclass(frozen=True)
class _RowInformation:
    """Mutual information between the codes of one row on one task.

    Attributes:
        template: what all its tidy rows share.
        information: content of ``code_information.csv``.
        leave_one_out: content of ``code_information_leave_one_out.csv``.
    """

    template: TidyRow
    information: pd.DataFrame
    leave_one_out: pd.DataFrame

    @property
    def clusters(self) -> int:
        """Main number of clusters, the only one with values without each speaker."""
        return int(self.leave_one_out["clusters"].iloc[0])

    def above_null(self, key: str, unit: str) -> Estimate:
        """Return the information above null of a pair."""
        return self._average(key, unit, self.clusters, "above_null")

    def numbers(self) -> Iterator[TidyRow]:
        """Yield all numbers of the row."""
        for unit, metric in (("code", "codes"), ("segment", "segments")):
            of_unit = self.information[self.information["unit"] == unit]
            yield replace(self.template, metric=metric, value=of_unit.drop_duplicates("fold")["n"].sum())
        n_seeds = self.information["kmeans_seed"].nunique()
        yield replace(self.template, metric="clusters", value=self.clusters)
        yield replace(self.template, metric="kmeans_seeds", value=n_seeds)
        for key in PAIR_KEYS:
            for unit, suffix, estimates in (("code", "", _ESTIMATES), ("segment", "_segment", ("nats",))):
                yield code_row(self.template, f"{key}_above_null{suffix}", self.above_null(key, unit))
                if unit == "code":
                    above_permuted = self._average(key, unit, self.clusters, "above_permuted")
                    yield code_row(self.template, f"{key}_above_permuted", above_permuted)
                for column in estimates:
                    value = self._average(key, unit, self.clusters, column).value
                    yield replace(self.template, metric=f"{key}_{column}{suffix}", value=value)
            for k in self.information["clusters"].unique():
                if k != self.clusters:
                    value = self._average(key, "code", k, "above_null").value
                    yield replace(self.template, metric=f"{key}_above_null_k{k}", value=value)

    def _average(self, key: str, unit: str, clusters: int, column: str) -> Estimate:
        """Return the mean of a column over runs; its interval is meaningful for what is above a null only."""
        one, other = PAIR_KEYS[key]

        def of_pair(table: pd.DataFrame) -> pd.DataFrame:
            return table[(table["unit"] == unit) & (table["one"] == one) & (table["other"] == other)]

        values = of_pair(self.information[self.information["clusters"] == clusters])
        left_out = column if column in self.leave_one_out else "above_null"
        leave_one_out = of_pair(self.leave_one_out).rename(columns={left_out: "value"})
        return run_mean_estimate(values[["fold", "seed", column]].rename(columns={column: "value"}), leave_one_out)


def _read(inputs: _Inputs, task: str, row: str) -> _RowInformation:
    information, leave_one_out = (
        read_code_file(inputs, file, columns, task, row)
        for file, columns in (
            ("code_information.csv", INFORMATION_COLUMNS),
            ("code_information_leave_one_out.csv", LEAVE_ONE_OUT_COLUMNS),
        )
    )
    template = row_template(inputs, task, row, information, leave_one_out["speaker"].nunique())
    return _RowInformation(template, information, leave_one_out)


def _reconstruction_errors(inputs: _Inputs, template: TidyRow, task: str, row: str) -> Iterator[TidyRow]:
    """Yield squared errors of test spectrograms, averaged over the trainings of a row among the inputs."""
    errors = []
    for path in inputs.runs:
        run = parse_run(path)
        if (run.task, run.system, run.variant) == (task, *inputs.table.runs[row]):
            errors.append(read_json(path, "the metadata of a run", ["reconstruction"])["reconstruction"]["test"])
    for metric, key in _ERRORS.items() if errors else ():
        yield replace(template, metric=metric, value=float(np.mean([of[key] for of in errors])))


def _published_rows(inputs: _Inputs) -> Iterator[TidyRow]:
    published = inputs.table.published_information
    for row, values in published.values.items() if published else ():
        if row not in inputs.table.rows:
            raise ValueError(
                f"table {inputs.name}: published row is {row!r}, expected one of {', '.join(inputs.table.rows)}"
            )
        for pair, value in values.items():
            key = pair.replace("-", "_")
            if key not in PAIR_KEYS:
                raise ValueError(
                    f"table {inputs.name}: published pair is {pair!r}, expected one of {', '.join(PAIR_KEYS)}"
                )
            yield TidyRow(
                table=inputs.name,
                row=inputs.table.label(row),
                column="published",
                protocol=published.label if published else "",
                variant=row,
                metric=f"{key}_published",
                published=value,
            )


# --- layout --------------------------------------------------------------------------------------------------


def blocks(inputs: _Inputs, tidy: pd.DataFrame) -> list[Block]:
    """Return the matrix of pairs with differences, and all estimates; the differences of many rows apart."""
    found = []
    none = pd.DataFrame()
    for name, _, numbers in inputs.by_task(tidy):
        heading = f"{name}: {numbers.iloc[0]['corpus']}"
        notes = (*_notes(inputs, name, numbers), *inputs.study_changes())
        matrix, differences = _matrix_frame(inputs.table, numbers), _differences_frame(inputs.table, numbers)
        if len(inputs.table.rows) > 2:  # together they would not fit on a page
            found += [
                Block(heading, notes, matrix, none),
                Block(f"{name}: differences", (), differences, none),
            ]
        else:
            found.append(Block(heading, notes, matrix, differences))
        found.append(Block(f"{name}: all estimates", (), _estimates_frame(inputs.table, numbers), none))
    return found


def _notes(inputs: _Inputs, name: str, tidy: pd.DataFrame) -> Iterator[str]:
    yield from code_notes(inputs.tasks[name], tidy)
    first = tidy.drop_duplicates("metric").set_index("metric")["value"]
    yield (
        f"{int(first['codes']):,} codes and {int(first['segments']):,} segments over all folds of a seed; "
        f"{int(first['clusters'])} clusters, {counted(int(first['kmeans_seeds']), 'seed')} of k-means"
    )
    errors = tidy[tidy["metric"] == "mel_error"]
    if len(errors):
        ours = ", ".join(f"{row['row']} {row['value']:.4f}" for _, row in errors.iterrows())
        yield (
            f"squared error of the reconstructed spectrogram of test utterances, in [0, 1] for 100 dB: {ours}; of "
            f"the mean training frame {first['mean_spectrogram_error']:.4f}"
        )
    if tidy.loc[tidy["metric"].str.endswith("_above_null_segment"), "value"].isna().any():
        yield "no numbers of segments: a fold has fewer segments than clusters"
    if inputs.table.published_information is not None:
        yield f"published: {inputs.table.published_information.label}"


def _matrix_frame(table: CodeInformationTable, tidy: pd.DataFrame) -> pd.DataFrame:
    """Return the source's upper triangle, representation by code, for both variants, with published values below.

    More than two variants do not fit on a page: then a row is a variant, and a column a pair.
    """
    numbers = by_row(tidy)
    ours = {
        (row, key): interval_cell(number_at(numbers, row, f"{key}_above_null"), 3)
        for row in table.rows
        for key in PAIR_KEYS
    }
    published = {
        (row, pair.replace("-", "_")): f"{value:.4f}"
        for row, values in (table.published_information.values if table.published_information else {}).items()
        for pair, value in values.items()
    }
    cells_by_prefix = {"": ours} | ({"published: ": published} if published else {})
    if len(table.rows) > 2:
        rows = [
            {table.axis or "setting": f"{prefix}{table.label(row)}"}
            | {f"{pair_label(key)} [95 %]": cells.get((row, key), "") for key in PAIR_KEYS}
            for prefix, cells in cells_by_prefix.items()
            for row in dict.fromkeys(row for row, _ in cells)
        ]
    else:
        rows = [
            {"": f"{prefix}{one.capitalize()}"}
            | {
                f"{table.label(row)}: {other.capitalize()} [95 %]": cells.get((row, f"{one}_{other}"), "")
                for row in table.rows
                for other in MATRIX_COLUMNS
            }
            for prefix, cells in cells_by_prefix.items()
            for one in MATRIX_ROWS
        ]
    return pd.DataFrame(rows)


def _differences_frame(table: CodeInformationTable, tidy: pd.DataFrame) -> pd.DataFrame:
    """Return one row per comparison and pair: differences of information above null, of codes and of segments."""
    numbers = tidy.set_index(["variant", "minus", "metric"])
    rows = []
    for compared in table.differences:
        for key in PAIR_KEYS:
            codes, segments = (
                number_at(numbers, compared.variant, compared.minus, f"{key}_above_null{suffix}_difference")
                for suffix in ("", "_segment")
            )
            rows.append(
                {
                    "difference": f"{table.label(compared.variant, compared.minus)}: {pair_label(key)}",
                    "codes [95 %]": interval_cell(codes, 3, sign="+"),
                    "p": p_cell(codes["p_value"]),
                    "Holm": p_cell(codes["p_holm"]),
                    "segments [95 %]": interval_cell(segments, 3, sign="+"),
                }
            )
    return pd.DataFrame(rows)


def _estimates_frame(table: CodeInformationTable, tidy: pd.DataFrame) -> pd.DataFrame:
    """Return one row per variant and pair: the plug-in estimate, its null, and other estimates."""
    numbers = by_row(tidy)
    clusters = tidy["metric"].str.extract(r"_above_null_k(\d+)$")[0].dropna().astype(int).unique()
    columns = {"MI": "nats", "null, shifts": "null_mean", "null 95 %": "null_high"}
    columns |= {"null, permutations": "permuted_mean", "NMI": "normalised", "AMI": "adjusted"}
    columns |= {f"above null, K = {k}": f"above_null_k{k}" for k in sorted(clusters)}
    columns |= {"MI of segments": "nats_segment"}
    rows = []
    for row in table.rows:
        for key in PAIR_KEYS:
            cells = {"": f"{table.label(row)}: {pair_label(key)}"}
            for name, column in columns.items():
                value = number_at(numbers, row, f"{key}_{column}")["value"]
                cells[name] = "–" if pd.isna(value) else f"{value:z.3f}"
            for name, metric in (
                ("above permutations [95 %]", "above_permuted"),
                ("segments, above null [95 %]", "above_null_segment"),
            ):
                cells[name] = interval_cell(number_at(numbers, row, f"{key}_{metric}"), 3)
            rows.append(cells)
    return pd.DataFrame(rows)


def remarks(table: CodeInformationTable) -> list[str]:
    """Return how to read the numbers."""
    found = [
        "Mutual information, in nats, between k-means clusters of two representations of the same codes, minus "
        "its mean under the null; mean over seeds of k-means, seeds and folds, each fold weighted by its number "
        "of test speakers. Spectrogram: the mean of the 8 frames of a code. Two clusterings of few codes share "
        "some information by chance; above null, independent clusterings share 0 on average. A code without any "
        "information shares none either: low values mean that factors are separated only if the codes still share "
        "information with the spectrogram.",
        "The null of codes shifts one clustering circularly against the other: codes that are close in time are "
        "alike, and a free permutation, which treats them as independent, leaves their chance agreement above it. "
        "Most shifts compare a speaker with the same one, so what two codes share through the speaker is part of "
        "the null of shifts; above permutations, both count. Segments are several consecutive codes of one "
        "utterance; their null is a free permutation. AMI also corrects by free permutations, so it is too large "
        "for codes.",
        f"{INTERVAL_REMARK} Clusters are held fixed.",
    ]
    if table.differences:
        found.append(
            "Differences are paired over speakers and trainings. p: two-sided, Student's t. Holm: corrected over "
            "all pairs of codes; differences of segments are not tested."
        )
    if table.published_information is not None:
        found.append(
            "The published values are not comparable with ours in height: their source does not state the corpus, "
            "the unit (nats or normalised), whether codes or segments were clustered, or the correction for "
            "chance."
        )
    return found


# --- findings ------------------------------------------------------------------------------------------------


def findings(inputs: _Inputs, tidy: pd.DataFrame) -> list[TaskFindings]:
    """Return for each task what content and rhythm share, and which differences are significant."""
    return sentences_by_task(
        {name: [*_sentences(inputs.table, numbers)] for name, _, numbers in inputs.by_task(tidy)}
    )


def _sentences(table: CodeInformationTable, tidy: pd.DataFrame) -> Iterator[str]:
    numbers = by_row(tidy)
    shared = [
        f"{interval_cell(number_at(numbers, row, 'content_rhythm_above_null'), 3)} nats ({quoted_row(table, row)})"
        for row in end_rows(table)
    ]
    yield f"Above null, content and rhythm share {listed(shared)}."
    for row in table.rows:
        yield _most_shared(table, numbers, row)
        if (row, "mel_error") in numbers.index:
            error, of_mean = (
                number_at(numbers, row, metric)["value"] for metric in ("mel_error", "mean_spectrogram_error")
            )
            yield (
                f"{quoted_row(table, row)}: squared error of reconstructed test spectrograms {error:.4f}, "
                f"{'below' if error < of_mean else 'not below'} that of the mean training frame, {of_mean:.4f}."
            )
    differences = tidy[tidy["minus"] != ""].set_index(["variant", "minus", "metric"])
    for compared in table.differences:
        pair = compared.variant, compared.minus
        of_pair = {key: number_at(differences, *pair, f"{key}_above_null_difference") for key in PAIR_KEYS}
        lower = [key for key, row in of_pair.items() if row["value"] < 0]
        values = "; ".join(f"{pair_label(key)} {interval_cell(row, 3, '+')}" for key, row in of_pair.items())
        label = table.label(*pair)
        yield f"{label}: shared information is lower in {len(lower)} of the six pairs: {values} nats."
        yield difference_findings(label, {pair_label(key): row for key, row in of_pair.items()}, decimals=3)
        yield from _published_differences(table, *pair, lower)


def _most_shared(table: CodeInformationTable, numbers: pd.DataFrame, row: str) -> str:
    """Return which pair of a row shares most information, and whose interval contains 0."""
    shares = {key: number_at(numbers, row, f"{key}_above_null") for key in PAIR_KEYS}
    most = max(shares, key=lambda key: shares[key]["value"])
    with_zero = [pair_label(key) for key, of in shares.items() if of["ci_low"] <= 0 <= of["ci_high"]]
    zero = f"; the interval contains 0 for {listed(with_zero)}" if with_zero else "; no interval contains 0"
    return (
        f"{quoted_row(table, row)}: of the six pairs, clusters of {pair_label(most)} share most, "
        f"{interval_cell(shares[most], 3)} nats above null; content and rhythm share "
        f"{interval_cell(shares['content_rhythm'], 3)}{'' if pd.isna(shares[most]['ci_low']) else zero}."
    )


def _published_differences(
    table: CodeInformationTable, row: str, minus: str, lower: Sequence[str]
) -> Iterator[str]:
    """Yield in how many pairs the published values are lower, and in how many of these ours are."""
    published = table.published_information
    if published is None or not {row, minus} <= set(published.values):
        return
    one, other = published.values[row], published.values[minus]
    pairs = [pair for pair in one if pair in other]
    dropped = [pair.replace("-", "_") for pair in pairs if one[pair] < other[pair]]
    yield (
        f"The published values, whose corpus and unit are not stated, are lower in {len(dropped)} of {len(pairs)} "
        f"pairs; ours are lower in {len(set(dropped) & set(lower))} of these."
    )
