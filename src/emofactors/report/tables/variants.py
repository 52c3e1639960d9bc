"""Tables of kind ``variants``: one block per task, one row per variant, and differences between rows."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from emofactors.config.labels import ABSENT
from emofactors.config.tables.scores import PublishedScores
from emofactors.config.tables.variants import VariantsTable
from emofactors.config.tasks import TaskConfig
from emofactors.report.formatting import (
    SIGNIFICANCE_LEVEL,
    listed,
    number_at,
    p_cell,
    percent_with_interval,
    relative_to_interval,
    signed_points,
)
from emofactors.report.tables.base import Block, TableInputs
from emofactors.report.tables.findings import (
    TaskFindings,
    count_significant,
    is_significant,
    sentences_by_task,
)
from emofactors.report.tables.intervals import interval_notes
from emofactors.report.tables.metrics import METRICS, SCORES
from emofactors.report.tables.scores import (
    SCORE_REMARK,
    TaskScores,
    classes_note,
    collect_scores,
    comparable_values,
    is_published,
    metric_cell,
    metric_header,
    other_values_cells,
    other_values_note,
    protocol_note,
    published_cell,
    score_row,
    size_note,
)
from emofactors.report.tables.tidy import TidyRow, with_holm

SECTION = VariantsTable
DECIMALS = 4

_Inputs = TableInputs[VariantsTable]


# --- numbers -------------------------------------------------------------------------------------------------


def collect(inputs: _Inputs) -> list[TidyRow]:
    """Return the metrics of every row on every task, and the differences; see :func:`scores.collect_scores`."""
    rows = []
    for task in inputs.tasks:
        scores = collect_scores(inputs, task, inputs.table.metrics)
        rows += [*scores.rows, *with_holm(_differences(inputs, task, scores))]
    return rows


def _differences(inputs: _Inputs, task: str, scores: TaskScores) -> list[TidyRow]:
    rows = []
    for pair in inputs.table.differences:
        for metric, estimate in scores.estimates[pair.variant].items():
            other = scores.estimates[pair.minus][metric]
            row = replace(
                inputs.task_row(task),
                row=inputs.table.label(pair.variant, pair.minus),
                variant=pair.variant,
                minus=pair.minus,
                metric=f"{metric}_difference",
                n_runs=scores.n_runs[pair.variant] + scores.n_runs[pair.minus],
                n_seeds=max(estimate.n_seeds, other.n_seeds),
                n_utterances=estimate.n_utterances,
                n_speakers=estimate.n_speakers,
            )
            rows.append(score_row(row, metric, estimate.difference(other)))
    return rows


# --- layout --------------------------------------------------------------------------------------------------


def blocks(inputs: _Inputs, tidy: pd.DataFrame) -> list[Block]:
    """Return one block per task."""
    return [
        Block(
            heading=f"{name}: {numbers.iloc[0]['corpus']}",
            notes=tuple(_notes(inputs, name, task, numbers)),
            scores=_scores_frame(inputs.table, name, numbers),
            differences=_differences_frame(inputs.table, numbers),
        )
        for name, task, numbers in inputs.by_task(tidy)
    ]


def _notes(inputs: _Inputs, name: str, task: TaskConfig, numbers: pd.DataFrame) -> Iterator[str]:
    yield protocol_note(task)
    yield size_note(numbers, inputs.table, task)
    yield classes_note(task)
    if ABSENT in task.classes:
        yield (
            f"whether {task.classes[0]} is present: the literature on CMU-MOSEI calls UA of these two classes "
            "weighted accuracy; WA is another score"
        )
    if inputs.table.left_out:
        yield f"left out, as a package is not installed: {', '.join(inputs.table.left_out)}"
    yield from inputs.study_changes()
    if task.n_folds > 1 and not numbers["metric"].str.endswith("_fold_mean").any():
        yield "no mean over folds: the test split of a fold lacks a class"
    yield from interval_notes(numbers)
    yield from other_values_note(inputs.table, [comparable_values(numbers, name, inputs.table)])


def _scores_frame(table: VariantsTable, name: str, tidy: pd.DataFrame) -> pd.DataFrame:
    """Return one row per variant: its metrics, and published values under their own headers."""
    numbers = tidy[tidy["minus"] == ""].set_index(["variant", "metric"])
    comparable = comparable_values(tidy, name, table)
    first = table.axis or "setting"
    rows = []
    for variant in table.rows:
        row = {first: table.label(variant)}
        for metric in table.metrics:
            number = number_at(numbers, variant, metric)
            row[metric_header(metric)] = metric_cell(number, metric)
            if (variant, f"{metric}_fold_mean") in numbers.index:
                mean = number_at(numbers, variant, f"{metric}_fold_mean")
                row[f"{metric.upper()} fold mean"] = metric_cell(mean, metric)
            if comparable is not None and is_published(comparable, metric):
                row[f"{metric.upper()} published"] = published_cell(number["published"])
        rows.append(row | other_values_cells(table, variant, [comparable]))
    chance = {first: "chance"}
    for metric in table.metrics:
        of_rows = [number_at(numbers, variant, metric)["chance"] for variant in table.rows]
        known = [value for value in of_rows if pd.notna(value)]
        chance[metric_header(metric)] = f"{known[0]:.{METRICS[metric].decimals}f}" if known else ""
    return pd.DataFrame([*rows, chance]).fillna("")


def _differences_frame(table: VariantsTable, tidy: pd.DataFrame) -> pd.DataFrame:
    """Return one row per pair, or with more than two metrics one row per pair and metric."""
    numbers = tidy[tidy["minus"] != ""].set_index(["variant", "minus", "metric"])
    rows = []
    for pair in table.differences:
        label = table.label(pair.variant, pair.minus)
        cells = {}
        for metric in table.metrics:
            number = number_at(numbers, pair.variant, pair.minus, f"{metric}_difference")
            p_values = {"p": p_cell(number["p_value"]), "Holm": p_cell(number["p_holm"])}
            cells[metric] = {"[95 %]": metric_cell(number, metric, sign="+")} | p_values
        if len(table.metrics) > 2:
            rows += [
                {"difference": label, "of": METRICS[metric].header, "value [95 %]": of.pop("[95 %]")} | of
                for metric, of in cells.items()
            ]
        else:
            columns = {f"{METRICS[m].header} {name}": cell for m, of in cells.items() for name, cell in of.items()}
            rows.append({"difference": label} | columns)
    return pd.DataFrame(rows)


def remarks(table: VariantsTable) -> list[str]:
    """Return how to read the numbers."""
    found = [SCORE_REMARK]
    more = dict.fromkeys(METRICS[metric].remark for metric in table.metrics if metric not in SCORES)
    if more:
        found.append(" ".join(more))
    if table.differences:
        tested = listed([METRICS[metric].header for metric in table.metrics if METRICS[metric].is_percentage])
        found.append(
            "Differences are paired over speakers and trainings. p: two-sided, Student's t with both variances. "
            f"Holm: corrected over all differences of a task, {tested}."
        )
    return found


# --- findings ------------------------------------------------------------------------------------------------


def findings(inputs: _Inputs, tidy: pd.DataFrame) -> list[TaskFindings]:
    """Return for each task which row has the highest UA, and which differences are significant."""
    return sentences_by_task(
        {
            name: [*(_sweep(inputs.table, numbers) if inputs.table.axis else _comparison(inputs, task, numbers))]
            for name, task, numbers in inputs.by_task(tidy)
        }
    )


def _comparison(inputs: _Inputs, task: TaskConfig, tidy: pd.DataFrame) -> Iterator[str]:
    """Yield the findings of a table without an axis."""
    table = inputs.table
    ua = tidy[tidy["metric"] == "ua"].set_index("variant")
    own = ua.loc[[row for row, (system, _) in table.runs.items() if table.system in (None, system)]]
    differences = tidy[tidy["metric"] == "ua_difference"]
    yield from _gaps(tidy)  # a table that has them is about them: the largest gap is its headline
    if not own.empty:
        best = own.iloc[own["value"].argmax()]
        tested = differences[differences["p_holm"].notna()]
        summary = f"; {count_significant(tested)}" if len(tested) else ""
        yield f"{_highest(own, best, task)}{summary}."
        yield (
            f"This UA is computed from {best['n_utterances']:.0f} test utterances of {best['n_speakers']:.0f} "
            f"speakers and {best['n_runs']:.0f} trainings."
        )
        yield from _published_score(inputs, str(best.name), best)
        for _, other in ua.drop(index=own.index).iterrows():
            distance = other["value"] - best["value"]
            yield (
                f"On the same folds, “{other['row']}” has UA {percent_with_interval(other)}: "
                f"{abs(distance):.1f} points {'above' if distance > 0 else 'below'} “{best['row']}”."
            )
    for _, row in differences.iterrows():
        yield (
            f"{row['row']}: UA {row['value']:+z.1f} points{_verdict(row, 'UA is', 'higher', 'lower')}."
            f"{_published_difference(table, row)}"
        )
    yield from _probes(table, tidy)


def _highest(rows: pd.DataFrame, best: pd.Series, task: TaskConfig) -> str:
    """Return the highest UA, compared with chance."""
    score = f"“{best['row']}”: {percent_with_interval(best)}"
    chance = 100 / len(task.classes)
    place = relative_to_interval(chance, best)
    words = {"below": "above", "inside": "not significantly above", "above": "below"}
    comparison = f", {words[place]} chance ({chance:.1f} %)" if place else f"; chance is {chance:.1f} %"
    return f"{'UA is highest for' if len(rows) > 1 else 'UA of'} {score}{comparison}"


def _published_score(inputs: _Inputs, row: str, best: pd.Series) -> Iterator[str]:
    """Yield the published value for the same corpus and protocol, compared with the interval."""
    place = relative_to_interval(best["published"], best)
    if place:
        yield (
            f"The published UA for this corpus and protocol is {best['published']:.1f} %, {place} our interval"
            f"{inputs.departure(row)}."
        )


def _verdict(row: pd.Series, subject: str, more: str, less: str) -> str:
    """Return interval and corrected p of a difference and whether it is significant, or why there is no p."""
    p = row["p_holm"]
    if pd.isna(p):
        return f" (no p: {row['no_p']})"
    if p > SIGNIFICANCE_LEVEL:
        verdict = "no significant difference"
    else:
        verdict = f"{subject} {more if row['value'] > 0 else less}"
    p_words = f"= {p:.4f}" if p >= 0.00005 else "< 0.0001"
    return f" [{row['ci_low']:+z.1f}, {row['ci_high']:+z.1f}], p {p_words} (Holm): {verdict}"


def _published_difference(table: VariantsTable, row: pd.Series) -> str:
    """Return the same difference in each paper, under the paper's own label."""
    words = ""
    for published in table.published:
        values = _published_ua(table, published)
        if row["variant"] in values and row["minus"] in values:
            difference = values[row["variant"]] - values[row["minus"]]
            words += f" Published for {published.label}: {difference:+z.1f} points."
    return words


