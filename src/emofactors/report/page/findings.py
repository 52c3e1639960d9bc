"""Findings on the page: those of all tables without repetitions, and limitations and frame order of the study."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from emofactors.config.page import PageSettings
from emofactors.config.tasks import TaskConfig
from emofactors.report.tables.findings import TableFindings

#: Logits that change by up to this fraction of the largest (of 1, if that is less) change by rounding alone.
_ROUNDING = 1e-4


@dataclass(frozen=True)
class NewFindings:
    """Findings of a table about one task that no earlier table states.

    Attributes:
        table: the findings of the table.
        task: name of the task; empty for findings about all tasks of the table together.
        sentences: the sentences; the first is the headline.
    """

    table: TableFindings
    task: str
    sentences: tuple[str, ...]


def new_findings(tables: Iterable[TableFindings]) -> list[NewFindings]:
    """Return the findings of each table and task without sentences that an earlier table states of the same task.

    Args:
        tables: findings of the tables, in the study's order.

    Returns:
        One entry per table and task that has any.
    """
    stated: set[tuple[str, str]] = set()
    found = []
    for table in tables:
        for of_task in table.findings:
            new = [sentence for sentence in of_task.sentences if (of_task.task, sentence) not in stated]
            stated.update((of_task.task, sentence) for sentence in new)
            if new:
                found.append(NewFindings(table, of_task.task, tuple(new)))
    return found


def limitations(task: TaskConfig, corpus: Mapping[str, Any]) -> list[str]:
    """Return what limits the scores of a task, in sentences.

    Args:
        task: the task.
        corpus: metadata of its corpus.
    """
    sentences = []
    if not task.speaker_independent:
        sentences.append(
            "The task is speaker-dependent: test speakers may be in training, so its scores do not estimate the "
            "accuracy on new speakers."
        )
    if task.shows_leak:
        sentences.append(
            "The task leaks on purpose: copies of test utterances are in training, so its scores measure the "
            "effect of the leak, not the recognition of emotions."
        )
    if corpus["whole"] is False:
        sentences.append(
            f"{corpus['title']} differs from the published corpus ({corpus['utterances']} utterances here, "
            f"{corpus['published_utterances']} published): its scores are not comparable with published ones."
        )
    return sentences


def frame_order_finding(settings: PageSettings, shuffle: Mapping[str, Any]) -> str:
    """Return whether the predictions of a run depend on the order of the frames.

    Args:
        settings: settings of the page.
        shuffle: comparison with shuffled frames (``inference.attention.ColumnShuffle``), and task, system and
            variant of the run.

    Returns:
        Two sentences.
    """
    n, changed = shuffle["n_utterances"], shuffle["changed_predictions"]
    change, largest = shuffle["largest_logit_change"], shuffle["largest_logit"]
    name = f"“{shuffle['variant']}” ({shuffle['task']})"
    logits = (
        f"Shuffling the frames of {n} test images changes the logits of {name} by at most {change:.2g}; the "
        f"largest logit is {largest:.1f}."
    )
    if change > _ROUNDING * max(1.0, largest) or changed:
        scores = [shuffle["ua"], shuffle["ua_shuffled"]]
        ua = "" if None in scores else f", and UA changes from {scores[0]:.1f} to {scores[1]:.1f} %"
        return f"{logits} {changed} of {n} predictions change{ua}: they depend on the order of the frames."
    needs = settings.systems[shuffle["system"]].needs.get(shuffle["variant"])
    transfer = (
        f", so “{needs.teacher}” can have transferred no sense of position, only better weights"
        if needs and needs.teacher
        else ""
    )
    return f"{logits} No prediction changes: predictions do not depend on the order of the frames{transfer}."
