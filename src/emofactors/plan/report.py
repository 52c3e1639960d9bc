"""Inputs and params of the rules of the chapter report."""

from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from emofactors.config.claims import FLOPS, Contrast, LedgerCorpus, LedgerSettings, LedgerTable
from emofactors.config.figures.base import FigureOfTable
from emofactors.config.page import PageCorpus, PageFigure, PageSettings
from emofactors.config.study import Study
from emofactors.plan import paths
from emofactors.plan.evaluation import files_of_runs
from emofactors.plan.paths import Evaluation, Run, Wildcards


class ReportPlan:
    """Files and settings of tables, figures and the page.

    Args:
        study: the study.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def corpora_metadata(self, wildcards: Wildcards) -> list[str]:
        """Return the metadata of all corpora of the study."""
        return [paths.corpus_metadata(corpus) for corpus in self._study.corpora]

    # --- tables -----------------------------------------------------------------------------------------------

    def table(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the settings of a table."""
        return self._study.tables[wildcards.table].model_dump(mode="json")

    def table_tasks(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the settings of a table's tasks, by name."""
        return self._tasks(self._study.table_tasks[wildcards.table])

    def table_systems(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the systems of a table's rows, with what the study changes."""
        names = dict.fromkeys(system for system, _ in self._study.tables[wildcards.table].runs.values())
        return {name: self._study.systems[name].model_dump(mode="json") for name in names}

    def cross_tasks(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return task of a table -> the task of another corpus it is evaluated on, as settings with their name."""
        return {
            task: {"name": other} | self._study.tasks[other].model_dump(mode="json")
            for task in self._study.table_tasks[wildcards.table]
            if (other := self._cross_task(wildcards.table, task)) is not None
        }

    def table_evaluations(self, wildcards: Wildcards) -> list[str]:
        """Return the files of all evaluations that a table is made of."""
        table = self._study.tables[wildcards.table]
        evaluations = [
            Evaluation(task, system, variant, on_task, table.reconstructed_variant(row))
            for task in self._study.table_tasks[wildcards.table]
            for row, (system, variant) in table.runs.items()
            for on_task in (task, self._cross_task(wildcards.table, task))
            if on_task is not None
        ]
        return [paths.evaluation_file(of, file) for of in evaluations for file in table.evaluation_files]

    def table_runs(self, wildcards: Wildcards) -> list[str]:
        """Return the metadata of all runs of a table, for kinds of tables that read it."""
        table, tasks = self._study.tables[wildcards.table], self._study.table_tasks[wildcards.table]
        if not table.reads_run_metadata:
            return []
        return [
            file
            for system, variant in table.runs.values()
            for file in files_of_runs(self._study, system, [variant], tasks, "run.json")
        ]

    def _cross_task(self, table: str, task: str) -> str | None:
        return self._study.tested_on.get(task) if self._study.tables[table].tests_other_corpus else None

    # --- figures ----------------------------------------------------------------------------------------------

    def figure(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the settings of a figure."""
        return self._study.figures[wildcards.figure].model_dump(mode="json")

    def figure_tasks(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the settings of a figure's tasks, by name."""
        return self._tasks(self._study.figure_tasks[wildcards.figure])

    def figure_table(self, wildcards: Wildcards) -> dict[str, Any] | None:
        """Return the settings of the table that a figure is drawn from, or None."""
        figure = self._study.figures[wildcards.figure]
        if not isinstance(figure, FigureOfTable):
            return None
        return self._study.tables[figure.table].model_dump(mode="json")

    def figure_files(self, wildcards: Wildcards) -> list[str]:
        """Return all files that a figure is drawn from."""
        figure, tasks = self._study.figures[wildcards.figure], self._study.figure_tasks[wildcards.figure]
        if isinstance(figure, FigureOfTable):
            return [paths.table_file(self._study.study, figure.table, "csv")]
        files = []
        for system, variant in figure.runs:
            for file in figure.evaluation_files:
                files += [paths.evaluation_file(Evaluation(t, system, variant, t), file) for t in tasks]
            for file in figure.run_files:
                files += files_of_runs(self._study, system, [variant], tasks, file)
            for file in figure.first_run_files:
                files += self._first_runs(system, variant, tasks, file)
        return files

    # --- claims -----------------------------------------------------------------------------------------------

    def claim_tables(self, wildcards: Wildcards) -> list[str]:
        """Return the CSV of each table of the study that tests a claim."""
        return [paths.table_file(self._study.study, table, "csv") for table in self._claim_tables]

    def claim_runs(self, wildcards: Wildcards) -> list[str]:
        """Return the metadata of one training of each variant whose FLOPs a claim compares, by task."""
        files = (
            file
            for table, contrast in self._contrasts
            if FLOPS in contrast.metrics and table in self._study.tables
            for pair in contrast.pairs
            for row in (pair.variant, pair.minus)
            for file in self._first_runs(
                *self._study.tables[table].runs[row], self._study.table_tasks[table], "run.json"
            )
        )
        return list(dict.fromkeys(files))

    def claims(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the part of the study that its ledger of claims needs."""
        study = self._study
        tables = {
            name: LedgerTable(tasks=study.table_tasks[name], runs=study.tables[name].runs)
            for name in self._claim_tables
        }
        tasks = {task: study.tasks[task] for table in tables.values() for task in table.tasks}
        runs = {run for table in tables.values() for run in table.runs.values()}
        decomposers = {
            needs.decomposer.partition("/")[0]
            for system, variant in runs
            if (needs := study.systems[system].needs.get(variant)) and needs.decomposer
        }
        used = {system for system, _ in runs} | decomposers
        settings = LedgerSettings(
            study=study.study,
            sources=study.claims,
            tables=tables,
            tasks=tasks,
            corpora={
                task.corpus: LedgerCorpus(
                    title=study.corpora[task.corpus].title,
                    is_synthetic=study.corpora[task.corpus].reader == "synthetic",
                )
                for task in tasks.values()
            },
            systems={name: system for name, system in study.systems.items() if name in used},
            studies={
                table: tuple(other for other in study.table_studies.get(table, ()) if other != study.study)
                for table in sorted({table for table, _ in self._contrasts})
            },
        )
        return settings.model_dump(mode="json")

    @property
    def _contrasts(self) -> list[tuple[str, Contrast]]:
        claims = (claim for source in self._study.claims.values() for claim in source.claims.values())
        return [item for claim in claims for item in claim.contrasts.items()]

    @property
    def _claim_tables(self) -> list[str]:
        named = {table for table, _ in self._contrasts}
        return [table for table in self._study.tables if table in named]

    # --- page -------------------------------------------------------------------------------------------------

    def runs(self, wildcards: Wildcards) -> list[str]:
        """Return the metadata of all runs of the study."""
        return [
            file
            for training in self._study.trainings
            for file in files_of_runs(
                self._study, training.system, [training.variant], [training.task], "run.json"
            )
        ]

    def shuffles(self, wildcards: Wildcards) -> list[str]:
        """Return the tests with shuffled frames of all runs whose attention a figure shows."""
        files = (
            file
            for name, figure in self._study.figures.items()
            if "attention.npz" in figure.first_run_files
            for system, variant in figure.runs
            for file in self._first_runs(system, variant, self._study.figure_tasks[name], "column_shuffle.json")
        )
        return list(dict.fromkeys(files))

    def audio_examples(self, wildcards: Wildcards) -> list[str]:
        """Return the folders of all audio examples."""
        return [
            paths.audio_examples(self._study.study, task, *run_key.split("/"))
            for task, run_keys in self._study.audio_examples.items()
            for run_key in run_keys
        ]

    def page_settings(self, wildcards: Wildcards) -> dict[str, Any]:
        """Return the part of the study that its page shows."""
        study = self._study
        page = PageSettings(
            **study.model_dump(
                include={"study", "title", "seeds", "tasks", "systems", "audio_examples", "probes"}
            ),
            seeds_of={name: study.seeds_of(name) for name in study.systems},
            corpora={
                name: PageCorpus(title=corpus.title, shards=corpus.shards)
                for name, corpus in study.corpora.items()
            },
            features=study.documented_features,
            augmentations=study.documented_augmentations,
            tables=tuple(study.tables),
            figures={
                name: PageFigure(title=figure.title, caption=figure.caption)
                for name, figure in study.figures.items()
            },
            trainings=tuple((t.task, t.system, t.variant) for t in study.trainings),
            reconstructed_variants=study.reconstructed_variants,
        )
        return page.model_dump(mode="json")

    # --- of several -------------------------------------------------------------------------------------------

    def _tasks(self, names: Iterable[str]) -> dict[str, Any]:
        return {name: self._study.tasks[name].model_dump(mode="json") for name in names}

    def _first_runs(self, system: str, variant: str, tasks: Iterable[str], file: str) -> list[str]:
        """Return one file of fold 0 and the first seed of a variant, on each task."""
        seed = self._study.seeds_of(system)[0]
        return [paths.run_file(Run(task, system, variant, 0, seed), file) for task in tasks]


def templates_hash(folder: Path) -> str:
    """Return a hash of the page's templates: they are no Python modules, so no fingerprint covers them."""
    digest = sha256()
    for file in sorted(folder.iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]