def _published_ua(table: VariantsTable, published: PublishedScores) -> dict[str, float]:
    """Return row -> published UA in percent."""
    return {row: published.values[row]["ua"] for row in table.rows if "ua" in published.values.get(row, {})}


def _probes(table: VariantsTable, tidy: pd.DataFrame) -> Iterator[str]:
    """Yield how well probes recognise the training speakers, and the differences."""
    for metric in (metric for metric in table.metrics if METRICS[metric].finding):
        rows = tidy[tidy["metric"] == metric]
        values = "; ".join(f"“{row['row']}” {percent_with_interval(row)}" for _, row in rows.iterrows())
        yield f"{METRICS[metric].finding} (chance {rows['chance'].iloc[0]:.1f} %): {values}."
        for _, row in tidy[tidy["metric"] == f"{metric}_difference"].iterrows():
            verdict = _verdict(row, "the speaker is recognised", "more often", "less often")
            yield f"{row['row']}: {METRICS[metric].header} {row['value']:+z.1f} points{verdict}."


def _gaps(tidy: pd.DataFrame) -> Iterator[str]:
    """Yield the gaps between training speakers and unseen speakers, the largest first, and their differences."""
    gaps = tidy[tidy["metric"] == "held_out_gap"]
    if gaps.empty:
        return
    largest = gaps.iloc[gaps["value"].argmax()]
    yield (
        "UA on held-out utterances of training speakers minus UA on unseen speakers is largest for "
        f"“{largest['row']}”: {signed_points(largest)}."
    )
    for _, row in gaps.iterrows():
        interval = "" if pd.notna(row["ci_low"]) else " (no interval)"
        yield f"“{row['row']}”: gap between training speakers and unseen speakers {signed_points(row)}{interval}."
    for _, row in tidy[tidy["metric"] == "held_out_gap_difference"].iterrows():
        verdict = _verdict(row, "the gap is", "higher", "lower")
        yield f"{row['row']}: gap {row['value']:+z.1f} points{verdict}."


