"""The numbers of tables about codes: what the factors of a decomposer share, and what they tell of true factors.

Tidy, in the columns of ``tables``; in nats, and as shares of 1, not in percent.
"""

from collections.abc import Iterable, Mapping
from math import nan
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emofactors.config.tables import TableConfig
from emofactors.config.tasks import TaskConfig
from emofactors.evaluation.code_information import (
    INFORMATION_COLUMNS,
    LEAVE_ONE_OUT_COLUMNS,
    PAIRS,
    REPRESENTATIONS,
)
from emofactors.evaluation.statistics.jackknife import JackknifeEstimate, average_runs
from emofactors.evaluation.true_factors import FACTOR_COLUMNS, FACTORS, NUMBERS
from emofactors.io.csv import read_csv
from emofactors.io.json import read_json
from emofactors.report.tables.tidy import COLUMNS, corpus_words, row_label, with_holm

#: Pairs of representations as metrics name them (``content_rhythm``) -> the two.
PAIR_KEYS = {f"{one}_{other}": (one, other) for one, other in PAIRS}

#: The factor each code is there for. The voice has none: the decoder is told the speaker.
OWN_FACTOR = {"content": "sentence", "rhythm": "rate", "pitch": "pitch"}

#: Codes and true factors in the order in which what belongs together is a diagonal.
TRUTH_ROWS = (*OWN_FACTOR, *(code for code in REPRESENTATIONS if code not in OWN_FACTOR))
TRUTH_COLUMNS = (*OWN_FACTOR.values(), *(factor for factor in FACTORS if factor not in OWN_FACTOR.values()))

#: Codes a training makes; the spectrogram is the same whatever the training.
LEARNT = tuple(OWN_FACTOR)

#: Columns of ``code_information.csv`` that a table shows of the main number of clusters.
_ESTIMATES = ("nats", "null_mean", "null_high", "normalised", "adjusted")

#: Of the columns of a file those that are text, and numbers with a fraction; all others count.
_WORDS = ("unit", "one", "other", "code", "factor", "measure", "speaker")
_NUMBERS = (*_ESTIMATES, "above_null", "value")


def probe_measure(factor: str) -> str:
    """The measure of a probe of a factor: ``r2`` of a number, ``skill`` of a class."""
    return "r2" if factor in NUMBERS else "skill"


# --- what the factors share -----------------------------------------------------------------------------------


