"""What was run, in one sentence, and with which code and packages."""

from collections.abc import Mapping, Sequence
from typing import Any

from emofactors.config.page import PageSettings
from emofactors.report.formatting import counted


def study_summary(settings: PageSettings, corpora: Mapping[str, Mapping[str, Any]], n_runs: int) -> str:
    """Return the corpora with their sizes, and the numbers of tasks, systems and trainings.

    Args:
        settings: settings of the page.
        corpora: corpus -> metadata of its manifest.
        n_runs: number of trainings.

    Returns:
        One sentence.
    """
    n_independent = sum(task.speaker_independent for task in settings.tasks.values())
    n_dependent = len(settings.tasks) - n_independent
    protocols = [
        f"{n} speaker-{kind}" for n, kind in ((n_independent, "independent"), (n_dependent, "dependent")) if n
    ]
    tasks = f"{' and '.join(protocols)} {'task' if len(settings.tasks) == 1 else 'tasks'}"
    seeds = f"seed{'s' if len(settings.seeds) > 1 else ''} {', '.join(map(str, settings.seeds))}"
    return (
        f"{'; '.join(_size(corpora[name]) for name in settings.corpora)}; {tasks}; "
        f"{counted(len(settings.systems), 'system')}, {counted(n_runs, 'training')}, {seeds}."
    )


def training_provenance(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Return devices, code and versions of the trainings: item -> value -> number of trainings.

    Args:
        runs: metadata of every run.
    """
    found: dict[str, dict[str, int]] = {}
    for run in runs:
        items = {key: run[key] for key in ("device", "precision", "threads")}
        items |= {f"code of {run['system']}": run["code"]} | run["versions"]
        for key, value in items.items():
            counts = found.setdefault(key, {})
            counts[str(value)] = counts.get(str(value), 0) + 1
    return found


def _size(metadata: Mapping[str, Any]) -> str:
    """Return the title of a corpus with its size in brackets."""
    size = f"{metadata['utterances']:,} utterances, {counted(metadata['speakers'], 'speaker')}"
    return f"{metadata['title']} ({size}{', not as published' if metadata['whole'] is False else ''})"
