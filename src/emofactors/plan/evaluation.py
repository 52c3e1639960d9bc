"""Inputs and params of the rules of the chapter evaluation."""

from collections.abc import Iterable

from emofactors.config.study import Study
from emofactors.plan import paths
from emofactors.plan.paths import Run, Wildcards


class EvaluationPlan:
    """Files of all folds and seeds of a variant.

    Args:
        study: the study.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def predictions(self, wildcards: Wildcards) -> list[str]:
        """Return the predictions of a test; those of its own task are part of each run."""
        folder = "" if wildcards.test == f"on_{wildcards.task}" else f"{wildcards.test}/"
        return self._files(wildcards, f"{folder}predictions.csv")

    def embeddings(self, wildcards: Wildcards) -> list[str]:
        """Return the embeddings of a variant."""
        return self._files(wildcards, "embeddings.npz")

    def codes(self, wildcards: Wildcards) -> list[str]:
        """Return the codes of a decomposer."""
        return self._files(wildcards, "codes.npz")

    def _files(self, wildcards: Wildcards, file: str) -> list[str]:
        return files_of_runs(self._study, wildcards.system, [wildcards.variant], [wildcards.task], file)


def files_of_runs(
    study: Study, system: str, variants: Iterable[str], tasks: Iterable[str], file: str
) -> list[str]:
    """Return one file of each run of some variants on some tasks, over all folds and seeds."""
    variants = list(variants)
    return [
        paths.run_file(Run(task, system, variant, fold, seed), file)
        for task in tasks
        for variant in variants
        for fold in range(study.tasks[task].n_folds)
        for seed in study.seeds_of(system)
    ]
