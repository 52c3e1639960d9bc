"""How tables about codes are laid out: matrices of pairs, and of codes by true factors; differences below."""

from collections.abc import Mapping

import pandas as pd

from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.code_information import REPRESENTATIONS
from emofactors.report.formatting import counted, interval_cell, number_at, p_cell
from emofactors.report.tables.factor_tables import (
    OWN_FACTOR,
    PAIR_KEYS,
    TRUTH_COLUMNS,
    TRUTH_ROWS,
    measure_words,
    of_rows,
    pair_words,
    probe_measure,
)
from emofactors.report.tables.tidy import row_label

#: Rows and columns of the matrix of pairs: its lower triangle would repeat the upper.
MATRIX_ROWS = REPRESENTATIONS[:-1]
MATRIX_COLUMNS = REPRESENTATIONS[1:]


# --- what the factors share -----------------------------------------------------------------------------------


def information_notes(table: TableConfig, task: TaskConfig, tidy: pd.DataFrame) -> list[str]:
    """What to know of the numbers of one task.

    Args:
        table: its published values.
        task: the task.
        tidy: the numbers of that task.

    Returns:
        The notes.
    """
    numbers = tidy.drop_duplicates("metric").set_index("metric")
    counts = {
        name: int(number_at(numbers, name)["value"]) for name in ("codes", "segments", "clusters", "kmeans_seeds")
    }
    notes = [
        *_notes(task, tidy),
        f"{counts['codes']:,} codes, and {counts['segments']:,} segments, over all folds of a seed; "
        f"{counts['clusters']} clusters, {counted(counts['kmeans_seeds'], 'seed')} of k-means",
    ]
    errors = tidy[tidy["metric"] == "mel_error"]
    if len(errors):
        ours = ", ".join(f"{row['row']} {row['value']:.4f}" for _, row in errors.iterrows())
        notes.append(
            f"squared error of the reconstructed spectrogram of test utterances, in [0, 1] for 100 dB: {ours}; of the "
            f"training frames' mean {number_at(numbers, 'mean_spectrogram_error')['value']:.4f}"
        )
    if tidy.loc[tidy["metric"].str.endswith("_above_null_segment"), "value"].isna().any():
        notes.append("no numbers of segments: in a fold there are fewer than clusters")
    if table.published_information is not None:
        notes.append(f"published: {table.published_information.label}")
    return notes


def information_matrix(table: TableConfig, tidy: pd.DataFrame) -> pd.DataFrame:
    """The source's triangle: representation by code, for each variant side by side, published ones below.

    More than two variants would make it too wide for a page: then a row is a variant, and a column a pair.

    Args:
        table: its rows and published values.
        tidy: the numbers of one task.

    Returns:
        Cells of text; the lower triangle is empty.
    """
    numbers = of_rows(tidy)
    published = table.published_information.values if table.published_information is not None else {}
    found = {
        (variant, key): interval_cell(number_at(numbers, variant, f"{key}_above_null"), 3)
        for variant in table.rows
        for key in PAIR_KEYS
    }
    stated = {
        (variant, pair.replace("-", "_")): f"{value:.4f}"
        for variant, values in published.items()
        for pair, value in values.items()
    }
    of_source = [("", found)] + ([("published: ", stated)] if stated else [])
    if len(table.rows) > 2:
        rows = [
            {table.axis or "setting": f"{words}{row_label(table, variant)}"}
            | {f"{pair_words(key)} [95 %]": cells.get((variant, key), "") for key in PAIR_KEYS}
            for words, cells in of_source
            for variant in (table.rows if cells is found else published)
        ]
    else:
        rows = [
            {"": f"{words}{one.capitalize()}"}
            | {
                f"{row_label(table, variant)}: {other.capitalize()} [95 %]": cells.get(
                    (variant, f"{one}_{other}"), ""
                )
                for variant in table.rows
                for other in MATRIX_COLUMNS
            }
            for words, cells in of_source
            for one in MATRIX_ROWS
        ]
    return pd.DataFrame(rows)