def _sweep(table: VariantsTable, tidy: pd.DataFrame) -> Iterator[str]:
    """Yield where UA is highest and lowest along the axis, and the significant differences."""
    rows = tidy[tidy["metric"] == "ua"]
    if len(rows) < 2:
        return
    best, worst = rows.iloc[rows["value"].argmax()], rows.iloc[rows["value"].argmin()]
    yield (
        f"Over {table.axis}, UA is highest at {best['row']} ({percent_with_interval(best)}) and lowest at "
        f"{worst['row']} ({percent_with_interval(worst)})."
    )
    tested = tidy[(tidy["metric"] == "ua_difference") & tidy["p_holm"].notna()]
    significant = is_significant(tested)
    for words, rows in (
        ("Significant differences", tested[significant]),
        ("No significant difference", tested[~significant]),
    ):
        if len(rows):
            values = "; ".join(f"{row['row']}: {row['value']:+z.1f} points" for _, row in rows.iterrows())
            yield f"{words} (Holm, 5 %): {values}."
    for published in table.published:
        values_of = _published_ua(table, published)
        if values_of:
            high, low = max(values_of, key=values_of.__getitem__), min(values_of, key=values_of.__getitem__)
            yield (
                f"Published for {published.label}: highest at {table.label(high)} ({values_of[high]:.1f} %), "
                f"lowest at {table.label(low)} ({values_of[low]:.1f} %)."
            )