def make_information_table(
    name: str,
    table: TableConfig,
    tasks: Mapping[str, TaskConfig],
    files: Iterable[str | Path],
    corpora: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """Collect the numbers of one table of kind ``code_information``.

    Numbers are averaged over starts of k-means, seeds and folds; intervals leave out speaker by speaker
    (``evaluation.jackknife``). Of each row of a task there are, for each pair of representations
    (``content_rhythm``): ``…_above_null`` with its interval, ``…_nats``, ``…_null_mean``, ``…_null_high``,
    ``…_normalised`` and ``…_adjusted`` of single codes; ``…_above_null_k5`` of other numbers of clusters;
    ``…_above_null_segment``, with its interval, and ``…_nats_segment`` of segments. Of each difference:
    ``…_above_null_difference`` with interval and p, Holm's correction over all of a task, and
    ``…_above_null_segment_difference`` with its interval. What they rest on: ``codes``, ``segments``,
    ``clusters`` and ``kmeans_seeds``. Of trainings that are given, ``mel_error`` is the squared error of the
    reconstructed spectrogram of test utterances, ``mean_spectrogram_error`` that of the training frames' mean.
    Published values are rows of their own, whose column is ``published`` and whose metric ``…_published``: they
    stand beside no number of ours.

    Args:
        name: name of the table.
        table: its rows, differences and published values.
        tasks: task -> its config.
        files: ``…/{task}/{system}/{variant}/on_{task}/code_information.csv`` of every row on every task, and
            ``code_information_leave_one_out.csv`` likewise; its trainings'
            ``…/{task}/{system}/{variant}/fold{fold}/seed{seed}/run.json``; files of other names are left aside.
        corpora: corpus -> the notes of its manifest, as for ``tables.make_table``.

    Returns:
        Tidy table with columns ``tables.COLUMNS``; in nats, not rounded; NaN where there is no such number.

    Raises:
        ValueError: if a row was not measured on a task, or a published row or pair is none of the table.
    """
    files = list(files)
    found = _read(files, "code_information.csv", INFORMATION_COLUMNS)
    left_out = _read(files, "code_information_leave_one_out.csv", LEAVE_ONE_OUT_COLUMNS)
    errors = _reconstruction(files)
    rows: list[dict[str, Any]] = []
    for task_name, task in tasks.items():
        measured = {
            row: _Information(_of(found, name, task_name, run), _of(left_out, name, task_name, run))
            for row, run in table.runs.items()
        }
        of_task = [
            {"row": row_label(table, row), "variant": row, "minus": ""} | about | number
            for row, of in measured.items()
            for about in [of.about]
            for number in [*of.numbers(), *errors.get((task_name, *table.runs[row]), [])]
        ]
        differences = []
        for pair in table.differences:
            one, other = measured[pair.variant], measured[pair.minus]
            about = one.about | {
                "row": row_label(table, pair.variant, pair.minus),
                "variant": pair.variant,
                "minus": pair.minus,
                "n_runs": one.about["n_runs"] + other.about["n_runs"],
            }
            differences += [
                about
                | _difference(
                    f"{key}_above_null{'_segment' if unit == 'segment' else ''}",
                    one.above_null(key, unit),
                    other.above_null(key, unit),
                    has_p=unit == "code",
                )
                for unit in ("code", "segment")
                for key in PAIR_KEYS
            ]
        about = _about(name, task_name, task, corpora)
        rows += [about | row for row in of_task + with_holm(differences)]
    rows += _published_rows(name, table)
    return pd.DataFrame(rows, columns=list(COLUMNS))


class _Information:
    """What the codes of one row share on one task.

    Args:
        information: ``code_information.csv``.
        without: ``code_information_leave_one_out.csv``.
    """

    def __init__(self, information: pd.DataFrame, without: pd.DataFrame) -> None:
        self._information = information
        self._without = without.rename(columns={"nats": "value"})
        self._clusters = int(
            self._without["clusters"].iloc[0]
        )  # only the main number is looked at speaker by speaker

    @property
    def about(self) -> dict[str, int]:
        """What the numbers rest on."""
        of_folds = self._information.drop_duplicates("fold")
        return {
            "n_runs": len(self._information.drop_duplicates(["fold", "seed"])),
            "n_utterances": int(of_folds["n_utterances"].sum()),
            "n_speakers": self._without["speaker"].nunique(),
        }

    def above_null(self, key: str, unit: str) -> JackknifeEstimate:
        """Information above null of a pair, of all speakers and without each."""
        return self._averaged(key, unit, self._clusters, "above_null")

    def numbers(self) -> list[dict[str, Any]]:
        """All numbers of the row, by metric."""
        of_units = {
            unit: of.drop_duplicates("fold")["n"].sum()
            for unit, of in self._information.groupby("unit", sort=False)
        }
        numbers: list[dict[str, Any]] = [
            {"metric": "codes", "value": of_units["code"]},
            {"metric": "segments", "value": of_units["segment"]},
            {"metric": "clusters", "value": self._clusters},
            {"metric": "kmeans_seeds", "value": self._information["kmeans_seed"].nunique()},
        ]
        others = [k for k in self._information["clusters"].unique() if k != self._clusters]
        for key in PAIR_KEYS:
            for unit, suffix in (("code", ""), ("segment", "_segment")):
                interval = self.above_null(key, unit).interval
                numbers.append(
                    {
                        "metric": f"{key}_above_null{suffix}",
                        "value": interval.value,
                        "ci_low": interval.low,
                        "ci_high": interval.high,
                        "chance": 0.0,
                    }
                )
                estimates = _ESTIMATES if unit == "code" else ("nats",)
                numbers += [
                    {"metric": f"{key}_{of}{suffix}", "value": self._averaged(key, unit, self._clusters, of).value}
                    for of in estimates
                ]
            numbers += [
                {"metric": f"{key}_above_null_k{k}", "value": self._averaged(key, "code", k, "above_null").value}
                for k in others
            ]
        return numbers

    def _averaged(self, key: str, unit: str, clusters: int, of: str) -> JackknifeEstimate:
        """A number of a pair; of other numbers than those above null only the value is one."""
        one, other = PAIR_KEYS[key]
        values = self._information[
            (self._information["unit"] == unit)
            & (self._information["clusters"] == clusters)
            & (self._information["one"] == one)
            & (self._information["other"] == other)
        ]
        without = self._without[
            (self._without["unit"] == unit) & (self._without["one"] == one) & (self._without["other"] == other)
        ]
        return average_runs(values[["fold", of]].rename(columns={of: "value"}), without)


def _published_rows(name: str, table: TableConfig) -> list[dict[str, Any]]:
    """The published values, each a row of its own."""
    published = table.published_information
    if published is None:
        return []
    rows = []
    for variant, values in published.values.items():
        if variant not in table.rows:
            raise ValueError(f"table {name}: published row {variant!r}, expected one of {', '.join(table.rows)}")
        about = {
            "table": name,
            "row": row_label(table, variant),
            "column": "published",
            "protocol": published.label,
            "variant": variant,
            "minus": "",
        }
        for pair, value in values.items():
            key = pair.replace("-", "_")
            if key not in PAIR_KEYS:
                raise ValueError(f"table {name}: published pair {pair!r}, expected one of {', '.join(PAIR_KEYS)}")
            rows.append(about | {"metric": f"{key}_published", "published": value})
    return rows


# --- what codes tell of true factors --------------------------------------------------------------------------


def make_ground_truth_table(
    name: str,
    table: TableConfig,
    tasks: Mapping[str, TaskConfig],
    files: Iterable[str | Path],
    corpora: Mapping[str, Mapping[str, Any]],
) -> pd.DataFrame:
    """Collect the numbers of one table of kind ``true_factors``.

    Of each row of a task there are, for each representation and true factor (``content_sentence``),
    ``…_skill`` of a class or ``…_r2`` of a number, and ``…_information`` in nats, with
    intervals that leave out speaker by speaker. Of each difference, and of the codes that are learnt:
    ``…_skill_difference`` or ``…_r2_difference`` with interval and p, Holm's correction over all of a task,
    and ``…_information_difference`` with its interval.

    Args:
        name: name of the table.
        table: its rows and differences.
        tasks: task -> its config; of corpora with true factors.
        files: ``…/{task}/{system}/{variant}/on_{task}/true_factors.csv`` of every row on every task; files of
            other names are left aside.
        corpora: corpus -> the notes of its manifest, as for ``tables.make_table``.

    Returns:
        Tidy table with columns ``tables.COLUMNS``; as shares of 1 and in nats, not rounded.

    Raises:
        ValueError: if a row was not probed on a task.
    """
    found = _read(files, "true_factors.csv", FACTOR_COLUMNS)
    rows: list[dict[str, Any]] = []
    for task_name, task in tasks.items():
        probed = {row: _TrueFactors(_of(found, name, task_name, run)) for row, run in table.runs.items()}
        of_task = [
            {"row": row_label(table, row), "variant": row, "minus": ""} | of.about | number
            for row, of in probed.items()
            for number in of.numbers()
        ]
        differences = []
        for pair in table.differences:
            one, other = probed[pair.variant], probed[pair.minus]
            about = one.about | {
                "row": row_label(table, pair.variant, pair.minus),
                "variant": pair.variant,
                "minus": pair.minus,
                "n_runs": one.about["n_runs"] + other.about["n_runs"],
            }
            differences += [
                about
                | _difference(
                    f"{code}_{factor}_{measure}",
                    one.averaged(code, factor, measure),
                    other.averaged(code, factor, measure),
                    has_p=measure != "code_information",
                )
                for code in LEARNT
                for factor in FACTORS
                for measure in (probe_measure(factor), "code_information")
                if one.has(code, factor, measure) and other.has(code, factor, measure)
            ]
        about = _about(name, task_name, task, corpora)
        rows += [about | row for row in of_task + with_holm(differences)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


class _TrueFactors:
    """What the codes of one row tell of the true factors on one task.

    Args:
        factors: ``true_factors.csv``.
    """

    def __init__(self, factors: pd.DataFrame) -> None:
        self._factors = factors

    @property
    def about(self) -> dict[str, int]:
        """What the numbers rest on."""
        return {
            "n_runs": len(self._factors.drop_duplicates(["fold", "seed"])),
            "n_utterances": int(self._factors.drop_duplicates("fold")["n"].sum()),
            "n_speakers": self._factors.loc[self._factors["speaker"] != "", "speaker"].nunique(),
        }

    def has(self, code: str, factor: str, measure: str) -> bool:
        """Whether the factor varies in any test."""
        return len(self._of(code, factor, measure)) > 0

    def averaged(self, code: str, factor: str, measure: str) -> JackknifeEstimate:
        """One measure, of all speakers and without each."""
        of = self._of(code, factor, measure)
        return average_runs(of[of["speaker"] == ""], of[of["speaker"] != ""])

    def numbers(self) -> list[dict[str, Any]]:
        """All numbers of the row, by metric."""
        numbers = []
        for code in REPRESENTATIONS:
            for factor in FACTORS:
                for measure in (probe_measure(factor), "code_information"):
                    if self.has(code, factor, measure):
                        interval = self.averaged(code, factor, measure).interval
                        numbers.append(
                            {
                                "metric": f"{code}_{factor}_{measure}",
                                "value": interval.value,
                                "ci_low": interval.low,
                                "ci_high": interval.high,
                                "chance": 0.0,
                            }
                        )
        return numbers

    def _of(self, code: str, factor: str, measure: str) -> pd.DataFrame:
        return self._factors[
            (self._factors["code"] == code)
            & (self._factors["factor"] == factor)
            & (self._factors["measure"] == measure)
        ]


def _reconstruction(files: Iterable[str | Path]) -> dict[tuple[str, str, str], list[dict[str, Any]]]:
    """Task, system and variant -> errors of the reconstructed spectrogram and of the mean one, over all trainings."""
    of_test: dict[tuple[str, str, str], list[Mapping[str, float]]] = {}
    for path in map(Path, files):
        if path.name == "run.json" and path.parent.name.startswith("seed"):
            task, system, variant, *_ = path.parts[-6:]
            errors = read_json(path, "what a decomposer says of itself", ["reconstruction"])["reconstruction"]
            of_test.setdefault((task, system, variant), []).append(errors["test"])
    return {
        run: [
            {"metric": metric, "value": float(np.mean([of[key] for of in found]))}
            for metric, key in (("mel_error", "mel"), ("mean_spectrogram_error", "mean_spectrogram"))
        ]
        for run, found in of_test.items()
    }


# --- of both ------------------------------------------------------------------------------------------------


def _read(
    files: Iterable[str | Path], name: str, columns: Iterable[str]
) -> dict[tuple[str, str, str], pd.DataFrame]:
    """Task, system and variant -> the file of that name; speakers stay text (``03``, ``NA``)."""
    found = {}
    kinds = {column: str if column in _WORDS else float if column in _NUMBERS else int for column in columns}
    for path in map(Path, files):
        if path.name == name:
            task, system, variant, on_task = ("", "", "", "", *path.parts[:-1])[-4:]
            if on_task != f"on_{task}":
                raise ValueError(f"{path}: expected …/<task>/<system>/<variant>/on_<task>/{name}")
            found[task, system, variant] = read_csv(path, "what was measured of codes", kinds)
    return found


def _of(
    found: Mapping[tuple[str, str, str], pd.DataFrame], name: str, task: str, run: tuple[str, str]
) -> pd.DataFrame:
    """The file of one row on one task."""
    if (task, *run) not in found:
        raise ValueError(f"table {name}: nothing measured of {'/'.join(run)} on {task}")
    return found[task, *run]


def _about(
    name: str, task_name: str, task: TaskConfig, corpora: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """What all numbers of a task share."""
    return {
        "table": name,
        "column": task_name,
        "protocol": task.protocol_label,
        "corpus": corpus_words(corpora[task.corpus]),
        "published": nan,
    }


def _difference(metric: str, one: JackknifeEstimate, other: JackknifeEstimate, *, has_p: bool) -> dict[str, Any]:
    """A difference with its interval, and with its p-value where it is one of those that are tested."""
    difference = one.difference(other)
    return {
        "metric": f"{metric}_difference",
        "value": difference.value,
        "ci_low": difference.low,
        "ci_high": difference.high,
        "p_value": difference.p_value if has_p else nan,
    }


def of_rows(tidy: pd.DataFrame) -> pd.DataFrame:
    """The numbers of rows, not of differences, by variant and metric."""
    return tidy[~tidy["metric"].str.endswith("_difference")].set_index(["variant", "metric"])


def pair_words(key: str) -> str:
    """``content–rhythm``: a pair as printed."""
    return "–".join(PAIR_KEYS[key])


def measure_words(factor: str) -> str:
    """The measure of a probe of a factor as printed."""
    return "R²" if factor in NUMBERS else "skill"