def information_differences(table: TableConfig, tidy: pd.DataFrame) -> pd.DataFrame:
    """A row a pair: how much more its information above null is, of codes and of segments."""
    numbers = tidy.set_index(["variant", "minus", "metric"])
    rows = []
    for pair in table.differences:
        for key in PAIR_KEYS:
            of_codes, of_segments = (
                number_at(numbers, pair.variant, pair.minus, f"{key}_above_null{suffix}_difference")
                for suffix in ("", "_segment")
            )
            rows.append(
                {
                    "difference": f"{row_label(table, pair.variant, pair.minus)}: {pair_words(key)}",
                    "codes [95 %]": interval_cell(of_codes, 3, sign="+"),
                    "p": p_cell(of_codes["p_value"]),
                    "Holm": p_cell(of_codes["p_holm"]),
                    "segments [95 %]": interval_cell(of_segments, 3, sign="+"),
                }
            )
    return pd.DataFrame(rows)


def information_details(table: TableConfig, tidy: pd.DataFrame) -> pd.DataFrame:
    """A row a variant and pair: the plug-in estimate, its null, and what else could have been counted."""
    numbers = of_rows(tidy)
    others = sorted(
        {int(m.rsplit("_k", 1)[1]) for m in tidy["metric"] if "_above_null_k" in m and "difference" not in m}
    )
    columns = {"MI": "nats", "null": "null_mean", "null 95 %": "null_high", "NMI": "normalised", "AMI": "adjusted"}
    columns |= {f"above null, K = {k}": f"above_null_k{k}" for k in others}
    columns |= {"MI of segments": "nats_segment"}
    rows = []
    for variant in table.rows:
        for key in PAIR_KEYS:
            row = {"": f"{row_label(table, variant)}: {pair_words(key)}"}
            row |= {
                name: _number_cell(number_at(numbers, variant, f"{key}_{of}")["value"])
                for name, of in columns.items()
            }
            of_segments = number_at(numbers, variant, f"{key}_above_null_segment")
            rows.append(row | {"segments, above null [95 %]": interval_cell(of_segments, 3)})
    return pd.DataFrame(rows)


def information_remarks(table: TableConfig) -> list[str]:
    """How to read the numbers."""
    remarks = [
        "Mutual information, in nats, of k-means clusters of two representations of the same codes, less its mean "
        "under the null; the mean over seeds of k-means, seeds and folds, a fold weighing as many as its test has "
        "speakers. Spectrogram: the mean of a code's 8 frames. Two labelings of few codes share some "
        "by chance alone; of independent ones, what is above null is 0 on average. A code that holds nothing "
        "shares nothing either: that factors share less means that they are taken apart only where they "
        "still share with the spectrogram.",
        "The null of codes shifts one labeling around a circle against the other: neighbours in time are alike, "
        "and a free permutation, which takes them for independent draws, would leave chance agreement above null. "
        "Segments are several codes of one utterance, end to end; their null is a free permutation. AMI is "
        "against free permutations, so that of codes it is too large.",
        "In brackets: the 95 % interval from leaving each speaker out (jackknife, Student's t), decomposers and "
        "clusters held as found. A bootstrap of speakers would draw some twice, and copies raise the "
        "information of every draw.",
    ]
    if table.differences:
        remarks.append(
            "Differences leave the same speaker out of both; p: two-sided, Student's t. Holm: corrected for all "
            "pairs of codes; segments are shown beside and not tested."
        )
    if table.published_information is not None:
        remarks.append(
            "The published values are not to be compared in height with ours: their corpus is not stated, "
            "nor whether they are nats or normalised, of codes or segments, or how chance was taken off."
        )
    return remarks


# --- what codes tell of true factors --------------------------------------------------------------------------


def ground_truth_notes(task: TaskConfig, tidy: pd.DataFrame) -> list[str]:
    """What to know of the numbers of one task."""
    return [
        *_notes(task, tidy),
        "true factors, as the corpus was made: sentence and voice (classes), rate in words a minute, pitch above "
        "the voice's own",
    ]


def ground_truth_matrix(table: TableConfig, tidy: pd.DataFrame) -> pd.DataFrame:
    """A row a representation: what a probe finds of each true factor, for each variant.

    Args:
        table: its rows.
        tidy: the numbers of one task.

    Returns:
        Cells of text; a dash where the factor does not vary in the test.
    """
    return _by_factor(table, tidy, {factor: probe_measure(factor) for factor in TRUTH_COLUMNS}, 2)


def ground_truth_information(table: TableConfig, tidy: pd.DataFrame) -> pd.DataFrame:
    """Likewise of what clusters share with each true factor, in nats above null."""
    return _by_factor(table, tidy, dict.fromkeys(TRUTH_COLUMNS, "code_information"), 2)


def ground_truth_differences(table: TableConfig, tidy: pd.DataFrame) -> pd.DataFrame:
    """A row a code and true factor: how much more a probe finds, and how much more clusters share."""
    numbers = tidy.set_index(["variant", "minus", "metric"])
    rows = []
    for pair in table.differences:
        for code in OWN_FACTOR:
            for factor in TRUTH_COLUMNS:
                probed, shared = (
                    (pair.variant, pair.minus, f"{code}_{factor}_{measure}_difference")
                    for measure in (probe_measure(factor), "code_information")
                )
                if probed not in numbers.index:
                    continue
                number = number_at(numbers, *probed)
                rows.append(
                    {
                        "difference": f"{row_label(table, pair.variant, pair.minus)}: {factor} from {code}",
                        "probe [95 %]": interval_cell(number, 2, sign="+"),
                        "p": p_cell(number["p_value"]),
                        "Holm": p_cell(number["p_holm"]),
                        "MI / nats [95 %]": interval_cell(number_at(numbers, *shared), 2, sign="+"),
                    }
                )
    return pd.DataFrame(rows)


def ground_truth_remarks(table: TableConfig) -> list[str]:
    """How to read the numbers."""
    remarks = [
        "An utterance is the mean and the std of its codes, of every representation alike: neither "
        "their number nor their order is given. Sentence and voice: skill of logistic regression, mean recall "
        "from chance (0) to 1; rate and pitch: R² of ridge regression, 0 for the mean, below it for a probe that "
        "is misled; both cross-validated over test utterances. MI: of k-means clusters of the utterances with the "
        "factor (numbers in quarters), less its mean under permutations.",
        "Were the factors apart, content would tell the sentence, rhythm the rate, pitch the pitch, and none of "
        "them anything else. Codes differ in size: of two that hold as much, a probe finds it sooner in the "
        "larger. Rate is that heard, and so tells voices of a different pace apart.",
        "In brackets: the 95 % interval from leaving each speaker out (jackknife, Student's t), decomposers, "
        "probes and clusters held as found.",
    ]
    if table.differences:
        remarks.append(
            "Differences leave the same speaker out of both; p: two-sided, Student's t. Holm: corrected for all "
            "probes of learnt codes; MI is shown beside and not tested."
        )
    return remarks


# --- of both --------------------------------------------------------------------------------------------------


def _notes(task: TaskConfig, tidy: pd.DataFrame) -> list[str]:
    """Protocol, what the numbers rest on, and what the decomposers have heard."""
    first = tidy[tidy["metric"].isin(("codes", "content_sentence_skill", "content_rate_r2"))].iloc[0]
    n_seeds = int(first["n_runs"]) // task.n_folds
    heard = "" if task.speaker_independent else "; their speakers are heard in training"
    notes = [
        f"{first['protocol']}; {counted(task.n_folds, 'fold')} x {counted(n_seeds, 'seed')} of each decomposer",
        f"codes of {int(first['n_utterances']):,} test utterances of "
        f"{counted(int(first['n_speakers']), 'speaker')}, which no decomposer has heard{heard}",
    ]
    if tidy.loc[tidy["chance"].notna() & tidy["value"].notna(), "ci_low"].isna().any():
        notes.append("not all intervals: a speaker must be left out, and another remain")
    return notes


def _by_factor(table: TableConfig, tidy: pd.DataFrame, measures: Mapping[str, str], decimals: int) -> pd.DataFrame:
    """A row a representation, a column a variant and true factor."""
    numbers = of_rows(tidy)
    rows = []
    for code in TRUTH_ROWS:
        row = {"": code.capitalize()}
        for variant in table.rows:
            for factor, measure in measures.items():
                key = (variant, f"{code}_{factor}_{measure}")
                unit = "nats" if measure == "code_information" else measure_words(factor)
                row[f"{row_label(table, variant)}: {factor}, {unit} [95 %]"] = (
                    interval_cell(number_at(numbers, *key), decimals) if key in numbers.index else "–"
                )
        rows.append(row)
    return pd.DataFrame(rows)


def _number_cell(value: float) -> str:
    """A number of nats to three decimals; never a negative zero."""
    return "–" if pd.isna(value) else f"{value:z.3f}"
